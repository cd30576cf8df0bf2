"""Stores what follows the close of a lot: settlements, their timelines, awards and offers.

After the bid's way. A settlement's row is locked before anything about its lot is changed, so of two who act at once
the second sees what the first has done. Each `move` and `mark_...` checks the state it leaves and raises
InvalidTransition where it is another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, any_, insert, literal, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.given_rows import is_given
from auction.books.tables import (
    Id,
    awards,
    offers,
    settlement_steps,
    settlements,
)
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.books.unsettled_lots import is_frozen
from auction.domain.payment_reference import reference_of
from auction.domain.states import (
    ALLOWED,
    LIVE_AWARD,
    STATE_AFTER,
    AwardSource,
    AwardStatus,
    OfferStatus,
    SettlementAction,
    SettlementState,
    StepName,
)

DUE_PAGE = 100
"""Deadlines read at a time."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The state of a closed lot. Columns: `auction.books.tables.settlements`."""

    lot_id: str
    state: SettlementState
    outcome: str
    hammer_price_fen: int | None
    deadline_at_ms: int | None
    offers_made: int
    relisted_as: str | None
    opened_at_ms: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class SettlementStep:
    """One step in a settlement's timeline, and the state it left the settlement in."""

    lot_id: str
    step: StepName
    state: SettlementState
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
    source: AwardSource
    price_fen: int
    fee_fen: int
    received_fen: int
    status: AwardStatus
    awarded_at_ms: int
    pay_by_ms: int
    default_at_ms: int
    paid_at_ms: int | None
    delivery_centre: str | None
    settled_at_ms: int | None
    cure_until_ms: int | None = None
    number: int = 0
    """Given by the database; 0 before it is stored."""
    transfer_until_ms: int | None = None
    waived_fen: int = 0

    @property
    def payment_reference(self) -> str:
        """What its winner writes on a bank transfer."""
        return reference_of(self.number)

    @property
    def total_fen(self) -> int:
        """Price and fee."""
        return self.price_fen + self.fee_fen

    @property
    def due_fen(self) -> int:
        """What has not been received yet, nor waived."""
        return self.total_fen - self.received_fen - self.waived_fen


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer of a defaulted lot to a runner-up, at a price in fen, until a time."""

    offer_id: str
    lot_id: str
    bidder_id: str
    paddle: int
    number: int
    price_fen: int
    own_bid_fen: int
    status: OfferStatus
    offered_at_ms: int
    expires_at_ms: int
    answered_at_ms: int | None


# --- settlements ------------------------------------------------------------------------------------------------------


async def open_all(tx: Transaction, opened: Sequence[Settlement]) -> set[str]:
    """Add settlements; existing ones stay unchanged. The lots of the new ones."""
    if not opened:
        return set()
    statement = postgresql.insert(settlements).on_conflict_do_nothing().returning(settlements.c.lot_id)
    return {row["lot_id"] for row in await tx.rows_of_many(statement, [_row(one) for one in opened])}


async def lock(tx: Transaction, lot_id: str) -> Settlement | None:
    """A lot's settlement, locked for a change by this transaction, or None."""
    row = await tx.row(select(settlements).where(settlements.c.lot_id == lot_id).with_for_update())
    return None if row is None else Settlement(**row)


async def lock_all(tx: Transaction, lot_ids: Collection[str]) -> None:
    """Lock the settlements of these lots, as far as there are, by lot id."""
    await tx.rows(_LOCK, {"ids": list(lot_ids)})


_LOCK = (
    select(settlements.c.lot_id).where(is_given(settlements.c.lot_id)).order_by(settlements.c.lot_id).with_for_update()
)


async def find(tx: Transaction, lot_id: str) -> Settlement | None:
    """A lot's settlement, or None."""
    row = await tx.row(select(settlements).where(settlements.c.lot_id == lot_id))
    return None if row is None else Settlement(**row)


async def find_of_lots(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, Settlement]:
    """Lot -> its settlement; lots without one are missing."""
    statement = select(settlements).where(settlements.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
    return {row["lot_id"]: Settlement(**row) for row in await tx.rows(statement)}


async def lots_due(
    tx: Transaction, *, now_ms: int, after: tuple[int, str] = (0, ""), limit: int = DUE_PAGE
) -> list[tuple[int, str]]:
    """Passed deadlines and their lots, the earliest first; `after` continues after the last one of a page.

    Those of frozen lots wait.
    """
    table = settlements.c
    statement = (
        select(table.deadline_at_ms, table.lot_id)
        .where(table.deadline_at_ms <= now_ms, tuple_(table.deadline_at_ms, table.lot_id) > after)
        .where(~is_frozen(table.lot_id))
        .order_by(table.deadline_at_ms, table.lot_id)
        .limit(limit)
    )
    return [(row["deadline_at_ms"], row["lot_id"]) for row in await tx.rows(statement)]


async def move(
    tx: Transaction,
    lot_id: str,
    action: SettlementAction,
    *,
    at_ms: int,
    deadline_at_ms: int | None,
    offers_made: int | None = None,
    relisted_as: str | None = None,
) -> SettlementState:
    """Move a settlement by an action to the state it leads to, and set its next deadline. That state.

    `offers_made` goes with an offer, `relisted_as` (the new lot's id) with a relisting; None: unchanged. Raises
    InvalidTransition where the action is not allowed in the settlement's state.
    """
    state = STATE_AFTER[action]
    values: dict[str, Any] = {"state": state, "changed_at_ms": at_ms, "deadline_at_ms": deadline_at_ms}
    if offers_made is not None:
        values["offers_made"] = offers_made
    if relisted_as is not None:
        values["relisted_as"] = relisted_as
    statement = update(settlements).where(settlements.c.lot_id == lot_id, settlements.c.state.in_(ALLOWED[action]))
    await transition(
        tx, statement.values(**values).returning(settlements.c.lot_id), f"settlement of lot {lot_id} by {action}"
    )
    return state


async def set_deadline(tx: Transaction, lot_id: str, *, deadline_at_ms: int | None) -> None:
    """Move the deadline of a locked settlement, whose state stays."""
    statement = update(settlements).where(settlements.c.lot_id == lot_id).values(deadline_at_ms=deadline_at_ms)
    await tx.session.execute(statement)


async def add_steps(tx: Transaction, steps: Sequence[SettlementStep]) -> None:
    """Add steps to timelines, in this order."""
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


async def steps_of(tx: Transaction, lot_id: str) -> list[SettlementStep]:
    """A settlement's timeline, oldest step first."""
    table = settlement_steps.c
    columns = (table.lot_id, table.step, table.state, table.actor, table.at_ms, table.reason, table.details)
    statement = select(*columns).where(table.lot_id == lot_id).order_by(table.step_id)
    return [SettlementStep(**row) for row in await tx.rows(statement)]


# --- awards -----------------------------------------------------------------------------------------------------------


async def add_awards(tx: Transaction, new: Sequence[Award]) -> None:
    """Add awards; the database refuses a second live one of a lot."""
    if new:
        rows = [_row(one) for one in new]
        for row in rows:
            del row["number"]
        await tx.session.execute(insert(awards), rows)


async def live_award(tx: Transaction, lot_id: str) -> Award | None:
    """The award in force of a lot, or None."""
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


async def awards_of_lot(tx: Transaction, lot_id: str) -> list[Award]:
    """A lot's awards, oldest first."""
    return await _awards(tx, awards.c.lot_id == lot_id)


async def awards_of_lots(tx: Transaction, lot_ids: Sequence[str]) -> list[Award]:
    """The awards of these lots, oldest first."""
    return await _awards(tx, awards.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))


async def awards_of_bidder(tx: Transaction, bidder_id: str) -> list[Award]:
    """A bidder's awards, newest first."""
    return (await _awards(tx, awards.c.bidder_id == bidder_id))[::-1]


async def record_received(tx: Transaction, award_id: str, *, received_fen: int) -> Award:
    """Set how much of a due award has been received, in fen. The award."""
    return await _mark_award(tx, award_id, (AwardStatus.DUE,), received_fen=received_fen)


async def waive(tx: Transaction, award_id: str, *, waived_fen: int) -> Award:
    """Set how much of a due award is waived, in fen. The award."""
    return await _mark_award(tx, award_id, (AwardStatus.DUE,), waived_fen=waived_fen)


async def grant_cure(tx: Transaction, award_id: str, *, until_ms: int) -> Award:
    """Give a due award its cure period: it may be paid until then. The award."""
    return await _mark_award(
        tx,
        award_id,
        (AwardStatus.DUE,),
        cure_until_ms=until_ms,
        pay_by_ms=until_ms,
        default_at_ms=until_ms,
    )


async def extend_for_transfer(tx: Transaction, award_id: str, *, by_ms: int) -> Award:
    """Give a due award more time, as a bank transfer is on its way. The award."""
    until = awards.c.default_at_ms + by_ms
    pay_by = awards.c.pay_by_ms + by_ms
    return await _mark_award(
        tx, award_id, (AwardStatus.DUE,), transfer_until_ms=until, pay_by_ms=pay_by, default_at_ms=until
    )


async def mark_award_paid(tx: Transaction, award_id: str, *, at_ms: int) -> Award:
    """Due -> paid."""
    return await _mark_award(tx, award_id, (AwardStatus.DUE,), status=AwardStatus.PAID, paid_at_ms=at_ms)


async def mark_award_defaulted(tx: Transaction, award_id: str) -> Award:
    """Due -> defaulted."""
    return await _mark_award(tx, award_id, (AwardStatus.DUE,), status=AwardStatus.DEFAULTED)


async def set_delivery_centre(tx: Transaction, award_id: str, delivery_centre: str) -> Award:
    """Set where a paid lot will be collected. The award."""
    return await _mark_award(tx, award_id, (AwardStatus.PAID,), delivery_centre=delivery_centre)


async def mark_award_settled(tx: Transaction, award_id: str, *, at_ms: int) -> Award:
    """Paid -> settled."""
    return await _mark_award(tx, award_id, (AwardStatus.PAID,), status=AwardStatus.SETTLED, settled_at_ms=at_ms)


async def mark_award_void(tx: Transaction, award_id: str) -> Award:
    """Due or paid -> void."""
    return await _mark_award(tx, award_id, (AwardStatus.DUE, AwardStatus.PAID), status=AwardStatus.VOID)


async def _mark_award(tx: Transaction, award_id: str, leaving: Sequence[AwardStatus], **values: object) -> Award:
    statement = update(awards).where(awards.c.award_id == award_id, awards.c.status.in_(leaving)).values(**values)
    what = f"award {award_id} to {values.get('status', ', '.join(values))}"
    return Award(**await transition(tx, statement.returning(*awards.c), what))


async def _awards(tx: Transaction, which: ColumnElement[bool]) -> list[Award]:
    statement = select(awards).where(which).order_by(awards.c.awarded_at_ms, awards.c.award_id)
    return [Award(**row) for row in await tx.rows(statement)]


# --- offers -----------------------------------------------------------------------------------------------------------


async def add_offer(tx: Transaction, offer: Offer) -> None:
    """Add an offer; the database refuses a second open one of a lot, and a second to the same bidder."""
    await tx.session.execute(insert(offers).values(_row(offer)))


async def open_offer(tx: Transaction, lot_id: str) -> Offer | None:
    """The open offer of a lot, or None."""
    row = await tx.row(select(offers).where(and_(offers.c.lot_id == lot_id, offers.c.status == OfferStatus.OPEN)))
    return None if row is None else Offer(**row)


async def find_offer(tx: Transaction, offer_id: str) -> Offer | None:
    """An offer, or None."""
    row = await tx.row(select(offers).where(offers.c.offer_id == offer_id))
    return None if row is None else Offer(**row)


async def close_offer(tx: Transaction, offer_id: str, status: OfferStatus, *, at_ms: int) -> Offer:
    """Open -> accepted, declined, lapsed or withdrawn."""
    statement = update(offers).where(offers.c.offer_id == offer_id, offers.c.status == OfferStatus.OPEN)
    statement = statement.values(status=status, answered_at_ms=at_ms)
    return Offer(**await transition(tx, statement.returning(*offers.c), f"offer {offer_id} to {status}"))


async def offers_of_lot(tx: Transaction, lot_id: str) -> list[Offer]:
    """A lot's offers by number."""
    statement = select(offers).where(offers.c.lot_id == lot_id).order_by(offers.c.number)
    return [Offer(**row) for row in await tx.rows(statement)]


async def offers_of_bidder(tx: Transaction, bidder_id: str) -> list[Offer]:
    """A bidder's offers, newest first."""
    statement = select(offers).where(offers.c.bidder_id == bidder_id).order_by(offers.c.offered_at_ms.desc())
    return [Offer(**row) for row in await tx.rows(statement)]


def _row(record: Settlement | Award | Offer) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}
