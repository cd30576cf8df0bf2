"""Stores payments that the provider took back without the house: disputes, and refunds nobody asked for here.

Off the bid's way. While one is open or lost the provider keeps the money; won, the house has it again.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, any_, bindparam, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.deposits import Deposit
from auction.books.given_rows import is_given
from auction.books.tables import Id, awards, deposits, reversals
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.provider_event_states import LIVE_REVERSAL, ReversalKind, ReversalStatus
from auction.domain.states import AwardStatus, DepositReason, DepositStatus


@dataclass(frozen=True, slots=True)
class Reversal:
    """A payment, or a part of one, that was taken back, in fen. Columns: `auction.books.tables.provider_events`."""

    reversal_id: str
    kind: ReversalKind
    provider: str
    ref: str
    operation_id: str
    deposit_id: str | None
    award_id: str | None
    lot_id: str
    bidder_id: str
    amount_fen: int
    status: ReversalStatus
    clawed_back_fen: int
    seller_owes_fen: int
    opened_at_ms: int
    decided_at_ms: int | None


async def add(tx: Transaction, new: Reversal) -> None:
    """Add a reversal; the database refuses a second one about the same object of the provider."""
    await tx.session.execute(insert(reversals).values(asdict(new)))


async def lock(tx: Transaction, *, provider: str, ref: str) -> Reversal | None:
    """The reversal that the provider knows under an id, locked for a change, or None."""
    statement = select(reversals).where(reversals.c.provider == provider, reversals.c.ref == ref)
    row = await tx.row(statement.with_for_update())
    return None if row is None else Reversal(**row)


async def decide(
    tx: Transaction, reversal_id: str, status: ReversalStatus, *, clawed_back_fen: int = 0, at_ms: int
) -> Reversal:
    """Open -> won or lost; `clawed_back_fen` is what the seller owes for it."""
    statement = (
        update(reversals)
        .where(reversals.c.reversal_id == reversal_id, reversals.c.status == ReversalStatus.OPEN)
        .values(status=status, clawed_back_fen=clawed_back_fen, seller_owes_fen=clawed_back_fen, decided_at_ms=at_ms)
        .returning(*reversals.c)
    )
    return Reversal(**await transition(tx, statement, f"reversal {reversal_id} to {status}"))


async def mark_repaid(tx: Transaction, reversal_id: str) -> None:
    """The seller has paid back what they owed."""
    await tx.session.execute(update(reversals).where(reversals.c.reversal_id == reversal_id).values(seller_owes_fen=0))


async def live_of_award(tx: Transaction, award_id: str) -> list[Reversal]:
    """What was taken back of the payments of an award, undecided or lost, oldest first."""
    statement = select(reversals).where(reversals.c.award_id == award_id, reversals.c.status.in_(LIVE_REVERSAL))
    rows = await tx.rows(statement.order_by(reversals.c.opened_at_ms, reversals.c.reversal_id))
    return [Reversal(**row) for row in rows]


async def of_lots(tx: Transaction, lot_ids: Collection[str]) -> list[Reversal]:
    """What was taken back of payments for these lots, oldest first."""
    statement = select(reversals).where(reversals.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
    rows = await tx.rows(statement.order_by(reversals.c.opened_at_ms, reversals.c.reversal_id))
    return [Reversal(**row) for row in rows]


async def lost_of_operation(tx: Transaction, operation_id: str) -> int:
    """How much of a charge was lost, in fen."""
    statement = select(func.coalesce(func.sum(reversals.c.amount_fen), 0)).where(
        reversals.c.operation_id == operation_id, reversals.c.status == ReversalStatus.LOST
    )
    return int(await tx.session.scalar(statement) or 0)


async def take_back(tx: Transaction, award_id: str, amount_fen: int) -> None:
    """Lower what has been received of a due award: the provider has taken it back."""
    due = (awards.c.award_id == award_id) & (awards.c.status == AwardStatus.DUE)
    statement = update(awards).where(due).values(received_fen=awards.c.received_fen - amount_fen)
    await transition(tx, statement.returning(awards.c.award_id), f"award {award_id}, less what was taken back")


async def mark_disputed(tx: Transaction, deposit_id: str) -> Deposit:
    """A held cash deposit -> disputed: the provider has taken it back; its disposition stays."""
    held = (deposits.c.status == DepositStatus.HELD) & deposits.c.captured_fen.is_not(None)
    statement = update(deposits).where(deposits.c.deposit_id == deposit_id, held)
    statement = statement.values(status=DepositStatus.DISPUTED).returning(*deposits.c)
    return Deposit(**await transition(tx, statement, f"deposit {deposit_id} to disputed"))


async def end_dispute(tx: Transaction, deposit_id: str, *, is_won: bool, at_ms: int) -> Deposit:
    """Disputed -> held again, or lapsed: its bidder has the money."""
    disputed = deposits.c.status == DepositStatus.DISPUTED
    statement = update(deposits).where(deposits.c.deposit_id == deposit_id, disputed)
    if is_won:
        statement = statement.values(status=DepositStatus.HELD)
    else:
        reason = DepositReason.DISPUTE_LOST
        statement = statement.values(status=DepositStatus.LAPSED, ended_at_ms=at_ms, reason=reason)
    return Deposit(**await transition(tx, statement.returning(*deposits.c), f"disputed {deposit_id} to its end"))


_DISPUTING = (
    select(reversals.c.bidder_id)
    .distinct()
    .where(
        is_given(reversals.c.bidder_id),
        reversals.c.kind == ReversalKind.DISPUTE,
        or_(
            reversals.c.status == ReversalStatus.OPEN,
            (reversals.c.status == ReversalStatus.LOST)
            & (reversals.c.decided_at_ms > bindparam("lost_since_ms", type_=BigInteger)),
        ),
    )
)


async def disputing(tx: Transaction, bidder_ids: Collection[str], *, lost_since_ms: int) -> set[str]:
    """Those of these bidders with a dispute that is open, or was lost by the house since a time."""
    rows = await tx.rows(_DISPUTING, {"ids": list(bidder_ids), "lost_since_ms": lost_since_ms})
    return {row["bidder_id"] for row in rows}
