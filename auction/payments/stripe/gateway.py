"""The gateway to Stripe: sends requests through the official library, and says what a missing answer means.

Holds are PaymentIntents with manual capture, charges such with automatic capture. They are created unconfirmed and then
confirmed by their id, off session. To confirm, capture or cancel again is about the same object, so it needs no
idempotency key: Stripe forgets one after a day, and repeats a fault under it. A refund has one made of its operation's
id; so has the creating of an object, another one for each attempt, as what is not confirmed takes nothing.
An operation's id is stored in the metadata, so that its outcome is found without a key. Amounts are whole fen, Stripe's
smallest unit of the yuan. `objects` reads the answers.

Cards are saved with a customer for each payer, whom the house owns; a payment names one as `cus_...:pm_...`.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import stripe

from auction.domain.charge_limits import UNLIMITED, ChargeLimits
from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import (
    NOTICE_LENGTH_MAX,
    NOTICE_TOLERANCE_S,
    CardSetup,
    Confirmation,
    GatewayAway,
    Notice,
    NoticeRefused,
    OperationReused,
    Reply,
    ReplyStatus,
    SavedCard,
    check_operation,
    header_of,
)
from auction.payments.registry import ProviderConfig
from auction.payments.stripe import objects
from auction.payments.stripe.cards import StripeCards
from auction.payments.stripe.confirmations import StripeConfirmations
from auction.payments.stripe.refusals import error_of, hidden, opening_refused, refund_failure
from auction.payments.stripe.search import StripeSearch

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams

HEADER = "Stripe-Signature"
# otherwise the library writes an identifier into the home directory and sends measurements
stripe.enable_telemetry = False
_PAGE = 100


def open_gateway(config: ProviderConfig) -> "StripeGateway":
    """The gateway with the keys of the settings."""
    settings = config.settings
    return StripeGateway(
        str(settings["stripe_key"]),
        webhook_secret=str(settings["stripe_webhook_secret"]),
        currency=config.currency,
        api_base=settings.get("stripe_api_base"),
        limits=config.limits,
        publishable_key=settings.get("stripe_publishable_key"),
    )


class StripeGateway:
    """See `PaymentGateway`. The API key is kept in the library's client alone; the webhook's secret is kept here."""

    provider = "stripe"
    default_payment_method = None
    accepts_tokens = False

    def __init__(
        self,
        api_key: str,
        *,
        webhook_secret: str,
        currency: str = "cny",
        api_base: str | None = None,
        timeout_s: float = 20.0,
        retries: int = 1,
        limits: ChargeLimits = UNLIMITED,
        publishable_key: str | None = None,
    ) -> None:
        if not api_key or not webhook_secret:
            raise ValueError("Stripe needs an API key and a webhook secret; one of them is empty")
        self.charge_limits = limits
        self.publishable_key = publishable_key
        self._webhook_secret = webhook_secret
        self._currency = currency.lower()
        self._http = stripe.HTTPXClient(timeout=timeout_s)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=retries,
            http_client=self._http,
        )
        self._cards = StripeCards(self._client, self._send)
        self._confirmations = StripeConfirmations(self._client, self._send, self._intent)
        self._search = StripeSearch(self._client, self._send)

    async def start_saving(self, *, payer: str, customer: str | None) -> CardSetup:
        """See `PaymentGateway`."""
        return await self._cards.start_saving(payer=payer, customer=customer)

    async def saved_card(self, setup_ref: str, *, payer: str, card: str | None) -> SavedCard | None:
        """See `PaymentGateway`."""
        return await self._cards.saved_card(setup_ref, payer=payer, card=card)

    async def forget_card(self, payment_method: str) -> None:
        """See `PaymentGateway`."""
        await self._cards.forget_card(payment_method)

    async def prepare(
        self,
        operation_id: str,
        kind: OperationKind,
        *,
        amount_fen: int,
        payment_method: str,
        payer: str,
        attempt: int = 1,
    ) -> Reply:
        """See `PaymentGateway`."""
        check_operation(operation_id, amount_fen)
        customer, _, method = payment_method.rpartition(":")
        wanted: PaymentIntentCreateParams = {
            "amount": amount_fen,
            "currency": self._currency,
            "capture_method": "manual" if kind is OperationKind.HOLD else "automatic",
            "payment_method": method,
            # otherwise Stripe offers every method that the account has enabled, and some of them have no holds
            "allowed_payment_method_types": ["card"],
            "metadata": {objects.OPERATION: operation_id, "payer": payer},
            "expand": objects.EXPAND,
        }
        if customer:
            wanted["customer"] = customer
        # several unconfirmed objects do no harm: the one that is stored is confirmed
        key = f"{operation_id}:prepared" if attempt <= 1 else f"{operation_id}:prepared:{attempt}"
        try:
            intent = await self._send(self._client.v1.payment_intents.create_async(wanted, {"idempotency_key": key}))
        except (stripe.CardError, stripe.InvalidRequestError) as refusal:
            return opening_refused(refusal)
        objects.check(intent, currency=self._currency, amount_fen=amount_fen)
        return Reply(ReplyStatus.PENDING, intent["id"], amount_fen=amount_fen, is_prepared=True)

    async def hold(
        self,
        operation_id: str,
        *,
        amount_fen: int,
        payment_method: str,
        payer: str,
        ref: str | None = None,
        on_session: bool = False,
    ) -> Reply:
        """See `PaymentGateway`."""
        asked = {"amount_fen": amount_fen, "payment_method": payment_method, "payer": payer}
        return await self._open(operation_id, OperationKind.HOLD, ref, on_session=on_session, **asked)

    async def charge(
        self,
        operation_id: str,
        *,
        amount_fen: int,
        payment_method: str,
        payer: str,
        ref: str | None = None,
        on_session: bool = False,
    ) -> Reply:
        """See `PaymentGateway`."""
        asked = {"amount_fen": amount_fen, "payment_method": payment_method, "payer": payer}
        return await self._open(operation_id, OperationKind.CHARGE, ref, on_session=on_session, **asked)

    async def capture(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """See `PaymentGateway`."""
        check_operation(operation_id, amount_fen)
        try:
            intent = await self._send(
                self._client.v1.payment_intents.capture_async(
                    ref,
                    {
                        "amount_to_capture": amount_fen,
                        "metadata": {objects.CAPTURE_OPERATION: operation_id},
                        "expand": objects.EXPAND,
                    },
                )
            )
        except GatewayAway:
            # after a fault of Stripe's the object knows whether it was captured
            known = objects.capture_reply(await self._intent(ref), operation_id)
            if known is None:
                raise
            return known
        except stripe.InvalidRequestError as refusal:
            return await self._explain_refusal(refusal, ref, lambda held: objects.capture_reply(held, operation_id))
        except stripe.CardError as decline:
            return objects.failed_reply(ref, objects.failure_code(error_of(decline)))
        objects.check(intent, currency=self._currency)
        reply = objects.capture_reply(intent, operation_id)
        return reply or objects.not_held_reply(intent)

    async def release(self, operation_id: str, *, ref: str) -> Reply:
        """See `PaymentGateway`."""
        check_operation(operation_id)
        try:
            intent = await self._confirmations.cancel(ref)
        except GatewayAway:
            known = objects.release_reply(await self._intent(ref))
            if known is None:
                raise
            return known
        except stripe.InvalidRequestError as refusal:
            return await self._explain_refusal(refusal, ref, objects.release_reply)
        objects.check(intent, currency=self._currency)
        return objects.release_reply(intent) or objects.not_held_reply(intent)

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """See `PaymentGateway`."""
        check_operation(operation_id, amount_fen)
        try:
            refund = await self._send(
                self._client.v1.refunds.create_async(
                    {
                        "payment_intent": ref,
                        "amount": amount_fen,
                        "metadata": {objects.OPERATION: operation_id},
                    },
                    {"idempotency_key": operation_id},
                )
            )
        except stripe.InvalidRequestError as refusal:
            # perhaps it was done before, under a key that Stripe has forgotten
            if refusal.http_status == HTTPStatus.NOT_FOUND:
                raise hidden(ref, refusal) from None
            earlier = await self.look_up(operation_id, OperationKind.REFUND, ref)
            return earlier or objects.failed_reply(ref, refund_failure(refusal))
        objects.check(refund, currency=self._currency, amount_fen=amount_fen)
        return objects.refund_reply(refund)

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None) -> Reply | None:
        """See `PaymentGateway`. Raises ValueError for a capture, release or refund without its ref."""
        check_operation(operation_id)
        if kind in (OperationKind.HOLD, OperationKind.CHARGE):
            intent = await self._intent(ref) if ref else await self._find_intent(operation_id)
            if intent is None or objects.metadata(intent).get(objects.OPERATION) != operation_id:
                return None
            return objects.opening_reply(intent)
        if not ref:
            raise ValueError(f"Stripe looks up a {kind} by its hold or charge; ref is missing")
        if kind is OperationKind.REFUND:
            return await self._find_refund(operation_id, ref)
        intent = await self._intent(ref)
        return (
            objects.capture_reply(intent, operation_id)
            if kind is OperationKind.CAPTURE
            else objects.release_reply(intent)
        )

    def read_notice(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Notice:
        """See `PaymentGateway`."""
        if len(body) > NOTICE_LENGTH_MAX:
            raise NoticeRefused(f"the notice is longer than {NOTICE_LENGTH_MAX:,} bytes")
        signature = header_of(headers, HEADER)
        try:
            # the library compares with its own clock: its tolerance is off, and ours is applied below
            event = stripe.Webhook.construct_event(
                body, signature, self._webhook_secret, tolerance=0, api_key="none: an event asks for nothing"
            ).to_dict()
        except stripe.SignatureVerificationError:
            raise NoticeRefused("the notice was not signed with the configured secret") from None
        except (ValueError, TypeError, AttributeError):
            raise NoticeRefused("the notice cannot be read") from None
        if abs(now_s - _signed_at_s(signature)) > NOTICE_TOLERANCE_S:
            raise NoticeRefused(f"the notice was signed more than {NOTICE_TOLERANCE_S} seconds from now")
        try:
            return objects.notice_of_event(event, currency=self._currency)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise NoticeRefused("the notice is signed, yet cannot be read") from None

    async def close(self) -> None:
        """See `PaymentGateway`."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has it untyped

    def __repr__(self) -> str:
        return f"StripeGateway(currency={self._currency!r})"

    async def open_confirmation(
        self, operation_id: str, kind: OperationKind, *, ref: str, payment_method: str
    ) -> Confirmation:
        """See `PaymentGateway`: Stripe's dialog is opened with the intent's client secret."""
        del operation_id, kind
        return await self._confirmations.open(ref, payment_method.rpartition(":")[2])

    async def cancel(self, operation_id: str, kind: OperationKind, *, ref: str) -> Reply:
        """See `PaymentGateway`."""
        del operation_id, kind
        return await self._confirmations.end(ref)

    async def _open(
        self, operation_id: str, kind: OperationKind, ref: str | None, *, on_session: bool, **asked: Any
    ) -> Reply:
        """Confirm what was prepared, or prepare it now."""
        if ref is None:
            prepared = await self.prepare(operation_id, kind, **asked)
            if not prepared.is_prepared:
                return prepared
            ref = prepared.ref
        try:
            intent = await self._confirmations.confirm(ref, on_session=on_session)
        except stripe.CardError as decline:
            if objects.wants_owner(error_of(decline)):
                return objects.action_reply(ref, asked["amount_fen"])
            return opening_refused(decline, ref)
        except stripe.InvalidRequestError as refusal:
            return opening_refused(refusal, ref)
        objects.check(intent, currency=self._currency, amount_fen=asked["amount_fen"])
        return objects.opening_reply(intent)

    async def _explain_refusal(
        self, refusal: stripe.InvalidRequestError, ref: str, done: Callable[[objects.StripeObject], Reply | None]
    ) -> Reply:
        """The reply for a refused capture or release: done before, no longer possible, or a wrong request."""
        intent = await self._intent(ref)
        if reply := done(intent):
            return reply
        if intent["status"] != "requires_capture":
            return objects.not_held_reply(intent)
        too_large = refusal.code == "amount_too_large" or refusal.param == "amount_to_capture"
        code = FailureCode.AMOUNT_TOO_LARGE if too_large else objects.failure_code(error_of(refusal))
        return objects.failed_reply(ref, code)

    async def _intent(self, ref: str) -> objects.StripeObject:
        """A PaymentIntent that Stripe has told us of, checked for its currency.

        Raises GatewayAway where Stripe refuses to show it: it deletes none, so the key is another account's or mode's.
        """
        try:
            intent = await self._send(self._client.v1.payment_intents.retrieve_async(ref, {"expand": objects.EXPAND}))
        except stripe.InvalidRequestError as refusal:
            raise hidden(ref, refusal) from None
        objects.check(intent, currency=self._currency)
        return intent

    async def _find_intent(self, operation_id: str) -> objects.StripeObject | None:
        """The PaymentIntent with our operation id; None: there is none. Raises GatewayAway."""
        found = await self._search.find_id(operation_id)
        return None if found is None else await self._intent(found)

    async def _find_refund(self, operation_id: str, ref: str) -> Reply | None:
        try:
            page = await self._send(self._client.v1.refunds.list_async({"payment_intent": ref, "limit": _PAGE}))
        except stripe.InvalidRequestError as refusal:
            raise hidden(ref, refusal) from None
        for refund in page["data"]:
            if objects.metadata(refund).get(objects.OPERATION) == operation_id:
                objects.check(refund, currency=self._currency)
                return objects.refund_reply(refund)
        if page["has_more"]:
            raise GatewayAway(f"more than {_PAGE} refunds of one payment")
        return None

    async def _send(self, request: Awaitable[Any]) -> dict[str, Any]:
        """Await a request: its answer as a plain dict. Raises CardError and InvalidRequestError, which are answers too,
        OperationReused, and GatewayAway for everything else.
        """
        try:
            answer: dict[str, Any] = (await request).to_dict()
        except (stripe.CardError, stripe.InvalidRequestError):
            raise
        except stripe.IdempotencyError:
            raise OperationReused("Stripe knows this operation id from another request") from None
        except stripe.StripeError as fault:
            # without its text, which may quote the request
            raise GatewayAway(
                f"Stripe gave no usable answer: {type(fault).__name__}, HTTP status {fault.http_status}"
            ) from None
        return answer


def _signed_at_s(signature: str) -> int:
    """When a notice was signed, UTC seconds; the library has checked the header before."""
    return int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))
