"""Stores transfers by which bank receipts are sent back: asked for, sent by finance, confirmed or refused by the bank.

After the bid's way. An id says what is sent back, so the same is asked for once. Each `mark_...` checks the status it
leaves and raises InvalidTransition where it is another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, any_, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, outgoing_transfers
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.states import OPEN_TRANSFER, ReturnReason, TransferStatus


@dataclass(frozen=True, slots=True)
class OutgoingTransfer:
    """A receipt, or a part of it, that is sent back, in fen. Columns: `auction.books.tables.bank`."""

    transfer_id: str
    receipt_id: int
    award_id: str | None
    lot_id: str
    bidder_id: str | None
    amount_fen: int
    payee_name: str
    payee_account: str
    why: ReturnReason
    reason: str | None
    asked_by: str
    asked_at_ms: int
    status: TransferStatus = TransferStatus.ASKED
    attempts: int = 0
    sent_by: str | None = None
    sent_at_ms: int | None = None
    bank_reference: str | None = None
    value_date: str | None = None
    failure: str | None = None
    resolved_at_ms: int | None = None


async def ask(tx: Transaction, transfer: OutgoingTransfer) -> None:
    """Add a transfer that is asked for; one with the same id is there already: it stays unchanged."""
    values: dict[str, Any] = {name: getattr(transfer, name) for name in OutgoingTransfer.__dataclass_fields__}
    await tx.session.execute(postgresql.insert(outgoing_transfers).values(values).on_conflict_do_nothing())


async def find(tx: Transaction, transfer_id: str, *, locked: bool = False) -> OutgoingTransfer | None:
    """A transfer, or None; `locked` for a change by this transaction."""
    statement = select(outgoing_transfers).where(outgoing_transfers.c.transfer_id == transfer_id)
    row = await tx.row(statement.with_for_update() if locked else statement)
    return None if row is None else OutgoingTransfer(**row)


async def find_all(tx: Transaction, *, only_open: bool = False, limit: int = 200) -> list[OutgoingTransfer]:
    """Transfers, the latest first: all, or those that the bank has not confirmed."""
    statement = select(outgoing_transfers)
    if only_open:
        statement = statement.where(outgoing_transfers.c.status.in_(OPEN_TRANSFER))
    order = (outgoing_transfers.c.asked_at_ms.desc(), outgoing_transfers.c.transfer_id)
    return [OutgoingTransfer(**row) for row in await tx.rows(statement.order_by(*order).limit(limit))]


async def of_awards(tx: Transaction, award_ids: Sequence[str]) -> list[OutgoingTransfer]:
    """The transfers by which what had paid these awards is sent back, in the order of the receipts."""
    statement = select(outgoing_transfers).where(
        outgoing_transfers.c.award_id == any_(literal(list(award_ids), ARRAY(Id)))
    )
    rows = await tx.rows(statement.order_by(outgoing_transfers.c.receipt_id, outgoing_transfers.c.transfer_id))
    return [OutgoingTransfer(**row) for row in rows]


async def reference_is_used(tx: Transaction, bank_reference: str) -> bool:
    """Whether a confirmed transfer has this bank reference."""
    used = select(outgoing_transfers.c.transfer_id).where(outgoing_transfers.c.bank_reference == bank_reference)
    return await tx.session.scalar(used) is not None


async def mark_sent(tx: Transaction, transfer_id: str, *, actor: str, at_ms: int) -> OutgoingTransfer:
    """Asked or failed -> sent."""
    leaving = (TransferStatus.ASKED, TransferStatus.FAILED)
    attempts: ColumnElement[int] = outgoing_transfers.c.attempts + 1
    values = {"status": TransferStatus.SENT, "attempts": attempts, "sent_by": actor, "sent_at_ms": at_ms}
    return await _mark(tx, transfer_id, leaving, **values)


async def mark_confirmed(
    tx: Transaction, transfer_id: str, *, bank_reference: str, value_date: str, at_ms: int
) -> OutgoingTransfer:
    """Sent -> confirmed."""
    values = {"bank_reference": bank_reference, "value_date": value_date, "resolved_at_ms": at_ms}
    return await _mark(tx, transfer_id, (TransferStatus.SENT,), status=TransferStatus.CONFIRMED, **values)


async def mark_failed(tx: Transaction, transfer_id: str, *, failure: str) -> OutgoingTransfer:
    """Sent -> failed."""
    return await _mark(tx, transfer_id, (TransferStatus.SENT,), status=TransferStatus.FAILED, failure=failure)


async def _mark(
    tx: Transaction, transfer_id: str, leaving: Sequence[TransferStatus], **values: object
) -> OutgoingTransfer:
    table = outgoing_transfers.c
    statement = update(outgoing_transfers).where(table.transfer_id == transfer_id, table.status.in_(leaving))
    what = f"transfer {transfer_id} to {values['status']}"
    return OutgoingTransfer(**await transition(tx, statement.values(**values).returning(*table), what))
