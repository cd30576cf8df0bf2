"""Winners who did not pay: what was forfeited, who got it, what is still claimed; and what two persons must agree to.

After the bid's way. A default is remembered: it raises the bidder's next deposits, and a second bars them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, any_, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, approvals, defaults, lots
from auction.books.unit_of_work import Transaction

CHAIN_MAX = 20
"""How many times one thing may be relisted before nobody looks further back."""


@dataclass(frozen=True, slots=True)
class Default:
    """A winner did not pay, in fen. Columns: `auction.books.money_tables`."""

    default_id: str
    lot_id: str
    bidder_id: str
    price_fen: int
    fee_fen: int
    commission_fen: int
    cause: str
    status: str
    at_ms: int
    resolve_by_ms: int
    cost_fen: int
    forfeited_fen: int
    resale_lot_id: str | None
    resale_price_fen: int | None
    split: Mapping[str, Any] | None
    gap_met_fen: int
    claim_fen: int
    written_off: bool
    resolved_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Approval:
    """An act that two persons of staff must want."""

    approval_id: int
    lot_id: str
    action: str
    reason: str
    asked_by: str
    asked_at_ms: int
    expires_at_ms: int
    agreed_by: str | None
    agreed_at_ms: int | None


async def add(
    tx: Transaction,
    *,
    default_id: str,
    lot_id: str,
    bidder_id: str,
    price_fen: int,
    fee_fen: int,
    commission_fen: int,
    cause: str,
    at_ms: int,
    resolve_by_ms: int,
    cost_fen: int,
) -> None:
    """Remember a default."""
    await tx.session.execute(
        insert(defaults).values(
            default_id=default_id,
            lot_id=lot_id,
            bidder_id=bidder_id,
            price_fen=price_fen,
            fee_fen=fee_fen,
            commission_fen=commission_fen,
            cause=cause,
            at_ms=at_ms,
            resolve_by_ms=resolve_by_ms,
            cost_fen=cost_fen,
        )
    )


async def lock(tx: Transaction, default_id: str) -> Default | None:
    """A default, for this transaction alone to change; None: there is none."""
    row = await tx.row(select(defaults).where(defaults.c.default_id == default_id).with_for_update())
    return None if row is None else Default(**row)


async def change(tx: Transaction, default_id: str, **values: object) -> None:
    """What collecting, sharing out or giving up makes of a default."""
    await tx.session.execute(update(defaults).where(defaults.c.default_id == default_id).values(**values))


async def of_lot(tx: Transaction, lot_id: str) -> list[Default]:
    """A lot's defaults, oldest first."""
    return await _found(tx, defaults.c.lot_id == lot_id)


async def of_lots(tx: Transaction, lot_ids: Sequence[str]) -> list[Default]:
    """The defaults of these lots, oldest first."""
    return await _found(tx, defaults.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))


async def of_bidder(tx: Transaction, bidder_id: str) -> list[Default]:
    """A bidder's defaults, oldest first; those that staff declared void do not count."""
    return await _found(tx, (defaults.c.bidder_id == bidder_id) & (defaults.c.status != "returned"))


async def collecting(tx: Transaction, *, limit: int = 100) -> list[Default]:
    """Defaults whose deposits have not all come in."""
    return await _found(tx, defaults.c.status == "collecting", limit=limit)


async def to_resolve(tx: Transaction, *, now_ms: int, limit: int = 100) -> list[Default]:
    """Defaults to share out: collected, and resold or past their deadline; the latest first, as gaps are reduced."""
    ready = (defaults.c.status == "collected") & (
        defaults.c.resale_price_fen.is_not(None) | (defaults.c.resolve_by_ms <= now_ms)
    )
    return (await _found(tx, ready, limit=limit))[::-1]


async def unresolved_in_chain(tx: Transaction, lot_ids: Sequence[str]) -> list[Default]:
    """Defaults of these lots that wait for a resale, oldest first, for this transaction alone to change."""
    which = defaults.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    waiting = defaults.c.status.in_(("collecting", "collected"))
    statement = select(defaults).where(which, waiting).order_by(defaults.c.at_ms, defaults.c.default_id)
    return [Default(**row) for row in await tx.rows(statement.with_for_update())]


async def ancestors_of(tx: Transaction, lot_id: str) -> list[str]:
    """The lot, the lot it was relisted from, and so on back."""
    chain = [lot_id]
    while len(chain) < CHAIN_MAX:
        before = await tx.session.scalar(select(lots.c.relisted_from).where(lots.c.lot_id == chain[-1]))
        if before is None:
            break
        chain.append(before)
    return chain


async def _found(tx: Transaction, which: ColumnElement[bool], *, limit: int = 1000) -> list[Default]:
    statement = select(defaults).where(which).order_by(defaults.c.at_ms, defaults.c.default_id).limit(limit)
    return [Default(**row) for row in await tx.rows(statement)]


# --- what two persons must agree to -----------------------------------------------------------------------------------


async def waiting_approval(tx: Transaction, lot_id: str, action: str, *, now_ms: int, since_ms: int) -> Approval | None:
    """The request for an act, not older than `since_ms`, that nobody has agreed to yet and that has not expired."""
    statement = (
        select(approvals)
        .where(
            approvals.c.lot_id == lot_id,
            approvals.c.action == action,
            approvals.c.agreed_by.is_(None),
            approvals.c.expires_at_ms > now_ms,
            approvals.c.asked_at_ms >= since_ms,
        )
        .order_by(approvals.c.approval_id.desc())
        .limit(1)
    )
    row = await tx.row(statement)
    return None if row is None else Approval(**row)


async def ask_approval(
    tx: Transaction, *, lot_id: str, action: str, reason: str, asked_by: str, asked_at_ms: int, expires_at_ms: int
) -> Approval:
    """One person wants it."""
    statement = insert(approvals).values(
        lot_id=lot_id,
        action=action,
        reason=reason,
        asked_by=asked_by,
        asked_at_ms=asked_at_ms,
        expires_at_ms=expires_at_ms,
    )
    return Approval(**await tx.returned(statement.returning(*approvals.c)))


async def agree(tx: Transaction, approval_id: int, *, by: str, at_ms: int) -> None:
    """Another person wants it too."""
    mine = approvals.c.approval_id == approval_id
    await tx.session.execute(update(approvals).where(mine).values(agreed_by=by, agreed_at_ms=at_ms))


async def approvals_of_lots(tx: Transaction, lot_ids: Sequence[str], *, now_ms: int) -> list[Approval]:
    """Requests for acts on these lots that wait for a second person."""
    statement = select(approvals).where(
        approvals.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))),
        approvals.c.agreed_by.is_(None),
        approvals.c.expires_at_ms > now_ms,
    )
    return [Approval(**row) for row in await tx.rows(statement.order_by(approvals.c.approval_id))]
