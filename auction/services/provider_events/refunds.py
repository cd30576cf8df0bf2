"""Refunds that were made on the provider's own pages: as the one that is owed, of a deposit, or of a payment."""

from auction.books import catalogue, operations, provider_events, reversals
from auction.books.operations import Operation
from auction.books.provider_events import ProviderEvent
from auction.books.unit_of_work import Transaction
from auction.domain.accounts import JournalAccount
from auction.domain.provider_event_states import ExceptionReason, ProviderEventType, ReversalKind, ReversalStatus
from auction.domain.states import AwardStatus, DepositReason, OperationKind, OperationStatus, StepName
from auction.payments.gateway import Reply, ReplyStatus
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import refund_of, release_deposits
from auction.services.payments.gateway_calls import record_outcome
from auction.services.provider_events import disputes
from auction.services.provider_events.decision import APPLIED, HARMLESS, Decision, exceptional
from auction.services.provider_events.payment import LockedPayment, cause_of
from auction.services.registration.bidding_power import restate_power
from auction.services.settlement.payment_outcomes import refund_of_payment, refund_payment
from auction.services.settlement.transitions import SYSTEM_ACTOR, add_step


async def apply(context: AppContext, tx: Transaction, event: ProviderEvent, payment: LockedPayment) -> Decision:
    """Apply a refund that was made at the provider, or that such a one has failed."""
    ours = next(
        (one for one in payment.requested if one.kind is OperationKind.REFUND and one.provider_ref == event.ref), None
    )
    unasked = await reversals.lock(tx, provider=event.provider, ref=event.ref)
    if event.type is ProviderEventType.REFUND_FAILED:
        return await _apply_failure(context, tx, event, ours)
    if ours is not None or unasked is not None:
        return HARMLESS
    failed = ProviderEventType.REFUND_FAILED
    if await provider_events.was_told(tx, provider=event.provider, ref=event.ref, type=failed):
        # it came after what it came before: nothing was refunded in the end
        return HARMLESS
    if event.amount_fen is None or payment.opening.status is not OperationStatus.SUCCEEDED:
        return exceptional(ExceptionReason.CONTRADICTS)
    if payment.open_refunds:
        return await _count_for_owed(context, tx, event, payment)
    return await _apply_unowed(context, tx, event, payment, event.amount_fen)


async def _apply_failure(
    context: AppContext, tx: Transaction, event: ProviderEvent, ours: Operation | None
) -> Decision:
    if ours is not None:
        reply = Reply(ReplyStatus.FAILED, event.ref, failure=event.reply["failure"])
        await record_outcome(context, tx, ours, reply, context.clock_ms())
        return APPLIED
    unasked = await reversals.lock(tx, provider=event.provider, ref=event.ref)
    if unasked is None or unasked.status is ReversalStatus.WON:
        return HARMLESS
    # what the house lost by it is not booked back by itself: the buyer or the seller may have paid it since
    return exceptional(ExceptionReason.CONTRADICTS)


async def _count_for_owed(
    context: AppContext, tx: Transaction, event: ProviderEvent, payment: LockedPayment
) -> Decision:
    """A refund that is owed, and was not sent, was made by hand; one that is at the provider may come as well."""
    owed = [one for one in payment.open_refunds if one.amount_fen == event.amount_fen]
    if not owed or owed[0].is_resolved or owed[0].attempts > 0:
        return exceptional(ExceptionReason.REFUND_UNDER_WAY)
    await record_outcome(context, tx, owed[0], _made(event), context.clock_ms())
    return APPLIED


async def _apply_unowed(
    context: AppContext, tx: Transaction, event: ProviderEvent, payment: LockedPayment, amount_fen: int
) -> Decision:
    deposit, award, opening, now_ms = payment.deposit, payment.award, payment.opening, context.clock_ms()
    if deposit is not None and deposit.is_available:
        if amount_fen != deposit.cash_fen:
            return exceptional(ExceptionReason.AMOUNT_DIFFERS)
        reason = DepositReason.REFUNDED_AT_PROVIDER
        await release_deposits(tx, [deposit], reason=reason, now_ms=now_ms, cause=cause_of(event))
        await restate_power(context, tx, await catalogue.find_lot(tx, deposit.lot_id), deposit.bidder_id)
        await _record_made(context, tx, event, refund_of(deposit, amount_fen).operation_id)
    elif deposit is None and award is not None and award.status is AwardStatus.DUE:
        if amount_fen != opening.amount_fen:
            return exceptional(ExceptionReason.AMOUNT_DIFFERS)
        await reversals.take_back(tx, award.award_id, amount_fen)
        await refund_payment(tx, opening, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause_of(event))
        await _record_made(context, tx, event, refund_of_payment(opening, amount_fen).operation_id)
    else:
        reversal = await disputes.open_reversal(
            tx, event, payment, kind=ReversalKind.REFUND, amount_fen=amount_fen, now_ms=now_ms
        )
        await disputes.record_loss(tx, event, payment, reversal, now_ms)
        return APPLIED
    if payment.settlement is not None:
        await add_step(
            tx,
            payment.settlement.lot_id,
            payment.settlement.state,
            StepName.REFUNDED_AT_PROVIDER,
            actor=SYSTEM_ACTOR,
            at_ms=now_ms,
            details={"amount_fen": amount_fen},
        )
    return APPLIED


async def _record_made(context: AppContext, tx: Transaction, event: ProviderEvent, operation_id: str) -> None:
    refund = await operations.lock(tx, operation_id)
    await record_outcome(context, tx, refund, _made(event), context.clock_ms())


def _made(event: ProviderEvent) -> Reply:
    return Reply(ReplyStatus.SUCCEEDED, event.ref, amount_fen=event.amount_fen)
