"""A block takes a bidder's power on every lot, whoever is registering them at that moment."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from auction.books import registration_batches
from auction.domain.bidding import Bid, Refused
from auction.domain.errors import ProblemCode, RefusalCode, RequestRefused
from auction.services.payments import deposit_outcomes
from auction.services.registration.bidder_acts import BidderCall
from auction.services.registration.blocked_bidders import request_or_block, request_or_unblock, show_bidder
from tests.settlement.conftest import YUAN, Stage

CLERK = BidderCall("olga")


async def limits(stage: Stage) -> set[int | None]:
    """The limits of all registrations; each was sent to the ledger."""
    async with stage.context.books.reading() as tx:
        rows = await tx.rows(text("SELECT limit_fen, power_version = synced_version AS sent FROM registrations"))
    assert all(row["sent"] for row in rows)
    return {row["limit_fen"] for row in rows}


async def refusal(stage: Stage, lot_id: str) -> str:
    (answer,) = await stage.context.ledger.place_bids(lot_id, [Bid("ann", 900 * YUAN, "key-00000900")])
    assert isinstance(answer, Refused), answer
    return str(answer.code)


@pytest.fixture
def alone(stage: Stage) -> Stage:
    """A house in which one person acts."""
    stage.context = replace(stage.context, two_persons=False)
    return stage


@pytest.mark.parametrize(
    "where, step",
    [
        # before her power is locked, and after it was worked out
        pytest.param(deposit_outcomes, "link", id="link"),
        pytest.param(registration_batches, "add_registrations", id="add"),
    ],
)
async def test_who_is_being_registered_while_they_are_blocked_may_not_bid(
    alone: Stage, monkeypatch: pytest.MonkeyPatch, where: Any, step: str
) -> None:
    first, second = await alone.open_lot(), await alone.open_lot()
    await alone.register(first, "ann")
    reached, go = asyncio.Event(), asyncio.Event()
    plain = getattr(where, step)

    async def held_up(*args: Any, **more: Any) -> Any:
        found = await plain(*args, **more)
        reached.set()
        await go.wait()
        return found

    monkeypatch.setattr(where, step, held_up)
    registering = asyncio.create_task(alone.register(second, "ann"))
    await reached.wait()
    blocking = asyncio.create_task(request_or_block(alone.context, "ann", CLERK, reason="bids for the seller"))
    await _has_ended_or_waits(alone, blocking)
    go.set()
    await asyncio.gather(registering, blocking)
    assert await limits(alone) == {0}
    assert [await refusal(alone, lot_id) for lot_id in (first, second)] == [RefusalCode.OVER_LIMIT] * 2


async def _has_ended_or_waits(stage: Stage, task: "asyncio.Task[Any]") -> None:
    """Until a task is done, or waits for a lock in the database."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while not task.done():
        async with stage.context.books.reading() as tx:
            if await tx.session.scalar(waiting):
                return
        await asyncio.sleep(0.02)


async def test_a_block_that_is_done_again_changes_nothing_and_neither_does_its_end(alone: Stage) -> None:
    lot_id = await alone.open_lot()
    await alone.register(lot_id, "ann")
    for _ in range(2):
        assert await request_or_block(alone.context, "ann", CLERK, reason="bids for the seller") is None
    assert (await show_bidder(alone.context, "ann")).block is not None
    assert await request_or_unblock(alone.context, "ann", CLERK, reason="a mistake") is None
    assert await limits(alone) != {0}
    with pytest.raises(RequestRefused) as refused:
        await request_or_unblock(alone.context, "ann", CLERK, reason="a mistake")
    assert refused.value.code == ProblemCode.BIDDER_NOT_BLOCKED
