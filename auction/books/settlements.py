"""What follows the hammer, in the books: settlements, their steps, awards and offers.

After the bid's way. A settlement's row is locked before anything about its lot is changed, so of two who act at once
one finds what the other has done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, any_, exists, func, insert, literal, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.archive_queries import LotResult
from auction.books.tables import Id, awards, lot_results, lots, offers, settlement_steps, settlements
from auction.books.unit_of_work import Transaction
from auction.domain.states import LIVE_AWARD

DUE_AT_ONCE = 100
"""Deadlines read at a time."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where a lot is after the hammer. Columns: `auction.books.money_tables`."""

    lot_id: str
    state: str
    outcome: str
    hammer_price_fen: int | None
    deadline_at_ms: int | None
    offers_made: int
    relisted_as: str | None
    opened_at_ms: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a lot's way from hammer to handover."""

    lot_id: str
    step: str
    state: str
    actor: str
    at_ms: int
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Award:
    """A winner's duty to pay price and fee, in fen."""

    award_id: str
    lot_id: str
    bidder_id: str
    paddle: int
    source: str
    price_fen: int
    fee_fen: int
    received_fen: int
    status: str
    awarded_at_ms: int
    pay_by_ms: int
    default_at_ms: int
    paid_at_ms: int | None
    delivery_centre: str | None
    settled_at_ms: int | None

    @property
    def total_fen(self) -> int:
        """Price and fee."""
        return self.price_fen + self.fee_fen

    @property
    def due_fen(self) -> int:
        """What has not come in yet."""
        return self.total_fen - self.received_fen


@dataclass(frozen=True, slots=True)
class Offer:
    """A second chance for a runner-up, at a price in fen, until a time."""

    offer_id: str
    lot_id: str
    bidder_id: str
    paddle: int
    number: int
    price_fen: int
    own_bid_fen: int
    status: str
    offered_at_ms: int
    expires_at_ms: int
    answered_at_ms: int | None


# --- settlements ------------------------------------------------------------------------------------------------------


async def results_to_settle(tx: Transaction, *, limit: int) -> list[LotResult]:
    """Results of lots whose settlement was never opened; two who ask at once get different ones."""
    statement = (
        select(*lot_results.c)
        .join(lots, lots.c.lot_id == lot_results.c.lot_id)
        .where(~exists().where(settlements.c.lot_id == lot_results.c.lot_id))
        .order_by(lot_results.c.closed_at_ms, lot_results.c.lot_id)
        .limit(limit)
        .with_for_update(of=lot_results, skip_locked=True)
    )
    return [LotResult(**row) for row in await tx.rows(statement)]


async def open_all(tx: Transaction, opened: Sequence[Settlement]) -> set[str]:
    """Open settlements; those there already stay as they are. The lots of those that are new."""
    if not opened:
        return set()
    statement = postgresql.insert(settlements).on_conflict_do_nothing().returning(settlements.c.lot_id)
    return {row["lot_id"] for row in await tx.rows_of_many(statement, [_row(one) for one in opened])}


async def lock(tx: Transaction, lot_id: str) -> Settlement | None:
    """A lot's settlement, for this transaction alone to change; None: there is none (yet)."""
    row = await tx.row(select(settlements).where(settlements.c.lot_id == lot_id).with_for_update())
    return None if row is None else Settlement(**row)


async def find(tx: Transaction, lot_id: str) -> Settlement | None:
    """A lot's settlement, or None."""
    row = await tx.row(select(settlements).where(settlements.c.lot_id == lot_id))
    return None if row is None else Settlement(**row)


async def find_of_lots(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, Settlement]:
    """Lot -> its settlement, of those that have one."""
    statement = select(settlements).where(settlements.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
    return {row["lot_id"]: Settlement(**row) for row in await tx.rows(statement)}


async def find_all(tx: Transaction, *, state: str | None = None, limit: int = 500) -> list[Settlement]:
    """Settlements, those with the next deadline first, then those changed last."""
    statement = select(settlements)
    if state is not None:
        statement = statement.where(settlements.c.state == state)
    order = (settlements.c.deadline_at_ms.asc().nulls_last(), settlements.c.changed_at_ms.desc(), settlements.c.lot_id)
    return [Settlement(**row) for row in await tx.rows(statement.order_by(*order).limit(limit))]


async def count_by_state(tx: Transaction) -> dict[str, int]:
    """State -> how many settlements are in it."""
    statement = select(settlements.c.state, func.count().label("lots")).group_by(settlements.c.state)
    return {row["state"]: row["lots"] for row in await tx.rows(statement)}


async def lots_due(
    tx: Transaction, *, now_ms: int, after: tuple[int, str] = (0, ""), limit: int = DUE_AT_ONCE
) -> list[tuple[int, str]]:
    """Deadlines that have passed and their lots, the earliest first; `after` continues behind the last of a page."""
    table = settlements.c
    statement = (
        select(table.deadline_at_ms, table.lot_id)
        .where(table.deadline_at_ms <= now_ms, tuple_(table.deadline_at_ms, table.lot_id) > after)
        .order_by(table.deadline_at_ms, table.lot_id)
        .limit(limit)
    )
    return [(row["deadline_at_ms"], row["lot_id"]) for row in await tx.rows(statement)]


async def move(
    tx: Transaction, lot_id: str, *, state: str, at_ms: int, deadline_at_ms: int | None, **more: object
) -> None:
    """Put a locked settlement into a state."""
    values = {"state": state, "changed_at_ms": at_ms, "deadline_at_ms": deadline_at_ms, **more}
    await tx.session.execute(update(settlements).where(settlements.c.lot_id == lot_id).values(**values))


async def add_steps(tx: Transaction, steps: Sequence[Step]) -> None:
    """Write steps down, in their order."""
    rows = [
        {
            "lot_id": one.lot_id,
            "step": one.step,
            "state": one.state,
            "actor": one.actor,
            "reason": one.reason,
            "details": dict(one.details),
            "at_ms": one.at_ms,
        }
        for one in steps
    ]
    if rows:
        await tx.session.execute(insert(settlement_steps), rows)


async def steps_of(tx: Transaction, lot_id: str) -> list[Step]:
    """A lot's steps, oldest first."""
    table = settlement_steps.c
    columns = (table.lot_id, table.step, table.state, table.actor, table.at_ms, table.reason, table.details)
    statement = select(*columns).where(table.lot_id == lot_id).order_by(table.step_id)
    return [Step(**row) for row in await tx.rows(statement)]


# --- awards -----------------------------------------------------------------------------------------------------------


async def add_awards(tx: Transaction, new: Sequence[Award]) -> None:
    """Enter awards; the database refuses a second live one of a lot."""
    if new:
        await tx.session.execute(insert(awards), [_row(one) for one in new])


async def live_award(tx: Transaction, lot_id: str) -> Award | None:
    """The award of a lot that is in force, if there is one."""
    row = await tx.row(select(awards).where(awards.c.lot_id == lot_id, awards.c.status.in_(LIVE_AWARD)))
    return None if row is None else Award(**row)


async def live_awards(tx: Transaction, lot_ids: Sequence[str]) -> list[Award]:
    """The awards in force of these lots, at most one a lot."""
    return await _awards(
        tx, and_(awards.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), awards.c.status.in_(LIVE_AWARD))
    )


async def find_award(tx: Transaction, award_id: str) -> Award | None:
    """An award, or None."""
    row = await tx.row(select(awards).where(awards.c.award_id == award_id))
    return None if row is None else Award(**row)


async def change_award(tx: Transaction, award_id: str, **values: object) -> Award:
    """What a payment, a default or a handover makes of an award."""
    statement = update(awards).where(awards.c.award_id == award_id).values(**values).returning(*awards.c)
    return Award(**await tx.returned(statement))


async def awards_of_lot(tx: Transaction, lot_id: str) -> list[Award]:
    """A lot's awards, oldest first."""
    return await _awards(tx, awards.c.lot_id == lot_id)


async def awards_of_lots(tx: Transaction, lot_ids: Sequence[str]) -> list[Award]:
    """The awards of these lots, oldest first."""
    return await _awards(tx, awards.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))


async def awards_of_bidder(tx: Transaction, bidder_id: str) -> list[Award]:
    """A bidder's awards, newest first."""
    return (await _awards(tx, awards.c.bidder_id == bidder_id))[::-1]


async def _awards(tx: Transaction, which: ColumnElement[bool]) -> list[Award]:
    statement = select(awards).where(which).order_by(awards.c.awarded_at_ms, awards.c.award_id)
    return [Award(**row) for row in await tx.rows(statement)]


# --- offers -----------------------------------------------------------------------------------------------------------


async def add_offer(tx: Transaction, offer: Offer) -> None:
    """Enter an offer; the database refuses a second open one of a lot, and a second to one bidder."""
    await tx.session.execute(insert(offers).values(_row(offer)))


async def open_offer(tx: Transaction, lot_id: str) -> Offer | None:
    """The offer of a lot that waits for an answer, if there is one."""
    row = await tx.row(select(offers).where(and_(offers.c.lot_id == lot_id, offers.c.status == "open")))
    return None if row is None else Offer(**row)


async def find_offer(tx: Transaction, offer_id: str) -> Offer | None:
    """An offer, or None."""
    row = await tx.row(select(offers).where(offers.c.offer_id == offer_id))
    return None if row is None else Offer(**row)


async def answer_offer(tx: Transaction, offer_id: str, status: str, *, at_ms: int) -> Offer:
    """Close an open offer."""
    statement = update(offers).where(offers.c.offer_id == offer_id).values(status=status, answered_at_ms=at_ms)
    return Offer(**await tx.returned(statement.returning(*offers.c)))


async def offers_of_lot(tx: Transaction, lot_id: str) -> list[Offer]:
    """A lot's offers in their order."""
    statement = select(offers).where(offers.c.lot_id == lot_id).order_by(offers.c.number)
    return [Offer(**row) for row in await tx.rows(statement)]


async def offers_of_bidder(tx: Transaction, bidder_id: str) -> list[Offer]:
    """A bidder's offers, newest first."""
    statement = select(offers).where(offers.c.bidder_id == bidder_id).order_by(offers.c.offered_at_ms.desc())
    return [Offer(**row) for row in await tx.rows(statement)]


def _row(record: Settlement | Award | Offer) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}
