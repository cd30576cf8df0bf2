"""No bid that the ledger would accept is refused at the edge, whatever happened to the lot since the edge last looked."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.bidding import Accepted, Admission, Bid, Receipt, Refused, decide
from auction.domain.edge import LAG_MS_MAX, LAST_MS, STOPPED_MS_MIN, edge_refusal, is_floor_rising
from auction.domain.events import BidPlaced, Event, FreezeCause
from auction.domain.lot import (
    STOPPED,
    Action,
    Lot,
    LotStatus,
    NotAllowed,
    apply,
    close_if_due,
    extend,
    pause,
    restate,
    resume,
)
from auction.domain.recovery import HighMark, freeze, restore
from auction.domain.terms import Increment, Terms
from auction.ledger.key_filter import KeyFilter
from tests.lot_events import apply_all
from tests.unit.examples import (
    BIDDERS,
    ENDS,
    NOW,
    OPENS,
    PADDLES,
    any_terms,
    bid,
    by_rule,
    done,
    open_lot,
    proxy_terms,
    terms,
)

LATER = NOW + 100


def too_low(lot: Lot, bidder: str, amount_fen: int, *, now_ms: int = LATER) -> Refused | None:
    return edge_refusal(lot, Bid(bidder, amount_fen, "key-9999"), now_ms)


# --- single cases -----------------------------------------------------------------------------------------------------


def test_a_bid_below_the_known_minimum_is_refused_as_the_ledger_would_do_it() -> None:
    lot = bid(open_lot(), "ada", 500)
    by_ledger = decide(lot, Admission(2), None, Bid("bo", 599, "key-9999"), LATER)
    assert isinstance(by_ledger, Refused)
    assert too_low(lot, "bo", 599) == replace(by_ledger, is_edge=True)
    assert too_low(lot, "bo", 600) is None


def test_a_leader_is_told_so_and_may_raise_their_maximum() -> None:
    lot = bid(bid(open_lot(proxy_terms()), "ada", 500), "bo", 300)
    assert lot.price_fen == 400
    refused = too_low(lot, "ada", 450)
    assert refused is not None
    assert (refused.code, refused.facts) == ("already-leading", {})
    low = replace(lot, ceiling_fen=420)
    # less than an increment above the price, and yet accepted of the leader
    assert too_low(low, "ada", 450) is None
    assert isinstance(decide(low, Admission(1), None, Bid("ada", 450, "key-9999"), LATER), Accepted)
    direct = bid(open_lot(), "ada", 500)
    told = too_low(direct, "ada", 550)
    assert told is not None
    assert told.code == "already-leading"
    # outbid meanwhile, they may bid this
    assert too_low(direct, "ada", 600) is None


@pytest.mark.parametrize("status", [one for one in LotStatus if one is not LotStatus.OPEN])
def test_of_a_lot_that_is_not_open_only_the_ledger_can_tell(status: LotStatus) -> None:
    assert too_low(replace(bid(open_lot(), "ada", 500), status=status), "bo", 1) is None


def test_in_the_last_second_the_ledger_decides_every_bid() -> None:
    lot = bid(open_lot(), "ada", 500)
    assert too_low(lot, "bo", 1, now_ms=ENDS - LAST_MS - 1) is not None
    assert too_low(lot, "bo", 1, now_ms=ENDS - LAST_MS) is None


def test_a_smaller_increment_higher_up_lets_the_minimum_fall() -> None:
    falling = proxy_terms(increments=(Increment(0, 100), Increment(1000, 10)))
    assert not is_floor_rising(falling)
    before = replace(open_lot(falling), price_fen=999, leader_id="ada", leader_paddle=1, ceiling_fen=1000, bids=1)
    after = bid(before, "bo", 1099)
    assert after.price_fen == 1010
    assert after.floor_fen() < before.floor_fen()


@pytest.mark.parametrize("steps, rises", [((100, 100), True), ((100, 99), True), ((100, 98), False), ((1, 50), True)])
def test_the_increments_say_whether_the_minimum_can_fall(steps: tuple[int, int], rises: bool) -> None:
    bands = terms(increments=(Increment(0, steps[0]), Increment(500, steps[1])))
    assert is_floor_rising(bands) is rises
    floors = [replace(open_lot(bands), price_fen=price).floor_fen() for price in range(480, 520)]
    assert (floors == sorted(floors)) is rises


def test_a_price_that_fell_unseen_is_why_a_stop_has_to_last() -> None:
    before = bid(bid(open_lot(), "ada", 500), "bo", 900)
    stopped = done(before, pause(before, NOW, reason="a look", by="eve"))
    # voided and resumed at once, with nobody told
    action = restate(stopped, [(3, _placed("ada", 500))], 4, reason="a slip", by="eve")
    fallen = done(stopped, action)
    after = done(fallen, resume(fallen, NOW, review_above_fen=None, by="eve"))
    accepted = decide(after, Admission(3), None, Bid("cai", 600, "key-9999"), LATER)
    assert isinstance(accepted, Accepted)
    assert too_low(before, "cai", 600) is not None
    assert STOPPED_MS_MIN > LAG_MS_MAX


def _placed(bidder: str, amount_fen: int) -> BidPlaced:
    return BidPlaced(bidder, PADDLES[bidder], amount_fen, "key-0001", amount_fen, 1, ENDS)


# --- whatever happens -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """Something happens after a wait: a bid that far from the minimum, or an action of staff."""

    what: str
    bidder: str
    over_fen: int
    wait_ms: int


acts = st.builds(
    Act,
    what=st.sampled_from(
        ["bid"] * 7 + ["pause", "resume", "resume", "void", *["void and resume"] * 4, "extend", "freeze and restore"]
    ),
    bidder=st.sampled_from(BIDDERS),
    over_fen=st.one_of(st.integers(0, 3), st.integers(-2, 60)),
    wait_ms=st.sampled_from([0, 1, 50, LAG_MS_MAX - 1, LAG_MS_MAX, LAG_MS_MAX + 1]),
)


@dataclass
class Seen:
    """A state of the lot that an edge may know, from when to when it was the present one, and the keys until then."""

    lot: Lot
    until_ms: int | None
    keys: frozenset[tuple[str, str]]


@dataclass
class History:
    """All states of a lot."""

    lot: Lot
    now_ms: int
    seen: list[Seen] = field(default_factory=list)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    bids: list[tuple[int, BidPlaced]] = field(default_factory=list)
    stopped_at_ms: int | None = None

    def __post_init__(self) -> None:
        self.seen.append(Seen(self.lot, None, frozenset()))

    def take(self, events: tuple[Event, ...]) -> None:
        for event in events:
            was_open = self.lot.status is LotStatus.OPEN
            self.lot = apply(self.lot, event, self.now_ms)
            if was_open and self.lot.status is not LotStatus.OPEN:
                self.stopped_at_ms = self.now_ms
            if isinstance(event, BidPlaced):
                self.bids.append((self.lot.seq, event))
            self.seen[-1].until_ms = self.now_ms
            self.seen.append(Seen(self.lot, None, frozenset(self.receipts)))

    def act(self, act: Act, number: int) -> None:
        self.now_ms += act.wait_ms
        self.take(close_if_due(self.lot, self.now_ms))
        if act.what == "bid":
            made = Bid(act.bidder, max(1, self.lot.minimum_fen() + act.over_fen), f"key-{number:04d}")
            decision = decide(self.lot, Admission(PADDLES[act.bidder]), None, made, self.now_ms)
            if isinstance(decision, Accepted):
                self.receipts[made.bidder_id, made.key] = decision.receipt
                self.take(decision.events)
            return
        if act.what == "freeze and restore":
            self._restore(act)
            return
        if act.what == "void and resume":
            for what in ("pause", "void", "resume"):
                self.act(replace(act, what=what, over_fen=-1, wait_ms=0), number)
            return
        action = self._staff(act)
        self.take(() if isinstance(action, NotAllowed) else action)

    def _staff(self, act: Act) -> Action:
        lot, now = self.lot, self.now_ms
        match act.what:
            case "pause":
                return pause(lot, now, reason="a look", by="eve")
            case "resume":
                review = lot.price_fen + act.over_fen if act.over_fen > 0 else None
                return resume(lot, now, review_above_fen=review, by="eve")
            case "void":
                return self._void(act)
        return extend(lot, now, by_ms=max(1, act.over_fen), reason="late start", by="eve")

    def _void(self, act: Act) -> Action:
        if self.lot.status not in STOPPED or not self.bids:
            return ()
        self._let_the_stop_last()
        (seq, _) = self.bids.pop(act.over_fen % len(self.bids))
        return restate(self.lot, self.bids, seq, reason="a slip", by="eve")

    def _restore(self, act: Act) -> None:
        action = freeze(self.lot, self.now_ms, FreezeCause.BEHIND)
        if isinstance(action, NotAllowed):
            return
        self.take(action)
        self._let_the_stop_last()
        event = restore(self.lot, HighMark(self.lot.epoch, self.lot.seq), self.now_ms, reason="", by="eve")
        assert event is not None
        # the archive was behind: the last bid is lost
        if self.bids and act.over_fen % 2:
            _, lost = self.bids.pop()
            self.receipts.pop((lost.bidder_id, lost.key))
            voided = restate(replace(self.lot, status=LotStatus.PAUSED), self.bids, 0, reason="", by="")
            assert isinstance(voided, tuple)
            fallen = apply(self.lot, voided[0], self.now_ms)
            self.lot = replace(fallen, epoch=self.lot.epoch, seq=self.lot.seq)
        self.take((event,))

    def _let_the_stop_last(self) -> None:
        assert self.stopped_at_ms is not None
        self.now_ms = max(self.now_ms, self.stopped_at_ms + STOPPED_MS_MIN)

    def knowable(self) -> list[Seen]:
        """The states that an edge may decide by now."""
        return [one for one in self.seen if one.until_ms is None or one.until_ms > self.now_ms - LAG_MS_MAX]


@by_rule
@given(of=any_terms(), course=st.lists(acts, min_size=5, max_size=40))
def test_what_the_edge_refuses_the_ledger_would_refuse(of: Terms, course: list[Act]) -> None:
    history = History(open_lot(of, ends_at_ms=OPENS + 20_000), OPENS)
    for number, act in enumerate(course):
        history.act(act, number)
        for known in history.knowable():
            if is_floor_rising(of):
                _probe(history, known)


def _probe(history: History, known: Seen) -> None:
    """Bids of everybody at the amounts where the two states may differ, and every bid that was accepted once more."""
    now = history.now_ms
    present = apply_all(history.lot, close_if_due(history.lot, now), now)
    edges = {present.floor_fen(), present.minimum_fen(), present.ceiling_fen + 1, known.lot.ceiling_fen + 1}
    amounts = sorted({max(1, fen) for fen in edges | {known.lot.floor_fen() - 1}})
    asked = [Bid(bidder, fen, "key-new-1") for bidder in BIDDERS for fen in amounts]
    asked += [Bid(bidder, receipt.amount_fen, key) for (bidder, key), receipt in history.receipts.items()]
    for made in asked:
        if (made.bidder_id, made.key) in known.keys or edge_refusal(known.lot, made, now) is None:
            continue
        first = history.receipts.get((made.bidder_id, made.key))
        decision = decide(present, Admission(PADDLES[made.bidder_id]), first, made, now)
        assert isinstance(decision, Refused), (known.lot, made, decision)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_that_was_added_is_always_found_and_few_others_are() -> None:
    keys = KeyFilter(first_keys=64)
    for number in range(10_000):
        keys.add(f"bidder-{number % 100}", f"key-{number:08d}")
    assert all(keys.may_have(f"bidder-{number % 100}", f"key-{number:08d}") for number in range(10_000))
    mistaken = sum(keys.may_have("bidder-1", f"other-{number:08d}") for number in range(10_000))
    # five bitmaps
    assert mistaken < 2_000


def test_a_filter_with_nothing_in_it_knows_no_key() -> None:
    assert not KeyFilter().may_have("ada", "key-0001")
