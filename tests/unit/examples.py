"""Lots, bids and random courses of bidding for the unit tests of the rules."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from auction.domain.bidding import Accepted, Admission, Bid, Decision, Receipt, decide
from auction.domain.deposits import NoDeposit
from auction.domain.events import Event
from auction.domain.lot import (
    Action,
    Lot,
    LotStatus,
    NotAllowed,
    apply,
    close_if_due,
    extend,
    open_when_due,
    pause,
    resume,
    schedule,
)
from auction.domain.terms import Bidding, Increment, MaxJump, SettlementTerms, SoftClose, Terms, contradictions
from tests.lot_events import apply_all

OPENS = 1_000_000
ENDS = OPENS + 60_000
NOW = OPENS + 10

by_rule = settings(deadline=None)
"""For rules under Hypothesis: no example is timed, and how many there are is the profile's to say."""


def terms(**fields: Any) -> Terms:
    """Direct bidding from 100 in steps of 100, nothing else, but for the fields given."""
    plain = Terms(
        bidding=Bidding.DIRECT,
        start_price_fen=100,
        increments=(Increment(0, 100),),
        on_grid=False,
        max_jump=None,
        reserve_fen=None,
        cap_fen=None,
        review_above_fen=None,
        soft_close=None,
        deposit=NoDeposit(),
        settlement=SettlementTerms(),
    )
    return replace(plain, **fields)


def proxy_terms(**fields: Any) -> Terms:
    """The same in proxy bidding."""
    return terms(bidding=Bidding.PROXY, **fields)


def scheduled_lot(of: Terms, *, ends_at_ms: int = ENDS) -> Lot:
    """A lot with its first event."""
    return apply(Lot(of), schedule(of, opens_at_ms=OPENS, ends_at_ms=ends_at_ms), OPENS - 1000)


def open_lot(of: Terms | None = None, *, ends_at_ms: int = ENDS) -> Lot:
    """A lot opened on time: its seq is 2."""
    lot = scheduled_lot(of or terms(), ends_at_ms=ends_at_ms)
    return done(lot, open_when_due(lot, OPENS, by="clerk"), OPENS)


def done(lot: Lot, action: Action, now_ms: int = NOW) -> Lot:
    """The lot after an action that must be allowed."""
    assert not isinstance(action, NotAllowed), action
    return apply_all(lot, action, now_ms)


def ask(
    lot: Lot | None,
    bidder: str,
    amount_fen: int,
    *,
    now_ms: int = NOW,
    key: str = "key-0001",
    first: Receipt | None = None,
    is_maximum: bool = False,
    **admission: Any,
) -> Decision:
    """The decision on one bid of an admitted bidder."""
    admitted = Admission(**{"paddle": 7, **admission})
    return decide(lot, admitted, first, Bid(bidder, amount_fen, key, is_maximum), now_ms)


def bid(lot: Lot, bidder: str, amount_fen: int, *, now_ms: int = NOW, **more: Any) -> Lot:
    """The lot after a bid that must be accepted."""
    decision = ask(lot, bidder, amount_fen, now_ms=now_ms, **more)
    assert isinstance(decision, Accepted), decision
    return apply_all(lot, decision.events, now_ms)


# --- random courses ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """Something happens `wait_ms` later: a bid that far from the minimum, or an action of staff."""

    what: str
    bidder: str
    over_fen: int
    wait_ms: int


@dataclass
class Step:
    """A bid as it was decided, with the lot before and after it."""

    before: Lot
    bid: Bid
    now_ms: int
    decision: Decision
    after: Lot


@dataclass
class Course:
    """All that happened to a lot."""

    terms: Terms
    lot: Lot
    steps: list[Step] = field(default_factory=list)
    events: list[tuple[Event, int]] = field(default_factory=list)

    def take(self, events: Iterable[Event], now_ms: int) -> None:
        """Apply and record."""
        for event in events:
            self.lot = apply(self.lot, event, now_ms)
            self.events.append((event, now_ms))

    @property
    def accepted(self) -> list[tuple[Step, Accepted]]:
        """The accepted bids."""
        return [(step, step.decision) for step in self.steps if isinstance(step.decision, Accepted)]


BIDDERS = ("ada", "bo", "cai")
PADDLES = {name: number for number, name in enumerate(BIDDERS, start=1)}

moves = st.builds(
    Move,
    what=st.sampled_from(["bid"] * 8 + ["pause", "resume", "extend"]),
    bidder=st.sampled_from(BIDDERS),
    over_fen=st.one_of(st.integers(-2, 3), st.integers(-20, 400)),
    wait_ms=st.integers(0, 40),
)
bids_only = st.lists(moves.filter(lambda move: move.what == "bid"), max_size=25)


@st.composite
def any_terms(draw: st.DrawFn, bidding: Bidding | None = None) -> Terms:
    """Sound terms with small numbers, so that every edge is near."""
    bidding = bidding or draw(st.sampled_from(list(Bidding)))
    start = draw(st.integers(1, 60))
    cap = draw(st.none() | st.integers(start, start + 900))
    top = cap or start + 900
    froms = sorted(draw(st.sets(st.integers(start + 1, start + 400), max_size=3)))
    steps = draw(st.lists(st.integers(1, 30), min_size=4, max_size=4))
    extension = draw(st.integers(1, 120))
    soft = SoftClose(
        window_ms=draw(st.integers(1, 120)),
        extension_ms=extension,
        hard_stop_ms=draw(st.none() | st.integers(extension, extension + 200)),
    )
    jump = MaxJump(steps=draw(st.integers(1, 12)), percent=draw(st.none() | st.integers(1, 60)))
    made = terms(
        bidding=bidding,
        start_price_fen=start,
        increments=tuple(Increment(at, step) for at, step in zip([0, *froms], steps, strict=False)),
        on_grid=draw(st.booleans()),
        max_jump=jump if bidding is Bidding.DIRECT and draw(st.booleans()) else None,
        cap_fen=cap,
        reserve_fen=draw(st.none() | st.integers(start, top)),
        review_above_fen=draw(st.none() | st.integers(start, top)),
        soft_close=draw(st.none() | st.just(soft)),
    )
    assert contradictions(made) == []
    return made


def run(of: Terms, course: Iterable[Move]) -> Course:
    """Play a course on an open lot of 200 ms, the way the scripts do: close what is due, then act."""
    done_so_far = Course(of, open_lot(of, ends_at_ms=OPENS + 200))
    now = OPENS
    for number, move in enumerate(course):
        now += move.wait_ms
        done_so_far.take(close_if_due(done_so_far.lot, now), now)
        lot = done_so_far.lot
        if move.what == "bid":
            _bid(done_so_far, Bid(move.bidder, lot.minimum_fen() + move.over_fen, f"key-{number:04d}"), now)
        else:
            action = _staff(lot, move, now)
            done_so_far.take(() if isinstance(action, NotAllowed) else action, now)
    return done_so_far


def _bid(course: Course, wanted: Bid, now: int) -> None:
    lot = course.lot
    decision = decide(lot, Admission(PADDLES[wanted.bidder_id]), None, wanted, now)
    if isinstance(decision, Accepted):
        course.take(decision.events, now)
    course.steps.append(Step(lot, wanted, now, decision, course.lot))


def _staff(lot: Lot, move: Move, now: int) -> Action:
    if move.what == "pause":
        return pause(lot, now, reason="a look", by="staff")
    if move.what == "resume":
        return resume(lot, now, review_above_fen=lot.price_fen + 1 if move.over_fen > 0 else None, by="staff")
    return extend(
        lot, now, by_ms=max(1, move.over_fen), moves_hard_stop=move.over_fen % 2 == 1, reason="late start", by="staff"
    )


def still_open(course: Course) -> bool:
    """True while the lot takes bids."""
    return course.lot.status is LotStatus.OPEN
