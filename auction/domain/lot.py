"""A lot's life: its state, and what the clerk and staff may do to it.

Every action is a pure function of the lot and the time; it returns the events it causes, or a refusal.
State changes in one place only, `apply`, so a fold of the events is the lot. Bids are decided in `bidding`.
Executable specification of the control scripts in `auction/ledger/lua`. Source: domain rules, "Lot".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from auction.domain.events import (
    Admitted,
    BidPlaced,
    CloseCause,
    Closed,
    Event,
    Extended,
    Held,
    Opened,
    Outcome,
    Paused,
    Resumed,
    Scheduled,
    Voided,
    Withdrawn,
)
from auction.domain.terms import Bidding, Terms


class LotStatus(StrEnum):
    """Where a lot is in its life, as the ledger knows it (drafts live in the books only)."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    PAUSED = "paused"
    HELD = "held"
    CLOSED = "closed"
    VOID = "void"


STOPPED = (LotStatus.PAUSED, LotStatus.HELD)
ADMITTING = (LotStatus.SCHEDULED, LotStatus.OPEN, *STOPPED)
"""Statuses in which a bidder may still be admitted."""


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot's state in the ledger. Amounts in fen (0: none), times in UTC ms (0: none)."""

    terms: Terms
    status: LotStatus = LotStatus.SCHEDULED
    epoch: int = 1
    seq: int = 0
    price_fen: int = 0
    leader_id: str = ""
    leader_paddle: int = 0
    ceiling_fen: int = 0
    """What the leader has committed to: the price in direct bidding, their maximum in proxy bidding."""
    bids: int = 0
    """Accepted bids that stand (voided ones not counted)."""
    opens_at_ms: int = 0
    ends_at_ms: int = 0
    hard_stop_at_ms: int = 0
    remaining_ms: int = 0
    stopped_at_ms: int = 0
    review_above_fen: int = 0
    last_at_ms: int = 0

    def now(self, clock_ms: int) -> int:
        """The lot's time: never before its last event, whatever the clock says."""
        return max(clock_ms, self.last_at_ms)

    def floor_fen(self) -> int:
        """The least a new bidder may offer by price and increment alone (grid aside); the cap if that is lower."""
        floor = (
            self.terms.start_price_fen if not self.price_fen else self.price_fen + self.terms.step_at(self.price_fen)
        )
        return floor if self.terms.cap_fen is None else min(floor, self.terms.cap_fen)

    def minimum_fen(self) -> int:
        """The least bid a new bidder would get accepted now, in fen: the floor moved up onto the grid, or the cap."""
        floor, terms = self.floor_fen(), self.terms
        if not terms.on_grid:
            return floor
        step = terms.step_at(max(self.price_fen, terms.start_price_fen))
        minimum = floor + (terms.start_price_fen - floor) % step
        return minimum if terms.cap_fen is None else min(minimum, terms.cap_fen)

    @property
    def reserve_met(self) -> bool | None:
        """Whether the price has reached the reserve; None where the terms have none."""
        return reserve_met(self.terms.reserve_fen, self.price_fen)

    @property
    def outcome(self) -> str | None:
        """How the lot ended: sold, no-bids, reserve-unmet or void; None before its end."""
        return ending(self.status, self.terms.reserve_fen, self.price_fen)


def reserve_met(reserve_fen: int | None, price_fen: int) -> bool | None:
    """Whether a price (0: no bid) has reached a reserve, both in fen; None without a reserve."""
    return None if reserve_fen is None else price_fen >= reserve_fen


def outcome_of(reserve_fen: int | None, price_fen: int) -> Outcome:
    """How a lot ends at a price, in fen; 0: no bid stands."""
    if not price_fen:
        return Outcome.NO_BIDS
    return Outcome.RESERVE_UNMET if reserve_met(reserve_fen, price_fen) is False else Outcome.SOLD


def ending(status: LotStatus, reserve_fen: int | None, price_fen: int) -> str | None:
    """How a lot in that status ended: sold, no-bids, reserve-unmet or void; None before its end. Amounts in fen."""
    if status is LotStatus.CLOSED:
        return str(outcome_of(reserve_fen, price_fen))
    return str(status) if status is LotStatus.VOID else None


def apply(lot: Lot, event: Event, at_ms: int) -> Lot:
    """The lot after one more event that happened at `at_ms`."""
    after = replace(lot, seq=lot.seq + 1, last_at_ms=at_ms)
    match event:
        case Scheduled():
            return replace(
                after,
                opens_at_ms=event.opens_at_ms,
                ends_at_ms=event.ends_at_ms,
                hard_stop_at_ms=event.hard_stop_at_ms,
                review_above_fen=lot.terms.review_above_fen or 0,
            )
        case Admitted():
            return after
        case Opened():
            return replace(
                after,
                status=LotStatus.OPEN,
                opens_at_ms=at_ms,
                ends_at_ms=event.ends_at_ms,
                hard_stop_at_ms=event.hard_stop_at_ms,
            )
        case BidPlaced():
            after = replace(after, price_fen=event.price_fen, bids=lot.bids + 1, ends_at_ms=event.ends_at_ms)
            if not event.leading:
                return after
            return replace(after, leader_id=event.bidder_id, leader_paddle=event.paddle, ceiling_fen=event.amount_fen)
        case Held() | Paused():
            status = LotStatus.HELD if isinstance(event, Held) else LotStatus.PAUSED
            return replace(after, status=status, remaining_ms=event.remaining_ms, stopped_at_ms=at_ms)
        case Resumed():
            return replace(
                after,
                status=LotStatus.OPEN,
                ends_at_ms=event.ends_at_ms,
                hard_stop_at_ms=event.hard_stop_at_ms,
                remaining_ms=0,
                stopped_at_ms=0,
                review_above_fen=event.review_above_fen,
            )
        case Extended():
            return replace(after, ends_at_ms=event.ends_at_ms, hard_stop_at_ms=event.hard_stop_at_ms)
        case Voided():
            return replace(
                after,
                epoch=lot.epoch + 1,
                bids=lot.bids - 1,
                price_fen=event.price_fen,
                leader_id=event.leader_id,
                leader_paddle=event.leader_paddle,
                ceiling_fen=event.ceiling_fen,
            )
        case Closed():
            return replace(after, status=LotStatus.CLOSED, ends_at_ms=min(lot.ends_at_ms, at_ms))
        case Withdrawn():
            return replace(after, status=LotStatus.VOID, ends_at_ms=min(lot.ends_at_ms, at_ms))
    assert_never(event)


def apply_all(lot: Lot, events: Iterable[Event], at_ms: int) -> Lot:
    """The lot after several events of one moment."""
    for event in events:
        lot = apply(lot, event, at_ms)
    return lot


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """An action that the lot's status or time does not allow; nothing changed."""

    code: str
    status: LotStatus


Action = tuple[Event, ...] | NotAllowed
"""What an action causes: events (none: it had been done already), or why it is not allowed."""

WRONG_STATUS = "wrong-status"
NOT_DUE = "not-due"
MISSED = "missed"
IN_THE_PAST = "in-the-past"
REVIEW_TOO_LOW = "review-limit-too-low"


def schedule(terms: Terms, *, opens_at_ms: int, ends_at_ms: int) -> Scheduled:
    """The first event of a lot."""
    soft = terms.soft_close
    hard_stop = 0 if soft is None or soft.hard_stop_ms is None else ends_at_ms + soft.hard_stop_ms
    return Scheduled(terms.sha256(), opens_at_ms, ends_at_ms, hard_stop)


def close_due(lot: Lot, now_ms: int) -> tuple[Event, ...]:
    """The closing of a lot that is past its end. Every script does this before anything else."""
    if lot.status is LotStatus.OPEN and now_ms >= lot.ends_at_ms:
        return (closing(lot, CloseCause.TIME, "", ""),)
    return ()


def closing(lot: Lot, cause: CloseCause, reason: str, by: str) -> Closed:
    """The one `closed` event of a lot: its outcome, hammer price and leader."""
    outcome = outcome_of(lot.terms.reserve_fen, lot.price_fen)
    return Closed(str(outcome), lot.price_fen, lot.leader_id, lot.leader_paddle, str(cause), reason, by)


def open_when_due(lot: Lot, now_ms: int, *, by: str) -> Action:
    """The clerk's opening. Done already: nothing. A lot whose whole time has passed stays scheduled, for staff."""
    if lot.status is not LotStatus.SCHEDULED:
        return () if lot.status is LotStatus.OPEN else NotAllowed(WRONG_STATUS, lot.status)
    if now_ms < lot.opens_at_ms:
        return NotAllowed(NOT_DUE, lot.status)
    if now_ms >= lot.ends_at_ms:
        return NotAllowed(MISSED, lot.status)
    return (Opened(lot.ends_at_ms, lot.hard_stop_at_ms, by),)


def open_now(lot: Lot, now_ms: int, *, ends_at_ms: int, by: str) -> Action:
    """Staff open a scheduled lot at once, until `ends_at_ms`."""
    if lot.status is not LotStatus.SCHEDULED:
        return NotAllowed(WRONG_STATUS, lot.status)
    if ends_at_ms <= now_ms:
        return NotAllowed(IN_THE_PAST, lot.status)
    soft = lot.terms.soft_close
    hard_stop = 0 if soft is None or soft.hard_stop_ms is None else ends_at_ms + soft.hard_stop_ms
    return (Opened(ends_at_ms, hard_stop, by),)


def pause(lot: Lot, now_ms: int, *, reason: str, by: str) -> Action:
    """Staff stop an open lot; the time left is kept."""
    if lot.status is not LotStatus.OPEN:
        return NotAllowed(WRONG_STATUS, lot.status)
    return (Paused(lot.ends_at_ms - now_ms, reason, by),)


def resume(lot: Lot, now_ms: int, *, review_above_fen: int | None, by: str) -> Action:
    """Staff let bidding go on; the end and the hard stop move by the time the lot stood still.

    `review_above_fen` sets a new review limit above the price (0: none); None keeps the one in force.
    """
    if lot.status not in STOPPED:
        return NotAllowed(WRONG_STATUS, lot.status)
    review = lot.review_above_fen if review_above_fen is None else review_above_fen
    if review_above_fen and review_above_fen <= lot.price_fen:
        return NotAllowed(REVIEW_TOO_LOW, lot.status)
    stood_ms = now_ms - lot.stopped_at_ms
    hard_stop = lot.hard_stop_at_ms + stood_ms if lot.hard_stop_at_ms else 0
    return (Resumed(now_ms + lot.remaining_ms, hard_stop, review, by),)


def extend(lot: Lot, *, by_ms: int, reason: str, by: str) -> Action:
    """Staff move the end of an open lot, and its hard stop with it."""
    if lot.status is not LotStatus.OPEN:
        return NotAllowed(WRONG_STATUS, lot.status)
    hard_stop = lot.hard_stop_at_ms + by_ms if lot.hard_stop_at_ms else 0
    return (Extended(lot.ends_at_ms + by_ms, hard_stop, reason, by),)


def close_now(lot: Lot, *, reason: str, by: str) -> Action:
    """Staff close an open lot before its end."""
    if lot.status is not LotStatus.OPEN:
        return NotAllowed(WRONG_STATUS, lot.status)
    return (closing(lot, CloseCause.STAFF, reason, by),)


def withdraw(lot: Lot, *, reason: str, by: str) -> Action:
    """Staff declare the whole lot void before it closed."""
    if lot.status not in ADMITTING:
        return NotAllowed(WRONG_STATUS, lot.status)
    return (Withdrawn(reason, by),)


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads at which price, and what the leader has committed to; empty and 0 for nobody."""

    price_fen: int = 0
    leader_id: str = ""
    leader_paddle: int = 0
    ceiling_fen: int = 0


def standing_of(terms: Terms, bids: Iterable[BidPlaced]) -> Standing:
    """Price and leader that these bids alone make, in their order, each taken as valid.

    Used without a voided bid. The clean price is the price without a defaulter's bids, read as maxima: in a direct lot
    too it is this fold under proxy bidding, where the price follows the runner-up.
    """
    now = Standing()
    for bid in bids:
        if terms.bidding is Bidding.DIRECT:
            now = Standing(bid.amount_fen, bid.bidder_id, bid.paddle, bid.amount_fen)
            continue
        price, leads = proxy_price(terms, now, bid.bidder_id, bid.amount_fen)
        now = Standing(price, bid.bidder_id, bid.paddle, bid.amount_fen) if leads else replace(now, price_fen=price)
    return now


def proxy_price(terms: Terms, now: Standing, bidder_id: str, maximum_fen: int) -> tuple[int, bool]:
    """What a maximum does in proxy bidding: the price it makes, in fen, and whether it leads. Earlier wins a tie."""
    ceiling = now.ceiling_fen
    if not now.leader_id:
        price, leads = terms.start_price_fen, True
    elif bidder_id == now.leader_id:
        price, leads = now.price_fen, maximum_fen > ceiling
    elif maximum_fen > ceiling:
        price, leads = min(maximum_fen, ceiling + terms.step_at(ceiling)), True
    else:
        price, leads = min(ceiling, maximum_fen + terms.step_at(maximum_fen)), False
    price = max(price, now.price_fen)
    reserve, best = terms.reserve_fen, max(ceiling, maximum_fen)
    if reserve is not None and price < reserve <= best:
        price = reserve
    return price, leads


def restate(lot: Lot, bids: Iterable[tuple[int, BidPlaced]], voided_seq: int, *, reason: str, by: str) -> Action:
    """The lot without one of its standing bids (given with their seqs); only while it is paused or held."""
    if lot.status not in STOPPED:
        return NotAllowed(WRONG_STATUS, lot.status)
    now = standing_of(lot.terms, [bid for seq, bid in bids if seq != voided_seq])
    return (Voided(voided_seq, now.price_fen, now.leader_id, now.leader_paddle, now.ceiling_fen, reason, by),)
