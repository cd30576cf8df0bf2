"""Derives database rows from a batch of ledger entries, without I/O; `archive` stores them.

After the bid's way. Entries come in the order of their stream. Those stored already, with the same checksum, are left
out. An entry that does not continue what is stored of its lot freezes that lot: it and all that follows it are set
aside, until a `restored` event continues the stored record. Other lots are not concerned.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from auction.books.chain import GENESIS, head_after
from auction.books.staff_events import StaffEvent, staff_event
from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    CloseCause,
    Closed,
    Event,
    FreezeCause,
    Frozen,
    Held,
    Interrupted,
    LotVoided,
    Opened,
    Outcome,
    Paused,
    Rescheduled,
    Restored,
    Resumed,
    Scheduled,
    follows,
)
from auction.domain.ledger_layout import chain_of
from auction.domain.lot import LotStatus

STATUS_AFTER: dict[type[Event], LotStatus] = {
    Scheduled: LotStatus.SCHEDULED,
    Opened: LotStatus.OPEN,
    Held: LotStatus.HELD,
    Paused: LotStatus.PAUSED,
    Interrupted: LotStatus.PAUSED,
    Resumed: LotStatus.OPEN,
    Closed: LotStatus.CLOSED,
    LotVoided: LotStatus.VOID,
    Frozen: LotStatus.FROZEN,
}
CHAIN_VERSION = 2
"""The version of the chains that are begun now (`auction.books.tables.archive.LotChainColumns`)."""
VOID = "void"
"""The outcome of a lot that staff voided."""


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
    """A lot's last stored entry: last seq, epoch, both checksums after it (`auction.books.chain` is the SHA-256)."""

    last_seq: int = 0
    epoch: int = 1
    sha256: bytes = GENESIS
    chain: str = ""
    secret: bytes | None = None
    """What the lot's commitments are salted from; None: its chain runs over full lines (`auction.books.chain`)."""


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an entry does not continue its lot's stored record, which ends at `archived_seq`."""

    cause: FreezeCause
    detail: str
    archived_seq: int


@dataclass(slots=True)
class Derived:
    """Rows to insert, values in the order of their table's columns, and changes to rows that may exist already."""

    entries: list[Row] = field(default_factory=list)
    chains: list[Row] = field(default_factory=list)
    """What the chains of lots run over whose first entry is among them."""
    bids: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    rescheduled: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Lot -> its new opening and closing time, UTC ms."""
    voided: list[tuple[str, int, int]] = field(default_factory=list)
    """(lot, seq of the bid, seq of the event that voided it)."""
    admitted: dict[tuple[str, str], int] = field(default_factory=dict)
    """(lot, bidder) -> when the ledger first admitted them in this batch, UTC ms."""
    set_aside: list[Row] = field(default_factory=list)
    """Entries of frozen lots."""
    frozen: dict[str, Fault] = field(default_factory=dict)
    """Lot -> why it is frozen from this batch on."""
    restored: dict[str, int] = field(default_factory=dict)
    """Frozen lot -> when a `restored` event continued its record, UTC ms."""
    staff_events: list[StaffEvent] = field(default_factory=list)
    """What members of staff did, for the audit log."""
    restorings: list[Row] = field(default_factory=list)
    """Rows of what each `restored` event says, undecided."""


def derive(
    shard: int,
    entries: Iterable[LedgerEntry],
    heads: dict[str, Head],
    *,
    frozen: Collection[str] = (),
    chains: Mapping[tuple[str, int], str] = MappingProxyType({}),
) -> Derived:
    """The rows of the entries beyond `heads`; updates `heads` to the last entry of each lot.

    A lot whose head has seq 0 is new; its head says which secret it gets.
    `frozen` are the lots that are frozen already; `chains` are the checksums of stored entries before the heads, by lot
    and last seq, for the entries that come once more.
    """
    derived, stopped, known = Derived(), set(frozen), dict(chains)
    for entry in entries:
        lot_id, last_seq = entry.lot_id, entry.first_seq + len(entry.events) - 1
        head = heads.get(lot_id, Head())
        if last_seq <= head.last_seq and (
            head.chain if last_seq == head.last_seq else known.get((lot_id, last_seq))
        ) == (entry.chain):
            continue
        fault = _fault(entry, head)
        if fault is None and lot_id in stopped and not isinstance(entry.events[0], Restored):
            _set_aside(shard, entry, derived)
            continue
        if fault is not None:
            if lot_id not in stopped:
                stopped.add(lot_id)
                derived.frozen[lot_id] = fault
                derived.statuses[lot_id] = str(LotStatus.FROZEN)
            _set_aside(shard, entry, derived)
            continue
        if lot_id in stopped:
            stopped.discard(lot_id)
            derived.restored[lot_id] = entry.at_ms
        sha256 = head_after(head.sha256, head.secret, lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.events)
        heads[lot_id] = Head(last_seq, entry.epoch, sha256, entry.chain, head.secret)
        known[lot_id, last_seq] = entry.chain
        if not head.last_seq and head.secret is not None:
            derived.chains.append((lot_id, CHAIN_VERSION, head.secret))
        derived.entries.append(
            (
                lot_id,
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
        if isinstance(entry.events[-1], Frozen):
            stopped.add(lot_id)
            cause = FreezeCause(entry.events[-1].cause)
            derived.frozen[lot_id] = Fault(cause, f"lot {lot_id} was stopped at seq {last_seq}", last_seq)
    return derived


def _fault(entry: LedgerEntry, head: Head) -> Fault | None:
    """What is wrong with an entry that is not stored yet; None: it continues its lot's record."""
    where = f"lot {entry.lot_id}: stream entry {entry.stream_id}"
    if entry.first_seq <= head.last_seq:
        detail = f"{where} from seq {entry.first_seq} is not the archived one; the archive ends at {head.last_seq}"
        return Fault(FreezeCause.FORKED, detail, head.last_seq)
    if not follows(entry.first_seq, entry.events, head.last_seq):
        detail = f"{where} begins at seq {entry.first_seq}, the archive ends at {head.last_seq}"
        return Fault(FreezeCause.INCOMPLETE, detail, head.last_seq)
    if entry.epoch < head.epoch:
        detail = f"{where} is of epoch {entry.epoch}, the archive is in {head.epoch}"
        return Fault(FreezeCause.FORKED, detail, head.last_seq)
    chain = chain_of(head.chain, entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
    if chain != entry.chain:
        detail = f"{where} from seq {entry.first_seq} continues another record than the archived one"
        return Fault(FreezeCause.FORKED, detail, head.last_seq)
    return None


def _set_aside(shard: int, entry: LedgerEntry, derived: Derived) -> None:
    last_seq = entry.first_seq + len(entry.events) - 1
    derived.set_aside.append(
        (
            shard,
            entry.stream_id,
            entry.chain,
            entry.lot_id,
            entry.epoch,
            entry.first_seq,
            last_seq,
            entry.at_ms,
            entry.packed,
        )
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
        acted = staff_event(
            event, lot_id=lot_id, seq=seq, epoch=epoch, at_ms=at_ms, status_before=derived.statuses.get(lot_id)
        )
        if acted is not None:
            derived.staff_events.append(acted)
        status = LotStatus(event.status) if isinstance(event, Restored) else STATUS_AFTER.get(type(event))
        if status is not None:
            derived.statuses[lot_id] = str(status)
        match event:
            case Admitted():
                derived.admitted.setdefault((lot_id, event.bidder_id), at_ms)
            case Rescheduled():
                derived.rescheduled[lot_id] = (event.opens_at_ms, event.ends_at_ms)
            case BidVoided():
                derived.voided.append((lot_id, event.bid_seq, seq))
            case Closed():
                derived.results.append((lot_id, *_result(event), seq, at_ms, event.cause))
            case Restored():
                row = (lot_id, event.seq, event.epoch, at_ms, event.archived_seq, event.lost_to_seq)
                derived.restorings.append(row)
            case LotVoided():
                derived.results.append((lot_id, VOID, None, None, None, seq, at_ms, str(CloseCause.STAFF)))
            case _:
                pass


def _result(event: Closed) -> tuple[str, int | None, str | None, int | None]:
    """Outcome, hammer price in fen, winner and paddle; no winner where the lot did not sell."""
    if event.outcome == Outcome.SOLD:
        return event.outcome, event.price_fen, event.leader_id, event.leader_paddle
    return event.outcome, event.price_fen or None, None, None
