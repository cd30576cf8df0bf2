"""What staff do about payments that the provider does not end: charges without an answer, refunds that keep failing."""

from auction.books import audit, deposits, journal, operations
from auction.books.approvals import Approval
from auction.books.journal import Cause
from auction.books.operations import Operation
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongState
from auction.domain.states import UNRESOLVED_OPERATION, CauseKind, FailureCode, OperationKind, OperationStatus, StepName
from auction.services.context import AppContext
from auction.services.second_person import NO_CONFIRMATION, Confirmation
from auction.services.settlement.dual_control import ANY_REQUEST, request_or_approve
from auction.services.settlement.transitions import add_step, lock_settlement

ABANDON_AFTER_MS = 120_000
"""A request that is on its way when staff give it up has arrived, or is lost, after so long: then it is looked up."""


async def abandon_operation(context: AppContext, lot_id: str, operation_id: str, *, actor: str, reason: str) -> None:
    """Give up a hold or charge without an outcome: it is sent no more, and fails once a look-up proves its absence.

    If the provider knows it, its outcome is recorded instead. Asked again, nothing changes. Raises
    NotFound(settlement-unknown, operation-unknown), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        operation = await _own_operation(tx, lot_id, operation_id)
        if not operation.is_opening or operation.is_resolved:
            raise WrongState("abandon the payment", operation.status, UNRESOLVED_OPERATION)
        if operation.abandon_asked_at_ms is not None:
            return
        await operations.ask_to_abandon(tx, operation_id, at_ms=now_ms, next_try_at_ms=now_ms + ABANDON_AFTER_MS)
        details = {"operation_id": operation_id, "amount_fen": operation.amount_fen}
        await audit.record_action(
            tx, actor=actor, action="abandon-payment", lot_id=lot_id, reason=reason, details=details
        )
        await add_step(
            tx,
            lot_id,
            locked.settlement.state,
            StepName.PAYMENT_ABANDONED,
            actor=actor,
            at_ms=now_ms,
            reason=reason,
            details=details,
        )


async def record_refund_otherwise(
    context: AppContext,
    lot_id: str,
    operation_id: str,
    *,
    actor: str,
    reason: str,
    agrees_to: int | None = ANY_REQUEST,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Record that a refund was paid in another way, which needs two persons: the request that waits, or None: done.

    `operation_id` is any attempt of the refund, `reason` the reference of what was paid. While the provider may still
    pay it, it is refused. Raises NotFound(settlement-unknown, operation-unknown), RequestRefused(approval-waiting,
    same-person, payment-pending), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        operation = await _own_operation(tx, lot_id, operation_id)
        if operation.kind is not OperationKind.REFUND:
            raise WrongState("record that it was refunded otherwise", operation.kind, [OperationKind.REFUND])
        attempts = await operations.attempts_of(tx, operation.first_operation_id)
        done = [one for one in attempts if one.status is OperationStatus.SUCCEEDED or one.was_refunded_otherwise]
        if done:
            raise WrongState("record that it was refunded otherwise", done[0].status, [OperationStatus.FAILED])
        last = attempts[-1]
        # what was sent and is not decided may still arrive
        if not last.is_resolved and (last.attempts > 0 or last.attempt_number == 1):
            raise RequestRefused(
                ProblemCode.PAYMENT_PENDING, "The provider has not decided about this refund; wait for its outcome."
            )
        waiting = await request_or_approve(
            context,
            tx,
            lot_id,
            ApprovalAction.REFUND_OTHERWISE,
            actor=actor,
            reason=reason,
            now_ms=now_ms,
            since_ms=0,
            subject=operation.first_operation_id,
            agrees_to=agrees_to,
            confirmation=confirmation,
        )
        if waiting is not None:
            return waiting
        await _close_refund(tx, last, now_ms=now_ms)
        cause = Cause(CauseKind.STAFF_ACTION, f"refund-otherwise:{operation.first_operation_id}"[:120])
        entry = postings.refunded_otherwise(
            key_id=operation.first_operation_id,
            lot_id=operation.lot_id,
            bidder_id=operation.bidder_id,
            amount_fen=operation.amount_fen,
        )
        await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
        if operation.deposit_id is not None:
            await deposits.mark_released(tx, [operation.deposit_id], at_ms=now_ms)
        await add_step(
            tx,
            lot_id,
            locked.settlement.state,
            StepName.REFUNDED_OTHERWISE,
            actor=actor,
            at_ms=now_ms,
            reason=reason,
            details={"operation_id": operation.first_operation_id, "amount_fen": operation.amount_fen},
        )
    return None


async def _close_refund(tx: Transaction, last: Operation, *, now_ms: int) -> None:
    """Let the last attempt of a refund be the end of it: one that was not sent yet is never sent."""
    if last.is_resolved:
        await operations.mark_given_up(tx, last.operation_id, failure=FailureCode.REFUNDED_OTHERWISE)
    else:
        await operations.mark_failed(
            tx, last.operation_id, provider_ref=None, failure=FailureCode.REFUNDED_OTHERWISE, at_ms=now_ms
        )


async def _own_operation(tx: Transaction, lot_id: str, operation_id: str) -> Operation:
    """An operation of this lot, locked. Raises NotFound(operation-unknown)."""
    found = await operations.lock_all(tx, [operation_id])
    if not found or found[0].lot_id != lot_id:
        raise NotFound(ProblemCode.OPERATION_UNKNOWN, f"Lot {lot_id} has no payment operation {operation_id[:120]}.")
    return found[0]
