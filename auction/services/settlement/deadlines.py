"""What time alone brings about after the hammer: defaults, lapsed offers, the next step, kept deposits let go."""

import structlog

from auction.books import deposits, operations, settlements
from auction.books.journal import Cause
from auction.books.unit_of_work import StatementRejected
from auction.domain.errors import AuctionError, Unavailable
from auction.domain.states import SettlementState
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import capture_of, release_deposits
from auction.services.settlement.awards import open_settlements
from auction.services.settlement.payment_default import collect, declare_default
from auction.services.settlement.runner_up_offers import advance, lapse_offer
from auction.services.settlement.waterfall import share_out

log = structlog.get_logger()


async def settle(context: AppContext) -> int:
    """Everything that is due after the hammer, once; how much was done. Raises BooksAway."""
    done = await open_settlements(context)
    done += await meet_deadlines(context)
    done += await collect(context)
    done += await share_out(context)
    done += await release_kept_too_long(context)
    return done + await capture_expiring(context)


async def meet_deadlines(context: AppContext) -> int:
    """Move every settlement on whose time has come; one that cannot move yet holds no other up."""
    done, after = 0, (0, "")
    while True:
        async with context.books.reading() as tx:
            due = await settlements.lots_due(tx, now_ms=context.clock_ms(), after=after)
        for _, lot_id in due:
            done += await _meet_alone(context, lot_id)
        if len(due) < settlements.DUE_AT_ONCE:
            return done
        after = due[-1]


async def _meet_alone(context: AppContext, lot_id: str) -> int:
    try:
        return await _meet(context, lot_id)
    except Unavailable:
        raise
    except AuctionError as error:
        log.info("settlement_waits", lot=lot_id, reason=error.code)
    except (StatementRejected, ValueError, RuntimeError):
        # its deadline stays past, which the board shows
        log.exception("settlement_stands_still", lot=lot_id)
    return 0


async def _meet(context: AppContext, lot_id: str) -> int:
    async with context.books.reading() as tx:
        settlement = await settlements.find(tx, lot_id)
    now_ms = context.clock_ms()
    if settlement is None or settlement.deadline_at_ms is None or settlement.deadline_at_ms > now_ms:
        return 0
    match SettlementState(settlement.state):
        case SettlementState.AWARDED:
            await declare_default(context, lot_id, cause="deadline")
        case SettlementState.OFFERED:
            await lapse_offer(context, lot_id)
        case SettlementState.DEFAULTED:
            await advance(context, lot_id)
        case _:
            return 0
    return 1


async def release_kept_too_long(context: AppContext) -> int:
    """Let deposits go that were kept for runners-up until now, and purses that serve no lot any more."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        kept = await deposits.deposits_to_release(tx, now_ms=now_ms)
        kept += await deposits.idle_purses(tx, now_ms=now_ms)
        if kept:
            await release_deposits(
                tx, kept, reason="not-needed", now_ms=now_ms, cause=Cause("deadline", "kept-deposits")
            )
    return len(kept)


async def capture_expiring(context: AppContext) -> int:
    """Turn promises into money before the provider forgets them, where the deposit is still needed."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        expiring = await deposits.deposits_expiring(tx, before_ms=now_ms + context.money.capture_ahead_ms)
        intents = [capture_of(deposit, deposit.amount_fen) for deposit in expiring]
        await operations.intend(tx, intents, at_ms=now_ms)
    return 0
