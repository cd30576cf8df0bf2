"""A lot as it is told: random courses of a lot, taken in any pieces, told in any turns."""

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live import lot_projection
from api.live.lot_projection import KEPT_FRAMES_MIN, ContinuityBroken, LotProjection
from auction.domain.bidding import Admission
from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    Closed,
    Event,
    Extended,
    Held,
    LotVoided,
    Opened,
    Paused,
    Rescheduled,
    Resumed,
    Scheduled,
)
from auction.domain.lot import Lot, apply
from auction.ledger.entry import StreamEntry, chain_of
from tests.ledger.event_sequences import LOT, terms
from tests.lot_events import apply_all, to_row

TERMS = terms()
NEW = Lot(TERMS)
EVENTS_TOLD = (BidPlaced, Rescheduled, Extended, Held, Paused, Resumed, BidVoided, Closed, LotVoided)


class Course:
    """Writes entries as the scripts do, and keeps the lot they make."""

    def __init__(self) -> None:
        self.entries: list[StreamEntry] = []
        self.lot = NEW
        self.chain = ""
        self.voided: set[int] = set()
        self.write(Scheduled("f" * 64, 1_000, 90_000, 0))
        self.write(Opened(90_000, 0, "eve"))

    def write(self, *events: Event) -> StreamEntry:
        first_seq, at_ms = self.lot.seq + 1, 1_000 + 10 * (self.lot.seq + 1)
        self.lot = apply_all(self.lot, events, at_ms)
        packed = msgspec.msgpack.encode([to_row(event) for event in events])
        self.chain = chain_of(self.chain, LOT, self.lot.epoch, first_seq, at_ms, packed)
        entry = StreamEntry(f"{at_ms}-0", LOT, self.lot.epoch, first_seq, at_ms, events, packed, self.chain)
        self.entries.append(entry)
        return entry

    def bid(self, paddle: int = 1, *, later_ms: int = 0, leading: int = 1, steps: int = 1) -> BidPlaced:
        price = self.lot.price_fen + 100 * steps
        return BidPlaced(
            f"bidder-{paddle}", paddle, price + 7, "key-0001", price, leading, self.lot.ends_at_ms + later_ms
        )

    def bids(self, count: int) -> None:
        for number in range(count):
            self.write(self.bid(1 + number % 3))

    def void_last(self) -> None:
        self.write(Paused(5_000, "a look", "eve"))
        self.write(BidVoided(self.lot.seq - 1, max(0, self.lot.price_fen - 100), "bidder-2", 2, 100, "why", "eve"))
        self.write(Resumed(self.lot.ends_at_ms, 0, 0, "eve"))

    def projection(self, taken: int = 0) -> LotProjection:
        """A story that begins with a reading after so many entries."""
        lot, chain = NEW, ""
        for entry in self.entries[:taken]:
            lot, chain = apply_all(lot, entry.events, entry.at_ms), entry.chain
        return LotProjection(LOT, lot, chain, self.entries[:taken])


@st.composite
def courses(draw: st.DrawFn) -> Course:
    course = Course()
    for _ in range(draw(st.integers(0, 25))):
        match draw(
            st.sampled_from(["bid", "bid", "bid", "late", "batch", "admit", "extend", "times", "pause", "void"])
        ):
            case "bid":
                course.write(course.bid(draw(st.integers(1, 4))))
            case "late":
                course.write(course.bid(draw(st.integers(1, 4)), later_ms=500))
            case "batch":
                course.write(course.bid(1), course.bid(2, steps=2, later_ms=100), course.bid(3, steps=3, later_ms=100))
            case "admit":
                course.write(Admitted(f"bidder-{draw(st.integers(1, 4))}", 1, -1, -1))
            case "extend":
                course.write(Extended(course.lot.ends_at_ms + 1_000, 0, "why", "eve"))
            case "times":
                course.write(Rescheduled(course.lot.opens_at_ms, course.lot.ends_at_ms + 1_000, 0, "eve"))
            case "pause":
                course.write(Paused(5_000, "why", "eve"))
                course.write(Resumed(course.lot.ends_at_ms, 0, 0, "eve"))
            case "void":
                course.void_last()
    if draw(st.booleans()):
        course.write(
            Closed("sold", course.lot.price_fen, course.lot.leader_id, course.lot.leader_paddle, "staff", "", "")
        )
    return course


def frames_in(told: bytes) -> list[dict[str, object]]:
    found = []
    while told:
        size, start = told[1], 2
        if size == 126:
            size, start = int.from_bytes(told[2:4], "big"), 4
        found.append(json.loads(told[start : start + size]))
        told = told[start + size :]
    return found


def tell(projection: LotProjection) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    turn = projection.take_turn(now_ms=1, watchers=1)
    return frames_in(turn.state), frames_in(turn.feed)


def expected_bids(course: Course, after_seq: int) -> list[tuple[int, int]]:
    return [
        (seq, event.price_fen)
        for entry in course.entries
        for seq, event in enumerate(entry.events, entry.first_seq)
        if isinstance(event, BidPlaced) and seq > after_seq
    ]


@given(courses(), st.data())
def test_however_entries_come_the_feed_has_every_bid_once_in_order_without_a_hole(course, data):
    begun = data.draw(st.integers(0, len(course.entries)))
    projection = course.projection(begun)
    seen = first_seq = projection.lot.seq
    bids, told_epoch = [], projection.lot.epoch
    for entry in course.entries[max(0, begun - data.draw(st.integers(0, 3))) :]:
        epoch_before = projection.lot.epoch
        projection.apply_entry(entry)
        if projection.lot.epoch == epoch_before and not data.draw(st.booleans()):
            continue
        _, feed = tell(projection)
        for frame in feed:
            if frame["type"] == "bid":
                assert frame["prev_seq"] <= seen < frame["seq"]
                bids.append((frame["seq"], frame["amount_fen"]))
            seen = max(seen, frame["seq"])
        if feed:
            assert feed[-1]["type"] == ("snap" if feed[-1]["epoch"] != told_epoch else "tick")
            told_epoch = feed[-1]["epoch"]
    bids += [(frame["seq"], frame["amount_fen"]) for frame in tell(projection)[1] if frame["type"] == "bid"]
    assert bids == expected_bids(course, first_seq)
    assert projection.lot == replace(course.lot, stopped_at_ms=projection.lot.stopped_at_ms)
    assert projection.chain == course.chain


@given(courses(), st.data())
def test_what_nobody_may_miss_is_told_to_watchers_of_the_state_too(course, data):
    begun = data.draw(st.integers(0, len(course.entries)))
    projection = course.projection(begun)
    from_seq, kinds = projection.lot.seq, []
    turn_ends = []
    for entry in course.entries[begun:]:
        projection.apply_entry(entry)
        if data.draw(st.booleans()):
            turn_ends.append(entry.last_seq)
            kinds += [(frame["type"], frame["seq"]) for frame in tell(projection)[0]]
    kinds += [(frame["type"], frame["seq"]) for frame in tell(projection)[0]]
    told = {
        Rescheduled: "rescheduled",
        Extended: "extended",
        Held: "held",
        Paused: "paused",
        Resumed: "resumed",
        BidVoided: "voided",
        Closed: "closed",
    }
    expected, by_bid, lot = [], [], NEW
    for entry in course.entries:
        for seq, event in enumerate(entry.events, entry.first_seq):
            after = apply(lot, event, entry.at_ms)
            if isinstance(event, BidPlaced) and after.ends_at_ms > lot.ends_at_ms and seq > from_seq:
                expected.append(("extended", seq))
                by_bid.append(seq)
            elif type(event) in told and seq > from_seq:
                expected.append((told[type(event)], seq))
            lot = after
    # of the extensions that bids made in one turn, the last
    turn_of = {seq: sum(seq > end for end in turn_ends) for _, seq in expected}
    last_in_turn = {turn_of[seq]: seq for seq in by_bid}
    expected = [(kind, seq) for kind, seq in expected if seq not in by_bid or last_in_turn[turn_of[seq]] == seq]
    assert [kind for kind in kinds if kind[0] not in {"tick", "snap"}] == expected


@given(courses(), st.data())
def test_a_projection_begun_late_has_the_frames_of_one_begun_early(course, data):
    early = course.projection(1)
    for entry in course.entries[1:]:
        early.apply_entry(entry)
        early.take_turn(now_ms=1, watchers=1)
    late = course.projection(len(course.entries))
    for feed in (False, True):
        for seq in range(course.lot.seq + 1):
            kept = late.missed_frames(seq, feed=feed)
            assert kept is None or kept == early.missed_frames(seq, feed=feed)
    # of the epoch in force everything is remembered but its first event
    epoch_began = max((entry.last_seq for entry in course.entries if isinstance(entry.events[0], BidVoided)), default=1)
    assert late.missed_frames(epoch_began, feed=True) is not None
    if epoch_began > 1:
        assert late.missed_frames(epoch_began - 1, feed=True) is None
    # and the next bid continues both alike
    if course.lot.status != "closed":
        course.write(course.bid())
        for projection in (early, late):
            projection.apply_entry(course.entries[-1])
        assert frames_in(early.take_turn(now_ms=1, watchers=1).feed) == frames_in(
            late.take_turn(now_ms=1, watchers=1).feed
        )


def test_entries_with_a_gap_before_the_reading_are_remembered_from_the_gap_on():
    course = Course()
    course.bids(10)
    whole = course.projection(12)
    holed = LotProjection(LOT, whole.lot, course.chain, [*course.entries[:4], *course.entries[6:]])
    assert holed.missed_frames(6, feed=True) is None
    # the end in force is known from the first bid after the gap on
    assert holed.missed_frames(7, feed=True) == whole.missed_frames(7, feed=True) != []


def test_entries_that_end_before_the_reading_are_not_remembered():
    course = Course()
    course.bids(10)
    projection = LotProjection(LOT, course.lot, course.chain, course.entries[:-1])
    assert projection.missed_frames(course.lot.seq - 1, feed=True) is None
    assert projection.missed_frames(course.lot.seq, feed=True) == []


def test_an_entry_that_skips_some_is_not_taken():
    course = Course()
    course.bids(3)
    projection = course.projection(3)
    with pytest.raises(ContinuityBroken, match="seq 3 of launch-001 is not continued by the entry from 5"):
        projection.apply_entry(course.entries[4])


def test_an_entry_of_another_past_is_not_taken():
    course, other = Course(), Course()
    course.bids(3)
    other.write(other.bid(9))
    other.bids(2)
    projection = course.projection(4)
    with pytest.raises(ContinuityBroken):
        projection.apply_entry(other.entries[4])


def test_an_entry_of_another_epoch_is_not_taken():
    course = Course()
    projection = course.projection(2)
    entry = course.write(course.bid())
    chain = chain_of(projection.chain, LOT, 2, entry.first_seq, entry.at_ms, entry.packed)
    with pytest.raises(ContinuityBroken, match="epoch 2, expected 1"):
        projection.apply_entry(replace(entry, epoch=2, chain=chain))


def test_admissions_alone_are_not_worth_a_turn_but_count_as_seen():
    course = Course()
    projection = course.projection(2)
    projection.apply_entry(course.write(Admitted("bidder-1", 1, -1, -1)))
    assert projection.has_news
    assert tell(projection) == ([], [])
    assert projection.position == (1, 3)


def test_a_soft_close_storm_sends_watchers_of_the_state_one_extension_a_turn():
    course = Course()
    for number in range(30):
        course.write(course.bid(1 + number % 3, later_ms=10))
    projection = course.projection(2)
    for entry in course.entries[2:]:
        projection.apply_entry(entry)
    state, feed = tell(projection)
    extensions = [frame["seq"] for frame in feed if frame["type"] == "extended"]
    assert len(extensions) > 1
    assert [frame["seq"] for frame in state if frame["type"] == "extended"] == extensions[-1:]


def test_frames_are_kept_for_a_time_however_many_come():
    course = Course()
    course.bids(KEPT_FRAMES_MIN + 10)
    projection = course.projection(2)
    for entry in course.entries[2:]:
        projection.apply_entry(entry)
    projection.take_turn(now_ms=1, watchers=1)
    assert projection.missed_frames(2, feed=True) is not None


def test_only_so_many_frames_are_kept(monkeypatch):
    monkeypatch.setattr(lot_projection, "KEPT_MS", -1)
    course = Course()
    course.bids(KEPT_FRAMES_MIN + 10)
    projection = course.projection(2)
    for entry in course.entries[2:]:
        projection.apply_entry(entry)
    projection.take_turn(now_ms=1, watchers=1)
    assert projection.missed_frames(11, feed=True) is None
    kept = projection.missed_frames(12, feed=True)
    assert kept is not None
    assert len(kept) == KEPT_FRAMES_MIN
    assert projection.missed_frames(2, feed=False) == []


# -- signed-in bidders ------------------------------------------------------------------------------------------------


def you(projection: LotProjection, bidder_id: str) -> dict[str, object]:
    (frame,) = frames_in(projection.you_frame(bidder_id))
    return {name: frame[name] for name in ("leading", "outbid_by") if name in frame}


def following(course: Course, *bidders: str) -> LotProjection:
    projection = course.projection(len(course.entries))
    for bidder in bidders:
        projection.admissions[bidder] = Admission(int(bidder[-1]))
    return projection


def test_the_outbid_leader_and_the_new_one_have_news_and_nobody_else():
    course = Course()
    course.write(course.bid(1))
    projection = following(course, "bidder-1", "bidder-2", "bidder-3")
    projection.apply_entry(course.write(course.bid(2)))
    assert projection.to_notify == {"bidder-1", "bidder-2"}
    projection.take_turn(now_ms=1, watchers=1)
    assert you(projection, "bidder-1") == {"leading": False, "outbid_by": 2}
    assert you(projection, "bidder-2") == {"leading": True}
    assert you(projection, "bidder-3") == {"leading": False}


def test_who_led_only_between_two_turns_is_told_to_be_outbid():
    course = Course()
    course.write(course.bid(3))
    projection = following(course, "bidder-1")
    projection.apply_entry(course.write(course.bid(1), course.bid(2, steps=2)))
    assert projection.to_notify == {"bidder-1"}
    projection.take_turn(now_ms=1, watchers=1)
    assert you(projection, "bidder-1") == {"leading": False, "outbid_by": 2}


def test_who_leads_again_is_no_longer_outbid():
    course = Course()
    course.write(course.bid(1))
    projection = following(course, "bidder-1")
    projection.apply_entry(course.write(course.bid(2)))
    projection.apply_entry(course.write(course.bid(1)))
    projection.take_turn(now_ms=1, watchers=1)
    assert you(projection, "bidder-1") == {"leading": True}


def test_a_maximum_that_the_leader_answers_at_once_is_outbid():
    course = Course()
    course.write(course.bid(1))
    projection = following(course, "bidder-1", "bidder-2")
    projection.apply_entry(course.write(course.bid(2, leading=0)))
    projection.take_turn(now_ms=1, watchers=1)
    assert you(projection, "bidder-2") == {"leading": False, "outbid_by": 1}
    assert you(projection, "bidder-1") == {"leading": True}


def test_a_leader_whose_bid_was_voided_was_not_outbid():
    course = Course()
    course.write(course.bid(2))
    course.write(course.bid(1))
    projection = following(course, "bidder-1", "bidder-2")
    course.void_last()
    for entry in course.entries[4:]:
        projection.apply_entry(entry)
    assert projection.to_notify == {"bidder-1", "bidder-2"}
    projection.take_turn(now_ms=1, watchers=1)
    assert you(projection, "bidder-1") == {"leading": False}
    assert you(projection, "bidder-2") == {"leading": True}


def test_a_new_limit_is_news_to_its_bidder():
    course = Course()
    projection = following(course, "bidder-1")
    projection.apply_entry(course.write(Admitted("bidder-1", 1, 70_000, -1), Admitted("bidder-2", 2, -1, -1)))
    assert projection.to_notify == {"bidder-1"}
    assert projection.admissions == {"bidder-1": Admission(1, 70_000)}
    projection.apply_entry(course.write(Admitted("bidder-1", 1, -1, -1)))
    assert projection.admissions == {"bidder-1": Admission(1, None)}
