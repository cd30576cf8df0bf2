"""Stripe as the house's payment provider, through its official library.

Nowhere on a bid's way. Holds are PaymentIntents captured by hand, charges such that are captured at once, both
confirmed off session; an operation's id is Stripe's idempotency key and a mark in the metadata, so that it still finds
its outcome after Stripe has forgotten the key (a day). Amounts are whole fen, which is Stripe's smallest unit of the
yuan. `stripe_answers` reads what comes back; here is only asking, and what no answer means.

A payment method is `pm_...`, or `cus_...:pm_...` where it is saved with a customer, as Stripe wants for repeated use.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import stripe

from auction.domain.states import FailureCode, OperationKind
from auction.payments import stripe_answers as answers
from auction.payments.gateway import (
    NOTICE_LENGTH_MAX,
    NOTICE_TOLERANCE_S,
    GatewayAway,
    Notice,
    NoticeRefused,
    OperationReused,
    Reply,
    check_operation,
    header_of,
)

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams, PaymentIntentListParams

HEADER = "Stripe-Signature"
# the library would write an identifier into the home directory and send its measurements along
stripe.enable_telemetry = False
_CaptureMethod = Literal["automatic", "manual"]
_EXPAND = ["latest_charge", "payment_method"]
_NEWEST_LOOKED_AT_MAX = 500
_PAGE = 100
_SEARCHABLE_AFTER_S = 3600
"""Stripe's search may be behind by so much; what is newer is looked for in the list."""


class StripeGateway:
    """The provider. Keys go to the library's client and are kept nowhere else but for the webhook's."""

    provider = "stripe"

    def __init__(
        self,
        api_key: str,
        *,
        webhook_secret: str,
        currency: str = "cny",
        api_base: str | None = None,
        timeout_s: float = 20.0,
        retries: int = 1,
    ) -> None:
        if not api_key or not webhook_secret:
            raise ValueError("Stripe needs an API key and a webhook secret; one of them is empty")
        self._webhook_secret = webhook_secret
        self._currency = currency.lower()
        self._http = stripe.HTTPXClient(timeout=timeout_s)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=retries,
            http_client=self._http,
        )

    async def hold(self, operation_id: str, *, amount_fen: int, payment_method: str, payer: str) -> Reply:
        """See `PaymentGateway`."""
        return await self._open(operation_id, amount_fen, payment_method, payer, capture_method="manual")

    async def charge(self, operation_id: str, *, amount_fen: int, payment_method: str, payer: str) -> Reply:
        """See `PaymentGateway`."""
        return await self._open(operation_id, amount_fen, payment_method, payer, capture_method="automatic")

    async def capture(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """See `PaymentGateway`."""
        check_operation(operation_id, amount_fen)
        try:
            intent = await self._asked(
                self._client.v1.payment_intents.capture_async(
                    ref,
                    {
                        "amount_to_capture": amount_fen,
                        "metadata": {answers.CAPTURE_OPERATION: operation_id},
                        "expand": _EXPAND,
                    },
                    {"idempotency_key": operation_id},
                )
            )
        except stripe.InvalidRequestError as refusal:
            return await self._why_refused(refusal, ref, lambda held: answers.captured(held, operation_id))
        except stripe.CardError as decline:
            return answers.failed(ref, answers.failure_of(_error(decline)))
        answers.check(intent, currency=self._currency)
        reply = answers.captured(intent, operation_id)
        return reply or answers.no_longer_held(intent)

    async def release(self, operation_id: str, *, ref: str) -> Reply:
        """See `PaymentGateway`."""
        check_operation(operation_id)
        try:
            intent = await self._cancelled(ref, operation_id)
        except stripe.InvalidRequestError as refusal:
            return await self._why_refused(refusal, ref, answers.released)
        answers.check(intent, currency=self._currency)
        return answers.released(intent) or answers.no_longer_held(intent)

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        """See `PaymentGateway`."""
        check_operation(operation_id, amount_fen)
        try:
            refund = await self._asked(
                self._client.v1.refunds.create_async(
                    {
                        "payment_intent": ref,
                        "amount": amount_fen,
                        "metadata": {answers.OPERATION: operation_id},
                    },
                    {"idempotency_key": operation_id},
                )
            )
        except stripe.InvalidRequestError as refusal:
            # refused for being done already, under a key that Stripe has forgotten?
            earlier = (
                await self.look_up(operation_id, OperationKind.REFUND, ref) if refusal.http_status != 404 else None
            )
            return earlier or answers.failed(ref, _refund_failure(refusal))
        answers.check(refund, currency=self._currency, amount_fen=amount_fen)
        return answers.refunded(refund)

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None) -> Reply | None:
        """See `PaymentGateway`. Raises ValueError for a capture, release or refund without its ref."""
        check_operation(operation_id)
        if kind in (OperationKind.HOLD, OperationKind.CHARGE):
            intent = await self._intent(ref) if ref else await self._marked_intent(operation_id)
            if intent is None or answers.marks(intent).get(answers.OPERATION) != operation_id:
                return None
            return answers.opened(intent)
        if not ref:
            raise ValueError(f"Stripe looks up a {kind} by what it is about; ref is missing")
        if kind is OperationKind.REFUND:
            return await self._marked_refund(operation_id, ref)
        intent = await self._intent(ref)
        if intent is None:
            return None
        return answers.captured(intent, operation_id) if kind is OperationKind.CAPTURE else answers.released(intent)

    def read_notice(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Notice | None:
        """See `PaymentGateway`."""
        if len(body) > NOTICE_LENGTH_MAX:
            raise NoticeRefused(f"the notice is longer than {NOTICE_LENGTH_MAX:,} bytes")
        signature = header_of(headers, HEADER)
        try:
            # the library would compare with its own clock, so its tolerance is off and ours below decides
            event = stripe.Webhook.construct_event(
                body, signature, self._webhook_secret, tolerance=0, api_key="none: an event asks for nothing"
            ).to_dict()
        except stripe.SignatureVerificationError:
            raise NoticeRefused("the notice was not signed with this house's secret") from None
        except (ValueError, TypeError, AttributeError):
            raise NoticeRefused("the notice cannot be read") from None
        if abs(now_s - _signed_at_s(signature)) > NOTICE_TOLERANCE_S:
            raise NoticeRefused(f"the notice was signed more than {NOTICE_TOLERANCE_S} seconds from now")
        try:
            return answers.noticed(event, currency=self._currency)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise NoticeRefused("the notice is signed, yet cannot be read") from None

    async def close(self) -> None:
        """See `PaymentGateway`."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has it untyped

    def __repr__(self) -> str:
        return f"StripeGateway(currency={self._currency!r})"

    async def _open(
        self, operation_id: str, amount_fen: int, payment_method: str, payer: str, *, capture_method: _CaptureMethod
    ) -> Reply:
        check_operation(operation_id, amount_fen)
        customer, _, method = payment_method.rpartition(":")
        wanted: PaymentIntentCreateParams = {
            "amount": amount_fen,
            "currency": self._currency,
            "capture_method": capture_method,
            "confirm": True,
            "off_session": True,
            "payment_method": method,
            # without this, whatever the account's pages have switched on, some of it without holds
            "allowed_payment_method_types": ["card"],
            "metadata": {answers.OPERATION: operation_id, "payer": payer},
            "expand": _EXPAND,
        }
        if customer:
            wanted["customer"] = customer
        try:
            intent = await self._asked(
                self._client.v1.payment_intents.create_async(wanted, {"idempotency_key": operation_id})
            )
        except stripe.CardError as decline:
            error = _error(decline)
            return answers.failed((error.get("payment_intent") or {}).get("id", ""), answers.failure_of(error))
        except stripe.InvalidRequestError as refusal:
            return answers.failed("", answers.failure_of({"code": "invalid_request", **_error(refusal)}))
        answers.check(intent, currency=self._currency, amount_fen=amount_fen)
        if intent["status"] == "requires_action":
            await self._cancelled(intent["id"], f"{operation_id}:left")
        return answers.opened(intent)

    async def _cancelled(self, ref: str, key: str) -> answers.Answer:
        request = self._client.v1.payment_intents.cancel_async(ref, {"expand": _EXPAND}, {"idempotency_key": key})
        return await self._asked(request)

    async def _why_refused(
        self, refusal: stripe.InvalidRequestError, ref: str, done: Callable[[answers.Answer], Reply | None]
    ) -> Reply:
        """What a refused capture or release means: done before, no longer possible, or plainly wrong."""
        intent = await self._intent(ref)
        if intent is None:
            return answers.failed(ref, FailureCode.NOT_FOUND)
        if reply := done(intent):
            return reply
        if intent["status"] != "requires_capture":
            return answers.no_longer_held(intent)
        too_large = refusal.code == "amount_too_large" or refusal.param == "amount_to_capture"
        code = FailureCode.AMOUNT_TOO_LARGE if too_large else answers.failure_of(_error(refusal))
        return answers.failed(ref, code)

    async def _intent(self, ref: str) -> answers.Answer | None:
        """A PaymentIntent, checked for its currency; None: Stripe has no such."""
        try:
            intent = await self._asked(self._client.v1.payment_intents.retrieve_async(ref, {"expand": _EXPAND}))
        except stripe.InvalidRequestError:
            return None
        answers.check(intent, currency=self._currency)
        return intent

    async def _marked_intent(self, operation_id: str) -> answers.Answer | None:
        """The PaymentIntent with our mark: by Stripe's search, and among the newest, which search does not know yet.

        GatewayAway where there were too many new ones to look at all: then "never heard of it" would be a guess.
        """
        quoted = operation_id.replace("\\", "\\\\").replace("'", "\\'")
        query = f"metadata['{answers.OPERATION}']:'{quoted}'"
        try:
            found = await self._asked(self._client.v1.payment_intents.search_async({"query": query, "limit": 1}))
        except stripe.InvalidRequestError:
            # not offered in every country: then only the list remains
            found = {"data": []}
        if found["data"]:
            return await self._intent(found["data"][0]["id"])
        since_s = time.time() - _SEARCHABLE_AFTER_S
        wanted: PaymentIntentListParams = {"limit": _PAGE}
        for _ in range(_NEWEST_LOOKED_AT_MAX // _PAGE):
            page = await self._asked(self._client.v1.payment_intents.list_async(wanted))
            for intent in page["data"]:
                if answers.marks(intent).get(answers.OPERATION) == operation_id:
                    return await self._intent(intent["id"])
            if not page["has_more"] or page["data"][-1]["created"] < since_s:
                return None
            wanted["starting_after"] = page["data"][-1]["id"]
        raise GatewayAway("too many payments are newer than Stripe's search knows")

    async def _marked_refund(self, operation_id: str, ref: str) -> Reply | None:
        try:
            page = await self._asked(self._client.v1.refunds.list_async({"payment_intent": ref, "limit": _PAGE}))
        except stripe.InvalidRequestError:
            return None
        for refund in page["data"]:
            if answers.marks(refund).get(answers.OPERATION) == operation_id:
                answers.check(refund, currency=self._currency)
                return answers.refunded(refund)
        if page["has_more"]:
            raise GatewayAway(f"more than {_PAGE} refunds of one payment")
        return None

    async def _asked(self, request: Awaitable[Any]) -> dict[str, Any]:
        """An answer as a plain dict. CardError and InvalidRequestError pass: those are answers; the rest is none."""
        try:
            answer: dict[str, Any] = (await request).to_dict()
        except (stripe.CardError, stripe.InvalidRequestError):
            raise
        except stripe.IdempotencyError:
            raise OperationReused("Stripe knows this operation id from another request") from None
        except stripe.StripeError as fault:
            # never its text: it may repeat what was sent
            raise GatewayAway(
                f"Stripe gave no answer that counts: {type(fault).__name__}, HTTP status {fault.http_status}"
            ) from None
        return answer


def _error(fault: stripe.StripeError) -> dict[str, Any]:
    """The error object of an answer, as JSON has it."""
    body = fault.json_body
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _refund_failure(refusal: stripe.InvalidRequestError) -> str:
    if refusal.param == "amount":
        return FailureCode.AMOUNT_TOO_LARGE
    if refusal.http_status == 404:
        return FailureCode.NOT_FOUND
    return answers.failure_of({"code": FailureCode.NOT_READY, **_error(refusal)})


def _signed_at_s(signature: str) -> int:
    """When a genuine notice was signed: the library has read this header before."""
    return int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))
