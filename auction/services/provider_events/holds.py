"""Holds that end, or are captured, without the house: on the provider's own pages, or because they have expired."""

from auction.books import catalogue, deposits, operations
from auction.books.deposits import OPEN_HOLD, Deposit
from auction.books.provider_events import ProviderEvent
from auction.books.unit_of_work import Transaction
from auction.domain.provider_event_states import ExceptionReason, ProviderEventType
from auction.domain.states import DepositStatus, FailureCode, OperationKind, OperationStatus, StepName
from auction.payments.gateway import Reply, ReplyStatus
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import capture_of, end_authorisation
from auction.services.payments.gateway_calls import record_outcome
from auction.services.provider_events.decision import APPLIED, HARMLESS, Decision, exceptional
from auction.services.provider_events.payment import LockedPayment, cause_of
from auction.services.registration.bidding_power import restate_power
from auction.services.settlement.transitions import SYSTEM_ACTOR, add_step


async def apply_end(context: AppContext, tx: Transaction, event: ProviderEvent, payment: LockedPayment) -> Decision:
    """Apply that a hold was cancelled or has expired: its deposit is worthless and gives no bidding power."""
    deposit, now_ms = payment.deposit, context.clock_ms()
    if deposit is None or payment.opening.status is OperationStatus.FAILED:
        return HARMLESS
    if deposit.provider_ref != payment.opening.provider_ref and payment.unresolved(OperationKind.RELEASE) is None:
        # it was renewed, and rests on another hold
        return HARMLESS
    if deposit.is_cash:
        return exceptional(ExceptionReason.CONTRADICTS)
    if deposit.status not in (*OPEN_HOLD, DepositStatus.SHARED):
        return HARMLESS
    is_cancelled = event.type is ProviderEventType.HOLD_CANCELLED
    failure = FailureCode.ALREADY_RELEASED if is_cancelled else FailureCode.EXPIRED
    ended = Reply(ReplyStatus.FAILED, event.ref, failure=failure)
    if (release := payment.unresolved(OperationKind.RELEASE)) is not None:
        released = Reply(ReplyStatus.SUCCEEDED, event.ref, amount_fen=deposit.amount_fen) if is_cancelled else ended
        await record_outcome(context, tx, release, released, now_ms)
    elif (capture := payment.unresolved(OperationKind.CAPTURE)) is not None:
        await record_outcome(context, tx, capture, ended, now_ms)
    else:
        await end_authorisation(tx, deposit, reason=failure, now_ms=now_ms, cause=cause_of(event))
        await restate_power(context, tx, await catalogue.find_lot(tx, deposit.lot_id), deposit.bidder_id)
        await _add_step(tx, payment, deposit, now_ms)
    return APPLIED


async def _add_step(tx: Transaction, payment: LockedPayment, deposit: Deposit, now_ms: int) -> None:
    if payment.settlement is not None:
        await add_step(
            tx,
            payment.settlement.lot_id,
            payment.settlement.state,
            StepName.DEPOSIT_LAPSED,
            actor=SYSTEM_ACTOR,
            at_ms=now_ms,
            details={"deposit_id": deposit.deposit_id, "amount_fen": deposit.amount_fen},
        )


async def apply_capture(context: AppContext, tx: Transaction, event: ProviderEvent, payment: LockedPayment) -> Decision:
    """Apply that a hold was captured on the provider's own pages: the deposit is cash, as if it were asked for here."""
    deposit, now_ms = payment.deposit, context.clock_ms()
    captured_fen = event.amount_fen
    if deposit is not None and deposit.provider_ref != payment.opening.provider_ref:
        return exceptional(ExceptionReason.CONTRADICTS)
    least_fen = 1 if deposit is None or not deposit.shared_fen else deposit.amount_fen
    if deposit is None or captured_fen is None or not least_fen <= captured_fen <= deposit.amount_fen:
        return exceptional(ExceptionReason.AMOUNT_DIFFERS)
    if deposit.is_cash:
        same = deposit.captured_fen == captured_fen
        return HARMLESS if same else exceptional(ExceptionReason.AMOUNT_DIFFERS)
    if deposit.status not in (*OPEN_HOLD, DepositStatus.SHARED):
        return exceptional(ExceptionReason.AFTER_END)
    capture = payment.unresolved(OperationKind.CAPTURE)
    if capture is None:
        intent = capture_of(deposit, captured_fen)
        await operations.intend(tx, [intent], at_ms=now_ms)
        capture = await operations.lock(tx, intent.operation_id)
    elif capture.amount_fen != captured_fen:
        capture = await operations.set_amount(tx, capture.operation_id, captured_fen)
    reply = Reply(ReplyStatus.SUCCEEDED, event.ref, amount_fen=captured_fen)
    await record_outcome(context, tx, capture, reply, now_ms)
    deposit = await deposits.find(tx, deposit.deposit_id)
    if deposit.is_available:
        await restate_power(context, tx, await catalogue.find_lot(tx, deposit.lot_id), deposit.bidder_id)
    return APPLIED
