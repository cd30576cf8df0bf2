"""What time alone brings about after the hammer: defaults, lapsed offers, the next step, kept deposits let go."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from auction.books import deposits, operations, settlements
from auction.books.journal import Cause
from auction.domain.errors import AuctionError, Unavailable
from auction.domain.settlement import SettlementState
from auction.services.deposits import capture_of, let_go
from auction.services.house import House
from auction.services.settlement.cascading import go_on, lapse_offer
from auction.services.settlement.defaulting import collect, declare_default
from auction.services.settlement.opening import open_settlements
from auction.services.settlement.sharing import share_out

log = structlog.get_logger()


async def settle(house: House) -> int:
    """Everything that is due after the hammer, once; how much was done. Raises BooksAway."""
    done = await open_settlements(house)
    done += await meet_deadlines(house)
    done += await collect(house)
    done += await share_out(house)
    done += await release_kept_too_long(house)
    return done + await capture_expiring(house)


async def meet_deadlines(house: House) -> int:
    """Move every settlement on whose time has come; one that cannot move yet holds no other up."""
    done, after = 0, (0, "")
    while True:
        async with house.books.reading() as work:
            due = await settlements.lots_due(work, now_ms=house.clock_ms(), after=after)
        for _, lot_id in due:
            done += await _meet_alone(house, lot_id)
        if len(due) < settlements.DUE_AT_ONCE:
            return done
        after = due[-1]


async def _meet_alone(house: House, lot_id: str) -> int:
    try:
        return await _meet(house, lot_id)
    except Unavailable:
        raise
    except AuctionError as error:
        log.info("settlement_waits", lot=lot_id, why=error.code)
    except (SQLAlchemyError, ValueError, RuntimeError):
        # its deadline stays past, which the board shows
        log.exception("settlement_stands_still", lot=lot_id)
    return 0


async def _meet(house: House, lot_id: str) -> int:
    async with house.books.reading() as work:
        settlement = await settlements.find(work, lot_id)
    now_ms = house.clock_ms()
    if settlement is None or settlement.deadline_at_ms is None or settlement.deadline_at_ms > now_ms:
        return 0
    match SettlementState(settlement.state):
        case SettlementState.AWARDED:
            await declare_default(house, lot_id, cause="deadline")
        case SettlementState.OFFERED:
            await lapse_offer(house, lot_id)
        case SettlementState.DEFAULTED:
            await go_on(house, lot_id)
        case _:
            return 0
    return 1


async def release_kept_too_long(house: House) -> int:
    """Let deposits go that were kept for runners-up until now, and purses that serve no lot any more."""
    now_ms = house.clock_ms()
    async with house.books.transaction() as work:
        kept = await deposits.deposits_to_release(work, now_ms=now_ms)
        kept += await deposits.idle_purses(work, now_ms=now_ms)
        if kept:
            await let_go(work, kept, why="not-needed", now_ms=now_ms, cause=Cause("deadline", "kept-deposits"))
    return len(kept)


async def capture_expiring(house: House) -> int:
    """Turn promises into money before the provider forgets them, where the deposit is still needed."""
    now_ms = house.clock_ms()
    async with house.books.transaction() as work:
        expiring = await deposits.deposits_expiring(work, before_ms=now_ms + house.money.capture_ahead_ms)
        intents = [capture_of(deposit, deposit.amount_fen) for deposit in expiring]
        await operations.intend(work, intents, at_ms=now_ms)
    return 0
