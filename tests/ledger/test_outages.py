"""Outages of bidding in the scripts: what is kept of them, and that no lot ends in one."""

import asyncio
from typing import Any

import pytest

from auction.domain.errors import LedgerChanged
from auction.domain.events import FreezeCause, Interrupted
from auction.domain.lot import LotStatus
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.keys import sale_of
from auction.ledger.replies import Snapshot
from tests.ledger.event_sequences import LONG_MS, LOT, OTHER_LOT, bid, entries, kinds, opened, refused, scheduled, taken

LIMIT_MS = 300
NEVER_MS = 2**40


def shard_of(ledger: BidLedger) -> int:
    return ledger.keys.shard_of_sale(sale_of(LOT))


async def beat(ledger: BidLedger, limit_ms: int = LIMIT_MS) -> None:
    await ledger.note_activity(shard_of(ledger), limit_ms=limit_ms)


async def activity(ledger: BidLedger) -> dict[str, int]:
    found: Any = await ledger.redis.hgetall(ledger.keys.activity(shard_of(ledger)))
    return {name.decode(): int(value) for name, value in found.items()}


async def silence(ledger: BidLedger, until_ms: int) -> None:
    """Nobody says that bids can be decided, until a time of the ledger's clock."""
    while (now_ms := await ledger.now_ms()) <= until_ms:  # noqa: ASYNC110 - the ledger's clock has no event
        await asyncio.sleep((until_ms - now_ms + 10) / 1000)


async def forget(ledger: BidLedger) -> None:
    """The lot was never there, nor anything of its shard."""
    keys, shard = ledger.keys, shard_of(ledger)
    lot_keys = (keys.lot(LOT), keys.bidders(LOT), keys.accepted(LOT))
    await ledger.redis.delete(*lot_keys, keys.due(shard), keys.stream(shard), keys.activity(shard))


async def open_until_an_outage(ledger: BidLedger, *, lasts_ms: int = 1_500) -> Snapshot:
    """A lot whose last moments nobody could bid in, past its end; its last sign of life is the beat."""
    while True:
        lot = await opened(ledger, lasts_ms=lasts_ms)
        await beat(ledger)
        seen_at_ms = (await activity(ledger))["seen_at"]
        if seen_at_ms < lot.ends_at_ms:
            await silence(ledger, max(lot.ends_at_ms, seen_at_ms + LIMIT_MS))
            return lot
        await forget(ledger)
        lasts_ms *= 2


# --- what is kept -----------------------------------------------------------------------------------------------------


async def test_nothing_is_kept_where_no_lot_is_scheduled_or_open(ledger: BidLedger) -> None:
    await beat(ledger)
    assert await activity(ledger) == {}
    assert await ledger.active_shards() == set()
    await scheduled(ledger)
    assert await ledger.active_shards() == {shard_of(ledger)}
    await beat(ledger)
    assert (await activity(ledger))["limit"] == LIMIT_MS
    await ledger.void(LOT, reason="recall", by="eve")
    await beat(ledger)
    assert await activity(ledger) == {}


async def test_a_house_without_the_rule_keeps_nothing(ledger: BidLedger) -> None:
    await opened(ledger)
    await beat(ledger)
    await beat(ledger, limit_ms=0)
    assert await activity(ledger) == {}


async def test_an_accepted_bid_is_a_sign_of_life_and_ends_an_outage(ledger: BidLedger) -> None:
    await opened(ledger)
    await beat(ledger)
    before = await activity(ledger)
    await silence(ledger, before["seen_at"] + LIMIT_MS + 1)
    refused(await bid(ledger, "ada", 1, "key-0001"))
    assert await activity(ledger) == before
    receipt = await taken(ledger, "ada", 100, "key-0002")
    after = await activity(ledger)
    assert (after["from"], after["to"], after["seen_at"]) == (before["seen_at"], receipt.at_ms, receipt.at_ms)
    assert after["until"] == 2 * after["to"] - after["from"]


async def test_bids_begin_no_watch_by_themselves(ledger: BidLedger) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    assert await activity(ledger) == {}


async def test_a_stopped_shard_takes_no_heartbeat(ledger: BidLedger) -> None:
    await opened(ledger)
    await ledger.redis.set(ledger.keys.lineage(shard_of(ledger)), "stopped")
    with pytest.raises(LedgerChanged):
        await beat(ledger)
    assert await activity(ledger) == {}


# --- no lot ends in one -----------------------------------------------------------------------------------------------


async def test_a_lot_whose_end_fell_into_an_outage_is_paused_with_the_time_it_had(ledger: BidLedger) -> None:
    lot = await open_until_an_outage(ledger)
    seen_at_ms = (await activity(ledger))["seen_at"]
    code, paused = await ledger.close_due(LOT)
    assert code == "ok"
    assert paused is not None
    assert (paused.status, paused.remaining_ms) == (LotStatus.PAUSED, lot.ends_at_ms - seen_at_ms)
    assert paused.pause_cause == "outage"
    event = (await entries(ledger))[-1].events[-1]
    assert isinstance(event, Interrupted)
    assert (event.from_ms, event.until_ms) == (seen_at_ms, 2 * event.to_ms - seen_at_ms)
    assert (await ledger.deadlines(per_shard_max=9)).upcoming == []
    assert (await ledger.close_due(LOT))[0] == "not-due"

    resumed = await ledger.resume(LOT, review_above_fen=None, by="eve")
    assert (resumed.pause_cause, resumed.ends_at_ms >= lot.ends_at_ms) == ("", True)
    await beat(ledger, NEVER_MS)
    await silence(ledger, resumed.ends_at_ms)
    assert await kinds(ledger) == ["scheduled", "admitted", "admitted", "admitted", "opened", "interrupted", "resumed"]
    _, over = await ledger.close_due(LOT)
    assert over is not None
    assert over.status is LotStatus.CLOSED


async def test_whoever_comes_first_finds_it_paused(ledger: BidLedger) -> None:
    await open_until_an_outage(ledger)
    answer = refused(await bid(ledger, "ada", 100, "key-0001"))
    assert (str(answer.code), dict(answer.facts)) == ("lot-not-open", {"status": "paused"})
    await forget(ledger)
    await open_until_an_outage(ledger)
    # its bidders get what staff add, on top of what the outage took
    extended = await ledger.extend(LOT, by_ms=5, reason="late", by="eve")
    assert (extended.status, (await kinds(ledger))[-2:]) == (LotStatus.PAUSED, ["interrupted", "extended"])
    await forget(ledger)
    await open_until_an_outage(ledger)
    await beat(ledger)
    await ledger.freeze(LOT, FreezeCause.FORKED)
    assert (await kinds(ledger))[-2:] == ["interrupted", "frozen"]
    lot = await ledger.read(LOT)
    assert lot is not None
    assert lot.remaining_ms > 0


async def test_lots_that_end_soon_after_an_outage_are_named_and_others_are_not_paused(ledger: BidLedger) -> None:
    await opened(ledger, OTHER_LOT, lasts_ms=LONG_MS)
    await open_until_an_outage(ledger)
    assert (await ledger.deadlines(per_shard_max=9)).interrupted == {}
    await beat(ledger)
    kept = await activity(ledger)
    assert (await ledger.deadlines(per_shard_max=9)).interrupted == {(shard_of(ledger), kept["to"]): [LOT]}
    assert (await ledger.close_due(OTHER_LOT))[0] == "not-due"
    await taken(ledger, "ada", 100, "key-0001", lot_id=OTHER_LOT)


async def test_a_lot_in_a_house_that_says_nothing_ends_on_time(ledger: BidLedger) -> None:
    lot = await opened(ledger, lasts_ms=200)
    await silence(ledger, lot.ends_at_ms)
    code, over = await ledger.close_due(LOT)
    assert code == "ok"
    assert over is not None
    assert over.status is LotStatus.CLOSED
