"""The last entries of a shard that feeds are resumed from: without a hole, each once, bounded in bytes."""

import msgspec
import pytest

from api.live import recent_entries
from api.live.recent_entries import RecentEntries
from auction.domain.events import LotVoided
from auction.domain.ledger_layout import STREAM_START
from auction.ledger.entry import StreamEntry

LOT, OTHER = "launch-001", "launch-002"


def entry(number: int, lot_id: str = LOT) -> StreamEntry:
    event = LotVoided("a recall", "eve")
    packed = msgspec.msgpack.encode([["void", event.reason, event.by]])
    return StreamEntry(f"9-{number}", lot_id, 1, number, 77, (event,), packed, f"chain-{number}")


def numbers(recent: RecentEntries, lot_id: str = LOT) -> list[int]:
    return [one.first_seq for one in recent.of_lot(3, lot_id)]


def test_what_was_read_and_what_came_meanwhile_are_joined_each_once():
    recent = RecentEntries()
    assert recent.last_id(3) is None
    recent.begin(3)
    for number in (4, 5):
        recent.add(3, entry(number))
    recent.complete(3, [entry(2), entry(3), entry(4)])
    recent.add(3, entry(5))
    recent.add(3, entry(10))
    assert (numbers(recent), recent.last_id(3)) == ([2, 3, 4, 5, 10], "9-10")
    assert recent.of_lot(3, LOT)[0] == entry(2)


def test_entries_are_those_of_the_lot():
    recent = RecentEntries()
    recent.begin(3)
    recent.complete(3, [entry(1), entry(2, OTHER), entry(3)])
    assert (numbers(recent), numbers(recent, OTHER), recent.of_lot(4, LOT)) == ([1, 3], [2], [])


def test_nothing_is_kept_of_shards_that_nobody_asked_for():
    recent = RecentEntries()
    recent.add(3, entry(1))
    assert (recent.last_id(3), numbers(recent)) == (None, [])
    recent.begin(3)
    recent.complete(3, [])
    assert recent.last_id(3) == STREAM_START


def test_what_was_read_of_a_stream_that_was_lost_meanwhile_is_not_kept():
    recent = RecentEntries()
    recent.begin(3)
    recent.forget([3])
    recent.complete(3, [entry(1)])
    assert recent.last_id(3) is None
    recent.begin(3)
    recent.complete(3, [entry(1)])
    recent.forget([3])
    assert numbers(recent) == []


def test_the_oldest_are_dropped_above_a_number_of_bytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recent_entries, "SHARD_BYTES_MAX", 2 * entry(1).size_bytes)
    recent = RecentEntries()
    recent.begin(3)
    recent.complete(3, [entry(number) for number in range(1, 5)])
    assert numbers(recent) == [3, 4]
    monkeypatch.setattr(recent_entries, "SHARD_BYTES_MAX", 1)
    recent.add(3, entry(5))
    assert numbers(recent) == [5]
