"""What is due by time after the close: defaults, lapsed offers, next offers, releases, and captures before expiry."""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from auction.books import catalogue, deposits, expiring_holds, operations, purses, settlements
from auction.books.journal import Cause
from auction.domain.errors import Unavailable
from auction.domain.states import CauseKind, DefaultCause, DepositReason, SettlementState
from auction.services.context import AppContext
from auction.services.isolation import Stage, isolated
from auction.services.payments.deposit_outcomes import capture_of, release_deposits
from auction.services.registration.bidding_power import restate_power
from auction.services.settlement.awards import open_settlements
from auction.services.settlement.handover import record_overdue
from auction.services.settlement.payment_default import declare_default, record_collected
from auction.services.settlement.runner_up_offers import advance, lapse_offer
from auction.services.settlement.waterfall import run_waterfalls

log = structlog.get_logger()

MISSED_MS = 24 * 3_600_000
"""A lot that was not opened until so long after its end is missed: its deposits are released."""


async def settle(context: AppContext) -> int:
    """Do everything that is due after the close, once; how much was done. Raises BooksAway.

    The stages are independent: one that fails is logged, and the others go on. Captures before an authorisation expires
    come as early as can be, as nothing makes up for those; but after settlements are opened, which releases the
    deposits of losers, who are not to be charged.
    """
    stages: tuple[Callable[[AppContext], Awaitable[int]], ...] = (
        open_settlements,
        renew_expiring,
        capture_expiring,
        release_missed,
        process_deadlines,
        record_collected,
        run_waterfalls,
        release_idle_purses,
    )
    done = 0
    for stage in stages:
        try:
            done += await stage(context)
        except Unavailable:
            raise
        except Exception:
            log.exception("stage_failed", stage=stage.__name__)
    return done


async def process_deadlines(context: AppContext) -> int:
    """Move every settlement on whose deadline has passed; how many. One that cannot move delays no other."""
    items = await isolated(context, Stage.DEADLINE)
    done, after = 0, (0, "")
    while True:
        async with context.books.reading() as tx:
            due = await settlements.lots_due(tx, now_ms=context.clock_ms(), after=after)
        for _, lot_id in due:
            done += await items.run(lot_id, lot_id, partial(_process, context, lot_id))
        if len(due) < settlements.DUE_PAGE:
            return done
        after = due[-1]


async def _process(context: AppContext, lot_id: str) -> int:
    async with context.books.reading() as tx:
        settlement = await settlements.find(tx, lot_id)
    now_ms = context.clock_ms()
    if settlement is None or settlement.deadline_at_ms is None or settlement.deadline_at_ms > now_ms:
        return 0
    match settlement.state:
        case SettlementState.AWARDED:
            await declare_default(context, lot_id, cause=DefaultCause.DEADLINE)
        case SettlementState.OFFERED:
            await lapse_offer(context, lot_id)
        case SettlementState.DEFAULTED:
            await advance(context, lot_id)
        case SettlementState.PAID:
            await record_overdue(context, lot_id)
        case _:
            return 0
    return 1


async def release_idle_purses(context: AppContext) -> int:
    """Release purses that no lot of their sale needs; how many."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        unneeded = await purses.idle_purses(tx, missed_before_ms=now_ms - MISSED_MS)
        if unneeded:
            cause = Cause(CauseKind.DEADLINE, "idle-purses")
            await release_deposits(tx, unneeded, reason=DepositReason.NOT_NEEDED, now_ms=now_ms, cause=cause)
            for purse in unneeded:
                # a lot of the sale may have been missed, and staff may still open it
                await restate_power(context, tx, await catalogue.find_lot(tx, purse.lot_id), purse.bidder_id)
    return len(unneeded)


async def release_missed(context: AppContext) -> int:
    """Release the deposits for lots that were never opened, some time after their end; how many.

    Staff may still open such a lot: its bidders then put down deposits anew.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        found = await expiring_holds.of_missed_lots(tx, before_ms=now_ms - MISSED_MS)
        cause = Cause(CauseKind.DEADLINE, "missed-lots")
        await release_deposits(tx, found, reason=DepositReason.LOT_MISSED, now_ms=now_ms, cause=cause)
        for deposit in found:
            await restate_power(context, tx, await catalogue.find_lot(tx, deposit.lot_id), deposit.bidder_id)
    return len(found)


async def renew_expiring(context: AppContext) -> int:
    """Intend to hold deposits again that are still needed and expire soon; 0: the renewals are to come."""
    now_ms, rules = context.clock_ms(), context.money
    async with context.books.transaction() as tx:
        expiring = await expiring_holds.to_renew(
            tx,
            after_ms=now_ms + rules.capture_ahead_ms,
            before_ms=now_ms + rules.renew_ahead_ms,
            lasting_ms=rules.renew_ahead_ms + rules.capture_ahead_ms,
        )
        await operations.intend(tx, [expiring_holds.renewal_of(deposit) for deposit in expiring], at_ms=now_ms)
    return 0


async def capture_expiring(context: AppContext) -> int:
    """Intend the capture of authorised deposits that are still needed and expire soon; 0: the captures are to come."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        expiring = await deposits.deposits_expiring(tx, before_ms=now_ms + context.money.capture_ahead_ms)
        intents = [capture_of(deposit, deposit.amount_fen) for deposit in expiring]
        await operations.intend(tx, intents, at_ms=now_ms)
    return 0
