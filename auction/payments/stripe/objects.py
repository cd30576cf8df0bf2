"""Reads Stripe's objects: PaymentIntents, refunds, events and errors, as plain dicts, become Reply and Notice.

Pure functions. A hold is a PaymentIntent with manual capture, a charge one with automatic capture. `metadata` holds our
ids: `operation` on everything we create, `capture_operation` on a hold that was captured. Stripe does not store who
cancelled a PaymentIntent, so a release has no operation id there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from auction.domain.provider_event_states import ProviderEventType
from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import NOTHING, AnswerRefused, Notice, Reply, ReplyStatus

StripeObject = Mapping[str, Any]
"""One of Stripe's objects, as in JSON."""
EXPAND = ["latest_charge", "payment_method"]
"""What is included in a PaymentIntent, and read here."""
OPERATION = "operation"
CAPTURE_OPERATION = "capture_operation"
HOLD_MS = 7 * 86_400_000
"""How long a card's hold lasts where Stripe does not say."""
_LAPSED = ("automatic", "expired")
"""Cancellation reasons of holds that Stripe itself cancels, since they have expired."""
ABANDONED = "abandoned"
"""The cancellation reason of holds and charges that the house ends before they are decided."""
_CODES: dict[str | None, FailureCode] = {
    "charge_expired_for_capture": FailureCode.EXPIRED,
    "payment_intent_authentication_failure": FailureCode.AUTHENTICATION_FAILED,
    "generic_decline": FailureCode.CARD_DECLINED,
    "charge_already_captured": FailureCode.ALREADY_CAPTURED,
    "charge_already_refunded": FailureCode.AMOUNT_TOO_LARGE,
    "resource_missing": FailureCode.NOT_FOUND,
}


def opening_reply(intent: StripeObject) -> Reply:
    """The outcome of a hold or charge, from its PaymentIntent."""
    ref, failure = intent["id"], None
    match intent["status"]:
        case "succeeded" | "requires_capture":
            status = ReplyStatus.SUCCEEDED
        case "requires_confirmation":
            return Reply(ReplyStatus.PENDING, ref, amount_fen=intent["amount"], is_prepared=True)
        case "processing":
            status = ReplyStatus.PENDING
        case "canceled" if intent.get("cancellation_reason") in _LAPSED:
            status, failure = ReplyStatus.FAILED, str(FailureCode.EXPIRED)
        case "canceled" if intent.get("cancellation_reason") == ABANDONED:
            # perhaps its payer had confirmed it in the last moment: it is cancelled all the same
            status, failure = ReplyStatus.FAILED, str(FailureCode.AUTHENTICATION_MISSING)
        case "canceled" if _charge(intent).get("status") == "succeeded":
            # it was held, and has been released since
            status = ReplyStatus.SUCCEEDED
        case "canceled":
            status, failure = ReplyStatus.FAILED, str(FailureCode.AUTHENTICATION_MISSING)
        case "requires_action":
            return action_reply(ref, intent["amount"])
        case _ if wants_owner(intent.get("last_payment_error") or {}):
            # it was confirmed off session; its payer can confirm it on session
            return action_reply(ref, intent["amount"])
        case _:
            status, failure = ReplyStatus.FAILED, failure_code(intent.get("last_payment_error") or {})
    return Reply(
        status,
        ref,
        failure=failure,
        expires_at_ms=_expires_at_ms(intent) if is_hold(intent) and status is ReplyStatus.SUCCEEDED else None,
        instrument=_fingerprint(intent),
        amount_fen=None if failure else intent["amount"],
    )


def action_reply(ref: str, amount_fen: int) -> Reply:
    """A hold or charge that its payer has to confirm with their bank."""
    return Reply(ReplyStatus.PENDING, ref, amount_fen=amount_fen, requires_action=True)


def wants_owner(error: StripeObject) -> bool:
    """Whether an error says that the payer has to confirm, and was not asked to."""
    return failure_code(error) == FailureCode.AUTHENTICATION_REQUIRED


def capture_reply(intent: StripeObject, operation_id: str) -> Reply | None:
    """The outcome of a capture, from its hold; None: this operation did not capture it."""
    ref = intent["id"]
    match intent["status"]:
        case "succeeded" if metadata(intent).get(CAPTURE_OPERATION) == operation_id:
            return Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=intent["amount_received"])
        case "processing" if metadata(intent).get(CAPTURE_OPERATION) == operation_id:
            return Reply(ReplyStatus.PENDING, ref)
        case _:
            return None


def release_reply(intent: StripeObject) -> Reply | None:
    """The outcome of a release, from its hold; None: it was neither released nor has it expired."""
    if intent["status"] != "canceled":
        return None
    if intent.get("cancellation_reason") in _LAPSED:
        return failed_reply(intent["id"], FailureCode.EXPIRED)
    return Reply(ReplyStatus.SUCCEEDED, intent["id"], amount_fen=intent["amount"])


def not_held_reply(intent: StripeObject) -> Reply:
    """The failure of a capture or release of a hold that can be neither captured nor released any more."""
    match intent["status"]:
        case "canceled" if intent.get("cancellation_reason") in _LAPSED:
            failure = FailureCode.EXPIRED
        case "canceled":
            failure = FailureCode.ALREADY_RELEASED
        case "succeeded":
            failure = FailureCode.ALREADY_CAPTURED
        case _:
            failure = FailureCode.NOT_READY
    return failed_reply(intent["id"], failure)


def refund_reply(refund: StripeObject) -> Reply:
    """The outcome of a refund."""
    match refund["status"]:
        case "succeeded":
            return Reply(ReplyStatus.SUCCEEDED, refund["id"], amount_fen=refund["amount"])
        case "pending" | "requires_action":
            return Reply(ReplyStatus.PENDING, refund["id"], amount_fen=refund["amount"])
        case _:
            return failed_reply(refund["id"], refund.get("failure_reason") or FailureCode.REFUND_FAILED)


def failed_reply(ref: str, failure: str) -> Reply:
    """A failed operation, by its failure code."""
    return Reply(ReplyStatus.FAILED, ref, failure=str(failure))


def failure_code(error: StripeObject) -> str:
    """The failure code of an error object: the bank's own decline code where it is more specific than "declined"."""
    code: str | None = error.get("code")
    word: str | None = error.get("decline_code")
    specific = word if word and word != "generic_decline" else code or word
    return str(_CODES.get(specific, specific or FailureCode.CARD_DECLINED))


def metadata(answer: StripeObject) -> StripeObject:
    """Our ids on one of Stripe's objects."""
    found: StripeObject = answer.get("metadata") or {}
    return found


def is_hold(intent: StripeObject) -> bool:
    """True for a PaymentIntent with manual capture."""
    return bool(intent.get("capture_method") == "manual")


def check(answer: StripeObject, *, currency: str, amount_fen: int | None = None) -> None:
    """Raises AnswerRefused where an object has another currency or amount than was requested."""
    if not {"id", "status", "amount"} <= answer.keys():
        raise AnswerRefused("Stripe answered with another kind of object than was requested")
    if answer.get("currency") != currency:
        raise AnswerRefused(f"Stripe answered in {answer.get('currency')!r}, the configured currency is {currency!r}")
    if amount_fen is not None and answer.get("amount") != amount_fen:
        raise AnswerRefused("Stripe answered with another amount than was requested")


def notice_of_event(event: StripeObject, *, currency: str) -> Notice:
    """The notice in an event. About what, and in which currency, is said by its type."""
    number, about = event["id"], event["data"]["object"]
    match about.get("object"):
        case "payment_intent":
            found = _intent_notice(number, event["type"], about)
        case "refund" if event["type"] in _REFUND_EVENTS:
            found = _refund_notice(number, about)
        case "dispute":
            found = _dispute_notice(number, event["type"], about)
        case _:
            found = None
    if found is None:
        return Notice(number, None, None, str(about.get("id", "")), NOTHING, ProviderEventType.OTHER)
    if about.get("currency") != currency:
        return replace(found, reply=NOTHING, type=ProviderEventType.OTHER_CURRENCY)
    return found


_REFUND_EVENTS = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")


def _intent_notice(number: str, event_type: str, intent: StripeObject) -> Notice | None:
    operation_id = metadata(intent).get(OPERATION)
    if operation_id is None:
        # a payment of another program on the same account
        return None
    ref, amount_fen = intent["id"], intent["amount"]
    opening = OperationKind.HOLD if is_hold(intent) else OperationKind.CHARGE
    match event_type.removeprefix("payment_intent."):
        case "succeeded" if is_hold(intent):
            capture = metadata(intent).get(CAPTURE_OPERATION)
            reply = Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=intent["amount_received"])
            told = ProviderEventType.HOLD_CAPTURED if capture is None else ProviderEventType.OUTCOME
            return Notice(number, capture, OperationKind.CAPTURE, ref, reply, told, opening_id=operation_id)
        case "succeeded" | "amount_capturable_updated":
            reply = opening_reply(intent)
            if reply.instrument is None:
                # events have the charge without its card and expiry, which are needed: it has to be looked up
                reply = Reply(ReplyStatus.PENDING, ref, amount_fen=amount_fen)
            return Notice(number, operation_id, opening, ref, reply)
        case "payment_failed":
            return Notice(number, operation_id, opening, ref, opening_reply(intent))
        case "canceled" if intent.get("cancellation_reason") in _LAPSED:
            told = ProviderEventType.HOLD_EXPIRED
            return Notice(number, operation_id, opening, ref, opening_reply(intent), told, opening_id=operation_id)
        case "canceled":
            reply = Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=amount_fen)
            told = ProviderEventType.HOLD_CANCELLED
            return Notice(number, None, OperationKind.RELEASE, ref, reply, told, opening_id=operation_id)
        case _:
            return None


def _refund_notice(number: str, refund: StripeObject) -> Notice:
    operation_id, reply = metadata(refund).get(OPERATION), refund_reply(refund)
    told = ProviderEventType.OUTCOME
    if operation_id is None:
        match reply.status:
            case ReplyStatus.SUCCEEDED:
                told = ProviderEventType.REFUNDED
            case ReplyStatus.FAILED:
                told = ProviderEventType.REFUND_FAILED
            case ReplyStatus.PENDING:
                # what is not decided changes nothing; another event tells the outcome
                told = ProviderEventType.OTHER
    return Notice(
        number, operation_id, OperationKind.REFUND, refund["id"], reply, told, _id(refund.get("payment_intent"))
    )


def _dispute_notice(number: str, event_type: str, dispute: StripeObject) -> Notice | None:
    """A dispute; an inquiry has taken no money yet, and its end changes nothing."""
    status = str(dispute["status"])
    match event_type.removeprefix("charge.dispute."):
        case "created" if status.startswith("warning"):
            told = ProviderEventType.DISPUTE_INQUIRY
        case "created" | "funds_withdrawn":
            told = ProviderEventType.DISPUTE_OPENED
        case "funds_reinstated":
            told = ProviderEventType.DISPUTE_WON
        case "closed" if status == "won":
            told = ProviderEventType.DISPUTE_WON
        case "closed" if status == "lost":
            told = ProviderEventType.DISPUTE_LOST
        case _:
            return None
    reply = Reply(ReplyStatus.SUCCEEDED, dispute["id"], amount_fen=dispute["amount"])
    return Notice(number, None, None, dispute["id"], reply, told, _id(dispute.get("payment_intent")))


def _id(about: Any) -> str | None:
    """The id of another object, which an event names by its id, or includes."""
    found: str | None = about["id"] if isinstance(about, Mapping) else about
    return found


def _charge(intent: StripeObject) -> StripeObject:
    """The latest charge of an intent, where Stripe has included it."""
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, Mapping) else {}


def _expires_at_ms(intent: StripeObject) -> int:
    card = (_charge(intent).get("payment_method_details") or {}).get("card") or {}
    if capture_before_s := card.get("capture_before"):
        return int(capture_before_s) * 1000
    return int(_charge(intent).get("created") or intent["created"]) * 1000 + HOLD_MS


def _fingerprint(intent: StripeObject) -> str | None:
    method = intent.get("payment_method")
    for holder in (_charge(intent).get("payment_method_details"), method if isinstance(method, Mapping) else None):
        if fingerprint := ((holder or {}).get("card") or {}).get("fingerprint"):
            return str(fingerprint)
    return None
