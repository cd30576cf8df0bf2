"""Saving cards at Stripe: a customer for each payer, whom the house owns, and SetupIntents for use off session."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import stripe

from auction.payments.gateway import CardSetup, SavedCard

if TYPE_CHECKING:
    from stripe.params import SetupIntentCreateParams


class StripeCards:
    """The part of `PaymentGateway` that saves cards; `send` awaits a request as the gateway does."""

    def __init__(
        self, client: stripe.StripeClient, send: Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]
    ) -> None:
        self._client = client
        self._send = send

    async def start_saving(self, *, payer: str, customer: str | None) -> CardSetup:
        """See `PaymentGateway`: a SetupIntent for use off session, which Stripe's own form on the page confirms."""
        if customer is None:
            made = await self._send(
                self._client.v1.customers.create_async(
                    {"metadata": {"payer": payer}}, {"idempotency_key": f"customer:{payer}"}
                )
            )
            customer = str(made["id"])
        wanted: SetupIntentCreateParams = {
            "customer": customer,
            "usage": "off_session",
            "allowed_payment_method_types": ["card"],
        }
        setup = await self._send(self._client.v1.setup_intents.create_async(wanted))
        return CardSetup(setup["id"], customer, client_secret=setup["client_secret"])

    async def saved_card(self, setup_ref: str, *, payer: str, card: str | None) -> SavedCard | None:
        """See `PaymentGateway`."""
        del payer, card
        try:
            setup = await self._send(
                self._client.v1.setup_intents.retrieve_async(setup_ref, {"expand": ["payment_method"]})
            )
        except stripe.InvalidRequestError:
            return None
        method = setup.get("payment_method")
        if setup["status"] != "succeeded" or not isinstance(method, dict) or not setup.get("customer"):
            return None
        found = method["card"]
        return SavedCard(
            customer=setup["customer"],
            payment_method=f"{setup['customer']}:{method['id']}",
            instrument=found["fingerprint"],
            brand=found["brand"],
            last4=found["last4"],
            exp_month=found["exp_month"],
            exp_year=found["exp_year"],
        )

    async def forget_card(self, payment_method: str) -> None:
        """See `PaymentGateway`."""
        # refused where it is detached already
        with contextlib.suppress(stripe.InvalidRequestError):
            await self._send(self._client.v1.payment_methods.detach_async(payment_method.rpartition(":")[2]))
