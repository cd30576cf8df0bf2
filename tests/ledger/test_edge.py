"""The edge follows the streams of lots with low bids, and refuses nothing that the ledger would accept."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from auction.domain.bidding import Bid, Refused
from auction.domain.edge import LAG_MS_MAX, STOPPED_MS_MIN
from auction.domain.errors import LedgerAway, WrongStatus
from auction.domain.events import BidPlaced, FreezeCause
from auction.domain.pricing import fold_bids
from auction.domain.terms import Bidding, Increment
from auction.ledger import edge as edge_module
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.edge import GAP_S, EdgeRefusals, boot_clock_s
from auction.ledger.replies import AcceptedBid
from auction.ledger.stream import LedgerStream, Row
from tests.ledger.event_sequences import LONG_MS, LOT, OTHER_LOT, bid, entries, opened, refused, taken, terms

NEW = "key-new-1"
ROUNDS = 6
"""Of stopping and going on, at the least."""


class Clock:
    """A clock that the test sets: on a busy machine any time may pass."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now_s


class Edge(EdgeRefusals):
    """An edge whose reading can be held up."""

    def __init__(self, ledger: BidLedger, *, by_real_time: bool = False) -> None:
        self.clock = Clock()
        super().__init__(ledger, clock_s=boot_clock_s if by_real_time else self.clock)
        self.reads = 0
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._stream = HeldUp(self, ledger)

    async def reads_on(self, times: int = 2) -> None:
        """Wait for so many reads from now on to be over, or until there is nothing to read."""
        wanted = self.reads + times
        await self.until(lambda: self.reads >= wanted or not self.lots)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something to become so."""
        while not is_so():  # noqa: ASYNC110 - many things may come to be so
            await asyncio.sleep(0.001)


class HeldUp(LedgerStream):
    """Streams whose news can be made to come late."""

    def __init__(self, edge: Edge, ledger: BidLedger) -> None:
        super().__init__(ledger.redis, ledger.keys)
        self.edge = edge

    async def read_rows(self, after: Mapping[int, str], *, block_ms: int, count: int) -> dict[int, list[Row]]:
        """As ever, unless held up."""
        await self.edge.may_read.wait()
        found = await super().read_rows(after, block_ms=10, count=count)
        await self.edge.may_read.wait()
        self.edge.reads += 1
        return found


@asynccontextmanager
async def running(ledger: BidLedger, *, by_real_time: bool = False) -> AsyncIterator[Edge]:
    """An edge that follows."""
    edge = Edge(ledger, by_real_time=by_real_time)
    task = asyncio.create_task(edge.run())
    await asyncio.sleep(0)
    try:
        yield edge
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(
    edge: EdgeRefusals, ledger: BidLedger, bidder: str, amount_fen: int, key: str, *, lot_id: str = LOT
) -> Any:
    """A bid that goes by the edge, as it does in production."""
    wanted = Bid(bidder, amount_fen, key)
    found = edge.refusal(lot_id, wanted)
    if found is not None:
        return found
    (answer,) = await ledger.place_bids(lot_id, [wanted])
    edge.learn(lot_id, wanted, answer)
    return answer


async def followed(edge: Edge, ledger: BidLedger, *, lot_id: str = LOT) -> None:
    """A lot with a price of 500, on which the edge refuses low bids of bo and cai."""
    await taken(ledger, "ada", 500, "key-00001", lot_id=lot_id)
    for number, bidder in enumerate(("bo", "cai")):
        refusal = refused(await ask(edge, ledger, bidder, 100, f"key-low-{number}", lot_id=lot_id))
        assert not refusal.is_edge
    await edge.until(lambda: edge.refusal(lot_id, Bid("bo", 100, NEW)) is not None)


async def test_a_low_bid_is_refused_as_the_ledger_does_it_and_by_the_newest_price(ledger: BidLedger) -> None:
    await opened(ledger)
    async with running(ledger) as edge:
        assert edge.refusal(LOT, Bid("bo", 100, NEW)) is None
        assert await _lag_s(edge) is None
        await followed(edge, ledger)
        assert edge.lots == 1
        assert (await _lag_s(edge)) == 0
        by_edge, by_ledger = edge.refusal(LOT, Bid("bo", 599, NEW)), refused(await bid(ledger, "bo", 599, NEW))
        assert by_edge is not None
        assert by_edge.is_edge
        facts = ("code", "facts", "at_seq", "price_fen", "minimum_fen", "ends_at_ms")
        assert [getattr(by_edge, name) for name in facts] == [getattr(by_ledger, name) for name in facts]
        assert abs(by_edge.now_ms - by_ledger.now_ms) < LONG_MS
        await ledger.place_bids(LOT, [Bid("bo", 600, "key-00002"), Bid("cai", 700, "key-00003")])
        await edge.reads_on()
        newer = edge.refusal(LOT, Bid("bo", 799, NEW))
        assert newer is not None
        assert (newer.price_fen, newer.minimum_fen, newer.at_seq) == (700, 800, by_ledger.at_seq + 2)
        leading = edge.refusal(LOT, Bid("cai", 750, NEW))
        assert leading is not None
        assert leading.code == "already-leading"
        assert edge.refusal(LOT, Bid("bo", 800, NEW)) is None
    assert edge.refusal(LOT, Bid("bo", 100, NEW)) is None


async def _lag_s(edge: Edge) -> float | None:
    return edge.lag_s


async def test_a_key_that_was_accepted_always_goes_to_the_ledger(
    ledger: BidLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_module, "KEYS_PER_READ", 10)
    await opened(ledger)
    early = [Bid(("bo", "cai")[n % 2], 100 * (n + 1), f"key-early-{n:03d}") for n in range(700)]
    for start in range(0, 700, 350):
        await ledger.place_bids(LOT, early[start : start + 350])
    async with running(ledger) as edge:
        refused(await ask(edge, ledger, "bo", 100, "key-low-1"))
        refused(await ask(edge, ledger, "cai", 100, "key-low-2"))
        # while the lot is being read
        during = [Bid(("bo", "cai")[n % 2], 100 * (n + 1), f"key-during-{n:03d}") for n in range(700, 800)]
        for one in during:
            assert isinstance(await ask(edge, ledger, one.bidder_id, one.amount_fen, one.key), AcceptedBid)
        await edge.until(lambda: edge.refusal(LOT, Bid("bo", 100, NEW)) is not None)
        late = [Bid(("bo", "cai")[n % 2], 100 * (n + 1), f"key-late-{n:03d}") for n in range(800, 850)]
        await ledger.place_bids(LOT, late)
        await edge.reads_on()
        for retry in (*early, *during, *late):
            assert edge.refusal(LOT, retry) is None
            assert edge.refusal(LOT, Bid(retry.bidder_id, 1, retry.key)) is None
        again = await ask(edge, ledger, early[0].bidder_id, early[0].amount_fen, early[0].key)
        assert again.repeated


async def test_whether_a_bidder_is_admitted_only_the_ledger_says(ledger: BidLedger) -> None:
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        assert edge.refusal(LOT, Bid("eve", 1, NEW)) is None
        assert refused(await ask(edge, ledger, "eve", 1, NEW)).code == "not-registered"
        assert edge.refusal(LOT, Bid("eve", 1, NEW)) is None
        assert edge.refusal(LOT, Bid("ada", 1, NEW)) is None
        assert isinstance(await ask(edge, ledger, "bo", 600, "key-00002"), AcceptedBid)
        assert isinstance(await ask(edge, ledger, "ada", 700, "key-00003"), AcceptedBid)
        await edge.reads_on()
        assert edge.refusal(LOT, Bid("ada", 1, NEW)) is not None


async def test_an_edge_that_hears_nothing_refuses_nothing(ledger: BidLedger) -> None:
    """A bid is voided, and the price falls, while the news is held up."""
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        assert isinstance(await ask(edge, ledger, "bo", 900, "key-00002"), AcceptedBid)
        await edge.reads_on()
        edge.may_read.clear()
        await _void_last_bid(ledger)
        edge.clock.now_s += STOPPED_MS_MIN / 1000
        await ledger.resume(LOT, review_above_fen=None, by="eve")
        assert edge.refusal(LOT, Bid("cai", 600, NEW)) is None, "refused at the edge by a price that has fallen"
        assert isinstance(await ask(edge, ledger, "cai", 600, NEW), AcceptedBid)
        edge.may_read.set()
        await edge.reads_on(3)
        await edge.until(lambda: edge.lots == 0 or edge.refusal(LOT, Bid("bo", 699, "key-new-2")) is not None)


async def test_news_that_comes_in_time_is_gone_by_in_the_new_epoch(ledger: BidLedger) -> None:
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        await taken(ledger, "bo", 900, "key-00002")
        await _void_last_bid(ledger)
        await edge.reads_on()
        assert edge.refusal(LOT, Bid("cai", 100, NEW)) is None
        await ledger.resume(LOT, review_above_fen=None, by="eve")
        await edge.reads_on()
        fallen = edge.refusal(LOT, Bid("cai", 599, NEW))
        assert fallen is not None
        assert fallen.price_fen == 500
        assert edge.refusal(LOT, Bid("cai", 600, NEW)) is None
        assert edge.refusal(LOT, Bid("bo", 900, "key-00002")) is None


async def _void_last_bid(ledger: BidLedger) -> None:
    """As `services.catalogue.lots.void_bid` does it: once the lot has been paused for long enough."""
    paused = await ledger.pause(LOT, reason="a look", by="eve")
    await asyncio.sleep(STOPPED_MS_MIN / 1000)
    bids = _bids(await entries(ledger))
    last = max(bids)
    leading = fold_bids(terms(), [one for seq, one in sorted(bids.items()) if seq != last])
    await ledger.restate(LOT, at_seq=paused.seq, voided_seq=last, leading=leading, reason="a slip", by="eve")


def _bids(record: list[Any]) -> dict[int, BidPlaced]:
    """Seq -> the bids that stand."""
    bids: dict[int, BidPlaced] = {}
    for entry in record:
        for seq, event in enumerate(entry.events, entry.first_seq):
            if isinstance(event, BidPlaced):
                bids[seq] = event
            elif event.kind == "voided":
                del bids[event.bid_seq]
    return bids


async def test_a_price_that_may_fall_by_itself_is_left_to_the_ledger(ledger: BidLedger) -> None:
    falling = terms(bidding=Bidding.PROXY, increments=(Increment(0, 100), Increment(1000, 10)))
    await opened(ledger, of=falling)
    async with running(ledger) as edge:
        await taken(ledger, "ada", 500, "key-00001")
        refused(await ask(edge, ledger, "bo", 1, "key-low-1"))
        assert edge.lots == 1
        await edge.until(lambda: edge.lots == 0)
        refused(await ask(edge, ledger, "bo", 1, "key-low-2"))
        assert edge.lots == 0


async def test_in_proxy_bidding_the_price_and_the_leader_are_known(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(bidding=Bidding.PROXY))
    async with running(ledger) as edge:
        await followed(edge, ledger)
        # below ada's maximum: the price rises and she leads on
        assert isinstance(await ask(edge, ledger, "bo", 300, "key-00002"), AcceptedBid)
        await edge.reads_on()
        told = edge.refusal(LOT, Bid("cai", 499, NEW))
        assert told is not None
        assert (told.code, told.price_fen) == ("bid-too-low", 400)
        await ask(edge, ledger, "ada", 800, "key-00003")
        await edge.reads_on()
        assert edge.refusal(LOT, Bid("ada", 400, NEW)) is not None


@pytest.mark.parametrize("happens", ["closed", "void", "frozen", "unknown"])
async def test_a_lot_that_takes_no_bids_any_more_is_not_followed(ledger: BidLedger, happens: str) -> None:
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        if happens == "closed":
            await ledger.close_now(LOT, reason="it rains", by="eve")
        elif happens == "void":
            await ledger.void(LOT, reason="it rains", by="eve")
        elif happens == "frozen":
            await ledger.freeze(LOT, FreezeCause.BEHIND)
            await edge.reads_on()
            assert edge.lots == 1
            assert refused(await ask(edge, ledger, "bo", 1, NEW)).code == "lot-frozen"
        else:
            await ledger.redis.delete(ledger.keys.lot(LOT))
            edge.may_read.clear()
            edge.clock.now_s += (LAG_MS_MAX + 1) / 1000
            assert refused(await ask(edge, ledger, "bo", 1, NEW)).code == "lot-unknown"
            edge.may_read.set()
        await edge.until(lambda: edge.lots == 0)
        refused(await ask(edge, ledger, "bo", 1, "key-new-2"))


async def test_a_lot_that_is_over_or_gone_when_it_is_to_be_read_is_not_followed(ledger: BidLedger) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 500, "key-00001")
    low = Bid("bo", 1, NEW)
    (answer,) = await ledger.place_bids(LOT, [low])
    await ledger.void(LOT, reason="it rains", by="eve")
    async with running(ledger) as edge:
        for lot_id in (LOT, OTHER_LOT):
            edge.learn(lot_id, low, answer)
            assert edge.lots == 1
            await edge.until(lambda: edge.lots == 0)


async def test_only_so_many_lots_are_followed_and_none_without_low_bids(
    ledger: BidLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_module, "LOTS_MAX", 1)
    await opened(ledger)
    await opened(ledger, lot_id=OTHER_LOT)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        await taken(ledger, "ada", 500, "key-00001", lot_id=OTHER_LOT)
        refused(await ask(edge, ledger, "bo", 1, NEW, lot_id=OTHER_LOT))
        assert edge.lots == 1
        monkeypatch.setattr(edge_module, "LOTS_MAX", 2)
        refused(await ask(edge, ledger, "bo", 1, NEW, lot_id=OTHER_LOT))
        await edge.until(lambda: edge.refusal(OTHER_LOT, Bid("bo", 1, "key-new-2")) is not None)
        edge.learn(LOT, Bid("bo", 1, NEW), LedgerAway())
        # time passes, in steps that are no gap
        monkeypatch.setattr(edge_module, "IDLE_S", 3.0)
        while edge.lots:
            edge.clock.now_s += GAP_S
            await edge.reads_on(2)


async def test_a_process_that_stood_still_begins_anew(ledger: BidLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_module, "RETRY_S", 0.01)
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        edge.clock.now_s += GAP_S + 0.1
        await edge.until(lambda: edge.lots == 0)
        refused(await ask(edge, ledger, "bo", 1, NEW))
        await edge.until(lambda: edge.refusal(LOT, Bid("bo", 1, "key-new-2")) is not None)


@pytest.mark.parametrize("loss", ["entries", "away"])
async def test_a_ledger_that_lost_entries_or_is_away_makes_all_forgotten(
    ledger: BidLedger, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    monkeypatch.setattr(edge_module, "RETRY_S", 0.01)
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        if loss == "entries":
            await ledger.redis.delete(ledger.keys.stream_of(LOT))
            edge.clock.now_s += GAP_S
            await edge.reads_on()
            edge.clock.now_s += GAP_S
        else:
            stream = edge._stream

            async def fail(*_: object, **__: object) -> Any:
                monkeypatch.undo()
                raise LedgerAway

            monkeypatch.setattr(stream, "read_rows", fail)
        await edge.until(lambda: edge.lots == 0)


@pytest.mark.parametrize("events", [b"\x91\x91\xa9admitted", msgspec.msgpack.encode([["paused", 1, "a look", "eve"]])])
async def test_an_entry_that_does_not_fit_makes_its_lot_forgotten(ledger: BidLedger, events: bytes) -> None:
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        await _add(ledger, lot=b"\xff", ev=events)
        await edge.reads_on()
        assert edge.lots == 1
        await _add(ledger, ev=events)
        await edge.until(lambda: edge.lots == 0)


async def _add(ledger: BidLedger, *, lot: bytes = LOT.encode(), ev: bytes) -> None:
    """An entry that no script wrote."""
    fields: Any = {"lot": lot, "epoch": "1", "seq": "99", "at": "1", "ev": ev, "chain": ""}
    await ledger.redis.xadd(ledger.keys.stream_of(LOT), fields)


async def test_what_comes_while_a_lot_is_read_and_does_not_fit_leaves_it_unfollowed(
    ledger: BidLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 500, "key-00001")
    async with running(ledger) as edge:
        accepted_keys = edge._reader.accepted_keys

        async def slow_keys(lot_id: str, *, at_once: int) -> AsyncIterator[tuple[str, str]]:
            await _add(ledger, ev=msgspec.msgpack.encode([["paused", 1, "a look", "eve"]]))
            await edge.reads_on()
            async for found in accepted_keys(lot_id, at_once=at_once):
                yield found

        monkeypatch.setattr(edge._reader, "accepted_keys", slow_keys)
        refused(await ask(edge, ledger, "bo", 1, NEW))
        assert edge.lots == 1
        await edge.until(lambda: edge.lots == 0)


async def test_a_lot_that_is_forgotten_while_it_is_read_stays_so(
    ledger: BidLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 500, "key-00001")
    async with running(ledger) as edge:
        read, go_on = edge._reader.read_lot, asyncio.Event()
        last_ids = edge._stream.last_ids

        async def wait(what: Callable[..., Awaitable[Any]], *given: Any) -> Any:
            await go_on.wait()
            return await what(*given)

        monkeypatch.setattr(edge._reader, "read_lot", lambda lot_id: wait(read, lot_id))
        monkeypatch.setattr(edge._stream, "last_ids", lambda shards: wait(last_ids, shards))
        low = Bid("bo", 1, NEW)
        (answer,) = await ledger.place_bids(LOT, [low])
        edge.learn(LOT, low, answer)
        edge._forget(LOT)
        await ledger.void(LOT, reason="it rains", by="eve")
        go_on.set()
        await edge.until(lambda: not edge._tasks)
        assert edge.lots == 0
        assert edge._positions == {}


async def test_rows_of_a_shard_that_was_begun_anew_are_left_out(ledger: BidLedger) -> None:
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        shard = ledger.keys.shard_of(LOT)
        edge._take({shard: [("1-0", {b"lot": b"x"})]}, {shard: "0-0"})
        assert edge._positions[shard] != "1-0"


async def test_bids_by_late_edges_through_voids_and_resumes_are_never_refused_wrongly(ledger: BidLedger) -> None:
    """Three processes with tails of every lateness, each refusal put to the ledger at once."""
    await opened(ledger, of=terms(review_above_fen=3_000))
    chance = random.Random(7)
    is_over = asyncio.Event()
    by_edge = accepted = 0

    async def hold_up(edge: Edge) -> None:
        while not is_over.is_set():
            edge.may_read.clear()
            await asyncio.sleep(chance.choice([0.0, 0.05, 0.2, 0.35, 0.45, 0.9]))
            edge.may_read.set()
            await asyncio.sleep(chance.choice([0.0, 0.02, 0.1]))

    async def bid_on(edge: Edge, name: str) -> None:
        nonlocal by_edge, accepted
        number = 0
        while not is_over.is_set():
            number += 1
            state = await ledger.read(LOT)
            assert state is not None
            amount = state.minimum_fen + chance.choice([-300, -100, -1, 0, 0, 100])
            wanted = Bid(name, max(1, amount), f"key-{name}-{number:05d}")
            told = edge.refusal(LOT, wanted)
            if told is None:
                (answer,) = await ledger.place_bids(LOT, [wanted])
                edge.learn(LOT, wanted, answer)
                accepted += isinstance(answer, AcceptedBid)
            else:
                told_at_s = time.monotonic()
                (answer,) = await ledger.place_bids(LOT, [wanted])
                # on a busy machine a bid may have been voided between the refusal and the ledger's
                is_judged = time.monotonic() - told_at_s < (STOPPED_MS_MIN - LAG_MS_MAX) / 1000
                assert isinstance(answer, Refused) or not is_judged, f"{wanted} was refused at the edge by {told}"
                by_edge += is_judged
            await asyncio.sleep(0.002)

    async def stop_and_go() -> None:
        for round_number in itertools.count():
            if round_number >= ROUNDS and by_edge:
                break
            await asyncio.sleep(0.15)
            # a bid may have stopped it for a review
            with contextlib.suppress(WrongStatus):
                await ledger.pause(LOT, reason="a look", by="eve")
            if round_number % 2:
                await _void_last_of_stopped(ledger)
            state = await ledger.read(LOT)
            assert state is not None
            await ledger.resume(LOT, review_above_fen=state.price_fen + 2_000, by="eve")
        is_over.set()

    async with (
        running(ledger, by_real_time=True) as one,
        running(ledger, by_real_time=True) as two,
        running(ledger, by_real_time=True) as three,
    ):
        edges = dict(zip(("ada", "bo", "cai"), (one, two, three), strict=True))
        await asyncio.gather(
            stop_and_go(),
            *(hold_up(edge) for edge in edges.values()),
            *(bid_on(edge, name) for name, edge in edges.items()),
        )
    assert accepted > 0
    assert by_edge > 0


async def _void_last_of_stopped(ledger: BidLedger) -> None:
    await asyncio.sleep(STOPPED_MS_MIN / 1000)
    state = await ledger.read(LOT)
    assert state is not None
    bids = _bids(await entries(ledger))
    if not bids:
        return
    last = max(bids)
    leading = fold_bids(terms(), [one for seq, one in sorted(bids.items()) if seq != last])
    await ledger.restate(LOT, at_seq=state.seq, voided_seq=last, leading=leading, reason="a slip", by="eve")


async def test_a_clock_that_was_never_heard_is_no_clock(client: "Redis") -> None:
    ledger = await BidLedger.open(client, 16)
    assert ledger.known_now_ms() == 0
    await ledger.read(LOT)
    assert ledger.known_now_ms() > 0


async def test_many_entries_at_once_are_read_before_anything_is_refused(
    ledger: BidLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(ledger)
    async with running(ledger) as edge:
        await followed(edge, ledger)
        edge.may_read.clear()
        edge.clock.now_s += (LAG_MS_MAX + 1) / 1000
        monkeypatch.setattr(edge_module, "ENTRIES_PER_READ", 3)
        for number in range(6):
            await taken(ledger, ("bo", "cai")[number % 2], 600 + 100 * number, f"key-many-{number}")
        before = edge.reads
        edge.may_read.set()
        await edge.until(lambda: edge.refusal(LOT, Bid("bo", 100, NEW)) is not None)
        # six entries in two reads, and a third one that finds no more
        assert edge.reads >= before + 3
        told = edge.refusal(LOT, Bid("bo", 100, NEW))
        assert told is not None
        assert told.price_fen == 1_100


async def test_an_edge_that_ends_stops_reading_lots(ledger: BidLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 500, "key-00001")
    async with running(ledger) as edge:
        monkeypatch.setattr(edge._reader, "read_lot", lambda _: asyncio.Event().wait())
        refused(await ask(edge, ledger, "bo", 1, NEW))
        await edge.until(lambda: bool(edge._positions))
        tasks = set(edge._tasks)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [True]


async def test_lots_of_several_shards_are_followed_and_left_one_by_one(ledger: BidLedger) -> None:
    elsewhere = "elsewhere-001"
    assert ledger.keys.shard_of(elsewhere) != ledger.keys.shard_of(LOT)
    await opened(ledger)
    await opened(ledger, lot_id=OTHER_LOT)
    await opened(ledger, lot_id=elsewhere)
    async with running(ledger) as edge:
        for lot_id in (LOT, OTHER_LOT, elsewhere):
            await followed(edge, ledger, lot_id=lot_id)
        assert len(edge._positions) == 2
        for lot_id, shards in ((LOT, 2), (elsewhere, 1), (OTHER_LOT, 0)):
            await ledger.void(lot_id, reason="it rains", by="eve")
            await edge.until(lambda lot_id=lot_id: lot_id not in edge._lots)  # type: ignore[misc]
            assert len(edge._positions) == shards
