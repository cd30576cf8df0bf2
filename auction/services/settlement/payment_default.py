"""A winner who does not pay: the award is undone, the deposit goes into suspense, the lot goes on to the next."""

from auction.books import defaults, deposits, journal, operations, settlements
from auction.books.defaults import Approval
from auction.books.journal import Cause
from auction.books.operations import Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as recipes
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.domain.journal import JournalAccount
from auction.domain.money import share
from auction.domain.states import SettlementState
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import capture_of
from auction.services.registration.bidding_power import held_for, restate_power
from auction.services.settlement.dual_control import ask_or_agree
from auction.services.settlement.payment_outcomes import forfeit, refund_payment
from auction.services.settlement.transitions import HOUSE, LockedSettlement, lock_settlement, move, must_allow


async def declare_default(
    context: AppContext,
    lot_id: str,
    *,
    cause: str,
    actor: str = HOUSE,
    award_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Undo the award of a lot: its time is over, or its winner refuses. Raises WrongState, PAYMENT_PENDING."""
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, "default")
        await _default(context, tx, locked, cause=cause, actor=actor, award_id=award_id, reason=reason)


async def default_by_staff(context: AppContext, lot_id: str, *, actor: str, reason: str) -> Approval | None:
    """Declare a default before the time is over: two persons must want it. The request that waits, or None: done.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(same-person, payment-pending).
    """
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, "default")
        waiting = await ask_or_agree(
            tx,
            lot_id,
            "default",
            actor=actor,
            reason=reason,
            now_ms=context.clock_ms(),
            since_ms=locked.settlement.changed_at_ms,
        )
        if waiting is None:
            await _default(context, tx, locked, cause="staff", actor=actor, award_id=None, reason=reason)
    return waiting


async def _default(
    context: AppContext,
    tx: Transaction,
    locked: LockedSettlement,
    *,
    cause: str,
    actor: str,
    award_id: str | None,
    reason: str | None,
) -> None:
    now_ms = context.clock_ms()
    must_allow(locked.settlement, "default")
    award = await settlements.live_award(tx, locked.lot_id)
    if award is None or (award_id is not None and award.award_id != award_id):
        raise WrongState("declare a default", locked.settlement.state, ["awarded"])
    if cause == "deadline" and now_ms < award.default_at_ms:
        # an award that came after the one whose time is over
        return
    asked = await operations.operations_of_award(tx, award.award_id)
    if any(one.kind == "charge" and not one.resolved for one in asked):
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING, "A payment for this award is under way; wait for what becomes of it."
        )
    applied = await deposits.deposits_for_award(tx, award.award_id)
    if any(deposit.status == "held" and not deposit.is_cash for deposit in applied):
        # the winner did what they had to do, and the rest is between the house and the provider
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING,
            "The deposit that pays this award is being captured; wait for what becomes of it.",
        )
    await settlements.change_award(tx, award.award_id, status="defaulted")
    act = Cause(
        "deadline" if cause == "deadline" else "bidder-action" if cause == "refusal" else "staff-action",
        f"default:{award.award_id}:{actor}"[:120],
    )
    await _undo_award(tx, award, asked, now_ms=now_ms, cause=act)
    settlement = locked.terms.settlement
    await defaults.add(
        tx,
        default_id=award.award_id,
        lot_id=locked.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
        commission_fen=share(award.price_fen, settlement.seller_commission_bps),
        cause=cause,
        at_ms=now_ms,
        resolve_by_ms=now_ms + settlement.resale_window_ms,
        cost_fen=0,
    )
    held_fen = await _take_deposits(context, tx, locked, award, now_ms=now_ms, cause=act)
    await move(
        tx,
        locked.lot_id,
        SettlementState.DEFAULTED,
        "defaulted",
        actor=actor,
        at_ms=now_ms,
        deadline_at_ms=now_ms,
        reason=reason,
        details={
            "award_id": award.award_id,
            "paddle": award.paddle,
            "price_fen": award.price_fen,
            "deposit_fen": held_fen,
            "cause": cause,
        },
    )


async def _undo_award(tx: Transaction, award: Award, asked: list[Operation], *, now_ms: int, cause: Cause) -> None:
    """The winner owes no longer, and gets back what they had paid of it beyond their deposit."""
    entry = recipes.award_reversed(
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    for one in asked:
        if one.kind == "charge" and one.status == "succeeded":
            await refund_payment(tx, one, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause)


async def _take_deposits(
    context: AppContext, tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: Cause
) -> int:
    """Decide that the defaulter's deposits are forfeited: cash at once, promises once captured. The sum, in fen.

    Those that were to pay the award, while the rest of it never came, are forfeited too.
    """
    taken = await deposits.redirect(tx, award.award_id, "forfeit", reason="default")
    for deposit in await held_for(tx, locked.record, locked.terms, award.bidder_id):
        if deposit.counts:
            taken += await deposits.decide(
                tx, [deposit.deposit_id], "forfeit", reason="default", award_id=award.award_id
            )
    for deposit in taken:
        if deposit.is_cash:
            await forfeit(tx, deposit, now_ms=now_ms, cause=cause)
        else:
            await operations.intend(tx, [capture_of(deposit, deposit.amount_fen)], at_ms=now_ms)
        if deposit.policy == "purse":
            await restate_power(context, tx, locked.record, award.bidder_id)
    return sum(deposit.amount_fen for deposit in taken)


async def collect(context: AppContext) -> int:
    """Note which defaults have got all they will of the forfeited deposits; how many."""
    async with context.books.reading() as tx:
        waiting = await defaults.collecting(tx)
    done = 0
    for one in waiting:
        async with context.books.transaction() as tx:
            await lock_settlement(tx, one.lot_id)
            default = await defaults.lock(tx, one.default_id)
            if default is None or default.status != "collecting":
                continue
            theirs = await deposits.deposits_for_award(tx, one.default_id)
            if any(deposit.status == "held" for deposit in theirs):
                continue
            forfeited_fen = sum(d.captured_fen or 0 for d in theirs if d.status == "forfeited")
            await defaults.change(tx, one.default_id, status="collected", forfeited_fen=forfeited_fen)
        done += 1
    return done
