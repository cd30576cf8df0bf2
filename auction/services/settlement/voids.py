"""Declares a lot void after its close: everything is reversed and all money refunded. Needs two persons of staff."""

from dataclasses import replace

from auction.books import defaults, deposits, journal, operations, settlements
from auction.books.approvals import Approval
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.journal import JournalAccount
from auction.domain.states import (
    ApprovalAction,
    AwardStatus,
    CauseKind,
    DepositReason,
    DepositStatus,
    Disposition,
    OfferStatus,
    OperationKind,
    SettlementAction,
)
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import refund_deposit, refund_of
from auction.services.settlement.dual_control import request_or_approve
from auction.services.settlement.payment_outcomes import (
    check_no_open_charge,
    refund_of_payment,
    refund_payment,
    release_remaining,
)
from auction.services.settlement.transitions import LockedSettlement, lock_settlement, move


async def void_settlement(context: AppContext, lot_id: str, *, actor: str, reason: str) -> Approval | None:
    """Declare a closed lot void before it is settled, which needs two persons: the request that waits, or None: done.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(same-person, payment-pending), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.VOID)
        waiting = await request_or_approve(
            tx,
            lot_id,
            ApprovalAction.VOID,
            actor=actor,
            reason=reason,
            now_ms=now_ms,
            since_ms=locked.settlement.changed_at_ms,
        )
        if waiting is not None:
            return waiting
        cause = Cause(CauseKind.STAFF_ACTION, f"void:{lot_id}:{actor}")
        award = await settlements.live_award(tx, lot_id)
        if award is not None:
            await _void_award(tx, award, now_ms=now_ms, cause=cause)
        offer = await settlements.open_offer(tx, lot_id)
        if offer is not None:
            await settlements.close_offer(tx, offer.offer_id, OfferStatus.WITHDRAWN, at_ms=now_ms)
        await _return_forfeited(tx, locked, now_ms=now_ms, cause=cause)
        await release_remaining(tx, locked, now_ms=now_ms, cause=cause)
        await move(
            tx,
            lot_id,
            SettlementAction.VOID,
            actor=actor,
            at_ms=now_ms,
            deadline_at_ms=None,
            reason=reason,
            details={"award_id": None if award is None else award.award_id},
        )
    return None


async def _void_award(tx: Transaction, award: Award, *, now_ms: int, cause: Cause) -> None:
    """Reverse an award, due or paid, and refund everything that was received for it."""
    requested = await operations.operations_of_award(tx, award.award_id)
    check_no_open_charge(requested)
    is_due = award.status is AwardStatus.DUE
    entry = (postings.award_reversed if is_due else postings.sale_reversed)(
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    for deposit in await deposits.change_disposition(
        tx, award.award_id, Disposition.RELEASE, reason=DepositReason.VOID
    ):
        if deposit.is_cash:
            await refund_deposit(tx, deposit, now_ms=now_ms, cause=cause)
    refunded = {one.operation_id for one in requested if one.kind is OperationKind.REFUND}
    paid = [one for one in requested if one.is_received_charge and f"refund-{one.operation_id}" not in refunded]
    applied = [
        one for one in await deposits.deposits_for_award(tx, award.award_id) if one.status is DepositStatus.APPLIED
    ]
    if is_due:
        for one in paid:
            await refund_payment(tx, one, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause)
    else:
        # the reversed sale owes the buyer everything already
        await operations.intend(tx, [refund_of_payment(one) for one in paid], at_ms=now_ms)
        left_fen = award.received_fen - sum(one.amount_fen for one in paid)
        for deposit in applied:
            # the part above what was due was refunded when the deposit was applied
            part_fen = min(left_fen, deposit.captured_fen or 0)
            left_fen -= part_fen
            if part_fen:
                await _intend_return(tx, deposit, part_fen, now_ms)
        await _clear_resale(tx, award.lot_id)
    await settlements.mark_award_void(tx, award.award_id)


async def _clear_resale(tx: Transaction, lot_id: str) -> None:
    """Let unresolved defaults on the lots before this one wait for another resale."""
    for default in await defaults.lock_unresolved(tx, await defaults.ancestors_of(tx, lot_id)):
        if default.resale_lot_id == lot_id:
            await defaults.clear_resale(tx, default.default_id)


async def _intend_return(tx: Transaction, deposit: Deposit, amount_fen: int, now_ms: int) -> None:
    """Intend a refund under its own id: the part above what was due may have been refunded under the usual one."""
    refund = refund_of(deposit, amount_fen)
    await operations.intend(tx, [replace(refund, operation_id=f"{refund.operation_id}-void")], at_ms=now_ms)


async def _return_forfeited(tx: Transaction, locked: LockedSettlement, *, now_ms: int, cause: Cause) -> None:
    """Refund the forfeited deposits of unresolved defaults, which do not count against their bidders any more."""
    for default in await defaults.of_lot(tx, locked.lot_id):
        if not default.is_unresolved:
            continue
        theirs = await deposits.deposits_for_award(tx, default.default_id)
        if any(deposit.status is DepositStatus.HELD for deposit in theirs):
            raise RequestRefused(
                ProblemCode.PAYMENT_PENDING, "A forfeited deposit is being captured; wait for its outcome."
            )
        for deposit in theirs:
            if deposit.status is DepositStatus.FORFEITED:
                entry = postings.forfeiture_returned(
                    deposit_id=deposit.deposit_id,
                    lot_id=deposit.lot_id,
                    bidder_id=deposit.bidder_id,
                    amount_fen=deposit.captured_fen or 0,
                )
                await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
                await _intend_return(tx, deposit, deposit.captured_fen or 0, now_ms)
        await defaults.mark_returned(tx, default.default_id, at_ms=now_ms)
