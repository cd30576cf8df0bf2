"""Checks a lot's recorded events against the rules; used by `auction verify`, after the bid's way.

Decides every event again, as the script should have decided it, and stops at the first that differs. The promises that
it names are those of `docs/promises.md`. A purse spans the lots of a sale, and is not checked here, where lots are
checked one by one.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from auction.domain.bidding import Accepted, Admission, Bid, Receipt, Refused, decide, defend
from auction.domain.errors import RefusalCode
from auction.domain.events import (
    CLERK,
    Admitted,
    BidPlaced,
    BidVoided,
    CloseCause,
    Closed,
    Event,
    Extended,
    FreezeCause,
    Frozen,
    Held,
    Interrupted,
    LotVoided,
    MaximumSet,
    Opened,
    Paused,
    Rescheduled,
    Restored,
    Resumed,
    Scheduled,
    follows,
    is_made_key,
    made_key,
)
from auction.domain.lot import (
    NEW_EPOCH,
    WRONG_STATUS,
    Action,
    Lot,
    LotStatus,
    NotAllowed,
    apply,
    close_if_due,
    close_now,
    extend,
    open_now,
    open_when_due,
    pause,
    reschedule,
    restate,
    resume,
    schedule,
    void,
)
from auction.domain.outage import Outage, interrupt_if_due
from auction.domain.recovery import HighMark, freeze, restore
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
"""The promises that a lot's record can break, by their number in `docs/promises.md`."""

_OF_REFUSAL = {
    RefusalCode.KEY_REUSED: ONCE,
    RefusalCode.LOT_NOT_OPEN: DEADLINE,
    RefusalCode.ALREADY_LEADING: ORDER,
    RefusalCode.MAXIMUM_TOO_LOW: ORDER,
    RefusalCode.BID_TOO_LOW: ORDER,
    RefusalCode.OFF_GRID: ORDER,
    RefusalCode.ABOVE_CAP: ORDER,
    RefusalCode.JUMP_TOO_LARGE: ORDER,
}
"""The promise that a recorded bid breaks where it should have been refused with this code; else NO_PHANTOMS."""


ControlEvent = (
    Scheduled
    | Rescheduled
    | Opened
    | Paused
    | Interrupted
    | Resumed
    | Extended
    | BidVoided
    | Closed
    | LotVoided
    | Frozen
    | Restored
)
"""Events that clerk and staff cause; `decide` decides a bid and the hold that it may cause."""


class RuleBroken(Exception):
    """A recorded event breaks a promise: the promise's number, the event's seq, and what was found and expected."""

    def __init__(self, promise: int, seq: int, what: str) -> None:
        super().__init__(f"promise {promise} ({PROMISES[promise]}) at seq {seq}: {what}")
        self.promise = promise
        self.seq = seq
        self.what = what


class LotProof:
    """One lot folded from its entries, each checked against the rules before it is applied."""

    def __init__(self, terms: Terms) -> None:
        self.lot = Lot(terms)
        self.bids: dict[int, BidPlaced] = {}
        """Accepted bids by seq, voided ones included."""
        self.voided: dict[int, int] = {}
        """Seq of a voided bid -> seq of the event that voided it."""
        self.closed: Closed | None = None
        self.closed_seq = 0
        self.admissions: dict[str, Admission] = {}
        self.receipts: dict[tuple[str, str], Receipt] = {}
        """(bidder, key) -> the receipt of the bid accepted under it."""

    def fold_entry(self, epoch: int, first_seq: int, at_ms: int, events: Sequence[Event]) -> None:
        """Check and fold one ledger entry; its events count on from `first_seq`. Raises RuleBroken."""
        lot = self.lot
        if not follows(first_seq, events, lot.seq):
            raise RuleBroken(ORDER, first_seq, f"follows seq {lot.seq}; there is a hole or a repetition")
        if at_ms < lot.last_at_ms:
            raise RuleBroken(ORDER, first_seq, f"its time {at_ms} is before {lot.last_at_ms}, that of seq {lot.seq}")
        rest = iter(events)
        for event in rest:
            lot = self.lot
            if epoch != (apply(lot, event, at_ms).epoch if isinstance(event, NEW_EPOCH) else lot.epoch):
                raise RuleBroken(ORDER, lot.seq + 1, f"is of epoch {epoch} while the lot is in epoch {lot.epoch}")
            self._fold(event, at_ms, rest)

    def _fold(self, event: Event, at_ms: int, rest: Iterator[Event]) -> None:
        seq = self.lot.seq + 1
        if self.lot.status in {LotStatus.CLOSED, LotStatus.VOID}:
            promise = ONE_WINNER if isinstance(event, Closed) else DEADLINE
            raise RuleBroken(promise, seq, f"a {event.kind} event follows the end of the lot")
        if isinstance(event, Scheduled) != (seq == 1):
            raise RuleBroken(ORDER, seq, "a lot's record begins with its one scheduled event")
        if close_if_due(self.lot, at_ms) and not isinstance(event, Closed | Interrupted | Frozen | Restored):
            raise RuleBroken(DEADLINE, seq, f"a {event.kind} event at {at_ms}, past the end at {self.lot.ends_at_ms}")
        if isinstance(event, BidPlaced) and is_made_key(event.key):
            self._fold_decided(self._defence(event, at_ms), event, at_ms, rest)
            return
        if isinstance(event, BidPlaced | MaximumSet):
            self._fold_bid(event, at_ms, rest)
            return
        if isinstance(event, Held):
            raise RuleBroken(NO_PHANTOMS, seq, "the lot was held, but no bid reached the review limit")
        if isinstance(event, Admitted):
            self._admit(event)
        else:
            self._check_action(event, self._action(event, at_ms))
        self._apply(event, at_ms)

    def _fold_bid(self, event: BidPlaced | MaximumSet, at_ms: int, rest: Iterator[Event]) -> None:
        lot, seq = self.lot, self.lot.seq + 1
        receipt_key = (event.bidder_id, event.key)
        # a maximum that was bid in full is decided as a bid of as much is
        is_maximum = isinstance(event, MaximumSet) or (lot.terms.auto_bids and event.amount_fen != event.price_fen)
        bid = Bid(event.bidder_id, event.amount_fen, event.key, is_maximum)
        decision = decide(
            lot,
            self.admissions.get(event.bidder_id),
            self.receipts.get(receipt_key),
            bid,
            at_ms,
            self.admissions.get(lot.leader_id),
        )
        if isinstance(decision, Refused):
            promise = _OF_REFUSAL.get(decision.code, NO_PHANTOMS)
            raise RuleBroken(promise, seq, f"a bid of {event.amount_fen} that the rules refuse: {decision.code}")
        if not isinstance(decision, Accepted):
            raise RuleBroken(ONCE, seq, f"the key of the bid at seq {decision.receipt.seq} stands here again")
        self._fold_decided(decision.events, event, at_ms, rest)
        self.receipts[receipt_key] = decision.receipt

    def _defence(self, event: BidPlaced, at_ms: int) -> tuple[Event, ...]:
        """What the leader's maximum bids before a bid that it reaches, which itself may have been refused then."""
        lot, seq = self.lot, self.lot.seq + 1
        others = {one.paddle for one in self.admissions.values()} - {lot.leader_paddle}
        paddle = next((one for one in others if event.key == made_key(seq, one)), None)
        is_open = lot.status is LotStatus.OPEN and lot.terms.auto_bids
        events = defend(lot, self.admissions.get(lot.leader_id), paddle, at_ms) if is_open and paddle else ()
        if not events:
            raise RuleBroken(NO_PHANTOMS, seq, f"a bid of {event.price_fen} that no maximum makes")
        return events

    def _fold_decided(self, events: Sequence[Event], first: Event, at_ms: int, rest: Iterator[Event]) -> None:
        """Fold what the rules give, of which `first` is the first recorded one. Raises RuleBroken where others are."""
        recorded = [first, *(next(rest, None) for _ in events[1:])]
        for expected, found in zip(events, recorded, strict=True):
            if found != expected:
                seq = self.lot.seq + 1
                raise RuleBroken(_promise_of(expected), seq, f"recorded {found}, the rules give {expected}")
            self._apply(expected, at_ms)

    def _admit(self, event: Admitted) -> None:
        before = self.admissions.get(event.bidder_id)
        if before is not None and before.paddle != event.paddle:
            raise RuleBroken(NO_PHANTOMS, self.lot.seq + 1, f"paddle {before.paddle} became {event.paddle}")
        self.admissions[event.bidder_id] = Admission(event.paddle, None if event.limit_fen < 0 else event.limit_fen)

    def _action(self, event: ControlEvent, at_ms: int) -> Action:
        """The action behind a control event, done again at the event's time."""
        lot = self.lot
        if isinstance(event, Frozen | Restored | Interrupted):
            return self._recovery(event, at_ms)
        match event:
            case Scheduled():
                return (schedule(lot.terms, opens_at_ms=event.opens_at_ms, ends_at_ms=event.ends_at_ms),)
            case Rescheduled():
                return reschedule(lot, at_ms, opens_at_ms=event.opens_at_ms, ends_at_ms=event.ends_at_ms, by=event.by)
            case Opened(by=by) if by == CLERK:
                return open_when_due(lot, at_ms, by=by)
            case Opened():
                # staff may open at any time; on time and with the end as scheduled this is the clerk's opening too
                return open_now(lot, at_ms, ends_at_ms=event.ends_at_ms, by=event.by)
            case Paused():
                return pause(lot, at_ms, reason=event.reason, by=event.by)
            case Resumed():
                same = event.review_above_fen == lot.review_above_fen
                return resume(lot, at_ms, review_above_fen=None if same else event.review_above_fen, by=event.by)
            case Extended():
                return self._extend_again(event, at_ms)
            case BidVoided():
                return restate(lot, self._bids_not_voided(), event.bid_seq, reason=event.reason, by=event.by)
            case Closed() if event.cause == CloseCause.STAFF and not close_if_due(lot, at_ms):
                return close_now(lot, reason=event.reason, by=event.by)
            case Closed():
                return close_if_due(lot, at_ms)
            case LotVoided():
                return void(lot, reason=event.reason, by=event.by)
        assert_never(event)

    def _extend_again(self, event: Extended, at_ms: int) -> Action:
        """The extension again; whether the hard stop moved with the end is taken from it."""
        return extend(
            self.lot,
            at_ms,
            by_ms=event.ends_at_ms - self.lot.ends_at_ms,
            moves_hard_stop=event.hard_stop_at_ms != self.lot.hard_stop_at_ms,
            reason=event.reason,
            by=event.by,
        )

    def _recovery(self, event: Frozen | Restored | Interrupted, at_ms: int) -> Action:
        if isinstance(event, Frozen):
            return freeze(self.lot, at_ms, self._freeze_cause(event))
        if isinstance(event, Restored):
            return self._restore_again(event, at_ms)
        return self._interrupt_again(event)

    def _freeze_cause(self, event: Frozen) -> FreezeCause:
        try:
            return FreezeCause(event.cause)
        except ValueError:
            raise RuleBroken(NO_PHANTOMS, self.lot.seq + 1, f"no lot is frozen for {event.cause!r}") from None

    def _interrupt_again(self, event: Interrupted) -> Action:
        """The pause again; when the outage was is taken from it.

        It may have ended later than the pause was recorded, where the ledger's clock was set back between.
        """
        outage = Outage(event.from_ms, event.to_ms, event.until_ms)
        if not outage.from_ms < outage.to_ms <= outage.until_ms:
            raise RuleBroken(DEADLINE, self.lot.seq + 1, f"no outage is like {outage}")
        return interrupt_if_due(self.lot, outage)

    def _restore_again(self, event: Restored, at_ms: int) -> Action:
        """The restoring again; what was acknowledged beyond the archive, and the last sign of life, are taken from it.

        A seq that does not lie above all that the event names is not what the rules give.
        """
        lot = self.lot
        lost_to_seq = max(event.lost_to_seq, lot.seq)
        last_sign_ms = min(max(lot.ends_at_ms - event.remaining_ms, lot.last_at_ms), at_ms)
        highest = HighMark(max(event.epoch - 1, lot.epoch), lost_to_seq)
        restored = restore(lot, highest, last_sign_ms, reason=event.reason, by=event.by)
        return NotAllowed(WRONG_STATUS, lot.status) if restored is None else (restored,)

    def _check_action(self, event: ControlEvent, action: Action) -> None:
        seq = self.lot.seq + 1
        if isinstance(event, BidVoided) and (event.bid_seq not in self.bids or event.bid_seq in self.voided):
            raise RuleBroken(NO_PHANTOMS, seq, f"no bid stands at seq {event.bid_seq} that could be voided")
        if isinstance(event, Extended) and event.ends_at_ms <= self.lot.ends_at_ms:
            raise RuleBroken(DEADLINE, seq, "an extension that does not move the end later")
        if action != (event,):
            raise RuleBroken(_promise_of(event), seq, f"recorded {event}, the rules give {action}")

    def _bids_not_voided(self) -> list[tuple[int, BidPlaced]]:
        return [(seq, bid) for seq, bid in self.bids.items() if seq not in self.voided]

    def _apply(self, event: Event, at_ms: int) -> None:
        self.lot = apply(self.lot, event, at_ms)
        if isinstance(event, BidPlaced):
            self.bids[self.lot.seq] = event
        elif isinstance(event, BidVoided):
            self.voided[event.bid_seq] = self.lot.seq
        elif isinstance(event, Closed):
            self.closed, self.closed_seq = event, self.lot.seq


def _promise_of(event: Event) -> int:
    if isinstance(event, Closed):
        return ONE_WINNER
    if isinstance(event, (Rescheduled, Opened, Paused, Interrupted, Resumed, Extended, Held)):
        return DEADLINE
    return ORDER if isinstance(event, (BidPlaced, BidVoided, MaximumSet)) else NO_PHANTOMS
