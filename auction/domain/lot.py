"""A lot's state and the actions of clerk and staff on it: the executable specification of the ledger's control scripts.

Beside the bid's way; bids are decided in `bidding`. An action takes the lot and the time and returns the events it
causes, or `NotAllowed`. Only `apply` changes state, so that folding a lot's events gives the lot. Source: domain rules,
section "Lot".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    CloseCause,
    Closed,
    Event,
    Extended,
    Frozen,
    Held,
    Interrupted,
    LotVoided,
    MaximumSet,
    Opened,
    Outcome,
    PauseCause,
    Paused,
    Rescheduled,
    Restored,
    Resumed,
    Scheduled,
)
from auction.domain.pricing import LeadingBid, leading_without
from auction.domain.terms import Terms

LASTS_MS_MAX = 366 * 86_400_000
"""How far ahead a lot may be scheduled, how long it may last, and how far ahead staff may move its end: a year."""


class LotStatus(StrEnum):
    """The states of a lot in the ledger; a draft is in the database only."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    PAUSED = "paused"
    HELD = "held"
    FROZEN = "frozen"
    CLOSED = "closed"
    VOID = "void"


STOPPED = (LotStatus.PAUSED, LotStatus.HELD)
ENDABLE = (LotStatus.OPEN, LotStatus.PAUSED)
"""Statuses in which staff may close a lot or move its end; a held lot waits for its review."""
ADMITTING = (LotStatus.SCHEDULED, LotStatus.OPEN, *STOPPED)
"""Statuses in which bidders may be admitted."""


@dataclass(frozen=True, slots=True)
class Lot:
    """The state of a lot. Amounts in fen (0: none), times in UTC ms (0: none)."""

    terms: Terms
    status: LotStatus = LotStatus.SCHEDULED
    epoch: int = 1
    seq: int = 0
    price_fen: int = 0
    leader_id: str = ""
    leader_paddle: int = 0
    ceiling_fen: int = 0
    """The amount the leader has committed to: their maximum, or the price in direct bidding without one."""
    bids: int = 0
    """Number of accepted bids, without voided ones."""
    opens_at_ms: int = 0
    ends_at_ms: int = 0
    hard_stop_at_ms: int = 0
    remaining_ms: int = 0
    stopped_at_ms: int = 0
    pause_cause: str = ""
    """A PauseCause; empty: not paused, or restored after a loss."""
    review_above_fen: int = 0
    last_at_ms: int = 0

    def now(self, clock_ms: int) -> int:
        """The clock's time, UTC ms, but never before the lot's last event: a clock set back reopens no lot."""
        return max(clock_ms, self.last_at_ms)

    def floor_fen(self) -> int:
        """The least bid by price and increment alone, in fen, grid or not; never above the most that a bid may be."""
        floor = (
            self.terms.start_price_fen if not self.price_fen else self.price_fen + self.terms.step_at(self.price_fen)
        )
        return min(floor, self.terms.highest_fen)

    def minimum_fen(self) -> int:
        """The least bid that a new bidder would get accepted now, in fen: the floor moved up onto the grid."""
        floor, terms = self.floor_fen(), self.terms
        if not terms.on_grid:
            return floor
        step = terms.step_at(max(self.price_fen, terms.start_price_fen))
        minimum = floor + (terms.start_price_fen - floor) % step
        return min(minimum, terms.highest_fen)

    @property
    def reserve_met(self) -> bool | None:
        """Whether the price has reached the reserve; None where the terms have none."""
        return reserve_met(self.terms.reserve_fen, self.price_fen)

    @property
    def outcome(self) -> str | None:
        """sold, no-bids, reserve-unmet or void; None before the lot has ended."""
        return lot_outcome(self.status, self.terms.reserve_fen, self.price_fen)


def reserve_met(reserve_fen: int | None, price_fen: int) -> bool | None:
    """Whether a price has reached a reserve, both in fen (price 0: no bid); None without a reserve."""
    return None if reserve_fen is None else price_fen >= reserve_fen


def outcome_at_price(reserve_fen: int | None, price_fen: int) -> Outcome:
    """The outcome of a lot that closes at a price, both in fen (price 0: no bid)."""
    if not price_fen:
        return Outcome.NO_BIDS
    return Outcome.RESERVE_UNMET if reserve_met(reserve_fen, price_fen) is False else Outcome.SOLD


def lot_outcome(status: LotStatus, reserve_fen: int | None, price_fen: int) -> str | None:
    """sold, no-bids, reserve-unmet or void for a lot in that status; None before its end. Amounts in fen."""
    if status is LotStatus.CLOSED:
        return str(outcome_at_price(reserve_fen, price_fen))
    return str(status) if status is LotStatus.VOID else None


NEW_EPOCH = (BidVoided, Restored)
"""The events after which a lot is in another epoch."""


def apply(lot: Lot, event: Event, at_ms: int) -> Lot:
    """The lot after one more event at `at_ms` (UTC ms)."""
    if isinstance(event, BidPlaced):
        return _apply_bid(lot, event, at_ms)
    after = replace(lot, seq=lot.seq + 1, last_at_ms=at_ms)
    match event:
        case Scheduled() | Rescheduled():
            return _apply_times(lot, after, event)
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
        case MaximumSet():
            return replace(after, ceiling_fen=max(event.amount_fen, lot.price_fen))
        case Held() | Paused() | Interrupted():
            return _apply_stop(after, event)
        case Resumed():
            return replace(
                after,
                status=LotStatus.OPEN,
                ends_at_ms=event.ends_at_ms,
                hard_stop_at_ms=event.hard_stop_at_ms,
                remaining_ms=0,
                stopped_at_ms=0,
                pause_cause="",
                review_above_fen=event.review_above_fen,
            )
        case Extended():
            more_ms = event.ends_at_ms - lot.ends_at_ms if lot.status in STOPPED else 0
            return replace(
                after,
                ends_at_ms=event.ends_at_ms,
                hard_stop_at_ms=event.hard_stop_at_ms,
                remaining_ms=lot.remaining_ms + more_ms,
            )
        case BidVoided():
            return replace(
                after,
                epoch=lot.epoch + 1,
                bids=lot.bids - 1,
                price_fen=event.price_fen,
                leader_id=event.leader_id,
                leader_paddle=event.leader_paddle,
                ceiling_fen=event.ceiling_fen,
            )
        case Closed() | LotVoided():
            status = LotStatus.CLOSED if isinstance(event, Closed) else LotStatus.VOID
            return replace(after, status=status, ends_at_ms=min(lot.ends_at_ms, at_ms), pause_cause="")
        case Frozen() | Restored():
            return _apply_recovery(lot, after, event)
    assert_never(event)


def _apply_bid(lot: Lot, bid: BidPlaced, at_ms: int) -> Lot:
    # in one step, as nearly all events are bids
    leads = bid.leading
    return replace(
        lot,
        seq=lot.seq + 1,
        last_at_ms=at_ms,
        price_fen=bid.price_fen,
        bids=lot.bids + 1,
        ends_at_ms=bid.ends_at_ms,
        leader_id=bid.bidder_id if leads else lot.leader_id,
        leader_paddle=bid.paddle if leads else lot.leader_paddle,
        ceiling_fen=bid.amount_fen if leads else lot.ceiling_fen,
    )


def _apply_times(lot: Lot, after: Lot, event: Scheduled | Rescheduled) -> Lot:
    return replace(
        after,
        opens_at_ms=event.opens_at_ms,
        ends_at_ms=event.ends_at_ms,
        hard_stop_at_ms=event.hard_stop_at_ms,
        review_above_fen=lot.terms.review_above_fen or 0,
    )


def _apply_stop(after: Lot, event: Held | Paused | Interrupted) -> Lot:
    stopped = replace(after, remaining_ms=event.remaining_ms, stopped_at_ms=after.last_at_ms)
    match event:
        case Held():
            return replace(stopped, status=LotStatus.HELD)
        case Paused():
            return replace(stopped, status=LotStatus.PAUSED, pause_cause=str(PauseCause.STAFF))
        case Interrupted():
            # it counts as stopped since the time that leaves it what remains
            stopped_at_ms = after.ends_at_ms - event.remaining_ms
            return replace(
                stopped, status=LotStatus.PAUSED, stopped_at_ms=stopped_at_ms, pause_cause=str(PauseCause.OUTAGE)
            )
    assert_never(event)


def _apply_recovery(lot: Lot, after: Lot, event: Frozen | Restored) -> Lot:
    was_open = lot.status is LotStatus.OPEN
    if isinstance(event, Frozen):
        stopped_at_ms = after.last_at_ms if was_open else lot.stopped_at_ms
        return replace(
            after,
            status=LotStatus.FROZEN,
            remaining_ms=event.remaining_ms,
            stopped_at_ms=stopped_at_ms,
            pause_cause="",
        )
    return replace(
        after,
        status=LotStatus(event.status),
        epoch=event.epoch,
        seq=event.seq,
        remaining_ms=event.remaining_ms,
        pause_cause="",
        # an open lot counts as stopped since the time that leaves it what remains
        stopped_at_ms=lot.ends_at_ms - event.remaining_ms if was_open else lot.stopped_at_ms,
    )


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The lot's status or time does not allow the action; nothing changed. `code` as the scripts return it."""

    code: str
    status: LotStatus


Action = tuple[Event, ...] | NotAllowed
"""The events that an action causes (none: it was done before), or why it is not allowed."""

WRONG_STATUS = "wrong-status"
NOT_DUE = "not-due"
MISSED = "missed"
IN_THE_PAST = "in-the-past"
REVIEW_TOO_LOW = "review-limit-too-low"
TOO_FAR = "too-far"
PAST_HARD_STOP = "past-hard-stop"


def schedule(terms: Terms, *, opens_at_ms: int, ends_at_ms: int) -> Scheduled:
    """The first event of a lot; the hard stop follows from the end and the terms."""
    return Scheduled(terms.sha256(), opens_at_ms, ends_at_ms, hard_stop_at_ms(terms, ends_at_ms))


def hard_stop_at_ms(terms: Terms, ends_at_ms: int) -> int:
    """The hard stop of a lot that is to end at `ends_at_ms`, UTC ms; 0: none."""
    soft = terms.soft_close
    return 0 if soft is None or soft.hard_stop_ms is None else ends_at_ms + soft.hard_stop_ms


def reschedule(lot: Lot, now_ms: int, *, opens_at_ms: int, ends_at_ms: int, by: str) -> Action:
    """Staff give a scheduled lot other times, in UTC ms, as long as it has not opened; the same times change nothing.

    One whose end has passed without its being opened gets new times so, too.
    """
    if lot.status is not LotStatus.SCHEDULED:
        return NotAllowed(WRONG_STATUS, lot.status)
    if ends_at_ms <= now_ms:
        return NotAllowed(IN_THE_PAST, lot.status)
    if (opens_at_ms, ends_at_ms) == (lot.opens_at_ms, lot.ends_at_ms):
        return ()
    return (Rescheduled(opens_at_ms, ends_at_ms, hard_stop_at_ms(lot.terms, ends_at_ms), by),)


def close_if_due(lot: Lot, now_ms: int) -> tuple[Event, ...]:
    """The `closed` event of an open lot that is past its end, else nothing. Every script does this before all else."""
    if lot.status is LotStatus.OPEN and now_ms >= lot.ends_at_ms:
        return (closed_event(lot, CloseCause.TIME, "", ""),)
    return ()


def closed_event(lot: Lot, cause: CloseCause, reason: str, by: str) -> Closed:
    """The event that closes a lot now: outcome, hammer price, leader and cause."""
    outcome = outcome_at_price(lot.terms.reserve_fen, lot.price_fen)
    return Closed(str(outcome), lot.price_fen, lot.leader_id, lot.leader_paddle, str(cause), reason, by)


def open_when_due(lot: Lot, now_ms: int, *, by: str) -> Action:
    """The clerk opens a lot whose time has come; one whose end has passed too stays scheduled, for staff to open."""
    if lot.status is not LotStatus.SCHEDULED:
        return () if lot.status is LotStatus.OPEN else NotAllowed(WRONG_STATUS, lot.status)
    if now_ms < lot.opens_at_ms:
        return NotAllowed(NOT_DUE, lot.status)
    if now_ms >= lot.ends_at_ms:
        return NotAllowed(MISSED, lot.status)
    return (Opened(lot.ends_at_ms, lot.hard_stop_at_ms, by),)


def open_now(lot: Lot, now_ms: int, *, ends_at_ms: int, by: str) -> Action:
    """Staff open a scheduled lot at once, until `ends_at_ms` (UTC ms)."""
    if lot.status is not LotStatus.SCHEDULED:
        return NotAllowed(WRONG_STATUS, lot.status)
    if ends_at_ms <= now_ms:
        return NotAllowed(IN_THE_PAST, lot.status)
    return (Opened(ends_at_ms, hard_stop_at_ms(lot.terms, ends_at_ms), by),)


def pause(lot: Lot, now_ms: int, *, reason: str, by: str) -> Action:
    """Staff pause an open lot; the remaining time is kept."""
    if lot.status is not LotStatus.OPEN:
        return NotAllowed(WRONG_STATUS, lot.status)
    return (Paused(lot.ends_at_ms - now_ms, reason, by),)


def resume(lot: Lot, now_ms: int, *, review_above_fen: int | None, by: str) -> Action:
    """Staff resume a paused or held lot: end and hard stop move by the time that it was stopped.

    `review_above_fen` is a new review limit above the price, 0: none; None keeps the one in force.
    """
    if lot.status not in STOPPED:
        return NotAllowed(WRONG_STATUS, lot.status)
    review = lot.review_above_fen if review_above_fen is None else review_above_fen
    if review_above_fen and review_above_fen <= lot.price_fen:
        return NotAllowed(REVIEW_TOO_LOW, lot.status)
    stopped_ms = now_ms - lot.stopped_at_ms
    hard_stop = lot.hard_stop_at_ms + stopped_ms if lot.hard_stop_at_ms else 0
    return (Resumed(now_ms + lot.remaining_ms, hard_stop, review, by),)


def extend(lot: Lot, now_ms: int, *, by_ms: int, moves_hard_stop: bool = False, reason: str, by: str) -> Action:
    """Staff move the end of an open or paused lot by `by_ms`, at most to a year from now.

    It does not pass the hard stop, unless that moves by as much (`moves_hard_stop`).
    """
    if lot.status not in ENDABLE:
        return NotAllowed(WRONG_STATUS, lot.status)
    left_ms = lot.ends_at_ms - now_ms if lot.status is LotStatus.OPEN else lot.remaining_ms
    if left_ms + by_ms > LASTS_MS_MAX:
        return NotAllowed(TOO_FAR, lot.status)
    ends_at_ms, hard_stop = lot.ends_at_ms + by_ms, lot.hard_stop_at_ms
    if hard_stop and moves_hard_stop:
        hard_stop += by_ms
    elif hard_stop and ends_at_ms > hard_stop:
        return NotAllowed(PAST_HARD_STOP, lot.status)
    return (Extended(ends_at_ms, hard_stop, reason, by),)


def close_now(lot: Lot, *, reason: str, by: str) -> Action:
    """Staff close an open or paused lot before its end."""
    if lot.status not in ENDABLE:
        return NotAllowed(WRONG_STATUS, lot.status)
    return (closed_event(lot, CloseCause.STAFF, reason, by),)


def void(lot: Lot, *, reason: str, by: str) -> Action:
    """Staff void a lot that has not closed."""
    return (LotVoided(reason, by),) if lot.status in ADMITTING else NotAllowed(WRONG_STATUS, lot.status)


def restate(lot: Lot, bids: Iterable[tuple[int, BidPlaced]], voided_seq: int, *, reason: str, by: str) -> Action:
    """Staff void one bid of a paused or held lot; `bids` are those not voided, with their seqs."""
    if lot.status not in STOPPED:
        return NotAllowed(WRONG_STATUS, lot.status)
    leading = LeadingBid(lot.price_fen, lot.leader_id, lot.leader_paddle, lot.ceiling_fen)
    rest = leading_without(lot.terms, leading, bids, voided_seq)
    return (BidVoided(voided_seq, rest.price_fen, rest.leader_id, rest.leader_paddle, rest.ceiling_fen, reason, by),)
