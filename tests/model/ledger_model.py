"""The ledger as plain Python: lots, admissions, keys and purses of one sale, with every rule taken from the domain.

Naive on purpose: no caches, no batches, exposures summed anew at every question. The tests hold the scripts to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from auction.domain.bidding import Accepted, Admission, Bid, Decision, Receipt, Repeated, decide
from auction.domain.deposits import PurseDeposit, share_fen
from auction.domain.errors import ProblemCode
from auction.domain.events import Admitted, BidPlaced, BidVoided, Event, FreezeCause
from auction.domain.lot import (
    ADMITTING,
    IN_THE_PAST,
    MISSED,
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
from auction.domain.outage import BidActivity, interrupt_if_due
from auction.domain.pricing import LeadingBid
from auction.domain.recovery import freeze
from auction.domain.terms import Terms

OVER = (LotStatus.CLOSED, LotStatus.VOID)
LOT_UNKNOWN = str(ProblemCode.LOT_UNKNOWN)
PADDLE_DIFFERS = str(ProblemCode.PADDLE_DIFFERS)
LEDGER_MOVED = str(ProblemCode.LEDGER_MOVED)


@dataclass(frozen=True)
class Happened:
    """One event of a lot as its ledger must show it."""

    epoch: int
    seq: int
    at_ms: int
    event: Event


@dataclass
class ModelLot:
    """One lot and all that the ledger keeps with it."""

    lot: Lot
    history: list[Happened] = field(default_factory=list)
    admitted: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    purses: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bidder -> their purse here, and what is held behind it."""
    ended: dict[str, int] = field(default_factory=dict)
    """Bidder -> the share that the database gave their award after the end."""
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    voided: set[int] = field(default_factory=set)

    @property
    def has_purse(self) -> bool:
        """True where what bidders lead with here counts against their purse."""
        return isinstance(self.lot.terms.deposit, PurseDeposit)

    def share_of(self, bidder: str) -> int:
        """What the lot takes of what a bidder holds: by the leading bid, and by the price once it is sold."""
        if bidder in self.ended:
            return self.ended[bidder]
        lot = self.lot
        if not self.has_purse or lot.leader_id != bidder or lot.outcome not in {None, "sold"}:
            return 0
        amount_fen = lot.ceiling_fen if lot.outcome is None else lot.price_fen
        purse_fen, held_fen = self.purses.get(bidder, (0, 0))
        return share_fen(amount_fen, held_fen=held_fen, purse_fen=purse_fen)

    def standing_bids(self) -> list[tuple[int, BidPlaced]]:
        """The accepted bids that were not voided, with their seqs."""
        return [
            (row.seq, row.event)
            for row in self.history
            if isinstance(row.event, BidPlaced) and row.seq not in self.voided
        ]

    def take(self, events: tuple[Event, ...], at_ms: int) -> None:
        """Let the events happen."""
        for event in events:
            self.lot = apply(self.lot, event, at_ms)
            self.history.append(Happened(self.lot.epoch, self.lot.seq, at_ms, event))


class LedgerModel:
    """One sale. Every method takes the server's clock and answers with a code, or with a decision for a bid."""

    def __init__(self) -> None:
        self.lots: dict[str, ModelLot] = {}
        self.due: dict[str, int] = {}
        self.activity: BidActivity | None = None

    def shares_of(self, bidder: str) -> dict[str, int]:
        """The lots that take a share of what a bidder holds, and how much."""
        shares = {lot_id: entry.share_of(bidder) for lot_id, entry in self.lots.items()}
        return {lot_id: share for lot_id, share in shares.items() if share}

    def admission_of(self, lot_id: str, bidder: str) -> Admission | None:
        """What the sale knows of a bidder on a lot; without a purse where the terms want one, it is empty."""
        entry = self.lots[lot_id]
        if bidder not in entry.admitted:
            return None
        paddle, limit = entry.admitted[bidder]
        if not entry.has_purse:
            return Admission(paddle, limit)
        others = sum(share for other, share in self.shares_of(bidder).items() if other != lot_id)
        purse_fen, held_fen = entry.purses.get(bidder, (0, 0))
        return Admission(paddle, limit, purse_fen, held_fen, others)

    def now(self, lot_id: str, clock_ms: int) -> int:
        """The lot's time; the clock's where there is no such lot."""
        entry = self.lots.get(lot_id)
        return clock_ms if entry is None else entry.lot.now(clock_ms)

    def place(self, lot_id: str, bid: Bid, clock_ms: int) -> Decision:
        """One bid of a batch."""
        entry = self._at(lot_id, clock_ms)
        if entry is None:
            return decide(None, None, None, bid, clock_ms)
        now = entry.lot.now(clock_ms)
        first = entry.receipts.get((bid.bidder_id, bid.key))
        leader = self.admission_of(lot_id, entry.lot.leader_id)
        decision = decide(entry.lot, self.admission_of(lot_id, bid.bidder_id), first, bid, now, leader)
        if isinstance(decision, Accepted):
            entry.receipts[bid.bidder_id, bid.key] = decision.receipt
        if not isinstance(decision, Repeated) and decision.events:
            self._happen(lot_id, decision.events, now)
            self.activity = self.activity and self.activity.after_sign(clock_ms)
        return decision

    def heartbeat(self, limit_ms: int, clock_ms: int) -> None:
        """A process that takes bids says so."""
        if not self.due or not limit_ms:
            self.activity = None
        elif self.activity is None:
            self.activity = BidActivity(clock_ms, limit_ms)
        else:
            self.activity = self.activity.after_sign(clock_ms)

    def schedule(self, lot_id: str, terms: Terms, *, opens_at_ms: int, ends_at_ms: int, clock_ms: int) -> str:
        """Bring a lot in."""
        entry = self.lots.get(lot_id)
        if entry is not None:
            return "done" if entry.lot.terms == terms else WRONG_STATUS
        if ends_at_ms <= clock_ms:
            return IN_THE_PAST
        self.lots[lot_id] = ModelLot(Lot(terms))
        self._happen(lot_id, (schedule(terms, opens_at_ms=opens_at_ms, ends_at_ms=ends_at_ms),), clock_ms)
        return "ok"

    def admit(
        self,
        lot_id: str,
        bidder: str,
        paddle: int,
        *,
        limit_fen: int | None,
        purse_fen: int | None,
        held_fen: int | None,
        clock_ms: int,
    ) -> str:
        """Let a bidder bid, or change how high."""
        entry = self._at(lot_id, clock_ms)
        if entry is None:
            return LOT_UNKNOWN
        known = entry.admitted.get(bidder)
        if known is not None and known[0] != paddle:
            return PADDLE_DIFFERS
        purse = None if purse_fen is None else (purse_fen, purse_fen if held_fen is None else held_fen)
        if known is not None and known[1] == limit_fen and purse in (None, entry.purses.get(bidder)):
            return "done"
        if entry.lot.status not in ADMITTING:
            return WRONG_STATUS
        limit, recorded = (-1 if value is None else value for value in (limit_fen, purse_fen))
        self._happen(lot_id, (Admitted(bidder, paddle, limit, recorded),), entry.lot.now(clock_ms))
        entry.admitted[bidder] = (paddle, limit_fen)
        if purse is not None:
            entry.purses[bidder] = purse
        return "ok"

    def set_share(self, lot_id: str, bidder: str, share_fen: int) -> None:
        """The database says what an award takes, or that it has ended."""
        self.lots[lot_id].ended[bidder] = share_fen

    def open_due(self, lot_id: str, *, by: str, clock_ms: int) -> str:
        """The clerk's opening."""
        code = self._act(lot_id, clock_ms, lambda lot, now: open_when_due(lot, now, by=by))
        if code == MISSED:
            self.due.pop(lot_id, None)
        return code

    def open_now(self, lot_id: str, *, ends_at_ms: int, by: str, clock_ms: int) -> str:
        """Staff open."""
        return self._act(lot_id, clock_ms, lambda lot, now: open_now(lot, now, ends_at_ms=ends_at_ms, by=by))

    def close_due(self, lot_id: str, clock_ms: int) -> str:
        """The clerk's closing, or the pause in its place."""
        entry = self.lots.get(lot_id)
        if entry is None:
            return LOT_UNKNOWN
        seq_before = entry.lot.seq
        self._at(lot_id, clock_ms)
        if entry.lot.seq > seq_before:
            return "ok"
        return "done" if entry.lot.status in OVER else "not-due"

    def close_now(self, lot_id: str, *, reason: str, by: str, clock_ms: int) -> str:
        """Staff close."""
        return self._act(lot_id, clock_ms, lambda lot, _: close_now(lot, reason=reason, by=by))

    def pause(self, lot_id: str, *, reason: str, by: str, clock_ms: int) -> str:
        """Staff stop the bidding."""
        return self._act(lot_id, clock_ms, lambda lot, now: pause(lot, now, reason=reason, by=by))

    def resume(self, lot_id: str, *, review_above_fen: int | None, by: str, clock_ms: int) -> str:
        """Staff let it go on."""
        return self._act(lot_id, clock_ms, lambda lot, now: resume(lot, now, review_above_fen=review_above_fen, by=by))

    def extend(self, lot_id: str, *, by_ms: int, moves_hard_stop: bool, reason: str, by: str, clock_ms: int) -> str:
        """Staff move the end."""
        return self._act(
            lot_id,
            clock_ms,
            lambda lot, now: extend(lot, now, by_ms=by_ms, moves_hard_stop=moves_hard_stop, reason=reason, by=by),
        )

    def reschedule(self, lot_id: str, *, opens_at_ms: int, ends_at_ms: int, by: str, clock_ms: int) -> str:
        """Staff give a lot that has not opened other times."""
        times = {"opens_at_ms": opens_at_ms, "ends_at_ms": ends_at_ms}
        return self._act(lot_id, clock_ms, lambda lot, now: reschedule(lot, now, **times, by=by))

    def void(self, lot_id: str, *, reason: str, by: str, clock_ms: int) -> str:
        """Staff void the lot."""
        return self._act(lot_id, clock_ms, lambda lot, _: void(lot, reason=reason, by=by))

    def freeze(self, lot_id: str, cause: FreezeCause, clock_ms: int) -> str:
        """The record is not sound: a frozen lot does not even close."""
        entry = self.lots.get(lot_id)
        if entry is None:
            return LOT_UNKNOWN
        now = entry.lot.now(clock_ms)
        if not isinstance(freeze(entry.lot, now, cause), NotAllowed):
            self._interrupt_if_due(lot_id, clock_ms)
        caused = freeze(entry.lot, now, cause)
        if isinstance(caused, NotAllowed):
            return caused.code
        self._happen(lot_id, caused, now)
        return "ok" if caused else "done"

    def fold_without(self, lot_id: str, voided_seq: int) -> LeadingBid:
        """What the service computes before it asks for a restatement: the leading bid without the voided one."""
        entry = self.lots[lot_id]
        stopped = replace(entry.lot, status=LotStatus.PAUSED)
        action = restate(stopped, entry.standing_bids(), voided_seq, reason="", by="")
        assert isinstance(action, tuple)
        (event,) = action
        assert isinstance(event, BidVoided)
        return LeadingBid(event.price_fen, event.leader_id, event.leader_paddle, event.ceiling_fen)

    def void_bid(self, lot_id: str, *, at_seq: int, voided_seq: int, reason: str, by: str, clock_ms: int) -> str:
        """Take one bid out, if nothing happened since `at_seq`."""
        entry = self._at(lot_id, clock_ms)
        if entry is None:
            return LOT_UNKNOWN
        action = restate(entry.lot, entry.standing_bids(), voided_seq, reason=reason, by=by)
        if isinstance(action, NotAllowed):
            return action.code
        if entry.lot.seq != at_seq:
            return LEDGER_MOVED
        self._happen(lot_id, action, entry.lot.now(clock_ms))
        entry.voided.add(voided_seq)
        return "ok"

    def _at(self, lot_id: str, clock_ms: int) -> ModelLot | None:
        """The lot at a time: closed, where it is past its end, or paused, where an outage may have been its last moment."""
        entry = self.lots.get(lot_id)
        if entry is not None and entry.lot.status is not LotStatus.FROZEN:
            now = entry.lot.now(clock_ms)
            self._interrupt_if_due(lot_id, clock_ms)
            self._happen(lot_id, close_if_due(entry.lot, now), now)
        return entry

    def _interrupt_if_due(self, lot_id: str, clock_ms: int) -> None:
        lot = self.lots[lot_id].lot
        outage = None if self.activity is None else self.activity.outage_at(clock_ms)
        self._happen(lot_id, interrupt_if_due(lot, outage), lot.now(clock_ms))

    def _act(self, lot_id: str, clock_ms: int, action: Callable[[Lot, int], Action]) -> str:
        entry = self._at(lot_id, clock_ms)
        if entry is None:
            return LOT_UNKNOWN
        now = entry.lot.now(clock_ms)
        caused = action(entry.lot, now)
        if isinstance(caused, NotAllowed):
            return caused.code
        if not caused:
            return "done"
        self._happen(lot_id, caused, now)
        return "ok"

    def _happen(self, lot_id: str, events: tuple[Event, ...], at_ms: int) -> None:
        if not events:
            return
        entry = self.lots[lot_id]
        entry.take(events, at_ms)
        lot = entry.lot
        if lot.status is LotStatus.SCHEDULED:
            self.due[lot_id] = lot.opens_at_ms
        elif lot.status is LotStatus.OPEN:
            self.due[lot_id] = lot.ends_at_ms
        else:
            self.due.pop(lot_id, None)
