"""Derives database rows from a batch of ledger entries, without I/O; `archive` stores them.

After the bid's way. Entries come in the order of their stream. Those stored already are left out; a missing seq raises.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from auction.books.chain import GENESIS, head_after
from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    CloseCause,
    Closed,
    Event,
    Held,
    LotVoided,
    Opened,
    Outcome,
    Paused,
    Resumed,
    Scheduled,
)
from auction.domain.lot import LotStatus

STATUS_AFTER: dict[type[Event], LotStatus] = {
    Scheduled: LotStatus.SCHEDULED,
    Opened: LotStatus.OPEN,
    Held: LotStatus.HELD,
    Paused: LotStatus.PAUSED,
    Resumed: LotStatus.OPEN,
    Closed: LotStatus.CLOSED,
    LotVoided: LotStatus.VOID,
}
VOID = "void"
"""The outcome of a lot that staff voided."""


class LineageBroken(Exception):
    """An entry does not continue what is stored of its lot: entries are missing, or the stream was rewritten."""


class LedgerEntry(Protocol):
    """What is needed of a ledger entry (`auction.ledger.stream.StreamEntry` has it); books do not import the ledger."""

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
    """A lot's last stored entry: last seq, epoch, and the SHA-256 over all events (`auction.books.chain`)."""

    last_seq: int = 0
    epoch: int = 1
    sha256: bytes = GENESIS


Row = tuple[Any, ...]


@dataclass(slots=True)
class Derived:
    """Rows to insert, values in the order of their table's columns, and changes to rows that may exist already."""

    entries: list[Row] = field(default_factory=list)
    bids: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    voided: list[tuple[str, int, int]] = field(default_factory=list)
    """(lot, seq of the bid, seq of the event that voided it)."""
    admitted: dict[tuple[str, str], int] = field(default_factory=dict)
    """(lot, bidder) -> when the ledger first admitted them in this batch, UTC ms."""


def derive(shard: int, entries: Iterable[LedgerEntry], heads: dict[str, Head]) -> Derived:
    """The rows of the entries beyond `heads`; updates `heads` to the last entry of each lot. Raises LineageBroken."""
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
            case BidVoided():
                derived.voided.append((lot_id, event.bid_seq, seq))
            case Closed():
                derived.results.append((lot_id, *_result(event), seq, at_ms, event.cause))
            case LotVoided():
                derived.results.append((lot_id, VOID, None, None, None, seq, at_ms, str(CloseCause.STAFF)))
            case _:
                pass


def _result(event: Closed) -> tuple[str, int | None, str | None, int | None]:
    """Outcome, hammer price in fen, winner and paddle; no winner where the lot did not sell."""
    if event.outcome == Outcome.SOLD:
        return event.outcome, event.price_fen, event.leader_id, event.leader_paddle
    return event.outcome, event.price_fen or None, None, None
