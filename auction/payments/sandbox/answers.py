"""What the sandbox answers: new payments, ids, and the reply about an operation. Nothing is changed here."""

import secrets
from dataclasses import replace

from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import Reply, ReplyStatus
from auction.payments.sandbox import rules
from auction.payments.sandbox.file import OperationRequest, SandboxFile, SandboxOperation
from auction.payments.sandbox.rules import PaymentState, SandboxOutcome, SandboxPayment

_PREFIXES = {OperationKind.HOLD: "sbh_", OperationKind.CHARGE: "sbc_", OperationKind.REFUND: "sbr_"}
OPENING = (OperationKind.HOLD, OperationKind.CHARGE)
"""What opens a payment."""


def opening_of(request: OperationRequest) -> SandboxPayment | None:
    """The payment that a hold or charge starts with; None: there is no such card."""
    behaviour = rules.behaviour_of(request.payment_method)
    if behaviour is None:
        return None
    return SandboxPayment(
        ref=new_ref(request.kind),
        operation_id=request.operation_id,
        kind=request.kind,
        state=PaymentState.PENDING,
        amount_fen=request.asked_fen,
        behaviour=behaviour,
        instrument=rules.instrument_of(request.payment_method, request.payer),
    )


def ref_of(request: OperationRequest, outcome: SandboxOutcome) -> str:
    """The id of what an operation made; where it made nothing, of what it refers to."""
    if outcome.payment is None:
        return request.about
    return new_ref(request.kind) if request.kind is OperationKind.REFUND else outcome.payment.ref


def new_notice_id() -> str:
    """An id for a notification."""
    return f"sbn_{secrets.token_hex(8)}"


def new_ref(kind: OperationKind) -> str:
    """An id for what an operation of that kind makes."""
    return _PREFIXES[kind] + secrets.token_hex(12)


def reply_of(file: SandboxFile, operation: SandboxOperation) -> Reply:
    """What is answered about an operation."""
    reply = Reply(operation.status, operation.ref, failure=operation.failure, amount_fen=operation.moved_fen)
    payment = file.payment(operation.ref) if operation.request.kind in OPENING else None
    if payment is None:
        return reply
    reply = replace(reply, instrument=payment.instrument, expires_at_ms=payment.expires_at_ms)
    if payment.state is PaymentState.UNCONFIRMED:
        return replace(reply, requires_action=True, amount_fen=payment.amount_fen)
    if payment.state is PaymentState.EXPIRED:
        return replace(reply, status=ReplyStatus.FAILED, failure=FailureCode.EXPIRED, amount_fen=None)
    return reply
