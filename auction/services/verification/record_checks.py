"""Examines one lot's record: both chains, the rules, the rows derived from it, the stream, the ledger's state.

The steps behind `auction.services.verification.verdicts`; each raises RuleBroken inside `examining`, which notes the
first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from auction.books import archive, archive_queries
from auction.books.archive_queries import ArchivedEntry, LotResult
from auction.books.chain import GENESIS, head_after
from auction.books.unit_of_work import Transaction
from auction.domain.events import BidPlaced, Outcome
from auction.domain.lot import LotStatus
from auction.domain.proof import CHAINED, NO_PHANTOMS, ONE_WINNER, ORDER, LotProof, RuleBroken
from auction.ledger.bid_ledger import Snapshot
from auction.ledger.stream import START, EntryDamaged, StreamEntry, chain_of, decode_events
from auction.services.context import AppContext

READ = 1000
"""Rows or stream entries read at a time."""


@dataclass(frozen=True, slots=True)
class Breach:
    """The first promise a lot's record breaks."""

    lot_id: str
    promise: int
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Link:
    """An entry's place: its stream id, and the ledger's chain before and after it."""

    stream_id: str
    before: str
    after: str


@dataclass(slots=True)
class Record:
    """One lot under examination: its proof so far, both chains, and where each archived entry left the ledger's."""

    lot_id: str
    proof: LotProof
    snapshot: Snapshot | None
    later: Snapshot | None = None
    """The state once more, read after the record where that goes beyond `snapshot`."""
    chain: str = ""
    head: bytes = GENESIS
    archived_seq: int = 0
    links: dict[int, "Link"] = field(default_factory=dict)
    """First seq of each entry -> where it stands in the chain and the stream."""
    streamed: set[int] = field(default_factory=set)
    """First seqs of the entries that the stream still holds."""
    breach: Breach | None = None

    def take(self, entry: StreamEntry) -> None:
        """Fold one entry, whichever side it was read from."""
        chain = chain_of(self.chain, self.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
        if chain != entry.chain:
            raise RuleBroken(CHAINED, entry.first_seq, f"the chain should be {chain}, recorded {entry.chain}")
        self.proof.take(entry.epoch, entry.first_seq, entry.at_ms, entry.events)
        self.links[entry.first_seq] = Link(entry.stream_id, self.chain, chain)
        self.chain = chain


@contextmanager
def examining(record: Record) -> Iterator[None]:
    """Note the first thing that breaks in a lot's record; what comes later is not looked at."""
    try:
        yield
    except RuleBroken as broken:
        if record.breach is None:
            record.breach = Breach(record.lot_id, broken.promise, broken.seq, broken.what)


async def check_archive(tx: Transaction, record: Record) -> None:
    """Archived entries against both chains and the rules, then the rows derived from them."""
    while rows := await archive_queries.entries_after(tx, record.lot_id, after_seq=record.archived_seq, limit=READ):
        for row in rows:
            entry = _as_entry(row)
            record.take(entry)
            record.head = head_after(record.head, row.lot_id, row.epoch, row.first_seq, row.at_ms, entry.events)
            if row.head != record.head:
                raise RuleBroken(CHAINED, row.first_seq, "the archive's SHA-256 head is not that of its events")
            if row.last_seq != entry.last_seq:
                raise RuleBroken(
                    ORDER, row.first_seq, f"recorded up to seq {row.last_seq}, holds up to {entry.last_seq}"
                )
            record.archived_seq = entry.last_seq
    await _check_bids(tx, record)
    _check_result(record, await archive_queries.result_of(tx, record.lot_id))


def _as_entry(row: ArchivedEntry) -> StreamEntry:
    try:
        events = decode_events(row.packed)
    except ValueError as damage:
        raise RuleBroken(CHAINED, row.first_seq, f"the archived entry cannot be read: {damage}") from damage
    return StreamEntry(row.stream_id, row.lot_id, row.epoch, row.first_seq, row.at_ms, events, row.packed, row.chain)


async def _check_bids(tx: Transaction, record: Record) -> None:
    """Every archived bid stands in the entries with the same facts, and every bid of the entries is archived."""
    proof, after_seq, found = record.proof, 0, 0
    while rows := await archive_queries.bids_after(tx, record.lot_id, after_seq=after_seq, limit=READ):
        for row in rows:
            event = proof.bids.get(row.seq)
            if event is None:
                raise RuleBroken(NO_PHANTOMS, row.seq, "an archived bid that the ledger's entries do not hold")
            facts = BidPlaced(
                row.bidder_id, row.paddle, row.amount_fen, row.key, row.price_fen, int(row.leading), row.ends_at_ms
            )
            if facts != event or row.voided_by_seq != proof.voided.get(row.seq):
                raise RuleBroken(NO_PHANTOMS, row.seq, f"archived as {facts}, the ledger's entry holds {event}")
        found += len(rows)
        after_seq = rows[-1].seq
    if found != len(proof.bids):
        raise RuleBroken(NO_PHANTOMS, record.archived_seq, f"{len(proof.bids)} bids in the entries, {found} archived")


def _check_result(record: Record, result: LotResult | None) -> None:
    """The archived result is that of the one closed event; none without one."""
    closed, seq = record.proof.closed, record.proof.closed_seq
    if closed is None:
        if result is not None and record.proof.lot.status is not LotStatus.VOID:
            raise RuleBroken(ONE_WINNER, result.closed_seq, "a result is archived of a lot that did not close")
        return
    sold = closed.outcome == Outcome.SOLD
    expected = (
        closed.outcome,
        closed.price_fen or None,
        closed.leader_id if sold else None,
        closed.leader_paddle if sold else None,
        seq,
    )
    found = result and (
        result.outcome,
        result.hammer_price_fen,
        result.winner_id,
        result.winner_paddle,
        result.closed_seq,
    )
    if found != expected:
        raise RuleBroken(ONE_WINNER, seq, f"the result is archived as {found}, the closed event says {expected}")


async def check_stream(context: AppContext, shard: int, position: str, records: dict[str, Record]) -> None:
    """What the stream still holds is what was archived, without a gap; behind the archive's position it goes on."""
    archived_until = archive.position(position)
    after = START
    while entries := await _read_stream(context, shard, after, records):
        for entry in entries:
            if entry.lot_id in records:
                record = records[entry.lot_id]
                with examining(record):
                    _check_stream_entry(record, entry, kept=archive.position(entry.stream_id) <= archived_until)
        after = entries[-1].stream_id
    oldest = archive.position(await context.stream.first_id(shard))
    for record in records.values():
        with examining(record):
            _check_gaps(record, oldest)


async def _read_stream(context: AppContext, shard: int, after: str, records: dict[str, Record]) -> list[StreamEntry]:
    try:
        return await context.stream.read(shard, after, block_ms=None, count=READ)
    except EntryDamaged as damage:
        for record in records.values():
            with examining(record):
                raise RuleBroken(CHAINED, record.proof.lot.seq, str(damage)) from damage
        return []


def _check_stream_entry(record: Record, entry: StreamEntry, *, kept: bool) -> None:
    if record.breach is not None:
        return
    record.streamed.add(entry.first_seq)
    if not kept:
        record.take(entry)
        return
    link = record.links.get(entry.first_seq)
    if link is None:
        raise RuleBroken(NO_PHANTOMS, entry.first_seq, f"stream entry {entry.stream_id} was never archived")
    chain = chain_of(link.before, record.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
    if not chain == entry.chain == link.after:
        raise RuleBroken(CHAINED, entry.first_seq, f"stream entry {entry.stream_id} is not what was archived")


def _check_gaps(record: Record, oldest: tuple[int, int]) -> None:
    """Trimming drops a stream's oldest entries only: one missing behind those was taken out."""
    for first_seq, link in record.links.items():
        if first_seq not in record.streamed and archive.position(link.stream_id) >= oldest > (0, 0):
            raise RuleBroken(ORDER, first_seq, f"the ledger's stream has lost entry {link.stream_id}")


def check_state(record: Record) -> None:
    """The ledger's state of the lot is what its record folds to; bids that came meanwhile are left for the next run."""
    snapshot, lot = record.snapshot, record.proof.lot
    if snapshot is None:
        raise RuleBroken(CHAINED, lot.seq, "the ledger does not know this lot any more; see the restore command")
    if snapshot.seq > lot.seq:
        raise RuleBroken(ORDER, lot.seq, f"the ledger is at seq {snapshot.seq}, its record ends at {lot.seq}")
    if snapshot.seq < lot.seq:
        snapshot = _moved_on(record)
        if snapshot.seq > lot.seq:
            return
    found = (
        snapshot.status, snapshot.epoch, snapshot.price_fen, snapshot.leader_id, snapshot.leader_paddle,
        snapshot.ceiling_fen, snapshot.bids, snapshot.ends_at_ms, snapshot.hard_stop_at_ms, snapshot.remaining_ms,
        snapshot.chain,
    )  # fmt: skip
    expected = (
        lot.status, lot.epoch, lot.price_fen, lot.leader_id, lot.leader_paddle,
        lot.ceiling_fen, lot.bids, lot.ends_at_ms, lot.hard_stop_at_ms, lot.remaining_ms,
        record.chain,
    )  # fmt: skip
    if found != expected:
        raise RuleBroken(ORDER, lot.seq, f"the ledger's state is {found}, its record folds to {expected}")


def _moved_on(record: Record) -> Snapshot:
    """The state read after the record, which reaches at least as far: stream and state are written in one step."""
    later, lot = record.later, record.proof.lot
    at_seq = 0 if later is None else later.seq
    if later is not None and at_seq >= lot.seq:
        return later
    if record.archived_seq > at_seq:
        raise RuleBroken(
            CHAINED, at_seq, f"the ledger ends here, its archive at seq {record.archived_seq}: the ledger has lost some"
        )
    raise RuleBroken(NO_PHANTOMS, at_seq + 1, f"stands in the stream, the ledger's state is at seq {at_seq}")
