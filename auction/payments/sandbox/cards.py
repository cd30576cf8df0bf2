"""Saving cards with the sandbox: whatever card is chosen in the house's form is saved, and nothing is stored here."""

import hashlib
import secrets

from auction.payments.gateway import CardSetup, SavedCard
from auction.payments.sandbox import rules


class SandboxCards:
    """The part of `PaymentGateway` that saves cards."""

    async def start_saving(self, *, payer: str, customer: str | None) -> CardSetup:
        """See `PaymentGateway`."""
        return CardSetup(
            f"sbs_{secrets.token_hex(12)}", customer or _customer_of(payer), client_secret=secrets.token_hex(12)
        )

    async def saved_card(self, setup_ref: str, *, payer: str, card: str | None) -> SavedCard | None:
        """See `PaymentGateway`."""
        if card is None or not setup_ref.startswith("sbs_") or rules.behaviour_of(card) is None:
            return None
        instrument = rules.instrument_of(card, payer)
        last4 = f"{int(instrument[-4:], 16) % 10_000:04d}"
        return SavedCard(_customer_of(payer), card, instrument, "sandbox", last4)

    async def forget_card(self, payment_method: str) -> None:
        """See `PaymentGateway`."""


def _customer_of(payer: str) -> str:
    return f"sbcus_{hashlib.sha256(payer.encode()).hexdigest()[:16]}"
