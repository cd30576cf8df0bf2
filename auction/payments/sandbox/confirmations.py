"""Confirming a hold or charge as the card's owner does with their bank, and ending one that was not: on the file."""

from dataclasses import replace

from auction.domain.states import FailureCode
from auction.payments.gateway import ReplyStatus
from auction.payments.sandbox import rules
from auction.payments.sandbox.file import SandboxFile, SandboxOperation
from auction.payments.sandbox.rules import PaymentState, SandboxOutcome, SandboxPayment, Timings


def unconfirmed(file: SandboxFile, operation_id: str) -> tuple[SandboxOperation, SandboxPayment] | None:
    """A hold or charge that waits for its card's owner; None: it is decided, or there is none."""
    operation = file.operation(operation_id)
    payment = None if operation is None else file.payment(operation.ref)
    if operation is None or payment is None or operation.status is not ReplyStatus.PENDING:
        return None
    return (operation, payment) if payment.state is PaymentState.UNCONFIRMED else None


def decided(
    operation: SandboxOperation, payment: SandboxPayment, failure: FailureCode | None, now_ms: int, timings: Timings
) -> tuple[SandboxOperation, SandboxOutcome]:
    """What an operation and its payment come to: confirmed, or failed for this reason."""
    outcome = (
        rules.settle_payment(payment, now_ms, timings) if failure is None else rules.end_unconfirmed(payment, failure)
    )
    return (
        replace(operation, status=outcome.status, failure=outcome.failure, moved_fen=outcome.moved_fen),
        outcome,
    )
