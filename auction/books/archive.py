"""Stores a shard's ledger entries, the bids and results in them, and the cursor, all in one transaction.

After the bid's way: the archiver calls it, and everything after the close reads what it stored. The cursor row is
locked first, so that two archivers take turns and the second leaves out what the first has stored: exactly once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql

from auction.books.archive_rows import Derived, Head, LedgerEntry, derive
from auction.books.tables import archive_cursors, bids, ledger_entries, lot_results
from auction.books.unit_of_work import Transaction
from auction.domain.ledger_layout import STREAM_START, StreamPosition

ENTRY_COLUMNS = [column.name for column in ledger_entries.c]
BID_COLUMNS = [column.name for column in bids.c if column.name != "voided_by_seq"]
RESULT_COLUMNS = [column.name for column in lot_results.c]

HEADS = text("""
    SELECT last.lot_id, last.last_seq, last.epoch, last.head
    FROM unnest(CAST(:lot_ids AS text[])) AS lot(lot_id)
    CROSS JOIN LATERAL (
        SELECT lot_id, last_seq, epoch, head FROM ledger_entries
        WHERE ledger_entries.lot_id = lot.lot_id
        ORDER BY first_seq DESC LIMIT 1
    ) AS last
""")
SET_STATUSES = text("""
    UPDATE lots SET status = now.status
    FROM unnest(CAST(:lot_ids AS text[]), CAST(:statuses AS text[])) AS now(lot_id, status)
    WHERE lots.lot_id = now.lot_id AND lots.status <> now.status
""")
MARK_VOIDED = text("""
    UPDATE bids SET voided_by_seq = by.seq
    FROM unnest(CAST(:lot_ids AS text[]), CAST(:bid_seqs AS bigint[]), CAST(:seqs AS bigint[]))
        AS by(lot_id, bid_seq, seq)
    WHERE bids.lot_id = by.lot_id AND bids.seq = by.bid_seq AND bids.voided_by_seq IS NULL
""")
MARK_ADMITTED = text("""
    UPDATE registrations SET admitted_at_ms = by.at_ms
    FROM unnest(CAST(:lot_ids AS text[]), CAST(:bidder_ids AS text[]), CAST(:at_ms AS bigint[]))
        AS by(lot_id, bidder_id, at_ms)
    WHERE registrations.lot_id = by.lot_id AND registrations.bidder_id = by.bidder_id
        AND registrations.admitted_at_ms IS NULL
""")


@dataclass(frozen=True, slots=True)
class Appended:
    """The cursor of a shard after a batch (a stream id), and how many entries and bids of the batch were new."""

    cursor: str
    entries: int
    bids: int


async def append(tx: Transaction, shard: int, entries: Sequence[LedgerEntry]) -> Appended:
    """Store a batch of entries in the order of their stream; those stored before are left out.

    Raises LineageBroken, and StatementRejected for what breaks a constraint of the database.
    """
    stored = await lock_cursor(tx, shard)
    fresh = _after(stored, entries)
    if not fresh:
        return Appended(stored, 0, 0)
    heads = await heads_of(tx, {entry.lot_id for entry in fresh})
    derived = derive(shard, fresh, heads)
    await _write(tx, derived)
    last = fresh[-1].stream_id
    await tx.session.execute(update(archive_cursors).where(archive_cursors.c.shard == shard).values(stream_id=last))
    return Appended(last, len(derived.entries), len(derived.bids))


async def lock_cursor(tx: Transaction, shard: int) -> str:
    """A shard's cursor, locked until this transaction ends."""
    found = select(archive_cursors.c.stream_id).where(archive_cursors.c.shard == shard).with_for_update()
    stored = await tx.session.scalar(found)
    if stored is None:
        first = postgresql.insert(archive_cursors).values(shard=shard, stream_id=STREAM_START)
        await tx.session.execute(first.on_conflict_do_nothing())
        stored = await tx.session.scalar(found)
    return stored or STREAM_START


async def cursor(tx: Transaction, shard: int) -> str:
    """A shard's cursor: the stream id of the last entry stored, STREAM_START where there is none."""
    found = select(archive_cursors.c.stream_id).where(archive_cursors.c.shard == shard)
    return await tx.session.scalar(found) or STREAM_START


async def cursors(tx: Transaction) -> dict[int, str]:
    """Shard -> its cursor, for the shards that have one."""
    return {row["shard"]: row["stream_id"] for row in await tx.rows(select(archive_cursors))}


async def heads_of(tx: Transaction, lot_ids: Iterable[str]) -> dict[str, Head]:
    """Lot -> the head of what is stored of it, for the lots of which anything is."""
    rows = await tx.session.execute(HEADS, {"lot_ids": list(lot_ids)})
    return {lot_id: Head(last_seq, epoch, head) for lot_id, last_seq, epoch, head in rows}


def _after(stored: str, entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    last = StreamPosition.parse(stored)
    fresh = []
    for entry in entries:
        here = StreamPosition.parse(entry.stream_id)
        if here > last:
            fresh.append(entry)
            last = here
        elif fresh:
            raise ValueError(f"entries out of order: {entry.stream_id} after {fresh[-1].stream_id}")
    return fresh


async def _write(tx: Transaction, derived: Derived) -> None:
    if derived.entries:
        await tx.copy(ledger_entries, derived.entries, ENTRY_COLUMNS)
    if derived.bids:
        await tx.copy(bids, derived.bids, BID_COLUMNS)
    if derived.results:
        await tx.copy(lot_results, derived.results, RESULT_COLUMNS)
    if derived.statuses:
        # in the same order everywhere, so that two transactions never deadlock
        lot_ids, statuses = zip(*sorted(derived.statuses.items()), strict=True)
        await tx.session.execute(SET_STATUSES, {"lot_ids": lot_ids, "statuses": statuses})
    if derived.voided:
        lot_ids, bid_seqs, seqs = zip(*derived.voided, strict=True)
        await tx.session.execute(MARK_VOIDED, {"lot_ids": lot_ids, "bid_seqs": bid_seqs, "seqs": seqs})
    if derived.admitted:
        lot_ids, bidder_ids = zip(*derived.admitted, strict=True)
        at_ms = list(derived.admitted.values())
        await tx.session.execute(MARK_ADMITTED, {"lot_ids": lot_ids, "bidder_ids": bidder_ids, "at_ms": at_ms})
