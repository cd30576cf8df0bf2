"""Stores a shard's ledger entries, the bids and results in them, and the cursor, all in one transaction.

After the bid's way: the archiver calls it, and everything after the close reads what it stored. The cursor row is
locked first, so that two archivers take turns and the second leaves out what the first has stored: exactly once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_bytes

from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql

from auction.books import frozen_lots, staff_events
from auction.books.archive_rows import Derived, Fault, Head, LedgerEntry, derive
from auction.books.public_lines import SECRET_BYTES
from auction.books.tables import (
    archive_cursors,
    bids,
    entries_set_aside,
    ledger_entries,
    lot_chains,
    lot_results,
    restored_lots,
)
from auction.books.unit_of_work import Transaction
from auction.domain.events import FreezeCause
from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.domain.lot import LotStatus

ENTRY_COLUMNS = [column.name for column in ledger_entries.c]
CHAIN_COLUMNS = [column.name for column in lot_chains.c]
BID_COLUMNS = [column.name for column in bids.c if column.name != "voided_by_seq"]
SET_ASIDE_COLUMNS = [column.name for column in entries_set_aside.c]
RESTORED_COLUMNS = ["lot_id", "seq", "epoch", "at_ms", "archived_seq", "lost_to_seq"]
RESULT_COLUMNS = [column.name for column in lot_results.c]

HEADS = text("""
    SELECT last.lot_id, last.last_seq, last.epoch, last.head, last.chain, lot_chains.secret
    FROM unnest(CAST(:lot_ids AS text[])) AS lot(lot_id)
    CROSS JOIN LATERAL (
        SELECT lot_id, last_seq, epoch, head, chain FROM ledger_entries
        WHERE ledger_entries.lot_id = lot.lot_id
        ORDER BY first_seq DESC LIMIT 1
    ) AS last
    LEFT JOIN lot_chains ON lot_chains.lot_id = last.lot_id
""")
CHAINS = text("""
    SELECT ledger_entries.lot_id, ledger_entries.last_seq, ledger_entries.chain
    FROM unnest(CAST(:lot_ids AS text[]), CAST(:first_seqs AS bigint[])) AS known(lot_id, first_seq)
    JOIN ledger_entries ON ledger_entries.lot_id = known.lot_id AND ledger_entries.first_seq = known.first_seq
""")
SET_STATUSES = text("""
    UPDATE lots SET status = now.status
    FROM unnest(CAST(:lot_ids AS text[]), CAST(:statuses AS text[])) AS now(lot_id, status)
    WHERE lots.lot_id = now.lot_id AND lots.status <> now.status
        AND (now.status <> 'frozen' OR lots.status NOT IN ('closed', 'void'))
""")
SET_TIMES = text("""
    UPDATE lots SET opens_at_ms = now.opens_at_ms, closes_at_ms = now.closes_at_ms
    FROM unnest(CAST(:lot_ids AS text[]), CAST(:opens_at_ms AS bigint[]), CAST(:closes_at_ms AS bigint[]))
        AS now(lot_id, opens_at_ms, closes_at_ms)
    WHERE lots.lot_id = now.lot_id
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
    """A shard's cursor after a batch (a stream id), how many entries and bids were new, and the lots that it froze."""

    cursor: str
    entries: int
    bids: int
    frozen: Mapping[str, Fault] = field(default_factory=dict)


async def append(tx: Transaction, shard: int, entries: Sequence[LedgerEntry]) -> Appended:
    """Store a batch of entries in the order of their stream; those stored before are left out.

    A lot of which an entry does not continue what is stored is frozen; its entries are set aside. Raises
    StatementRejected for what breaks a constraint of the database.
    """
    stored = await lock_cursor(tx, shard)
    fresh = _after(stored, entries)
    if not fresh:
        return Appended(stored, 0, 0)
    lot_ids = {entry.lot_id for entry in fresh}
    heads = await heads_of(tx, lot_ids)
    frozen = await frozen_lots.frozen_among(tx, lot_ids)
    chains = await _chains_before_heads(tx, fresh, heads)
    heads |= {lot_id: Head(secret=token_bytes(SECRET_BYTES)) for lot_id in lot_ids - heads.keys()}
    derived = derive(shard, fresh, heads, frozen=frozen, chains=chains)
    await _write(tx, derived)
    last = fresh[-1].stream_id
    await tx.session.execute(update(archive_cursors).where(archive_cursors.c.shard == shard).values(stream_id=last))
    return Appended(last, len(derived.entries), len(derived.bids), derived.frozen)


async def set_aside_damaged(
    tx: Transaction, shard: int, stream_id: str, *, lot_id: str, fields: str, detail: str
) -> bool:
    """Go past an entry that cannot be stored: keep its fields, as text, and freeze its lot, where it names one ('').

    False where another archiver has gone past it before.
    """
    if StreamPosition.parse(await lock_cursor(tx, shard)) >= StreamPosition.parse(stream_id):
        return False
    at_ms = StreamPosition.parse(stream_id).at_ms
    row = (shard, stream_id, "", lot_id, 0, 0, 0, at_ms, fields.encode())
    await tx.copy(entries_set_aside, [row], SET_ASIDE_COLUMNS)
    if lot_id:
        head = (await heads_of(tx, [lot_id])).get(lot_id, Head())
        await frozen_lots.add(tx, {lot_id: Fault(FreezeCause.DAMAGED, detail, head.last_seq)})
        await tx.session.execute(SET_STATUSES, {"lot_ids": [lot_id], "statuses": [str(LotStatus.FROZEN)]})
    await tx.session.execute(
        update(archive_cursors).where(archive_cursors.c.shard == shard).values(stream_id=stream_id)
    )
    return True


async def _chains_before_heads(
    tx: Transaction, entries: Iterable[LedgerEntry], heads: Mapping[str, Head]
) -> dict[tuple[str, int], str]:
    """The stored checksums, by lot and last seq, of the entries that lie before their lot's head."""
    before = [
        (entry.lot_id, entry.first_seq)
        for entry in entries
        if entry.lot_id in heads and entry.first_seq <= heads[entry.lot_id].last_seq
    ]
    if not before:
        return {}
    lot_ids, first_seqs = zip(*before, strict=True)
    rows = await tx.session.execute(CHAINS, {"lot_ids": lot_ids, "first_seqs": first_seqs})
    return {(lot_id, last_seq): chain for lot_id, last_seq, chain in rows}


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
    return {row[0]: Head(*row[1:]) for row in rows}


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
    if derived.chains:
        await tx.copy(lot_chains, derived.chains, CHAIN_COLUMNS)
    if derived.entries:
        await tx.copy(ledger_entries, derived.entries, ENTRY_COLUMNS)
    if derived.bids:
        await tx.copy(bids, derived.bids, BID_COLUMNS)
    if derived.results:
        await tx.copy(lot_results, derived.results, RESULT_COLUMNS)
    # before the statuses are: what each was before is read
    await staff_events.record(tx, derived.staff_events)
    if derived.statuses:
        # in the same order everywhere, so that two transactions never deadlock
        lot_ids, statuses = zip(*sorted(derived.statuses.items()), strict=True)
        await tx.session.execute(SET_STATUSES, {"lot_ids": lot_ids, "statuses": statuses})
    if derived.rescheduled:
        rows = [(lot_id, *both) for lot_id, both in sorted(derived.rescheduled.items())]
        lot_ids, opens_at_ms, closes_at_ms = zip(*rows, strict=True)
        times = {"lot_ids": lot_ids, "opens_at_ms": opens_at_ms, "closes_at_ms": closes_at_ms}
        await tx.session.execute(SET_TIMES, times)
    if derived.voided:
        lot_ids, bid_seqs, seqs = zip(*derived.voided, strict=True)
        await tx.session.execute(MARK_VOIDED, {"lot_ids": lot_ids, "bid_seqs": bid_seqs, "seqs": seqs})
    if derived.admitted:
        lot_ids, bidder_ids = zip(*derived.admitted, strict=True)
        at_ms = list(derived.admitted.values())
        await tx.session.execute(MARK_ADMITTED, {"lot_ids": lot_ids, "bidder_ids": bidder_ids, "at_ms": at_ms})
    if derived.set_aside:
        await tx.copy(entries_set_aside, derived.set_aside, SET_ASIDE_COLUMNS)
    if derived.restorings:
        await tx.copy(restored_lots, derived.restorings, RESTORED_COLUMNS)
    if derived.restored:
        await frozen_lots.mark_restored(tx, derived.restored)
    if derived.frozen:
        await frozen_lots.add(tx, derived.frozen)
