"""Stores the journal: every movement of money as a balanced entry, posted once and never changed.

Beside the bid's way. Entries are made by `auction.domain.journal`; triggers of the database refuse one that does not
balance, and every change of a posted one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SmallInteger,
    Subquery,
    Text,
    cast,
    func,
    insert,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql

from auction.books.given_rows import GivenRows
from auction.books.tables import journal_entries, journal_lines
from auction.books.unit_of_work import Transaction
from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry, JournalLine
from auction.domain.states import CauseKind

BATCH_ENTRIES_MAX = 2_000
"""Entries posted by one statement."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What caused an entry: the kind, and which one (a lot and event, an operation, an act, a deadline)."""

    kind: CauseKind
    ref: str


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """An entry in the journal; `entry_id` rises in the order of posting."""

    entry_id: int
    key: str
    kind: str
    lot_id: str
    cause: CauseKind
    cause_ref: str
    at_ms: int
    lines: tuple[JournalLine, ...]


_ENTRY = tuple(journal_entries.c[name] for name in PostedEntry.__dataclass_fields__ if name != "lines")


async def post(tx: Transaction, entries: Sequence[JournalEntry], *, cause: Cause, at_ms: int) -> int:
    """Post entries of one cause; those posted before are left out. How many were new."""
    return await post_each(tx, [(entry, cause) for entry in entries], at_ms=at_ms)


async def post_each(tx: Transaction, entries: Sequence[tuple[JournalEntry, Cause]], *, at_ms: int) -> int:
    """Post entries, each with its own cause; those posted before are left out. How many were new."""
    new = 0
    for start in range(0, len(entries), BATCH_ENTRIES_MAX):
        new += await _post_batch(tx, entries[start : start + BATCH_ENTRIES_MAX], at_ms)
    return new


_ENTRY_COLUMNS = ("key", "kind", "lot_id", "cause", "cause_ref", "at_ms")
_ENTRIES = GivenRows(*((name, BigInteger if name == "at_ms" else Text) for name in _ENTRY_COLUMNS))
_POST = (
    postgresql.insert(journal_entries)
    .from_select(
        list(_ENTRY_COLUMNS), select(*(_ENTRIES.c[name] for name in _ENTRY_COLUMNS)).order_by(_ENTRIES.c.place)
    )
    .on_conflict_do_nothing()
    .returning(journal_entries.c.key)
)
_LINE_COLUMNS = ("key", "number", "account", "bidder_id", "amount_fen")
_LINE_TYPES = {"number": SmallInteger, "amount_fen": BigInteger}
_LINES = GivenRows(*((name, _LINE_TYPES.get(name, Text)) for name in _LINE_COLUMNS))
_ADD_LINES = insert(journal_lines).from_select(list(_LINE_COLUMNS), select(*(_LINES.c[name] for name in _LINE_COLUMNS)))


async def _post_batch(tx: Transaction, entries: Sequence[tuple[JournalEntry, Cause]], at_ms: int) -> int:
    rows = [(entry.key, entry.kind, entry.lot_id, cause.kind, cause.ref, at_ms) for entry, cause in entries]
    written = {row["key"] for row in await tx.rows(_POST, _ENTRIES.values(rows))}
    lines = [
        (entry.key, number, line.account, line.bidder_id, line.amount_fen)
        for entry, _ in entries
        if entry.key in written
        for number, line in enumerate(entry.lines, 1)
    ]
    if lines:
        await tx.session.execute(_ADD_LINES, _LINES.values(lines))
    return len(written)


async def entries_of(
    tx: Transaction, *, lot_id: str | None = None, after_id: int = 0, limit: int = 1000
) -> list[PostedEntry]:
    """A page of the journal in the order of posting: of one lot, or of all."""
    which: list[ColumnElement[bool]] = [journal_entries.c.entry_id > after_id]
    if lot_id is not None:
        which.append(journal_entries.c.lot_id == lot_id)
    some = select(*_ENTRY).where(*which).order_by(journal_entries.c.entry_id).limit(limit)
    return await _with_lines(tx, some.subquery())


async def _with_lines(tx: Transaction, some: Subquery, *, by_transaction: bool = False) -> list[PostedEntry]:
    entry = [some.c[column.name] for column in _ENTRY]
    order = [some.c.posted_by] if by_transaction else []
    statement = (
        select(*entry, journal_lines.c.account, journal_lines.c.bidder_id, journal_lines.c.amount_fen)
        .join(journal_lines, journal_lines.c.key == some.c.key)
        .order_by(*order, some.c.entry_id, journal_lines.c.number)
    )
    found = []
    for _, group in groupby(await tx.rows(statement), key=lambda row: row["entry_id"]):
        rows = list(group)
        facts = dict(rows[0])
        for name in ("account", "bidder_id", "amount_fen"):
            del facts[name]
        lines = tuple(JournalLine(row["account"], row["amount_fen"], row["bidder_id"]) for row in rows)
        found.append(PostedEntry(**facts, lines=lines))
    return found


async def settled_page(
    tx: Transaction, *, lot_id: str | None = None, after_id: int = 0, limit: int = 1000
) -> list[PostedEntry]:
    """A page of the entries that no transaction under way can come before, after the entry `after_id` (0: the first).

    In the order of the transactions that posted them, and in theirs: whoever pages so gets every entry once. An entry
    is on a page once every transaction that began to write before its own has ended.
    """
    table = journal_entries.c
    place = tuple_(table.posted_by, table.entry_id)
    horizon = cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger)
    which: list[ColumnElement[bool]] = [table.posted_by < horizon]
    reached = select(table.posted_by, table.entry_id).where(table.entry_id <= after_id)
    last = await tx.row(reached.order_by(table.entry_id.desc()).limit(1))
    if last is not None:
        which.append(place > tuple_(literal(last["posted_by"]), literal(last["entry_id"])))
    if lot_id is not None:
        which.append(table.lot_id == lot_id)
    some = select(*_ENTRY, table.posted_by).where(*which).order_by(table.posted_by, table.entry_id).limit(limit)
    return await _with_lines(tx, some.subquery(), by_transaction=True)


async def balances(tx: Transaction, *, lot_id: str | None = None) -> dict[JournalAccount, int]:
    """Account -> its balance in fen, debit above 0, of one lot or of all; accounts without lines are missing."""
    statement = select(journal_lines.c.account, func.sum(journal_lines.c.amount_fen).label("balance_fen"))
    if lot_id is not None:
        of_lot = journal_entries.c.lot_id == lot_id
        statement = statement.join(journal_entries, journal_entries.c.key == journal_lines.c.key).where(of_lot)
    rows = await tx.rows(statement.group_by(journal_lines.c.account).order_by(journal_lines.c.account))
    return {row["account"]: int(row["balance_fen"]) for row in rows}
