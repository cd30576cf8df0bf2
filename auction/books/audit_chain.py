"""The hash chain over the audit log: shows whether a row was changed, left out or put in later.

One worker appends rows to it, a second or so after they were stored, in the order in which it finds them: transactions
that end out of order cost nobody a wait, and nothing changes its place once it has one. The hash of a row is

    SHA-256(hash before || line), the first hash before being 32 zero bytes, and the line, in UTF-8,
    [position,chained_at_ms,action_id,at_ms,actor,action,sale_id,lot_id,reason,details]

as JSON without spaces, with the members of `details` in the order of their names. Off the bid's way.
"""

import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Select, func, insert, select, text

from auction.books.audit import StaffAction
from auction.books.tables import audit_chain, staff_actions
from auction.books.unit_of_work import Transaction

GENESIS = bytes(32)
PAGE = 2_000
OVERLAP = 10_000
"""So many ids below the newest that is chained are looked at each time: ids are given out before rows are stored."""
LATE_MS = 600_000
"""No transaction stores a row this long after its id was given out."""
_LOCK_KEY = 0x6175_6368_6169_6E00  # "auchain": several workers append one after the other

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where the chain ends: rows, hash (hex), when the last one was chained. 0 rows: nothing is chained yet."""

    position: int
    sha256: str
    chained_at_ms: int


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first row that is not as it was chained."""

    position: int | None
    action_id: int | None
    what: str


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What checking the whole chain found. `waiting`: rows that the worker has not chained yet."""

    head: ChainHead
    waiting: int
    broken: ChainBreak | None


def hash_after(before: bytes, action: StaffAction, position: int, chained_at_ms: int) -> bytes:
    """The hash of a row at a place in the chain."""
    line = _encoder.encode(
        (
            position,
            chained_at_ms,
            action.action_id,
            action.at_ms,
            action.actor,
            action.action,
            action.sale_id,
            action.lot_id,
            action.reason,
            action.details,
        )
    )
    return sha256(before + line).digest()


async def append(tx: Transaction, *, after_id: int = 0) -> int:
    """Chain rows that are not chained yet, a page at most, of those with ids above `after_id`; how many there were."""
    await tx.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    found = await tx.rows(_unchained(after_id).order_by(staff_actions.c.action_id).limit(PAGE))
    if not found:
        return 0
    head = await head_of(tx)
    # never before the row before, so that the order of times is that of the chain
    now_ms = max(time.time_ns() // 1_000_000, head.chained_at_ms)
    before, rows = bytes.fromhex(head.sha256), []
    for position, row in enumerate(found, head.position + 1):
        before = hash_after(before, StaffAction(**row), position, now_ms)
        rows.append({"position": position, "action_id": row["action_id"], "sha256": before, "chained_at_ms": now_ms})
    await tx.session.execute(insert(audit_chain), rows)
    return len(rows)


async def head_of(tx: Transaction, *, at: int | None = None) -> ChainHead:
    """The end of the chain, or its state at an earlier position (one beyond the end gives the end)."""
    statement = select(audit_chain).order_by(audit_chain.c.position.desc()).limit(1)
    if at is not None:
        statement = statement.where(audit_chain.c.position <= at)
    row = await tx.row(statement)
    if row is None:
        return ChainHead(0, GENESIS.hex(), 0)
    return ChainHead(row["position"], row["sha256"].hex(), row["chained_at_ms"])


async def last_action_id(tx: Transaction) -> int:
    """The newest id that is chained; 0: none is."""
    return await tx.session.scalar(select(func.max(audit_chain.c.action_id))) or 0


async def check(tx: Transaction) -> ChainVerdict:
    """Compute the chain again from its rows, up to the first that is not as it was chained."""
    head = await head_of(tx)
    broken = await _first_break(tx)
    waiting = await tx.rows(_unchained(0).with_only_columns(staff_actions.c.action_id))
    if broken is None and waiting:
        broken = await _inserted(tx, min(row["action_id"] for row in waiting))
    return ChainVerdict(head, len(waiting), broken)


async def _first_break(tx: Transaction) -> ChainBreak | None:
    before, expected, settled_id = GENESIS, 1, 0
    recent: deque[tuple[int, int]] = deque()
    """What was chained within the last LATE_MS of the row that is looked at: time and id."""
    async for position, action_id, chained, found in _walk(tx):
        if position != expected:
            return ChainBreak(expected, None, f"position {expected} was dropped from the chain")
        if found is None:
            return ChainBreak(position, action_id, f"row {action_id} (position {position}) was dropped")
        action, chained_at_ms = found
        if hash_after(before, action, position, chained_at_ms) != chained:
            return ChainBreak(position, action_id, f"row {action_id} (position {position}) was changed")
        while recent and recent[0][0] < chained_at_ms - LATE_MS:
            settled_id = max(settled_id, recent.popleft()[1])
        if action_id < settled_id:
            what = f"row {action_id} (position {position}) was inserted, long after row {settled_id} had been chained"
            return ChainBreak(position, action_id, what)
        recent.append((chained_at_ms, action_id))
        before, expected = chained, expected + 1
    return None


async def _inserted(tx: Transaction, action_id: int) -> ChainBreak | None:
    """Whether a row that is not chained came after later ones had been chained for long."""
    before_ms = time.time_ns() // 1_000_000 - LATE_MS
    later = select(func.max(audit_chain.c.action_id)).where(audit_chain.c.chained_at_ms < before_ms)
    settled_id = await tx.session.scalar(later) or 0
    if action_id > settled_id:
        return None
    what = f"row {action_id} was inserted, long after row {settled_id} had been chained"
    return ChainBreak(None, action_id, what)


async def _walk(tx: Transaction) -> AsyncIterator[tuple[int, int, bytes, tuple[StaffAction, int] | None]]:
    """Each place of the chain in order: position, id, hash, and where it is there the row and when it was chained."""
    after = 0
    joined = audit_chain.outerjoin(staff_actions, staff_actions.c.action_id == audit_chain.c.action_id)
    chain = audit_chain.c
    columns = (chain.position, chain.action_id.label("chained_id"), chain.sha256, chain.chained_at_ms)
    while True:
        statement = select(*columns, *staff_actions.c).select_from(joined).where(chain.position > after)
        page = await tx.rows(statement.order_by(chain.position).limit(PAGE))
        for row in page:
            found = None
            if row["action_id"] is not None:
                action = StaffAction(**{column.name: row[column.name] for column in staff_actions.c})
                found = action, row["chained_at_ms"]
            after = row["position"]
            yield after, row["chained_id"], row["sha256"], found
        if len(page) < PAGE:
            return


def _unchained(after_id: int) -> Select[Any]:
    is_chained = select(audit_chain.c.position).where(audit_chain.c.action_id == staff_actions.c.action_id).exists()
    return select(staff_actions).where(staff_actions.c.action_id > after_id, ~is_chained)
