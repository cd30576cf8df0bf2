"""Defaults: a winner does not pay, the award is reversed, the deposit is forfeited, and the lot moves on."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from auction.books import defaults, deposits, journal, operations, settlements
from auction.books.approvals import Approval
from auction.books.defaults import Default
from auction.books.journal import Cause
from auction.books.operations import Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.accounts import JournalAccount
from auction.domain.approval_actions import ApprovalAction
from auction.domain.deposits import PurseDeposit
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.domain.money import share
from auction.domain.provider_event_states import ReversalStatus
from auction.domain.states import (
    AwardStatus,
    CauseKind,
    DefaultCause,
    DefaultStatus,
    DepositReason,
    DepositStatus,
    Disposition,
    ReturnReason,
    SettlementAction,
    SettlementState,
)
from auction.services.context import AppContext
from auction.services.isolation import Stage, isolated
from auction.services.payments.deposit_outcomes import capture_of
from auction.services.registration.bidding_power import deposits_for
from auction.services.second_person import NO_CONFIRMATION, Confirmation
from auction.services.settlement.charge_parts import can_waive, waive_rest
from auction.services.settlement.dual_control import ANY_REQUEST, request_or_approve
from auction.services.settlement.payment_outcomes import (
    apply_deposits,
    check_no_open_charge,
    check_not_taken_back,
    complete_payment,
    forfeit_deposit,
    refund_payment,
    secured_fen,
)
from auction.services.settlement.purse_shares import use_share
from auction.services.settlement.transfer_returns import return_transfers
from auction.services.settlement.transitions import (
    SYSTEM_ACTOR,
    LockedSettlement,
    check_allowed,
    lock_settlement,
    move,
)

CAUSE_KIND: Mapping[DefaultCause, CauseKind] = MappingProxyType(
    {
        DefaultCause.DEADLINE: CauseKind.DEADLINE,
        DefaultCause.REFUSAL: CauseKind.BIDDER_ACTION,
        DefaultCause.STAFF: CauseKind.STAFF_ACTION,
    }
)
"""What causes the journal entries of a default."""
CAUSE_REF_LENGTH_MAX = 120


async def declare_default(
    context: AppContext,
    lot_id: str,
    *,
    cause: DefaultCause,
    actor: str = SYSTEM_ACTOR,
    award_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Declare a default on the award of a lot (None: whichever is in force): its time is over, or the winner refuses.

    An award that payments and deposits cover is completed instead.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(payment-pending), BooksAway.
    """
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.DEFAULT)
        await _default(context, tx, locked, cause=cause, actor=actor, award_id=award_id, reason=reason)


async def default_by_staff(
    context: AppContext,
    lot_id: str,
    *,
    actor: str,
    reason: str,
    agrees_to: int | None = ANY_REQUEST,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Declare a default before the time is over, which needs two persons: the request that waits, or None: done.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(approval-waiting, same-person, payment-pending),
    BooksAway.
    """
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.DEFAULT)
        waiting = await request_or_approve(
            context,
            tx,
            lot_id,
            ApprovalAction.DEFAULT,
            actor=actor,
            reason=reason,
            now_ms=context.clock_ms(),
            since_ms=locked.settlement.changed_at_ms,
            agrees_to=agrees_to,
            confirmation=confirmation,
        )
        if waiting is None:
            await _default(context, tx, locked, cause=DefaultCause.STAFF, actor=actor, award_id=None, reason=reason)
    return waiting


async def _default(
    context: AppContext,
    tx: Transaction,
    locked: LockedSettlement,
    *,
    cause: DefaultCause,
    actor: str,
    award_id: str | None,
    reason: str | None,
) -> None:
    now_ms = context.clock_ms()
    check_allowed(locked.settlement, SettlementAction.DEFAULT)
    award = await settlements.live_award(tx, locked.lot_id)
    if award is None or (award_id is not None and award.award_id != award_id):
        raise WrongState("declare a default", locked.settlement.state, [SettlementState.AWARDED])
    if cause is DefaultCause.DEADLINE and now_ms < award.default_at_ms:
        # the award whose time is over was followed by another
        return
    requested = await operations.operations_of_award(tx, award.award_id)
    check_no_open_charge(requested)
    await check_not_taken_back(context, tx, award, [ReversalStatus.OPEN])
    applied = await deposits.deposits_for_award(tx, award.award_id)
    if any(deposit.status is DepositStatus.HELD and not deposit.is_cash for deposit in applied):
        # the winner has paid their part; the capture is not in their hands
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING,
            "The deposit that pays this award is being captured; wait for its outcome.",
        )
    if await _is_completed(context, tx, locked, award, now_ms=now_ms, cause=cause):
        return
    await settlements.mark_award_defaulted(tx, award.award_id)
    journal_cause = Cause(CAUSE_KIND[cause], f"default:{award.award_id}:{actor}"[:CAUSE_REF_LENGTH_MAX])
    await _reverse_award(tx, award, requested, now_ms=now_ms, cause=journal_cause)
    returned_fen = await return_transfers(
        tx, award, JournalAccount.BUYER_RECEIVABLE, why=ReturnReason.DEFAULT, now_ms=now_ms, cause=journal_cause
    )
    terms = locked.terms.settlement
    await defaults.add(
        tx,
        default_id=award.award_id,
        lot_id=locked.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
        commission_fen=share(award.price_fen, terms.seller_commission_bps),
        cause=cause,
        at_ms=now_ms,
        resolve_by_ms=now_ms + terms.resale_window_ms,
        cost_fen=0,
    )
    deposit_fen = await _forfeit_deposits(context, tx, locked, award, now_ms=now_ms, cause=journal_cause)
    await move(
        tx,
        locked.lot_id,
        SettlementAction.DEFAULT,
        actor=actor,
        at_ms=now_ms,
        deadline_at_ms=now_ms + terms.decision_window_ms,
        reason=reason,
        details={
            "award_id": award.award_id,
            "paddle": award.paddle,
            "price_fen": award.price_fen,
            "deposit_fen": deposit_fen,
            "returned_fen": returned_fen,
            "cause": cause,
        },
    )


async def _is_completed(
    context: AppContext, tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: DefaultCause
) -> bool:
    """Whether an award is covered, and so is paid, or will be once a deposit is captured: nobody defaults on it.

    Where the time is over, deposits that nobody has decided about count too, and a rest that is too small to be charged
    is waived; a winner who refuses has decided.
    """
    journal_cause = Cause(CauseKind.DEADLINE, f"covered:{award.award_id}")
    if cause is not DefaultCause.DEADLINE:
        completed = await complete_payment(tx, locked, award, now_ms=now_ms, cause=journal_cause)
        return completed.status is AwardStatus.PAID
    secured = await secured_fen(tx, locked.record, locked.terms, award)
    if can_waive(context, award, secured_fen=secured):
        award = await waive_rest(tx, locked, award, now_ms=now_ms, cause=journal_cause)
    if secured < award.due_fen:
        return False
    await apply_deposits(context, tx, locked, award, now_ms=now_ms, cause=journal_cause)
    return True


async def _reverse_award(
    tx: Transaction, award: Award, requested: Sequence[Operation], *, now_ms: int, cause: Cause
) -> None:
    """Reverse the entry of an award, and refund what the winner paid by charges."""
    entry = postings.award_reversed(
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    for one in requested:
        if one.is_received_charge:
            await refund_payment(tx, one, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause)


async def _forfeit_deposits(
    context: AppContext, tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: Cause
) -> int:
    """Decide that the defaulter's deposits are forfeited: cash at once, authorised ones once captured. The sum, in fen.

    Deposits that were to pay the award are forfeited too; of a purse the award's share is.
    """
    forfeited = await deposits.change_disposition(tx, award.award_id, Disposition.FORFEIT, reason=DepositReason.DEFAULT)
    if isinstance(locked.terms.deposit, PurseDeposit):
        forfeited += await use_share(
            context,
            tx,
            locked,
            award,
            Disposition.FORFEIT,
            at_most_fen=award.price_fen,
            reason=DepositReason.DEFAULT,
            now_ms=now_ms,
            cause=cause,
        )
    else:
        held = [one for one in await deposits_for(tx, locked.record, locked.terms, award.bidder_id) if one.is_available]
        forfeited += await deposits.set_disposition(
            tx,
            [deposit.deposit_id for deposit in held],
            Disposition.FORFEIT,
            reason=DepositReason.DEFAULT,
            award_id=award.award_id,
        )
    for deposit in forfeited:
        if deposit.is_cash:
            await forfeit_deposit(tx, deposit, now_ms=now_ms, cause=cause)
        elif deposit.part_of is None:
            await operations.intend(tx, [capture_of(deposit, deposit.amount_fen)], at_ms=now_ms)
    return sum(deposit.amount_fen for deposit in forfeited)


async def record_collected(context: AppContext) -> int:
    """Note which defaults have all their forfeited deposits captured or lapsed; how many. Raises BooksAway."""
    items = await isolated(context, Stage.COLLECTING)
    async with context.books.reading() as tx:
        waiting = await defaults.collecting(tx)
    done = 0
    for one in waiting:
        done += await items.run(one.default_id, one.lot_id, partial(_record_collected, context, one))
    return done


async def _record_collected(context: AppContext, one: Default) -> int:
    async with context.books.transaction() as tx:
        await lock_settlement(tx, one.lot_id)
        default = await defaults.lock(tx, one.default_id)
        if default is None or default.status is not DefaultStatus.COLLECTING:
            return 0
        theirs = await deposits.deposits_for_award(tx, one.default_id)
        if any(deposit.status is DepositStatus.HELD for deposit in theirs):
            return 0
        forfeited_fen = sum(d.captured_fen or 0 for d in theirs if d.status is DepositStatus.FORFEITED)
        await defaults.mark_collected(tx, one.default_id, forfeited_fen=forfeited_fen)
    return 1
