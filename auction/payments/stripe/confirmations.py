"""Confirming PaymentIntents, on session and off session, and ending those whose payers have not confirmed them.

On session the payer is there: where their card's bank wants them, the intent `requires_action`, and Stripe's own dialog
on the page is opened with its client secret. Off session it is refused then, and can be confirmed on session later.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import stripe

from auction.payments.gateway import Confirmation, GatewayAway, Reply
from auction.payments.stripe import objects
from auction.payments.stripe.refusals import opening_refused

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCancelParams, PaymentIntentConfirmParams


class StripeConfirmations:
    """The part of `PaymentGateway` about confirmations; `send` and `read` are the gateway's: a request, an intent."""

    def __init__(
        self,
        client: stripe.StripeClient,
        send: Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]],
        read: Callable[[str], Awaitable[objects.StripeObject]],
    ) -> None:
        self._client = client
        self._send = send
        self._read = read

    async def confirm(self, ref: str, *, on_session: bool, payment_method: str | None = None) -> objects.StripeObject:
        """Confirm an intent, as it is then; one that was confirmed before as it is.

        Raises CardError, InvalidRequestError, GatewayAway.
        """
        wanted: PaymentIntentConfirmParams = {"expand": objects.EXPAND}
        if on_session:
            # what the bank wants is shown by Stripe's script on the page
            wanted["use_stripe_sdk"] = True
        else:
            wanted["off_session"] = True
        if payment_method is not None:
            wanted["payment_method"] = payment_method
        try:
            return await self._send(self._client.v1.payment_intents.confirm_async(ref, wanted))
        except (stripe.InvalidRequestError, GatewayAway):
            # most likely it was confirmed before; after a fault of Stripe's the object knows whether it was
            found = await self._read(ref)
            if objects.opening_reply(found).is_prepared:
                raise
            return found

    async def open(self, ref: str, payment_method: str) -> Confirmation:
        """How far an intent is, with its client secret where its payer is asked; one that was refused is confirmed."""
        intent = await self._read(ref)
        if objects.opening_reply(intent).requires_action and intent["status"] != "requires_action":
            try:
                # the refusal off session took its payment method away
                intent = await self.confirm(ref, on_session=True, payment_method=payment_method)
            except (stripe.CardError, stripe.InvalidRequestError) as refusal:
                return Confirmation(opening_refused(refusal, ref))
        is_asked = intent["status"] == "requires_action"
        return Confirmation(objects.opening_reply(intent), intent["client_secret"] if is_asked else None)

    async def end(self, ref: str) -> Reply:
        """Cancel an intent that is not decided: what became of it. Raises GatewayAway."""
        wanted: PaymentIntentCancelParams = {"expand": objects.EXPAND, "cancellation_reason": "abandoned"}
        try:
            intent: objects.StripeObject = await self._send(self._client.v1.payment_intents.cancel_async(ref, wanted))
        except (stripe.InvalidRequestError, GatewayAway) as refusal:
            # most likely it was decided before, or cancelled
            intent = await self._read(ref)
            known = objects.opening_reply(intent)
            if known.is_prepared or known.requires_action:
                raise GatewayAway(f"Stripe has not cancelled {ref}") from refusal
        return objects.opening_reply(intent)

    async def cancel(self, ref: str) -> objects.StripeObject:
        """Cancel a hold, as it is then. Raises InvalidRequestError, GatewayAway."""
        return await self._send(self._client.v1.payment_intents.cancel_async(ref, {"expand": objects.EXPAND}))
