"""What Stripe's objects mean to the house: pure readings of PaymentIntents, refunds, events and errors as plain dicts.

Nowhere on a bid's way. `stripe` asks and receives; here its answers become Reply and Notice. A hold is a PaymentIntent
captured by hand, a charge one captured by itself. Our marks are in `metadata`: `operation` on everything we make,
`capture_operation` on a hold that was captured. Stripe keeps no mark of who cancelled, so a release knows no operation.
"""

from collections.abc import Mapping
from typing import Any

from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import AnswerRefused, Notice, NoticeRefused, Reply, ReplyStatus

Answer = Mapping[str, Any]
"""One of Stripe's objects, as JSON has it."""
OPERATION = "operation"
CAPTURE_OPERATION = "capture_operation"
HOLD_MS = 7 * 86_400_000
"""How long a card's hold lasts where Stripe does not say."""
_LAPSED = ("automatic", "expired")
"""Why Stripe itself cancels a hold: its time is over."""
_CODES: dict[str | None, FailureCode] = {
    "charge_expired_for_capture": FailureCode.EXPIRED,
    "payment_intent_authentication_failure": FailureCode.AUTHENTICATION_REQUIRED,
    "generic_decline": FailureCode.CARD_DECLINED,
    "charge_already_captured": FailureCode.ALREADY_CAPTURED,
    "charge_already_refunded": FailureCode.AMOUNT_TOO_LARGE,
    "resource_missing": FailureCode.NOT_FOUND,
}


def opened(intent: Answer) -> Reply:
    """What a hold or charge came to, by its PaymentIntent."""
    ref, failure = intent["id"], None
    match intent["status"]:
        case "succeeded" | "requires_capture":
            status = ReplyStatus.SUCCEEDED
        case "processing" | "requires_confirmation":
            status = ReplyStatus.PENDING
        case "canceled" if intent.get("cancellation_reason") in _LAPSED:
            status, failure = ReplyStatus.FAILED, str(FailureCode.EXPIRED)
        case "canceled" if _charge(intent).get("status") == "succeeded":
            # it was held, and let go since
            status = ReplyStatus.SUCCEEDED
        case "requires_action" | "canceled":
            # nobody is there to act, so it is over; `stripe` cancels what is left behind
            status, failure = ReplyStatus.FAILED, str(FailureCode.AUTHENTICATION_REQUIRED)
        case _:
            status, failure = ReplyStatus.FAILED, failure_of(intent.get("last_payment_error") or {})
    return Reply(
        status,
        ref,
        failure=failure,
        expires_at_ms=_expires_at_ms(intent) if is_hold(intent) and status is ReplyStatus.SUCCEEDED else None,
        instrument=_fingerprint(intent),
        amount_fen=None if failure else intent["amount"],
    )


def captured(intent: Answer, operation_id: str) -> Reply | None:
    """What a capture came to, by its hold; None: this operation never captured it."""
    ref = intent["id"]
    match intent["status"]:
        case "succeeded" if marks(intent).get(CAPTURE_OPERATION) == operation_id:
            return Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=intent["amount_received"])
        case "processing" if marks(intent).get(CAPTURE_OPERATION) == operation_id:
            return Reply(ReplyStatus.PENDING, ref)
        case _:
            return None


def released(intent: Answer) -> Reply | None:
    """What a release came to, by its hold; None: it was not let go, nor did it run out."""
    if intent["status"] != "canceled":
        return None
    if intent.get("cancellation_reason") in _LAPSED:
        return failed(intent["id"], FailureCode.EXPIRED)
    return Reply(ReplyStatus.SUCCEEDED, intent["id"], amount_fen=intent["amount"])


def no_longer_held(intent: Answer) -> Reply:
    """Why a hold can be neither captured nor released, in the state it is in."""
    match intent["status"]:
        case "canceled" if intent.get("cancellation_reason") in _LAPSED:
            failure = FailureCode.EXPIRED
        case "canceled":
            failure = FailureCode.ALREADY_RELEASED
        case "succeeded":
            failure = FailureCode.ALREADY_CAPTURED
        case _:
            failure = FailureCode.NOT_READY
    return failed(intent["id"], failure)


def refunded(refund: Answer) -> Reply:
    """What a refund came to."""
    match refund["status"]:
        case "succeeded":
            return Reply(ReplyStatus.SUCCEEDED, refund["id"], amount_fen=refund["amount"])
        case "pending" | "requires_action":
            return Reply(ReplyStatus.PENDING, refund["id"], amount_fen=refund["amount"])
        case _:
            return failed(refund["id"], refund.get("failure_reason") or FailureCode.REFUND_FAILED)


def failed(ref: str, failure: str) -> Reply:
    """A failure, by its code."""
    return Reply(ReplyStatus.FAILED, ref, failure=str(failure))


def failure_of(error: Answer) -> str:
    """The code of a decline or refusal: the bank's own word where it says more than "declined"."""
    code: str | None = error.get("code")
    word: str | None = error.get("decline_code")
    said = word if word and word != "generic_decline" else code or word
    return str(_CODES.get(said, said or FailureCode.CARD_DECLINED))


def marks(answer: Answer) -> Answer:
    """Our marks on something of Stripe's."""
    found: Answer = answer.get("metadata") or {}
    return found


def is_hold(intent: Answer) -> bool:
    """True for a PaymentIntent that is captured by hand."""
    return bool(intent.get("capture_method") == "manual")


def check(answer: Answer, *, currency: str, amount_fen: int | None = None) -> None:
    """AnswerRefused where an answer is about another currency or amount than was asked."""
    if not {"id", "status", "amount"} <= answer.keys():
        raise AnswerRefused("Stripe answered with something else than was asked")
    if answer.get("currency") != currency:
        raise AnswerRefused(f"Stripe answered in {answer.get('currency')!r}, this house counts in {currency!r}")
    if amount_fen is not None and answer.get("amount") != amount_fen:
        raise AnswerRefused("Stripe answered with another amount than was asked")


def noticed(event: Answer, *, currency: str) -> Notice | None:
    """What an event says of an operation of ours; None: nothing. NoticeRefused: it is in another currency."""
    number, about = event["id"], event["data"]["object"]
    if about.get("object") == "payment_intent":
        found = _noticed_intent(event["type"], about)
    elif about.get("object") == "refund" and event["type"] in _REFUND_EVENTS:
        found = OperationKind.REFUND, marks(about).get(OPERATION), refunded(about)
    else:
        found = None
    if found is None:
        return None
    if about.get("currency") != currency:
        raise NoticeRefused(f"the notice is in another currency than {currency}")
    kind, operation_id, reply = found
    return Notice(number, operation_id, kind, about["id"], reply)


_REFUND_EVENTS = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")


def _noticed_intent(event_type: str, intent: Answer) -> tuple[OperationKind, str | None, Reply] | None:
    operation_id = marks(intent).get(OPERATION)
    if operation_id is None:
        # somebody else's payment on the same account
        return None
    opening = OperationKind.HOLD if is_hold(intent) else OperationKind.CHARGE
    match event_type.removeprefix("payment_intent."):
        case "succeeded" if is_hold(intent):
            capture = marks(intent).get(CAPTURE_OPERATION)
            reply = Reply(ReplyStatus.SUCCEEDED, intent["id"], amount_fen=intent["amount_received"])
            return OperationKind.CAPTURE, capture, reply
        case "succeeded" | "amount_capturable_updated":
            reply = opened(intent)
            if reply.instrument is None:
                # events name the charge without its card and its expiry, and both matter: so it has to be looked up
                reply = Reply(ReplyStatus.PENDING, intent["id"], amount_fen=intent["amount"])
            return opening, operation_id, reply
        case "payment_failed":
            return opening, operation_id, opened(intent)
        case "canceled" if intent.get("cancellation_reason") in _LAPSED:
            return opening, operation_id, opened(intent)
        case "canceled":
            return OperationKind.RELEASE, None, Reply(ReplyStatus.SUCCEEDED, intent["id"], amount_fen=intent["amount"])
        case _:
            return None


def _charge(intent: Answer) -> Answer:
    """The latest attempt to take the money, where Stripe sent it along."""
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, Mapping) else {}


def _expires_at_ms(intent: Answer) -> int:
    card = (_charge(intent).get("payment_method_details") or {}).get("card") or {}
    if capture_before_s := card.get("capture_before"):
        return int(capture_before_s) * 1000
    return int(_charge(intent).get("created") or intent["created"]) * 1000 + HOLD_MS


def _fingerprint(intent: Answer) -> str | None:
    method = intent.get("payment_method")
    for holder in (_charge(intent).get("payment_method_details"), method if isinstance(method, Mapping) else None):
        if fingerprint := ((holder or {}).get("card") or {}).get("fingerprint"):
            return str(fingerprint)
    return None
