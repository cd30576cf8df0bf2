"""A winner who does not pay: the award is undone, the deposit goes into suspense, the lot goes on to the next."""

from auction.books import defaults, deposits, journal, operations, settlements
from auction.books.defaults import Approval
from auction.books.journal import Cause
from auction.books.operations import Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Work
from auction.domain import journal as recipes
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.domain.journal import Account
from auction.domain.money import share
from auction.domain.settlement import SettlementState
from auction.services.deposits import capture_of
from auction.services.house import House
from auction.services.power import held_for, restate
from auction.services.settlement.moving import HOUSE, Matter, lock_matter, move, must_allow
from auction.services.settlement.receiving import forfeit, give_back
from auction.services.settlement.two_persons import ask_or_agree


async def declare_default(
    house: House, lot_id: str, *, cause: str, actor: str = HOUSE, award_id: str | None = None, reason: str | None = None
) -> None:
    """Undo the award of a lot: its time is over, or its winner refuses. Raises WrongState, PAYMENT_PENDING."""
    async with house.books.transaction() as work:
        matter = await lock_matter(work, lot_id, "default")
        await _default(house, work, matter, cause=cause, actor=actor, award_id=award_id, reason=reason)


async def default_by_staff(house: House, lot_id: str, *, actor: str, reason: str) -> Approval | None:
    """Declare a default before the time is over: two persons must want it. The request that waits, or None: done.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(same-person, payment-pending).
    """
    async with house.books.transaction() as work:
        matter = await lock_matter(work, lot_id, "default")
        waiting = await ask_or_agree(
            work,
            lot_id,
            "default",
            actor=actor,
            reason=reason,
            now_ms=house.clock_ms(),
            since_ms=matter.settlement.changed_at_ms,
        )
        if waiting is None:
            await _default(house, work, matter, cause="staff", actor=actor, award_id=None, reason=reason)
    return waiting


async def _default(
    house: House, work: Work, matter: Matter, *, cause: str, actor: str, award_id: str | None, reason: str | None
) -> None:
    now_ms = house.clock_ms()
    must_allow(matter.settlement, "default")
    award = await settlements.live_award(work, matter.lot_id)
    if award is None or (award_id is not None and award.award_id != award_id):
        raise WrongState("declare a default", matter.settlement.state, ["awarded"])
    if cause == "deadline" and now_ms < award.default_at_ms:
        # an award that came after the one whose time is over
        return
    asked = await operations.operations_of_award(work, award.award_id)
    if any(one.kind == "charge" and not one.resolved for one in asked):
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING, "A payment for this award is under way; wait for what becomes of it."
        )
    applied = await deposits.deposits_for_award(work, award.award_id)
    if any(deposit.status == "held" and not deposit.is_cash for deposit in applied):
        # the winner did what they had to do, and the rest is between the house and the provider
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING,
            "The deposit that pays this award is being captured; wait for what becomes of it.",
        )
    await settlements.change_award(work, award.award_id, status="defaulted")
    act = Cause(
        "deadline" if cause == "deadline" else "bidder-action" if cause == "refusal" else "staff-action",
        f"default:{award.award_id}:{actor}"[:120],
    )
    await _undo_award(work, award, asked, now_ms=now_ms, cause=act)
    settlement = matter.terms.settlement
    await defaults.add(
        work,
        default_id=award.award_id,
        lot_id=matter.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
        commission_fen=share(award.price_fen, settlement.seller_commission_bps),
        cause=cause,
        at_ms=now_ms,
        resolve_by_ms=now_ms + settlement.resale_window_ms,
        cost_fen=0,
    )
    held_fen = await _take_deposits(house, work, matter, award, now_ms=now_ms, cause=act)
    await move(
        work,
        matter.lot_id,
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


async def _undo_award(work: Work, award: Award, asked: list[Operation], *, now_ms: int, cause: Cause) -> None:
    """The winner owes no longer, and gets back what they had paid of it beyond their deposit."""
    entry = recipes.award_reversed(
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
    )
    await journal.post(work, [entry], cause=cause, at_ms=now_ms)
    for one in asked:
        if one.kind == "charge" and one.status == "succeeded":
            await give_back(work, one, Account.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause)


async def _take_deposits(house: House, work: Work, matter: Matter, award: Award, *, now_ms: int, cause: Cause) -> int:
    """Decide that the defaulter's deposits are forfeited: cash at once, promises once captured. The sum, in fen.

    Those that were to pay the award, while the rest of it never came, are forfeited too.
    """
    taken = await deposits.redirect(work, award.award_id, "forfeit", why="default")
    for deposit in await held_for(work, matter.record, matter.terms, award.bidder_id):
        if deposit.counts:
            taken += await deposits.decide(
                work, [deposit.deposit_id], "forfeit", why="default", award_id=award.award_id
            )
    for deposit in taken:
        if deposit.is_cash:
            await forfeit(work, deposit, now_ms=now_ms, cause=cause)
        else:
            await operations.intend(work, [capture_of(deposit, deposit.amount_fen)], at_ms=now_ms)
        if deposit.policy == "purse":
            await restate(house, work, matter.record, award.bidder_id)
    return sum(deposit.amount_fen for deposit in taken)


async def collect(house: House) -> int:
    """Note which defaults have got all they will of the forfeited deposits; how many."""
    async with house.books.reading() as work:
        waiting = await defaults.collecting(work)
    done = 0
    for one in waiting:
        async with house.books.transaction() as work:
            await lock_matter(work, one.lot_id)
            default = await defaults.lock(work, one.default_id)
            if default is None or default.status != "collecting":
                continue
            theirs = await deposits.deposits_for_award(work, one.default_id)
            if any(deposit.status == "held" for deposit in theirs):
                continue
            forfeited_fen = sum(d.captured_fen or 0 for d in theirs if d.status == "forfeited")
            await defaults.change(work, one.default_id, status="collected", forfeited_fen=forfeited_fen)
        done += 1
    return done
