from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auction.domain.bidding import Accepted, Admission, Bid, Decision, Receipt, decide
from auction.domain.events import (
    CLERK,
    Admitted,
    BidPlaced,
    BidVoided,
    Closed,
    Event,
    Extended,
    Held,
    Interrupted,
    LotVoided,
    Opened,
    Paused,
    Rescheduled,
    Resumed,
    Scheduled,
)
from auction.domain.lot import (
    STOPPED,
    Action,
    Lot,
    NotAllowed,
    close_if_due,
    close_now,
    extend,
    open_now,
    open_when_due,
    pause,
    restate,
    resume,
    schedule,
    void,
)
from auction.domain.proof import (
    CHAINED,
    DEADLINE,
    NO_PHANTOMS,
    ONCE,
    ONE_WINNER,
    ORDER,
    PROMISES,
    LotProof,
    RuleBroken,
)
from auction.domain.terms import Bidding, MaxJump, SoftClose, Terms
from auction.domain.text import is_visible_ascii
from tests.lot_events import apply_all
from tests.unit.examples import ENDS, NOW, OPENS, PADDLES, Move, any_terms, by_rule, proxy_terms, terms

SOFT = SoftClose(window_ms=1_000, extension_ms=1_000, hard_stop_ms=5_000)


class Entry(NamedTuple):
    """One script call's events, as `LotProof.fold_entry` is given them."""

    epoch: int
    first_seq: int
    at_ms: int
    events: tuple[Event, ...]


@dataclass
class Record:
    """Keeps one lot's record the way the scripts do: close what is due, act, write what the action caused."""

    terms: Terms
    lot: Lot = field(init=False)
    entries: list[Entry] = field(default_factory=list)
    bids: dict[int, BidPlaced] = field(default_factory=dict)
    voided: dict[int, int] = field(default_factory=dict)
    admissions: dict[str, Admission] = field(default_factory=dict)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lot = Lot(self.terms)

    def write(self, action: Action, at_ms: int) -> Self:
        """What an action caused becomes an entry; nothing where it was not allowed."""
        if isinstance(action, NotAllowed) or not action:
            return self
        first_seq = self.lot.seq + 1
        self.lot = apply_all(self.lot, action, at_ms)
        self.entries.append(Entry(self.lot.epoch, first_seq, at_ms, action))
        for seq, event in enumerate(action, first_seq):
            if isinstance(event, BidPlaced):
                self.bids[seq] = event
            elif isinstance(event, BidVoided):
                self.voided[event.bid_seq] = seq
        return self

    def close_if_due(self, at_ms: int) -> Self:
        return self.write(close_if_due(self.lot, at_ms), at_ms)

    def admit(self, bidder: str, at_ms: int, limit_fen: int | None = None) -> Self:
        self.close_if_due(at_ms)
        paddle = PADDLES[bidder]
        self.admissions[bidder] = Admission(paddle, limit_fen)
        return self.write((Admitted(bidder, paddle, -1 if limit_fen is None else limit_fen, -1),), at_ms)

    def bid(self, bidder: str, amount_fen: int, at_ms: int = NOW, *, key: str | None = None) -> Decision:
        self.close_if_due(at_ms)
        wanted = Bid(bidder, amount_fen, key or f"key-{self.lot.seq:04d}")
        whose = (bidder, wanted.key)
        decision = decide(self.lot, self.admissions.get(bidder), self.receipts.get(whose), wanted, at_ms)
        if isinstance(decision, Accepted):
            self.receipts[whose] = decision.receipt
            self.write(decision.events, at_ms)
        return decision

    def bids_of(self, *amounts: tuple[str, int]) -> Self:
        """Bids that must be accepted."""
        for bidder, amount_fen in amounts:
            decision = self.bid(bidder, amount_fen)
            assert isinstance(decision, Accepted), decision
        return self

    def void(self, bid_seq: int, at_ms: int = NOW) -> Self:
        return self.write(restate(self.lot, self.standing(), bid_seq, reason="fraud", by="li"), at_ms)

    def standing(self) -> list[tuple[int, BidPlaced]]:
        return [(seq, bid) for seq, bid in self.bids.items() if seq not in self.voided]

    def pause(self, at_ms: int = NOW) -> Self:
        return self.write(pause(self.lot, at_ms, reason="a look", by="li"), at_ms)


def scheduled(of: Terms | None = None) -> Record:
    """A lot in its first moment."""
    of = of or terms()
    return Record(of).write((schedule(of, opens_at_ms=OPENS, ends_at_ms=ENDS),), OPENS - 1000)


def opened(of: Terms | None = None, **limits: int) -> Record:
    """Scheduled, three bidders admitted, opened on time: the first bid's seq is 6."""
    record = scheduled(of)
    for bidder in PADDLES:
        record.admit(bidder, OPENS - 500, limits.get(bidder))
    return record.write(open_when_due(record.lot, OPENS, by=CLERK), OPENS)


FIRST_BID = 6


def proof_of(of: Terms, entries: Sequence[Entry]) -> LotProof:
    """All entries folded."""
    proof = LotProof(of)
    for entry in entries:
        proof.fold_entry(*entry)
    return proof


def breach(of: Terms, entries: Sequence[Entry]) -> tuple[int, int]:
    """The promise that is broken first, and the seq."""
    with pytest.raises(RuleBroken) as caught:
        proof_of(of, entries)
    return caught.value.promise, caught.value.seq


def breach_by(record: Record, *events: Event, at_ms: int = NOW, epoch: int | None = None) -> tuple[int, int]:
    """What one more entry breaks that follows on a good record."""
    proof_of(record.terms, record.entries)
    forged = Entry(epoch or record.lot.epoch, record.lot.seq + 1, at_ms, events)
    return breach(record.terms, [*record.entries, forged])


def placed(bidder: str, amount_fen: int, **other: Any) -> BidPlaced:
    """A bid's event as a direct lot without a soft close would have it."""
    plain = BidPlaced(bidder, PADDLES[bidder], amount_fen, "key-new", amount_fen, 1, ENDS)
    return replace(plain, **other)


# --- good records -----------------------------------------------------------------------------------------------------

STEPS = ["bid"] * 9 + ["again", "admit", "pause", "resume", "extend", "void", "void", "end"]
steps = st.builds(
    Move,
    what=st.sampled_from(STEPS),
    bidder=st.sampled_from(list(PADDLES)),
    over_fen=st.one_of(st.integers(0, 3), st.integers(0, 12), st.integers(-5, 200)),
    wait_ms=st.sampled_from([0, 0, 0, 1, 7, 20]),
)
# long courses and short ones: left alone, Hypothesis draws mostly short ones, in which little happens
courses = st.one_of(*(st.lists(steps, min_size=least, max_size=least + 10) for least in (0, 10, 20)))


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any course that the rules allow, on any terms: opened by the clerk or by staff, bids, retries, staff at work."""
    of = draw(any_terms())
    record = Record(of)
    record.write((schedule(of, opens_at_ms=OPENS, ends_at_ms=OPENS + 200),), OPENS - 50)
    for bidder in PADDLES:
        record.admit(bidder, OPENS - 50, draw(st.none() | st.integers(100, 900)))
    now = OPENS + draw(st.sampled_from([0, 5, -5]))
    record.write(open_when_due(record.lot, now, by=CLERK), now)
    ends_at_ms = now + draw(st.sampled_from([300, 40]))
    record.write(open_now(record.lot, now, ends_at_ms=ends_at_ms, by="li"), now)
    for number, step in enumerate(draw(courses)):
        now += step.wait_ms
        take(record, step, f"key-{number:04d}", now)
    return record


def take(record: Record, step: Move, key: str, now: int) -> None:
    """One step of a course."""
    record.close_if_due(now)
    lot = record.lot
    if step.what == "bid" and lot.status not in STOPPED:
        at_fen = lot.minimum_fen()
        unit = lot.terms.step_at(max(lot.price_fen, lot.terms.start_price_fen)) if lot.terms.on_grid else 1
        record.bid(bidder_of(lot, step), max(1, at_fen + step.over_fen * unit), now, key=key)
    elif step.what == "again" and record.bids:
        bid = list(record.bids.values())[step.over_fen % len(record.bids)]
        record.bid(bid.bidder_id, bid.amount_fen, now, key=bid.key)
    elif step.what == "admit" and lot.status not in {"closed", "void"}:
        record.admit(step.bidder, now, None if step.over_fen < 2 else lot.price_fen + step.over_fen)
    elif step.what == "void" and record.standing():
        record.pause(now).void(record.standing()[step.over_fen % len(record.standing())][0], now)
    else:
        record.write(staff(lot, step, now), now)


def bidder_of(lot: Lot, step: Move) -> str:
    """Whoever comes; most leaders of a direct lot wait until they are outbid."""
    waits = step.bidder == lot.leader_id and lot.terms.bidding is Bidding.DIRECT and step.over_fen != 1
    return next(name for name in PADDLES if name != step.bidder) if waits else step.bidder


def staff(lot: Lot, step: Move, now: int) -> Action:
    """What a member of staff does to the lot."""
    match step.what:
        case "pause":
            return pause(lot, now, reason="a look", by="li")
        case "resume" | "bid":
            # where somebody would bid, staff let them
            limit = {0: None, 1: 0}.get(step.over_fen, lot.price_fen + step.over_fen)
            return resume(lot, now, review_above_fen=limit, by="li")
        case "extend":
            moves = step.over_fen % 2 == 1
            return extend(lot, now, by_ms=max(1, step.over_fen), moves_hard_stop=moves, reason="late start", by="li")
        case "end" if step.over_fen > 3:
            return close_now(lot, reason="enough", by="li")
        case "end" if step.over_fen == 3:
            return void(lot, reason="recall", by="li")
    return ()


def joined(entries: Sequence[Entry], data: st.DataObject) -> list[Entry]:
    """The same events in other entries: one entry is of one moment and one epoch, and a restatement begins its own."""
    made: list[Entry] = []
    for entry in entries:
        last = made[-1] if made else None
        if last and (last.at_ms, last.epoch) == (entry.at_ms, entry.epoch) and data.draw(st.booleans()):
            made[-1] = last._replace(events=last.events + entry.events)
        else:
            made.append(entry)
    return made


@by_rule
@given(records(), st.data())
def test_a_record_that_the_rules_made_is_accepted_whole_however_it_is_cut_into_entries(record, data):
    proof = proof_of(record.terms, joined(record.entries, data))
    assert proof.lot == record.lot
    assert (proof.bids, proof.voided) == (record.bids, record.voided)
    last = record.entries[-1].events[-1]
    assert proof.closed == (last if isinstance(last, Closed) else None)
    assert proof.closed_seq == (record.lot.seq if proof.closed else 0)


@by_rule
@given(records(), st.data())
def test_a_missing_entry_leaves_a_hole_at_the_next(record, data):
    entries = joined(record.entries, data)
    assume(len(entries) > 1)
    gone = data.draw(st.integers(0, len(entries) - 2))
    after = entries[gone + 1].first_seq
    assert breach(record.terms, [*entries[:gone], *entries[gone + 1 :]]) == (ORDER, after)


@by_rule
@given(records(), st.data())
def test_an_entry_that_stands_twice_is_a_repetition_wherever_it_stands_again(record, data):
    entries = joined(record.entries, data)
    twice = data.draw(st.integers(0, len(entries) - 1))
    again = data.draw(st.integers(twice + 1, len(entries)))
    assert breach(record.terms, [*entries[:again], entries[twice], *entries[again:]]) == (
        ORDER,
        entries[twice].first_seq,
    )


DERIVED: dict[type[Event], tuple[str, ...]] = {
    Scheduled: ("terms_sha256", "hard_stop_at_ms"),
    Opened: ("hard_stop_at_ms",),
    BidPlaced: ("paddle", "price_fen", "leading", "ends_at_ms"),
    Held: ("remaining_ms",),
    Paused: ("remaining_ms",),
    Resumed: ("ends_at_ms", "hard_stop_at_ms"),
    Extended: ("hard_stop_at_ms",),
    BidVoided: ("price_fen", "leader_id", "leader_paddle", "ceiling_fen"),
    Closed: ("outcome", "price_fen", "leader_id", "leader_paddle", "cause"),
}
"""What nobody chooses: the facts that follow from the terms, the time and what came before."""


def spoilt(event: Event, name: str) -> Event:
    """The event with another value in a field."""
    value = getattr(event, name)
    return cast(Event, replace(cast(Any, event), **{name: value + 1 if isinstance(value, int) else value + "x"}))


@by_rule
@given(records(), st.data())
def test_no_derived_fact_can_be_changed_without_being_found_at_its_seq(record, data):
    places = [
        (number, at, name)
        for number, entry in enumerate(record.entries)
        for at, event in enumerate(entry.events)
        for name in DERIVED.get(type(event), ())
    ]
    number, at, name = data.draw(st.sampled_from(places))
    entry = record.entries[number]
    events = (*entry.events[:at], spoilt(entry.events[at], name), *entry.events[at + 1 :])
    entries = [*record.entries[:number], entry._replace(events=events), *record.entries[number + 1 :]]
    assert breach(record.terms, entries)[1] == entry.first_seq + at


def test_a_purse_spans_lots_and_is_not_proved_on_one_of_them():
    record = opened()
    record.write((Admitted("ada", PADDLES["ada"], -1, 500),), NOW)
    assert proof_of(record.terms, record.bids_of(("ada", 9_000)).entries).lot.price_fen == 9_000


def test_a_limit_that_was_raised_holds_from_then_on():
    record = opened(ada=500)
    assert breach_by(record, placed("ada", 600)) == (NO_PHANTOMS, FIRST_BID)
    record.admit("ada", NOW, 600).bids_of(("ada", 600))
    assert proof_of(record.terms, record.entries).lot.price_fen == 600


# --- entries ----------------------------------------------------------------------------------------------------------


def test_a_record_whose_beginning_is_lost_follows_on_nothing():
    assert breach(terms(), opened().entries[1:]) == (ORDER, 2)


def test_time_may_stand_still_between_entries_and_not_run_back():
    record = opened().bids_of(("ada", 100))
    assert breach_by(record, placed("bo", 200), at_ms=NOW - 1) == (ORDER, FIRST_BID + 1)
    record.bids_of(("bo", 200))
    assert proof_of(record.terms, record.entries).lot.last_at_ms == NOW


@pytest.mark.parametrize("epoch", [2, 3])
def test_an_entry_of_an_epoch_to_come_is_out_of_order(epoch):
    assert breach_by(opened(), placed("ada", 100), epoch=epoch) == (ORDER, FIRST_BID)


def test_a_restatement_begins_an_epoch_and_what_follows_is_of_it():
    record = opened().bids_of(("ada", 100), ("bo", 200)).pause()
    void = restate(record.lot, record.standing(), 7, reason="fraud", by="li")
    assert isinstance(void, tuple)
    for epoch in (1, 3):
        assert breach_by(record, *void, epoch=epoch) == (ORDER, 9)
    record.void(7)
    assert breach_by(record, Resumed(ENDS, 0, 0, "li"), epoch=1) == (ORDER, 10)
    assert proof_of(record.terms, record.entries).lot.epoch == 2


def test_a_restatement_stands_first_in_its_entry():
    record = opened().bids_of(("ada", 100), ("bo", 200)).pause()
    before, last = record.entries[:-1], record.entries[-1]
    record.void(7)
    both = last._replace(events=last.events + record.entries[-1].events)
    assert breach(record.terms, [*before, both]) == (ORDER, 9)
    assert breach(record.terms, [*before, both._replace(epoch=2)]) == (ORDER, 8)


# --- bids -------------------------------------------------------------------------------------------------------------


def test_a_bid_that_was_too_low_is_out_of_order():
    assert breach_by(opened(), placed("ada", 99)) == (ORDER, FIRST_BID)
    assert breach_by(opened().bids_of(("ada", 100)), placed("bo", 199)) == (ORDER, FIRST_BID + 1)


def test_a_bid_off_the_grid_is_out_of_order():
    assert breach_by(opened(terms(on_grid=True)), placed("ada", 250)) == (ORDER, FIRST_BID)


def test_a_bid_above_the_cap_is_out_of_order():
    assert breach_by(opened(terms(cap_fen=900)), placed("ada", 901)) == (ORDER, FIRST_BID)


def test_a_bid_that_leapt_too_far_is_out_of_order():
    assert breach_by(opened(terms(max_jump=MaxJump(steps=2))), placed("ada", 301)) == (ORDER, FIRST_BID)


def test_a_direct_bid_of_the_leader_is_out_of_order():
    assert breach_by(opened().bids_of(("ada", 100)), placed("ada", 300)) == (ORDER, FIRST_BID + 1)


@pytest.mark.parametrize("late_ms", [0, 1, 1_000])
def test_a_bid_at_or_after_the_end_is_past_the_deadline(late_ms):
    assert breach_by(opened(), placed("ada", 100), at_ms=ENDS + late_ms) == (DEADLINE, FIRST_BID)


def test_a_bid_in_the_last_millisecond_is_good():
    record = opened()
    record.bid("ada", 100, ENDS - 1)
    assert proof_of(record.terms, record.entries).lot.price_fen == 100


def test_a_bid_on_a_lot_that_is_not_open_is_past_the_deadline():
    assert breach_by(opened().pause(), placed("ada", 100)) == (DEADLINE, 7)
    assert breach_by(scheduled().admit("ada", OPENS - 500), placed("ada", 100), at_ms=OPENS) == (DEADLINE, 3)


def test_a_bid_of_someone_who_was_not_admitted_is_a_phantom():
    record = scheduled()
    record.write(open_when_due(record.lot, OPENS, by=CLERK), OPENS)
    assert breach_by(record, placed("ada", 100)) == (NO_PHANTOMS, 3)


def test_a_bid_above_the_bidders_limit_is_a_phantom():
    record = opened(ada=500)
    assert breach_by(record, placed("ada", 501)) == (NO_PHANTOMS, FIRST_BID)
    assert isinstance(record.bid("ada", 500), Accepted)
    assert proof_of(record.terms, record.entries).lot.price_fen == 500


@pytest.mark.parametrize("amount", [100, 400])
def test_a_key_that_stands_twice_breaks_once_whatever_the_amount(amount):
    record = opened()
    record.bid("ada", 100, key="key-0001")
    record.bids_of(("bo", 200))
    assert breach_by(record, placed("ada", amount, key="key-0001")) == (ONCE, FIRST_BID + 2)


def test_a_key_is_a_bidders_own_and_two_bidders_may_choose_the_same():
    record = opened()
    record.bid("ada", 100, key="key-0001")
    record.bid("bo", 200, key="key-0001")
    assert len(proof_of(record.terms, record.entries).bids) == 2


def test_a_key_stays_used_after_its_bid_was_voided():
    record = opened()
    record.bid("ada", 100, key="key-0001")
    record.pause().void(FIRST_BID)
    record.write(resume(record.lot, NOW, review_above_fen=None, by="li"), NOW)
    assert breach_by(record, placed("ada", 100, key="key-0001")) == (ONCE, record.lot.seq + 1)


@pytest.mark.parametrize(
    "wrong",
    [{"price_fen": 101}, {"leading": 0}, {"ends_at_ms": ENDS + 1}, {"paddle": 2}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_bid_with_a_wrong_consequence_is_out_of_order(wrong):
    assert breach_by(opened(), placed("ada", 100, **wrong)) == (ORDER, FIRST_BID)


def test_a_late_bid_that_did_not_move_the_end_is_out_of_order():
    record = opened(terms(soft_close=SOFT))
    assert breach_by(record, placed("ada", 100), at_ms=ENDS - 400) == (ORDER, FIRST_BID)
    record.bid("ada", 100, ENDS - 400)
    assert proof_of(record.terms, record.entries).lot.ends_at_ms == ENDS + 600


def test_a_price_of_the_runner_up_is_proved_in_proxy_bidding():
    record = opened(proxy_terms()).bids_of(("ada", 900))
    right = placed("bo", 500, price_fen=600, leading=0)
    assert breach_by(record, replace(right, price_fen=500)) == (ORDER, FIRST_BID + 1)
    assert breach_by(record, replace(right, leading=1)) == (ORDER, FIRST_BID + 1)
    record.bid("bo", 500, key="key-new")
    assert record.entries[-1].events == (right,)
    proof_of(record.terms, record.entries)


# --- what a bid causes ------------------------------------------------------------------------------------------------

GUARDED = terms(review_above_fen=1_000)
CAPPED = terms(cap_fen=1_000)


def test_a_hold_without_a_bid_that_reached_the_limit_is_a_phantom():
    record = opened(GUARDED)
    assert breach_by(record, Held(ENDS - NOW)) == (NO_PHANTOMS, FIRST_BID)
    assert breach_by(record, placed("ada", 999), Held(ENDS - NOW)) == (NO_PHANTOMS, FIRST_BID + 1)


def test_a_bid_that_reached_the_limit_and_was_not_held_breaks_the_deadline():
    assert breach_by(opened(GUARDED), placed("ada", 1_000)) == (DEADLINE, FIRST_BID + 1)
    assert breach_by(opened(GUARDED), placed("ada", 1_000), placed("bo", 1_100)) == (DEADLINE, FIRST_BID + 1)


def test_a_hold_that_keeps_other_than_the_time_left_breaks_the_deadline():
    assert breach_by(opened(GUARDED), placed("ada", 1_000), Held(ENDS - NOW + 1)) == (DEADLINE, FIRST_BID + 1)


def test_a_hold_stands_in_the_entry_of_its_bid():
    record = opened(GUARDED).bids_of(("ada", 1_000))
    proof_of(record.terms, record.entries)
    *before, (epoch, seq, at_ms, (bid, held)) = record.entries
    parted = [*before, Entry(epoch, seq, at_ms, (bid,)), Entry(epoch, seq + 1, at_ms, (held,))]
    assert breach(record.terms, parted) == (DEADLINE, FIRST_BID + 1)


def test_a_bid_at_the_cap_that_did_not_close_the_lot_leaves_no_winner():
    assert breach_by(opened(CAPPED), placed("ada", 1_000)) == (ONE_WINNER, FIRST_BID + 1)
    late = Closed("sold", 1_000, "ada", 1, "time", "", "")
    assert breach_by(opened(CAPPED), placed("ada", 1_000), late) == (ONE_WINNER, FIRST_BID + 1)


def test_a_close_at_the_cap_that_no_bid_reached_is_not_the_lots_end():
    record = opened(CAPPED).bids_of(("ada", 900))
    assert breach_by(record, Closed("sold", 900, "ada", 1, "cap", "", "")) == (ONE_WINNER, FIRST_BID + 1)


# --- closed_event ----------------------------------------------------------------------------------------------------------


def closing_of(record: Record, at_ms: int = ENDS) -> Closed:
    (event,) = close_if_due(record.lot, at_ms)
    assert isinstance(event, Closed)
    return event


@pytest.mark.parametrize(
    "wrong",
    [{"leader_id": "ada"}, {"leader_paddle": 1}, {"price_fen": 100}, {"outcome": "reserve-unmet"}, {"cause": "cap"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_close_that_names_another_winner_price_or_outcome_is_not_the_lots_end(wrong):
    record = opened().bids_of(("ada", 100), ("bo", 200))
    event = closing_of(record)
    assert breach_by(record, replace(event, **wrong), at_ms=ENDS) == (ONE_WINNER, FIRST_BID + 2)
    assert proof_of(record.terms, record.close_if_due(ENDS).entries).closed == event


def test_a_lot_under_its_reserve_was_not_sold():
    record = opened(terms(reserve_fen=500)).bids_of(("ada", 100))
    sold = replace(closing_of(record), outcome="sold")
    assert breach_by(record, sold, at_ms=ENDS) == (ONE_WINNER, FIRST_BID + 1)


def test_a_lot_is_not_closed_by_time_before_its_end():
    record = opened()
    assert breach_by(record, closing_of(record), at_ms=ENDS - 1) == (ONE_WINNER, FIRST_BID)


def test_staff_close_a_lot_before_its_end_and_not_once_it_is_due():
    record = opened().bids_of(("ada", 100))
    action = close_now(record.lot, reason="enough", by="li")
    assert isinstance(action, tuple)
    assert breach_by(record, *action, at_ms=ENDS) == (ONE_WINNER, FIRST_BID + 1)
    record.write(action, ENDS - 1)
    assert proof_of(record.terms, record.entries).closed_seq == FIRST_BID + 1


def test_a_stopped_lot_is_closed_by_staff_alone_and_a_held_one_by_nobody():
    record = opened()
    by_time, by_staff = closing_of(record), Closed("no-bids", 0, "", 0, "staff", "enough", "li")
    record.pause()
    assert breach_by(record, by_time, at_ms=ENDS) == (ONE_WINNER, 7)
    assert proof_of(record.terms, record.write((by_staff,), ENDS).entries).lot.pause_cause == ""
    held = opened(GUARDED).bids_of(("ada", 1_500))
    assert breach_by(held, Closed("sold", 1_500, "ada", 1, "staff", "enough", "li")) == (ONE_WINNER, 8)


def test_a_lot_closes_once():
    record = opened().bids_of(("ada", 100)).close_if_due(ENDS)
    event = cast(Closed, record.entries[-1].events[0])
    assert breach_by(record, event, at_ms=ENDS) == (ONE_WINNER, FIRST_BID + 2)
    assert breach_by(record, replace(event, leader_id="bo"), at_ms=ENDS + 5) == (ONE_WINNER, FIRST_BID + 2)


EVERYTHING_ELSE: list[Event] = [
    Scheduled(terms().sha256(), OPENS, ENDS, 0),
    Rescheduled(OPENS + 1, ENDS + 1, 0, "li"),
    Admitted("ada", 1, -1, -1),
    Opened(ENDS, 0, "li"),
    placed("ada", 200),
    Held(1),
    Paused(1, "a look", "li"),
    Interrupted(5, ENDS - 5, ENDS - 2, ENDS),
    Resumed(ENDS, 0, 0, "li"),
    Extended(ENDS + 1, 0, "late start", "li"),
    BidVoided(6, 0, "", 0, 0, "fraud", "li"),
    LotVoided("recall", "li"),
]


def ended(how: str) -> Record:
    record = opened().bids_of(("bo", 100))
    if how == "closed":
        return record.close_if_due(ENDS)
    return record.write(void(record.lot, reason="recall", by="li"), ENDS - 1)


@pytest.mark.parametrize("event", EVERYTHING_ELSE, ids=lambda event: event.kind)
@pytest.mark.parametrize("how", ["closed", "void"])
def test_nothing_follows_the_end_of_a_lot(how, event):
    epoch = 1 + isinstance(event, BidVoided)
    assert breach_by(ended(how), event, at_ms=ENDS + 5, epoch=epoch) == (DEADLINE, FIRST_BID + 2)


def test_a_void_lot_has_no_winner():
    assert breach_by(ended("void"), Closed("sold", 100, "bo", 2, "time", "", ""), at_ms=ENDS) == (ONE_WINNER, 8)


ON_TIME_ONLY = [event for event in EVERYTHING_ELSE[1:] if not isinstance(event, Interrupted)]


@pytest.mark.parametrize("event", ON_TIME_ONLY, ids=lambda event: event.kind)
def test_a_lot_that_is_due_closes_before_anything_else_happens_to_it(event):
    record = opened().bids_of(("bo", 100))
    epoch = 1 + isinstance(event, BidVoided)
    assert breach_by(record, event, at_ms=ENDS, epoch=epoch) == (DEADLINE, FIRST_BID + 1)


# --- beginning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVERYTHING_ELSE[1:], ids=lambda event: event.kind)
def test_a_record_begins_with_the_scheduled_event(event):
    epoch = 1 + isinstance(event, BidVoided)
    assert breach(terms(), [Entry(epoch, 1, OPENS, (event,))]) == (ORDER, 1)


def test_a_lot_is_scheduled_once():
    assert breach_by(scheduled(), EVERYTHING_ELSE[0]) == (ORDER, 2)
    assert breach_by(opened(), EVERYTHING_ELSE[0]) == (ORDER, FIRST_BID)


@pytest.mark.parametrize(
    "wrong",
    [{"terms_sha256": terms(cap_fen=1).sha256()}, {"hard_stop_at_ms": ENDS}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_lot_scheduled_under_other_terms_is_a_phantom(wrong):
    first = replace(schedule(terms(), opens_at_ms=OPENS, ends_at_ms=ENDS), **wrong)
    assert breach(terms(), [Entry(1, 1, OPENS - 1000, (first,))]) == (NO_PHANTOMS, 1)


def test_a_bidder_keeps_their_paddle():
    record = opened()
    assert breach_by(record, Admitted("ada", 9, -1, -1)) == (NO_PHANTOMS, FIRST_BID)
    assert proof_of(record.terms, record.admit("ada", NOW, 700).entries).lot.seq == FIRST_BID


def test_bidders_are_admitted_to_a_stopped_lot_too():
    record = opened().pause()
    assert proof_of(record.terms, record.admit("ada", ENDS + 1, 700).entries).lot.seq == 7


def test_the_clerk_does_not_open_a_lot_before_its_time_or_when_its_time_is_over():
    early = Opened(ENDS, 0, CLERK)
    assert breach_by(scheduled(), early, at_ms=OPENS - 1) == (DEADLINE, 2)
    assert breach_by(scheduled(), early, at_ms=ENDS) == (DEADLINE, 2)
    assert breach_by(scheduled(), Opened(ENDS + 1, 0, CLERK), at_ms=OPENS) == (DEADLINE, 2)


def test_no_token_can_speak_for_the_clerk():
    assert not is_visible_ascii(CLERK, 1, 64)


def test_staff_open_a_lot_early_or_late_until_an_end_to_come():
    of = terms(soft_close=SOFT)
    for at_ms, ends_at_ms in [(OPENS - 1, ENDS), (OPENS, ENDS), (ENDS + 5, ENDS + 6)]:
        record = scheduled(of)
        action = open_now(record.lot, at_ms, ends_at_ms=ends_at_ms, by="li")
        assert proof_of(of, record.write(action, at_ms).entries).lot.hard_stop_at_ms == ends_at_ms + 5_000
    assert breach_by(scheduled(of), Opened(ENDS, ENDS + 5_000, "li"), at_ms=ENDS) == (DEADLINE, 2)
    assert breach_by(scheduled(of), Opened(ENDS, ENDS + 5_001, "li"), at_ms=OPENS) == (DEADLINE, 2)


@pytest.mark.parametrize("by", [CLERK, "li"])
def test_a_lot_is_opened_once(by):
    assert breach_by(opened(), Opened(ENDS, 0, by)) == (DEADLINE, FIRST_BID)
    assert breach_by(opened().pause(), Opened(ENDS, 0, by)) == (DEADLINE, 7)


# --- pausing, resuming, extending -------------------------------------------------------------------------------------


def test_a_pause_that_keeps_other_than_the_time_left_breaks_the_deadline():
    assert breach_by(opened(), Paused(ENDS - NOW + 1, "a look", "li")) == (DEADLINE, FIRST_BID)


def test_a_pause_after_the_end_is_past_the_deadline():
    assert breach_by(opened(), Paused(0, "a look", "li"), at_ms=ENDS) == (DEADLINE, FIRST_BID)


def test_a_lot_is_paused_only_while_it_is_open():
    assert breach_by(opened().pause(), Paused(ENDS - NOW, "a look", "li")) == (DEADLINE, 7)


def test_a_resumption_gives_back_the_time_that_was_left_and_no_more():
    record = opened(terms(soft_close=SOFT)).pause()
    right = Resumed(ENDS + 700, ENDS + 5_700, 0, "li")
    at_ms = NOW + 700
    assert breach_by(record, replace(right, ends_at_ms=ENDS + 701), at_ms=at_ms) == (DEADLINE, 7)
    assert breach_by(record, replace(right, hard_stop_at_ms=ENDS + 5_701), at_ms=at_ms) == (DEADLINE, 7)
    assert proof_of(record.terms, record.write((right,), at_ms).entries).lot.ends_at_ms == ENDS + 700


def test_an_open_lot_is_not_resumed():
    assert breach_by(opened(), Resumed(ENDS, 0, 0, "li")) == (DEADLINE, FIRST_BID)


def test_a_resumption_keeps_the_review_limit_or_sets_one_above_the_price():
    for limit in (0, 1_000, 1_501):
        record = opened(GUARDED).bids_of(("ada", 1_500))
        action = resume(record.lot, NOW, review_above_fen=None if limit == 1_000 else limit, by="li")
        assert proof_of(record.terms, record.write(action, NOW).entries).lot.review_above_fen == limit
    held = opened(GUARDED).bids_of(("ada", 1_500))
    assert breach_by(held, Resumed(ENDS, 0, 1_499, "li")) == (DEADLINE, 8)


@pytest.mark.parametrize("by_ms", [0, -1, -30_000])
def test_an_extension_moves_the_end_later_and_the_hard_stop_with_it_or_not_at_all(by_ms):
    record = opened(terms(soft_close=SOFT))
    hard = ENDS + 5_000
    assert breach_by(record, Extended(ENDS + by_ms, hard + by_ms, "late start", "li")) == (DEADLINE, FIRST_BID)
    assert breach_by(record, Extended(ENDS + 250, hard + 251, "late start", "li")) == (DEADLINE, FIRST_BID)
    assert breach_by(record, Extended(ENDS + 5_001, hard, "late start", "li")) == (DEADLINE, FIRST_BID)
    record.write(extend(record.lot, NOW, by_ms=250, moves_hard_stop=True, reason="late start", by="li"), NOW)
    record.write(extend(record.lot, NOW, by_ms=5_000, reason="late start", by="li"), NOW)
    assert proof_of(record.terms, record.entries).lot.ends_at_ms == ENDS + 5_250


def test_a_held_lot_is_not_extended():
    record = opened(GUARDED).bids_of(("ada", 1_500))
    assert breach_by(record, Extended(ENDS + 1, 0, "late start", "li")) == (DEADLINE, 8)


def test_a_paused_lot_is_extended_and_goes_on_for_as_much_longer():
    record = opened(terms(soft_close=SOFT)).pause()
    record.write(extend(record.lot, NOW, by_ms=250, reason="late start", by="li"), NOW + 10)
    record.write(resume(record.lot, NOW + 700, review_above_fen=None, by="li"), NOW + 700)
    assert proof_of(record.terms, record.entries).lot.ends_at_ms == ENDS + 950
    assert breach_by(record, Extended(ENDS + 951, 0, "late start", "li"), at_ms=NOW + 701)[0] == DEADLINE


# --- rescheduling -----------------------------------------------------------------------------------------------------


def test_a_lot_is_rescheduled_before_it_opens_and_its_hard_stop_follows():
    record = scheduled(terms(soft_close=SOFT))
    right = Rescheduled(OPENS + 50, ENDS + 50, ENDS + 5_050, "li")
    assert breach_by(record, replace(right, hard_stop_at_ms=ENDS + 5_051), at_ms=OPENS) == (DEADLINE, 2)
    assert breach_by(record, replace(right, ends_at_ms=OPENS), at_ms=OPENS) == (DEADLINE, 2)
    assert breach_by(record, Rescheduled(OPENS, ENDS, ENDS + 5_000, "li"), at_ms=OPENS) == (DEADLINE, 2)
    lot = proof_of(record.terms, record.write((right,), OPENS).entries).lot
    assert (lot.opens_at_ms, lot.ends_at_ms, lot.hard_stop_at_ms) == (OPENS + 50, ENDS + 50, ENDS + 5_050)


def test_a_lot_that_has_opened_is_not_rescheduled():
    assert breach_by(opened(), Rescheduled(OPENS + 50, ENDS + 50, 0, "li")) == (DEADLINE, FIRST_BID)


# --- voiding ----------------------------------------------------------------------------------------------------------


def three_bids() -> Record:
    return opened().bids_of(("ada", 100), ("bo", 300), ("ada", 900)).pause()


@pytest.mark.parametrize("bid_seq", [5, 9, 10, 99])
def test_no_bid_can_be_voided_where_there_is_none(bid_seq):
    record = three_bids()
    forged = BidVoided(bid_seq, 900, "ada", 1, 900, "fraud", "li")
    assert breach_by(record, forged, epoch=2) == (NO_PHANTOMS, 10)


def test_a_bid_is_voided_once():
    record = three_bids().void(8)
    again = cast(BidVoided, record.entries[-1].events[0])
    assert breach_by(record, again, epoch=3) == (NO_PHANTOMS, 11)
    proof = proof_of(record.terms, record.void(7).entries)
    assert (proof.voided, proof.lot.leader_id, proof.lot.price_fen) == ({8: 10, 7: 11}, "ada", 100)


@pytest.mark.parametrize(
    "wrong",
    [{"price_fen": 301}, {"leader_id": "ada"}, {"leader_paddle": 1}, {"ceiling_fen": 301}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_lot_restated_otherwise_than_its_bids_stand_is_out_of_order(wrong):
    right = BidVoided(8, 300, "bo", 2, 300, "fraud", "li")
    assert breach_by(three_bids(), replace(right, **wrong), epoch=2) == (ORDER, 10)
    assert three_bids().void(8).entries[-1].events == (right,)


def test_no_bid_is_voided_while_bidding_goes_on():
    record = opened().bids_of(("ada", 100))
    assert breach_by(record, BidVoided(6, 0, "", 0, 0, "fraud", "li"), epoch=2) == (ORDER, 7)


# --- what is said of it -----------------------------------------------------------------------------------------------


def test_what_is_broken_is_said_with_the_promise_the_seq_and_what_was_found():
    broken = RuleBroken(CHAINED, 7, "the chain should be x, recorded y")
    assert str(broken) == "promise 8 (chained) at seq 7: the chain should be x, recorded y"
    assert (broken.promise, broken.seq, broken.what) == (8, 7, "the chain should be x, recorded y")
    assert set(PROMISES) == {NO_PHANTOMS, ONCE, ORDER, DEADLINE, ONE_WINNER, CHAINED}


@pytest.mark.parametrize(
    "event, words",
    [
        (placed("ada", 99), "a bid of 99 that the rules refuse: bid-too-low"),
        (placed("ada", 100, price_fen=7), "price_fen=7"),
        (Extended(ENDS, 0, "late start", "li"), "an extension that does not move the end later"),
        (Admitted("ada", 9, -1, -1), "paddle 1 became 9"),
    ],
    ids=lambda given: given.kind if not isinstance(given, str) else "",
)
def test_the_words_name_what_was_found(event, words):
    record = opened()
    with pytest.raises(RuleBroken) as caught:
        proof_of(record.terms, [*record.entries, Entry(1, FIRST_BID, NOW, (event,))])
    assert words in caught.value.what


def test_a_repeated_key_is_said_with_the_seq_of_its_first_bid():
    record = opened()
    record.bid("ada", 100, key="key-0001")
    with pytest.raises(RuleBroken, match="the key of the bid at seq 6 stands here again"):
        proof_of(record.terms, [*record.entries, Entry(1, 7, NOW, (placed("ada", 100, key="key-0001"),))])


def test_what_is_no_event_of_the_ledger_cannot_be_proved():
    record = opened()
    with pytest.raises(AssertionError):
        proof_of(record.terms, [*record.entries, Entry(1, FIRST_BID, NOW, (cast(Event, "sold"),))])
