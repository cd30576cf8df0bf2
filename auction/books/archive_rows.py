"""What a batch of ledger entries means for the books: pure, from entries to rows. `archive` writes them.

Entries come in the order of their stream. What is written down already is left out; a hole is an error, not a guess.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from auction.books.chain import GENESIS, head_after
from auction.domain.events import (
    Admitted,
    BidPlaced,
    CloseCause,
    Closed,
    Event,
    Held,
    Opened,
    Outcome,
    Paused,
    Resumed,
    Scheduled,
    Voided,
    Withdrawn,
)
from auction.domain.lot import LotStatus

STATUS_AFTER: dict[type[Event], LotStatus] = {
    Scheduled: LotStatus.SCHEDULED,
    Opened: LotStatus.OPEN,
    Held: LotStatus.HELD,
    Paused: LotStatus.PAUSED,
    Resumed: LotStatus.OPEN,
    Closed: LotStatus.CLOSED,
    Withdrawn: LotStatus.VOID,
}
VOID = "void"
"""The outcome of a lot that staff declared void."""


class LineageBroken(Exception):
    """An entry does not continue what is written down of its lot: entries are missing, or history was rewritten."""


class LedgerEntry(Protocol):
    """An entry as the ledger's feed gives it; the books know its shape, not its maker."""

    @property
    def stream_id(self) -> str: ...
    @property
    def lot_id(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def first_seq(self) -> int: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def events(self) -> tuple[Event, ...]: ...
    @property
    def packed(self) -> bytes: ...
    @property
    def chain(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Head:
    """How far a lot is written down, in which epoch, and the SHA-256 over all of it."""

    last_seq: int = 0
    epoch: int = 1
    sha256: bytes = GENESIS


Row = tuple[Any, ...]


@dataclass(slots=True)
class Derived:
    """Rows to write, in the columns' order of their tables, and marks to set on rows that may be there already."""

    entries: list[Row] = field(default_factory=list)
    bids: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    voided: list[tuple[str, int, int]] = field(default_factory=list)
    """(lot, seq of the bid, seq of the event that voided it)"""
    admitted: dict[tuple[str, str], int] = field(default_factory=dict)
    """(lot, bidder) -> when the ledger first admitted them in this batch"""


def derive(shard: int, entries: Iterable[LedgerEntry], heads: dict[str, Head]) -> Derived:
    """Rows of the entries that `heads` does not cover yet; moves `heads` along. Raises LineageBroken."""
    derived = Derived()
    for entry in entries:
        head = heads.get(entry.lot_id, Head())
        last_seq = entry.first_seq + len(entry.events) - 1
        if last_seq <= head.last_seq:
            continue
        _check_lineage(entry, head)
        sha256 = head_after(head.sha256, entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.events)
        heads[entry.lot_id] = Head(last_seq, entry.epoch, sha256)
        derived.entries.append(
            (
                entry.lot_id,
                entry.first_seq,
                last_seq,
                entry.epoch,
                entry.at_ms,
                entry.packed,
                entry.chain,
                sha256,
                shard,
                entry.stream_id,
            )
        )
        _read_events(entry, derived)
    return derived


def _check_lineage(entry: LedgerEntry, head: Head) -> None:
    if entry.first_seq != head.last_seq + 1:
        raise LineageBroken(
            f"lot {entry.lot_id}: stream entry {entry.stream_id} begins at seq {entry.first_seq}, "
            f"the archive ends at {head.last_seq}"
        )
    if entry.epoch < head.epoch:
        raise LineageBroken(
            f"lot {entry.lot_id}: stream entry {entry.stream_id} is of epoch {entry.epoch}, "
            f"the archive is in {head.epoch}"
        )


def _read_events(entry: LedgerEntry, derived: Derived) -> None:
    lot_id, epoch, at_ms, bids = entry.lot_id, entry.epoch, entry.at_ms, derived.bids
    for seq, event in enumerate(entry.events, entry.first_seq):
        if type(event) is BidPlaced:
            bids.append(
                (
                    lot_id,
                    seq,
                    epoch,
                    event.bidder_id,
                    event.paddle,
                    event.amount_fen,
                    event.price_fen,
                    event.leading == 1,
                    event.key,
                    at_ms,
                    event.ends_at_ms,
                )
            )
            continue
        status = STATUS_AFTER.get(type(event))
        if status is not None:
            derived.statuses[lot_id] = str(status)
        match event:
            case Admitted():
                derived.admitted.setdefault((lot_id, event.bidder_id), at_ms)
            case Voided():
                derived.voided.append((lot_id, event.bid_seq, seq))
            case Closed():
                derived.results.append((lot_id, *_result(event), seq, at_ms, event.cause))
            case Withdrawn():
                derived.results.append((lot_id, VOID, None, None, None, seq, at_ms, str(CloseCause.STAFF)))
            case _:
                pass


def _result(event: Closed) -> tuple[str, int | None, str | None, int | None]:
    """Outcome, hammer price, winner and paddle; the leader of a lot that did not sell has won nothing."""
    if event.outcome == Outcome.SOLD:
        return event.outcome, event.price_fen, event.leader_id, event.leader_paddle
    return event.outcome, event.price_fen or None, None, None
