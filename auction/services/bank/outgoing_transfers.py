"""Sends bank receipts back: finance orders each transfer at the bank, then records what the bank says of it.

A transfer that the bank refused is sent again. One that comes back after it was confirmed is a new receipt.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from auction.books import audit, journal, outgoing_transfers
from auction.books.approvals import Approval
from auction.books.journal import Cause
from auction.books.outgoing_transfers import OutgoingTransfer
from auction.books.unit_of_work import Transaction
from auction.domain import transfer_entries
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongState
from auction.domain.states import CauseKind, SettlementState, StepName, TransferStatus
from auction.services.bank.receipts import check_value_date
from auction.services.context import AppContext
from auction.services.second_person import NO_CONFIRMATION, Confirmation
from auction.services.settlement.dual_control import TWO_PERSONS_FROM_FEN, request_or_approve
from auction.services.settlement.transitions import add_step, lock_settlement


async def record_sent(
    context: AppContext,
    transfer_id: str,
    *,
    actor: str,
    agrees_to: int | None = None,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Record that a transfer is being sent; from 10,000 yuan on it needs two persons: the request that waits, or None.

    `agrees_to` is the other person's request that the actor agrees to. Asked again, nothing changes. Raises
    NotFound(transfer-unknown, pending-unknown), RequestRefused(same-person, approval-waiting), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with _locked(context, transfer_id) as (tx, transfer, _):
        if transfer.status in {TransferStatus.SENT, TransferStatus.CONFIRMED}:
            return None
        if transfer.amount_fen >= TWO_PERSONS_FROM_FEN:
            waiting = await request_or_approve(
                context,
                tx,
                None,
                ApprovalAction.SEND_TRANSFER,
                actor=actor,
                reason=f"{transfer.payee_name} {transfer.payee_account}".strip(),
                now_ms=now_ms,
                since_ms=0,
                subject=subject_of(transfer),
                agrees_to=agrees_to,
                confirmation=confirmation,
            )
            if waiting is not None:
                return waiting
        await outgoing_transfers.mark_sent(tx, transfer_id, actor=actor, at_ms=now_ms)
        await _audit(tx, transfer, "send-transfer", actor)
    return None


async def record_confirmed(
    context: AppContext, transfer_id: str, *, bank_reference: str, value_date: str, actor: str
) -> None:
    """Record that the bank has done a transfer. With the same reference again, nothing changes.

    Raises NotFound(transfer-unknown), RequestRefused(bank-reference-used, value-date-invalid), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    check_value_date(value_date, now_ms)
    async with _locked(context, transfer_id) as (tx, transfer, state):
        if transfer.status is TransferStatus.CONFIRMED and transfer.bank_reference == bank_reference:
            return
        if transfer.status is not TransferStatus.SENT:
            raise WrongState("confirm the transfer", transfer.status, [TransferStatus.SENT])
        if await outgoing_transfers.reference_is_used(tx, bank_reference):
            raise RequestRefused(
                ProblemCode.BANK_REFERENCE_USED,
                f"Another outgoing transfer is confirmed with the bank reference {bank_reference}.",
                {"field": "bank_reference"},
            )
        await outgoing_transfers.mark_confirmed(
            tx, transfer_id, bank_reference=bank_reference, value_date=value_date, at_ms=now_ms
        )
        entry = transfer_entries.transfer_returned(
            transfer_id=transfer_id, lot_id=transfer.lot_id, amount_fen=transfer.amount_fen
        )
        cause = Cause(CauseKind.STAFF_ACTION, f"confirm:{transfer_id}:{actor}"[:120])
        await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
        told = {"bank_reference": bank_reference, "value_date": value_date}
        await _audit(tx, transfer, "confirm-transfer", actor, **told)
        await _note(tx, transfer, state, StepName.TRANSFER_RETURNED, actor=actor, now_ms=now_ms, **told)


async def record_failed(context: AppContext, transfer_id: str, *, reason: str, actor: str) -> None:
    """Record that the bank refused a transfer, which is to be sent again. Asked again, nothing changes.

    Raises NotFound(transfer-unknown), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with _locked(context, transfer_id) as (tx, transfer, state):
        if transfer.status is TransferStatus.FAILED:
            return
        if transfer.status is not TransferStatus.SENT:
            raise WrongState("record that the transfer failed", transfer.status, [TransferStatus.SENT])
        await outgoing_transfers.mark_failed(tx, transfer_id, failure=reason)
        await _audit(tx, transfer, "fail-transfer", actor, reason=reason)
        await _note(tx, transfer, state, StepName.TRANSFER_FAILED, actor=actor, now_ms=now_ms, reason=reason)


def subject_of(transfer: OutgoingTransfer) -> str:
    """What two persons have to agree on: this attempt of the transfer."""
    return f"{transfer.transfer_id}:{transfer.attempts}"


@asynccontextmanager
async def _locked(
    context: AppContext, transfer_id: str
) -> AsyncIterator[tuple[Transaction, OutgoingTransfer, SettlementState | None]]:
    """A transaction with the transfer locked after its lot's settlement, and that one's state, if it is of a lot."""
    async with context.books.transaction() as tx:
        found = await outgoing_transfers.find(tx, transfer_id)
        if found is None:
            raise NotFound(ProblemCode.TRANSFER_UNKNOWN, f"There is no outgoing transfer {transfer_id[:160]}.")
        state = (await lock_settlement(tx, found.lot_id)).settlement.state if found.lot_id else None
        locked = await outgoing_transfers.find(tx, transfer_id, locked=True)
        yield tx, locked or found, state


async def _audit(
    tx: Transaction, transfer: OutgoingTransfer, action: str, actor: str, *, reason: str | None = None, **told: Any
) -> None:
    details = {
        "transfer_id": transfer.transfer_id,
        "amount_fen": transfer.amount_fen,
        "payee_name": transfer.payee_name,
        **told,
    }
    await audit.record_action(
        tx, actor=actor, action=action, lot_id=transfer.lot_id or None, reason=reason, details=details
    )


async def _note(
    tx: Transaction,
    transfer: OutgoingTransfer,
    state: SettlementState | None,
    step: StepName,
    *,
    actor: str,
    now_ms: int,
    reason: str | None = None,
    **told: Any,
) -> None:
    if state is None:
        return
    details = {"transfer_id": transfer.transfer_id, "amount_fen": transfer.amount_fen, **told}
    await add_step(tx, transfer.lot_id, state, step, actor=actor, at_ms=now_ms, reason=reason, details=details)
