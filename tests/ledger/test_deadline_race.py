"""Bids that race the end of a lot, on the server's own clock, hundreds of rounds.

Whatever the interleaving: nothing is accepted at or after the end in force at that seq, and each round ends closed.
"""

import asyncio
import random
from collections.abc import Iterable
from contextlib import suppress
from itertools import count

import pytest

from auction.domain.errors import RefusalCode, RequestRefused
from auction.domain.events import BidPlaced, Closed, Extended, Opened
from auction.domain.lot import LotStatus
from auction.domain.terms import SoftClose, Terms
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.entry import StreamEntry
from auction.ledger.keys import KeySpace, lot_id_of
from auction.ledger.replies import AcceptedBid
from tests.ledger.event_sequences import LOT, SHARDS, bid, entries, kinds, refused, scheduled, taken, terms
from tests.model.steered_clock import SteeredCaller

ROUNDS = 60
BIDDERS = ("ada", "bo", "cai")
T0 = 1_761_120_000_000


@pytest.mark.parametrize(
    "of, lasts_ms",
    [
        (terms(), 12),
        (terms(soft_close=SoftClose(window_ms=6, extension_ms=4, hard_stop_ms=20)), 8),
        (terms(soft_close=SoftClose(window_ms=3, extension_ms=3)), 6),
    ],
    ids=["a fixed end", "a soft close with a hard stop", "a soft close without end"],
)
async def test_nothing_is_accepted_at_or_after_the_end_in_force(ledger: BidLedger, of: Terms, lasts_ms: int) -> None:
    stood = number = 0
    # on a busy machine no bid may come in time: then there are more rounds, of lots that are open for longer
    while number < ROUNDS or not stood:
        number += 1
        lot_id = lot_id_of("race", number)
        await _open_briefly(ledger, lot_id, of, lasts_ms * (1 + number // ROUNDS))
        stood += sum(await asyncio.gather(*(_bid_until_closed(ledger, lot_id, bidder) for bidder in BIDDERS)))
        _check_times(await entries(ledger, lot_id))
        snapshot = await ledger.read(lot_id)
        assert snapshot is not None
        assert snapshot.status is LotStatus.CLOSED, "the first bid past the end closes the lot, no clerk needed"


async def _open_briefly(ledger: BidLedger, lot_id: str, of: Terms, lasts_ms: int) -> None:
    """Open for a few ms; once more with a new end where a busy machine took longer to say so."""
    await scheduled(ledger, lot_id, of)
    for paddle, bidder in enumerate(BIDDERS, start=1):
        await ledger.admit(lot_id, bidder_id=bidder, paddle=paddle, limit_fen=None, purse_fen=None)
    snapshot = None
    while snapshot is None:
        with suppress(RequestRefused):
            snapshot = await ledger.open_now(lot_id, ends_at_ms=await ledger.now_ms() + lasts_ms, by="eve")


async def _bid_until_closed(ledger: BidLedger, lot_id: str, bidder: str) -> int:
    """Bids the minimum again and again until the lot is over, with a pause after each that stands; how many stood."""
    minimum, stood = 100, 0
    for number in count():
        # after 40 bids that stood only hopeless ones: a soft close without end must come to one
        amount = minimum if stood < 40 else 1
        answer = await bid(ledger, bidder, amount, f"key-{number:04d}", lot_id=lot_id)
        if isinstance(answer, AcceptedBid):
            stood += 1
            minimum = answer.receipt.minimum_fen
            await asyncio.sleep(random.uniform(0, 0.002))
        elif answer.code is RefusalCode.LOT_NOT_OPEN:
            break
        else:
            minimum = answer.minimum_fen
    return stood


def _check_times(course: Iterable[StreamEntry]) -> None:
    end_ms = seq = 0
    over = False
    for entry in course:
        for event in entry.events:
            seq += 1
            assert not over, f"{event} follows the end"
            match event:
                case Opened() | Extended():
                    end_ms = event.ends_at_ms
                case BidPlaced():
                    assert entry.at_ms < end_ms, f"seq {seq} was accepted at {entry.at_ms}, the end was {end_ms}"
                    assert event.ends_at_ms >= end_ms
                    end_ms = event.ends_at_ms
                case Closed():
                    assert entry.at_ms >= end_ms or event.cause != "time"
                    over = True
    assert over


def steered(ledger: BidLedger, clock_ms: int) -> tuple[BidLedger, SteeredCaller]:
    """The ledger on a clock that the test sets."""
    caller = SteeredCaller(ledger.redis, clock_ms)
    moved = BidLedger(ledger.redis, KeySpace(SHARDS), lineage="")
    moved._scripts = caller
    return moved, caller


async def a_lot_until(ledger: BidLedger, end_ms: int, of: Terms | None = None) -> None:
    """A lot opened at T0 with two bidders."""
    await ledger.schedule(LOT, of or terms(), opens_at_ms=T0, ends_at_ms=end_ms, hard_stop_at_ms=0)
    for paddle, bidder in enumerate(BIDDERS, start=1):
        await ledger.admit(LOT, bidder_id=bidder, paddle=paddle, limit_fen=None, purse_fen=None)
    await ledger.open_due(LOT, by="clerk")


async def test_the_last_millisecond_counts_and_the_next_does_not(ledger: BidLedger) -> None:
    moved, clock = steered(ledger, T0)
    await a_lot_until(moved, T0 + 1000)
    clock.clock_ms = T0 + 999
    await taken(moved, "ada", 100, "key-0001")
    clock.clock_ms = T0 + 1000
    late = refused(await bid(moved, "bo", 200, "key-0002"))
    assert (late.code, late.facts, late.ends_at_ms) == (RefusalCode.LOT_NOT_OPEN, {"status": "closed"}, T0 + 1000)
    assert (await kinds(ledger))[-1] == "closed"


async def test_a_clock_that_steps_back_reopens_nothing(ledger: BidLedger) -> None:
    moved, clock = steered(ledger, T0)
    await a_lot_until(moved, T0 + 1000)
    clock.clock_ms = T0 + 1000
    refused(await bid(moved, "bo", 100, "key-0001"))
    clock.clock_ms = T0 + 1
    again = refused(await bid(moved, "bo", 100, "key-0001"))
    assert (again.facts, again.now_ms) == ({"status": "closed"}, T0 + 1000)


async def test_a_lots_time_never_runs_back(ledger: BidLedger) -> None:
    moved, clock = steered(ledger, T0)
    await a_lot_until(moved, T0 + 1000, terms(soft_close=SoftClose(500, 300)))
    clock.clock_ms = T0 + 900
    first = await taken(moved, "ada", 100, "key-0001")
    assert first.ends_at_ms == T0 + 1200
    clock.clock_ms = T0 - 3_600_000
    second = await taken(moved, "bo", 200, "key-0002")
    assert (second.at_ms, second.ends_at_ms) == (T0 + 900, T0 + 1200)
    stopped = await moved.pause(LOT, reason="", by="eve")
    assert stopped.remaining_ms == 300
    assert [entry.at_ms for entry in await entries(ledger)][-2:] == [T0 + 900, T0 + 900]


@pytest.mark.parametrize("left_ms, extended", [(501, False), (500, False), (499, True), (1, True)])
async def test_the_soft_close_window_opens_inside_its_last_moment(
    ledger: BidLedger, left_ms: int, extended: bool
) -> None:
    moved, clock = steered(ledger, T0)
    await a_lot_until(moved, T0 + 1000, terms(soft_close=SoftClose(500, 600)))
    clock.clock_ms = T0 + 1000 - left_ms
    receipt = await taken(moved, "ada", 100, "key-0001")
    assert receipt.ends_at_ms == (clock.clock_ms + 600 if extended else T0 + 1000)


async def test_no_bid_carries_the_end_past_the_hard_stop(ledger: BidLedger) -> None:
    moved, clock = steered(ledger, T0)
    of = terms(soft_close=SoftClose(500, 500, 700))
    await moved.schedule(LOT, of, opens_at_ms=T0, ends_at_ms=T0 + 1000, hard_stop_at_ms=T0 + 1700)
    for paddle, bidder in enumerate(BIDDERS, start=1):
        await moved.admit(LOT, bidder_id=bidder, paddle=paddle, limit_fen=None, purse_fen=None)
    await moved.open_due(LOT, by="clerk")
    for at_ms, amount, bidder, end_ms in [
        (999, 100, "ada", 1499),
        (1498, 200, "bo", 1700),
        (1699, 300, "cai", 1700),
    ]:
        clock.clock_ms = T0 + at_ms
        assert (await taken(moved, bidder, amount, f"key-{amount}")).ends_at_ms == T0 + end_ms
    clock.clock_ms = T0 + 1700
    refused(await bid(moved, "ada", 400, "key-0400"))
