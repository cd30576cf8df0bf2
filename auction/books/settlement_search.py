"""Finds settlements for people: by state, by when they began, and by what is typed of lot, bidder or reference."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, or_, select

from auction.books.settlements import Settlement
from auction.books.tables import awards, bidders, lots, settlements
from auction.books.unit_of_work import Transaction
from auction.domain.payment_reference import numbers_in
from auction.domain.states import SettlementState

PADDLE_DIGITS_MAX = 9


@dataclass(frozen=True, slots=True)
class SettlementFilter:
    """Which settlements are meant; what is left out counts for all."""

    text: str = ""
    """A part of the lot's id or title, of a winner's id or name; a paddle, or a payment reference."""
    from_ms: int | None = None
    """Begun then or later."""
    to_ms: int | None = None
    """Begun before then."""


EVERYTHING = SettlementFilter()


async def find(
    tx: Transaction, which: SettlementFilter = EVERYTHING, *, state: SettlementState | None = None, limit: int = 500
) -> list[Settlement]:
    """Settlements, the nearest deadline first, those without one after them, last changed first."""
    statement = select(settlements).where(*_conditions(which))
    if state is not None:
        statement = statement.where(settlements.c.state == state)
    order = (settlements.c.deadline_at_ms.asc().nulls_last(), settlements.c.changed_at_ms.desc(), settlements.c.lot_id)
    return [Settlement(**row) for row in await tx.rows(statement.order_by(*order).limit(limit))]


async def count_by_state(tx: Transaction, which: SettlementFilter = EVERYTHING) -> dict[SettlementState, int]:
    """State -> how many settlements are in it; states without any are missing."""
    statement = select(settlements.c.state, func.count().label("lots")).where(*_conditions(which))
    return {row["state"]: row["lots"] for row in await tx.rows(statement.group_by(settlements.c.state))}


def _conditions(which: SettlementFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if which.from_ms is not None:
        found.append(settlements.c.opened_at_ms >= which.from_ms)
    if which.to_ms is not None:
        found.append(settlements.c.opened_at_ms < which.to_ms)
    if text := which.text.strip():
        found.append(_is_about(text))
    return found


def _is_about(text: str) -> ColumnElement[bool]:
    winner: list[ColumnElement[bool]] = [awards.c.bidder_id.icontains(text, autoescape=True)]
    named = exists().where(bidders.c.bidder_id == awards.c.bidder_id, bidders.c.name.icontains(text, autoescape=True))
    winner.append(named)
    if text.isascii() and text.isdigit() and len(text) <= PADDLE_DIGITS_MAX:
        winner.append(awards.c.paddle == int(text))
    if numbers := numbers_in(text):
        winner.append(awards.c.number.in_(numbers))
    return or_(
        settlements.c.lot_id.icontains(text, autoescape=True),
        exists().where(lots.c.lot_id == settlements.c.lot_id, lots.c.title.icontains(text, autoescape=True)),
        exists().where(awards.c.lot_id == settlements.c.lot_id, or_(*winner)),
    )
