"""What is due by time after the close: defaults, lapsed offers, next offers, releases, and captures before expiry."""

import structlog

from auction.books import deposits, operations, settlements
from auction.books.journal import Cause
from auction.books.unit_of_work import StatementRejected
from auction.domain.errors import AuctionError, Unavailable
from auction.domain.states import CauseKind, DefaultCause, DepositReason, SettlementState
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import capture_of, release_deposits
from auction.services.settlement.awards import open_settlements
from auction.services.settlement.payment_default import declare_default, record_collected
from auction.services.settlement.runner_up_offers import advance, lapse_offer
from auction.services.settlement.waterfall import run_waterfalls

log = structlog.get_logger()


async def settle(context: AppContext) -> int:
    """Do everything that is due after the close, once; how much was done. Raises BooksAway."""
    done = await open_settlements(context)
    done += await process_deadlines(context)
    done += await record_collected(context)
    done += await run_waterfalls(context)
    done += await release_unneeded(context)
    await capture_expiring(context)
    return done


async def process_deadlines(context: AppContext) -> int:
    """Move every settlement on whose deadline has passed; how many. One that cannot move delays no other."""
    done, after = 0, (0, "")
    while True:
        async with context.books.reading() as tx:
            due = await settlements.lots_due(tx, now_ms=context.clock_ms(), after=after)
        for _, lot_id in due:
            done += await _process_or_log(context, lot_id)
        if len(due) < settlements.DUE_PAGE:
            return done
        after = due[-1]


async def _process_or_log(context: AppContext, lot_id: str) -> int:
    try:
        return await _process(context, lot_id)
    except Unavailable:
        raise
    except AuctionError as error:
        log.info("settlement_waits", lot=lot_id, reason=error.code)
    except (StatementRejected, ValueError, RuntimeError):
        # its deadline stays in the past, which finance sees
        log.exception("settlement_failed", lot=lot_id)
    return 0


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
        case _:
            return 0
    return 1


async def release_unneeded(context: AppContext) -> int:
    """Release deposits kept for runners-up until a time that has passed, and purses that no lot needs; how many."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        unneeded = await deposits.deposits_to_release(tx, now_ms=now_ms)
        unneeded += await deposits.idle_purses(tx, now_ms=now_ms)
        if unneeded:
            cause = Cause(CauseKind.DEADLINE, "kept-deposits")
            await release_deposits(tx, unneeded, reason=DepositReason.NOT_NEEDED, now_ms=now_ms, cause=cause)
    return len(unneeded)


async def capture_expiring(context: AppContext) -> None:
    """Intend the capture of authorised deposits that are still needed and expire soon."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        expiring = await deposits.deposits_expiring(tx, before_ms=now_ms + context.money.capture_ahead_ms)
        intents = [capture_of(deposit, deposit.amount_fen) for deposit in expiring]
        await operations.intend(tx, intents, at_ms=now_ms)
