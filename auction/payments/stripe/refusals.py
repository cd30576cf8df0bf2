"""What a refusal of Stripe's means: the reply to a declined payment, and that an object is hidden. No I/O."""

from typing import Any

import stripe

from auction.domain.states import FailureCode
from auction.payments.gateway import GatewayAway, Reply
from auction.payments.stripe import objects


def error_of(fault: stripe.StripeError) -> dict[str, Any]:
    """The error object of an answer."""
    body = fault.json_body
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def opening_refused(refusal: stripe.CardError | stripe.InvalidRequestError, ref: str = "") -> Reply:
    """The failure of a hold or charge that the bank declined, or that Stripe would never take."""
    error = error_of(refusal)
    if isinstance(refusal, stripe.CardError):
        return objects.failed_reply((error.get("payment_intent") or {}).get("id", ref), objects.failure_code(error))
    return objects.failed_reply(ref, objects.failure_code({"code": "invalid_request", **error}))


def refund_failure(refusal: stripe.InvalidRequestError) -> str:
    """Why a refund was refused."""
    if refusal.param == "amount":
        return FailureCode.AMOUNT_TOO_LARGE
    return objects.failure_code({"code": FailureCode.NOT_READY, **error_of(refusal)})


def hidden(ref: str, refusal: stripe.InvalidRequestError) -> GatewayAway:
    """That Stripe does not show an object that it made for us: no proof that there is none."""
    return GatewayAway(
        f"Stripe does not show {ref} under this key (HTTP status {refusal.http_status}, {refusal.code}): "
        "the key is of another account, or of the other mode"
    )
