"""Payment providers: who holds, takes and gives back the bidders' money when the house asks.

Nowhere on a bid's way. `gateway` says what is asked and answered; `sandbox` and `stripe` are the two who answer.
"""

from pathlib import Path

from auction.payments.gateway import PaymentGateway

PROVIDERS = ("sandbox", "stripe")


def open_gateway(
    provider: str,
    *,
    notice_secret: str,
    sandbox_path: Path | None = None,
    stripe_key: str | None = None,
    stripe_api_base: str | None = None,
    currency: str = "cny",
) -> PaymentGateway:
    """The payment provider by its name; ValueError where its name or what it needs is missing.

    `notice_secret` is what the provider signs its notices with (Stripe: the webhook endpoint's `whsec_...`).
    """
    if provider == "sandbox":
        from auction.payments.sandbox import SandboxGateway  # noqa: PLC0415 - only the provider in use is loaded

        if sandbox_path is None:
            raise ValueError("the sandbox needs a path for its file")
        return SandboxGateway(sandbox_path, notice_secret=notice_secret)
    if provider == "stripe":
        from auction.payments.stripe import StripeGateway  # noqa: PLC0415 - the library alone takes a quarter second

        if not stripe_key:
            raise ValueError("Stripe needs an API key")
        return StripeGateway(stripe_key, webhook_secret=notice_secret, currency=currency, api_base=stripe_api_base)
    raise ValueError(f"there is no payment provider {provider!r}; known: {', '.join(PROVIDERS)}")
