"""Proves a lot's recorded events against the rules: a fold that stops at the first event no rule could have made.

Every event is decided again, as the script should have decided it, and compared. `auction verify` feeds it the
archive and the ledger; the promises it names are those of `docs/promises.md`. A purse spans the lots of a sale and
is not proved here, one lot at a time.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from auction.domain.bidding import Accepted, Admission, Bid, Receipt, Refused, decide
from auction.domain.errors import RefusalCode
from auction.domain.events import (
    CLERK,
    Admitted,
    BidPlaced,
    CloseCause,
    Closed,
    Event,
    Extended,
    Held,
    Opened,
    Paused,
    Resumed,
    Scheduled,
    Voided,
    Withdrawn,
)
from auction.domain.lot import (
    Action,
    Lot,
    LotStatus,
    apply,
    close_due,
    close_now,
    extend,
    open_now,
    open_when_due,
    pause,
    restate,
    resume,
    schedule,
    withdraw,
)
from auction.domain.terms import Terms

NO_PHANTOMS, ONCE, ORDER, DEADLINE, ONE_WINNER, CHAINED = 2, 3, 4, 5, 6, 8
PROMISES = {
    NO_PHANTOMS: "no phantoms",
    ONCE: "once",
    ORDER: "order",
    DEADLINE: "deadline",
    ONE_WINNER: "one winner",
    CHAINED: "chained",
}
"""The promises that a lot's record can break, by number."""

_OF_REFUSAL = {
    RefusalCode.KEY_REUSED: ONCE,
    RefusalCode.LOT_NOT_OPEN: DEADLINE,
    RefusalCode.ALREADY_LEADING: ORDER,
    RefusalCode.BID_TOO_LOW: ORDER,
    RefusalCode.OFF_GRID: ORDER,
    RefusalCode.ABOVE_CAP: ORDER,
    RefusalCode.JUMP_TOO_LARGE: ORDER,
}
"""Which promise a recorded bid breaks that should have been refused so; the others are phantoms."""


ControlEvent = Scheduled | Opened | Paused | Resumed | Extended | Voided | Closed | Withdrawn
"""What the clerk and staff cause; a bid, and the hold it may cause, are decided by `decide` instead."""


class RuleBroken(Exception):
    """A recorded fact that breaks a promise: its number, the seq, and what was found against what should be."""

    def __init__(self, promise: int, seq: int, what: str) -> None:
        super().__init__(f"promise {promise} ({PROMISES[promise]}) at seq {seq}: {what}")
        self.promise = promise
        self.seq = seq
        self.what = what


class LotProof:
    """Folds one lot's entries in order; `take` raises RuleBroken at the first that could not have happened."""

    def __init__(self, terms: Terms) -> None:
        self.lot = Lot(terms)
        self.bids: dict[int, BidPlaced] = {}
        """Every accepted bid by seq, voided ones too."""
        self.voided: dict[int, int] = {}
        """Voided bid's seq -> seq of the event that voided it."""
        self.closed: Closed | None = None
        self.closed_seq = 0
        self._admissions: dict[str, Admission] = {}
        self._receipts: dict[tuple[str, str], Receipt] = {}

    def take(self, epoch: int, first_seq: int, at_ms: int, events: Sequence[Event]) -> None:
        """Fold one ledger entry."""
        lot = self.lot
        if first_seq != lot.seq + 1:
            raise RuleBroken(ORDER, first_seq, f"follows seq {lot.seq}; there is a hole or a repetition")
        if at_ms < lot.last_at_ms:
            raise RuleBroken(ORDER, first_seq, f"its time {at_ms} is before {lot.last_at_ms}, that of seq {lot.seq}")
        waiting = iter(events)
        for event in waiting:
            lot = self.lot
            if epoch != lot.epoch + isinstance(event, Voided):
                raise RuleBroken(ORDER, lot.seq + 1, f"is of epoch {epoch} while the lot is in epoch {lot.epoch}")
            self._fold(event, at_ms, waiting)

    def _fold(self, event: Event, at_ms: int, waiting: Iterator[Event]) -> None:
        seq = self.lot.seq + 1
        if self.lot.status in {LotStatus.CLOSED, LotStatus.VOID}:
            promise = ONE_WINNER if isinstance(event, Closed) else DEADLINE
            raise RuleBroken(promise, seq, f"a {event.kind} event follows the end of the lot")
        if isinstance(event, Scheduled) != (seq == 1):
            raise RuleBroken(ORDER, seq, "a lot's record begins with its one scheduled event")
        if close_due(self.lot, at_ms) and not isinstance(event, Closed):
            raise RuleBroken(DEADLINE, seq, f"a {event.kind} event at {at_ms}, past the end at {self.lot.ends_at_ms}")
        if isinstance(event, BidPlaced):
            self._fold_bid(event, at_ms, waiting)
            return
        if isinstance(event, Held):
            raise RuleBroken(NO_PHANTOMS, seq, "the lot was held, but no bid reached the review limit")
        if isinstance(event, Admitted):
            self._admit(event)
        else:
            self._expect(event, self._action(event, at_ms))
        self._apply(event, at_ms)

    def _fold_bid(self, event: BidPlaced, at_ms: int, waiting: Iterator[Event]) -> None:
        lot, seq = self.lot, self.lot.seq + 1
        whose = (event.bidder_id, event.key)
        bid = Bid(event.bidder_id, event.amount_fen, event.key)
        decision = decide(lot, self._admissions.get(event.bidder_id), self._receipts.get(whose), bid, at_ms)
        if isinstance(decision, Refused):
            promise = _OF_REFUSAL.get(decision.code, NO_PHANTOMS)
            raise RuleBroken(promise, seq, f"a bid of {event.amount_fen} that the rules refuse: {decision.code}")
        if not isinstance(decision, Accepted):
            raise RuleBroken(ONCE, seq, f"the key of the bid at seq {decision.receipt.seq} stands here again")
        self._receipts[whose] = decision.receipt
        recorded = [event, *(next(waiting, None) for _ in decision.events[1:])]
        for expected, found in zip(decision.events, recorded, strict=True):
            if found != expected:
                seq = self.lot.seq + 1
                raise RuleBroken(_promise_of(expected), seq, f"recorded {found}, the rules give {expected}")
            self._apply(expected, at_ms)

    def _admit(self, event: Admitted) -> None:
        before = self._admissions.get(event.bidder_id)
        if before is not None and before.paddle != event.paddle:
            raise RuleBroken(NO_PHANTOMS, self.lot.seq + 1, f"paddle {before.paddle} became {event.paddle}")
        self._admissions[event.bidder_id] = Admission(event.paddle, None if event.limit_fen < 0 else event.limit_fen)

    def _action(self, event: ControlEvent, at_ms: int) -> Action:
        """What the rules make of the action behind a control event, at its time."""
        lot = self.lot
        match event:
            case Scheduled():
                return (schedule(lot.terms, opens_at_ms=event.opens_at_ms, ends_at_ms=event.ends_at_ms),)
            case Opened(by=who) if who == CLERK:
                return open_when_due(lot, at_ms, by=who)
            case Opened():
                # staff may open at any time; on time and with the end as scheduled this is the clerk's opening too
                return open_now(lot, at_ms, ends_at_ms=event.ends_at_ms, by=event.by)
            case Paused():
                return pause(lot, at_ms, reason=event.reason, by=event.by)
            case Resumed():
                same = event.review_above_fen == lot.review_above_fen
                return resume(lot, at_ms, review_above_fen=None if same else event.review_above_fen, by=event.by)
            case Extended():
                return extend(lot, by_ms=event.ends_at_ms - lot.ends_at_ms, reason=event.reason, by=event.by)
            case Voided():
                return restate(lot, self._standing(), event.bid_seq, reason=event.reason, by=event.by)
            case Closed() if event.cause == CloseCause.STAFF and not close_due(lot, at_ms):
                return close_now(lot, reason=event.reason, by=event.by)
            case Closed():
                return close_due(lot, at_ms)
            case Withdrawn():
                return withdraw(lot, reason=event.reason, by=event.by)
        assert_never(event)

    def _expect(self, event: ControlEvent, action: Action) -> None:
        seq = self.lot.seq + 1
        if isinstance(event, Voided) and (event.bid_seq not in self.bids or event.bid_seq in self.voided):
            raise RuleBroken(NO_PHANTOMS, seq, f"no bid stands at seq {event.bid_seq} that could be voided")
        if isinstance(event, Extended) and event.ends_at_ms <= self.lot.ends_at_ms:
            raise RuleBroken(DEADLINE, seq, "an extension that does not move the end later")
        if action != (event,):
            raise RuleBroken(_promise_of(event), seq, f"recorded {event}, the rules give {action}")

    def _standing(self) -> list[tuple[int, BidPlaced]]:
        return [(seq, bid) for seq, bid in self.bids.items() if seq not in self.voided]

    def _apply(self, event: Event, at_ms: int) -> None:
        self.lot = apply(self.lot, event, at_ms)
        if isinstance(event, BidPlaced):
            self.bids[self.lot.seq] = event
        elif isinstance(event, Voided):
            self.voided[event.bid_seq] = self.lot.seq
        elif isinstance(event, Closed):
            self.closed, self.closed_seq = event, self.lot.seq


def _promise_of(event: Event) -> int:
    if isinstance(event, Closed):
        return ONE_WINNER
    if isinstance(event, (Opened, Paused, Resumed, Extended, Held)):
        return DEADLINE
    return ORDER if isinstance(event, (BidPlaced, Voided)) else NO_PHANTOMS
