"""What payments and captures do to an award: it is paid once payments and deposits cover everything that is due.

`SettlementOutcomes` is called in the transaction that resolves a payment operation. The winner's charge comes first and
the deposit after it, so that a declined card costs nobody a deposit.
"""

from collections.abc import Sequence

from auction.books import bidders, deposits, journal, operations, reversals, runners_up, settlements
from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.accounts import JournalAccount
from auction.domain.deposits import PurseDeposit
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.provider_event_states import ReversalStatus
from auction.domain.states import (
    AwardStatus,
    CauseKind,
    DepositReason,
    DepositStatus,
    Disposition,
    OperationKind,
    OperationStatus,
    SettlementAction,
    StepName,
)
from auction.domain.terms import Terms
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import (
    capture_of,
    gateway_cause,
    refund_deposit,
    refund_of,
    release_deposits,
)
from auction.services.registration.bidding_power import deposits_for
from auction.services.settlement.charge_parts import intend_next_part, limits_of
from auction.services.settlement.purse_shares import use_share
from auction.services.settlement.transitions import SYSTEM_ACTOR, LockedSettlement, add_step, lock_settlement, move


class SettlementOutcomes:
    """Implements `auction.services.context.AwardOutcomes`."""

    async def record_payment(self, context: AppContext, tx: Transaction, operation: Operation, now_ms: int) -> None:
        """Record a charge for an award, received or declined, and apply the deposits if it completes the payment.

        A charge for an award that is not due any more, or for more than is due, is refunded at once. After a part of a
        sum the next one is intended, and after the last one the deposits are applied.
        """
        locked = await lock_settlement(tx, operation.lot_id)
        award = await settlements.find_award(tx, str(operation.award_id))
        if award is None:
            raise RuntimeError(f"operation {operation.operation_id} pays for an award that is not in the database")
        details = {
            "award_id": award.award_id,
            "amount_fen": operation.amount_fen,
            "operation_id": operation.operation_id,
        }
        if operation.status is OperationStatus.FAILED:
            await add_step(
                tx,
                operation.lot_id,
                locked.settlement.state,
                StepName.PAYMENT_DECLINED,
                actor=SYSTEM_ACTOR,
                at_ms=now_ms,
                details={**details, "failure": operation.failure or ""},
            )
            return
        entry = postings.payment_received(
            operation_id=operation.operation_id,
            lot_id=operation.lot_id,
            bidder_id=operation.bidder_id,
            amount_fen=operation.amount_fen,
        )
        cause = gateway_cause(operation)
        await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
        if award.status is not AwardStatus.DUE or operation.amount_fen > award.due_fen:
            await refund_payment(tx, operation, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause)
            return
        await add_step(
            tx,
            operation.lot_id,
            locked.settlement.state,
            StepName.PAYMENT_RECEIVED,
            actor=operation.bidder_id,
            at_ms=now_ms,
            details=details,
        )
        received_fen = award.received_fen + operation.amount_fen
        award = await settlements.record_received(tx, award.award_id, received_fen=received_fen)
        secured = await secured_fen(tx, locked.record, locked.terms, award)
        if not await intend_next_part(context, tx, operation, award, secured_fen=secured, now_ms=now_ms):
            await apply_deposits(context, tx, locked, award, now_ms=now_ms, cause=cause)

    async def record_refund_failure(self, tx: Transaction, operation: Operation, now_ms: int) -> None:
        """Note in the timeline that a confirmed refund came back."""
        settlement = await settlements.find(tx, operation.lot_id)
        if settlement is not None:
            await add_step(
                tx,
                operation.lot_id,
                settlement.state,
                StepName.REFUND_FAILED,
                actor=SYSTEM_ACTOR,
                at_ms=now_ms,
                details={"amount_fen": operation.amount_fen, "failure": operation.failure or ""},
            )

    async def record_capture(self, tx: Transaction, operation: Operation, deposit: Deposit, now_ms: int) -> None:
        """Use a captured deposit as its disposition says, or note that it lapsed."""
        cause = gateway_cause(operation)
        match deposit.disposition:
            case Disposition.RELEASE if deposit.is_cash:
                # it was captured to be applied or kept, and is to be released by now
                await refund_deposit(tx, deposit, now_ms=now_ms, cause=cause)
            case Disposition.FORFEIT:
                if deposit.is_cash:
                    await forfeit_deposit(tx, deposit, now_ms=now_ms, cause=cause)
                await _add_capture_step(tx, deposit, now_ms)
            case Disposition.APPLY:
                await _add_capture_step(tx, deposit, now_ms)
                award = await settlements.find_award(tx, str(deposit.award_id))
                if award is None:
                    raise RuntimeError(f"deposit {deposit.deposit_id} pays an award that is not in the database")
                locked = await lock_settlement(tx, award.lot_id)
                # read again under the lock: another payment may have been recorded meanwhile
                award = await settlements.live_award(tx, award.lot_id)
                if award is not None and award.award_id == deposit.award_id and award.status is AwardStatus.DUE:
                    if not deposit.is_cash:
                        award = await _grant_cure(tx, locked, award, deposit, now_ms=now_ms)
                    await complete_payment(tx, locked, award, now_ms=now_ms, cause=cause)


async def _grant_cure(
    tx: Transaction, locked: LockedSettlement, award: Award, deposit: Deposit, *, now_ms: int
) -> Award:
    """Give a winner whose deposit the house failed to collect the time to pay that part, once an award. The award."""
    cure_ms = locked.terms.settlement.cure_ms
    if award.cure_until_ms is not None or cure_ms == 0:
        return award
    until_ms = max(award.default_at_ms, now_ms + cure_ms)
    await settlements.set_deadline(tx, award.lot_id, deadline_at_ms=until_ms)
    await add_step(
        tx,
        award.lot_id,
        locked.settlement.state,
        StepName.CURE_PERIOD,
        actor=SYSTEM_ACTOR,
        at_ms=now_ms,
        details={"award_id": award.award_id, "amount_fen": deposit.amount_fen, "pay_by_ms": until_ms},
    )
    return await settlements.grant_cure(tx, award.award_id, until_ms=until_ms)


async def _add_capture_step(tx: Transaction, deposit: Deposit, now_ms: int) -> None:
    settlement = await settlements.find(tx, deposit.lot_id)
    if settlement is None:
        return
    step = StepName.DEPOSIT_CAPTURED if deposit.is_cash else StepName.DEPOSIT_LAPSED
    details = {"deposit_id": deposit.deposit_id, "amount_fen": deposit.captured_fen or deposit.amount_fen}
    await add_step(tx, deposit.lot_id, settlement.state, step, actor=SYSTEM_ACTOR, at_ms=now_ms, details=details)


# --- what is due and what covers it -----------------------------------------------------------------------------------


async def secured_fen(tx: Transaction, record: LotRecord, terms: Terms, award: Award) -> int:
    """What the winner's deposits can pay of an award, in fen, those that are being captured for it included.

    Of a purse that is the award's share.
    """
    is_purse = isinstance(terms.deposit, PurseDeposit)
    share = await bidders.share_of(tx, lot_id=award.lot_id, bidder_id=award.bidder_id) if is_purse else 0
    found = await deposits_for(tx, record, terms, award.bidder_id)
    available_fen = sum(one.worth_fen for one in found if one.is_available)
    decided = [one for one in found if one.status is DepositStatus.HELD and one.award_id == award.award_id]
    return sum(one.worth_fen for one in decided) + (min(share, available_fen) if is_purse else available_fen)


def check_no_open_charge(requested: Sequence[Operation]) -> None:
    """Raises RequestRefused(payment-pending) where the outcome of a charge among an award's operations is not known."""
    if any(one.is_open_charge for one in requested):
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING, "A payment for this award is in progress; wait for its outcome."
        )


async def check_not_taken_back(
    context: AppContext, tx: Transaction, award: Award, statuses: Sequence[ReversalStatus]
) -> None:
    """Raises RequestRefused(payment-disputed) where a payment of an award was taken back, in one of these statuses."""
    for one in await reversals.live_of_award(tx, award.award_id):
        if one.status in statuses:
            raise RequestRefused(
                ProblemCode.PAYMENT_DISPUTED,
                f"The payment provider has taken back {context.money.text(one.amount_fen)} of what was paid for this "
                "award; "
                + (
                    "wait until that is decided."
                    if one.status is ReversalStatus.OPEN
                    else "it is lost. Declare the lot void instead."
                ),
                {"amount_fen": one.amount_fen, "reversal_status": one.status},
            )


async def apply_deposits(
    context: AppContext, tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: Cause
) -> Award:
    """Decide that the winner's deposits pay what is due, request their captures, and complete the payment if possible.

    The award as it is then.
    """
    if isinstance(locked.terms.deposit, PurseDeposit):
        await use_share(
            context,
            tx,
            locked,
            award,
            Disposition.APPLY,
            at_most_fen=award.due_fen,
            reason=DepositReason.PAID,
            now_ms=now_ms,
            cause=cause,
        )
        return await complete_payment(tx, locked, award, now_ms=now_ms, cause=cause)
    covered_fen = 0
    to_capture: list[tuple[Deposit, int]] = []
    for deposit in await deposits_for(tx, locked.record, locked.terms, award.bidder_id):
        left_fen = award.due_fen - covered_fen
        if not deposit.is_available or left_fen <= 0:
            continue
        await deposits.set_disposition(
            tx, [deposit.deposit_id], Disposition.APPLY, reason=DepositReason.PAID, award_id=award.award_id
        )
        if not deposit.is_cash:
            to_capture.append((deposit, left_fen))
        covered_fen += deposit.worth_fen
    for deposit, left_fen in to_capture:
        # of several captures one may fail: then the others are needed whole, and what is too much is refunded
        least_fen = limits_of(context, deposit.provider).min_fen
        is_enough = len(to_capture) == 1
        wanted_fen = min(deposit.amount_fen, max(left_fen, least_fen)) if is_enough else deposit.amount_fen
        await operations.intend(tx, [capture_of(deposit, wanted_fen)], at_ms=now_ms)
    return await complete_payment(tx, locked, award, now_ms=now_ms, cause=cause)


async def complete_payment(
    tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: Cause
) -> Award:
    """Apply the deposits and mark the award paid, if all are cash and cover what is due. The award as it is then.

    Otherwise the deposits stay held. Where one could not be captured, the winner pays the rest by another charge.
    """
    held = [
        deposit
        for deposit in await deposits.deposits_for_award(tx, award.award_id)
        if deposit.status is DepositStatus.HELD
    ]
    if any(not deposit.is_cash for deposit in held):
        return award
    if sum(deposit.captured_fen or 0 for deposit in held) < award.due_fen:
        return award
    for deposit in held:
        award = await _apply_deposit(tx, deposit, award, now_ms=now_ms, cause=cause)
    return await _mark_paid(tx, locked, award, now_ms)


async def _apply_deposit(tx: Transaction, deposit: Deposit, award: Award, *, now_ms: int, cause: Cause) -> Award:
    """Pay an award with a cash deposit; the part above what is due is refunded. The award."""
    amount_fen = deposit.captured_fen or 0
    entry = postings.deposit_applied(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=amount_fen,
        owed_fen=award.due_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    paid_fen = min(amount_fen, award.due_fen)
    if amount_fen > paid_fen:
        await operations.intend(tx, [refund_of(deposit, amount_fen - paid_fen)], at_ms=now_ms)
    await deposits.mark_applied(tx, deposit.deposit_id, at_ms=now_ms)
    return await settlements.record_received(tx, award.award_id, received_fen=award.received_fen + paid_fen)


async def _mark_paid(tx: Transaction, locked: LockedSettlement, award: Award, now_ms: int) -> Award:
    """Mark an award paid, and release the runners-up."""
    award = await settlements.mark_award_paid(tx, award.award_id, at_ms=now_ms)
    await bidders.end_share(tx, lot_id=award.lot_id, bidder_id=award.bidder_id)
    await move(
        tx,
        locked.lot_id,
        SettlementAction.PAY,
        actor=award.bidder_id,
        at_ms=now_ms,
        deadline_at_ms=now_ms + locked.terms.settlement.handover_window_ms,
        details={"award_id": award.award_id, "received_fen": award.received_fen, "paddle": award.paddle},
    )
    await release_remaining(tx, locked, now_ms=now_ms, cause=Cause(CauseKind.LOT_EVENT, f"{locked.lot_id}:paid"))
    return award


# --- refunds, forfeits and releases -----------------------------------------------------------------------------------


async def refund_payment(
    tx: Transaction, paid: Operation, source: JournalAccount, *, now_ms: int, cause: Cause
) -> None:
    """Owe a whole payment back out of an account, but for what a dispute has taken, and request its refund."""
    amount_fen = paid.amount_fen - await reversals.lost_of_operation(tx, paid.operation_id)
    if amount_fen == 0:
        return
    entry = postings.refund_owed(
        key_id=f"refund-{paid.operation_id}",
        lot_id=paid.lot_id,
        bidder_id=paid.bidder_id,
        amount_fen=amount_fen,
        source=source,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    await operations.intend(tx, [refund_of_payment(paid, amount_fen)], at_ms=now_ms)


def refund_of_payment(paid: Operation, amount_fen: int) -> Intent:
    """The intent to refund a payment, or what is left of it."""
    return Intent(
        operation_id=f"refund-{paid.operation_id}",
        kind=OperationKind.REFUND,
        lot_id=paid.lot_id,
        bidder_id=paid.bidder_id,
        amount_fen=amount_fen,
        provider=paid.provider,
        payment_method=paid.payment_method,
        award_id=paid.award_id,
        target_ref=paid.provider_ref,
    )


async def forfeit_deposit(tx: Transaction, deposit: Deposit, *, now_ms: int, cause: Cause) -> None:
    """Move a defaulter's cash deposit to suspense, where it waits for the waterfall."""
    entry = postings.deposit_forfeited(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=deposit.captured_fen or 0,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    await deposits.mark_forfeited(tx, deposit.deposit_id, at_ms=now_ms)


async def release_remaining(tx: Transaction, locked: LockedSettlement, *, now_ms: int, cause: Cause) -> None:
    """Release what is still held for a lot; a purse stays for the other lots of the sale, but not for this one."""
    await runners_up.release(tx, locked.lot_id, at_ms=now_ms)
    held = [one for one in await deposits.deposits_of_lot(tx, locked.lot_id, locked=True) if one.is_available]
    others = [deposit for deposit in held if not deposit.is_purse]
    if others:
        await release_deposits(tx, others, reason=DepositReason.NOT_NEEDED, now_ms=now_ms, cause=cause)
