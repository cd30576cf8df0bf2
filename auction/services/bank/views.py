"""Finance's views of the bank: receipts with what they pay or may pay, and what is to be sent back. Read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auction.books import accounts, approvals, bank_receipts, catalogue, journal, outgoing_transfers, settlements
from auction.books.approvals import Approval
from auction.books.bank_receipts import BankReceipt, ReceiptMatch
from auction.books.outgoing_transfers import OutgoingTransfer
from auction.books.unit_of_work import Transaction
from auction.domain.accounts import JournalAccount
from auction.domain.approval_actions import ApprovalAction
from auction.services.bank import outgoing_transfers as sending
from auction.services.bank import receipts as booking
from auction.services.bank.proposals import Proposal, propose
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class MatchedPart:
    """A part of a receipt, and the lot it pays for."""

    match: ReceiptMatch
    lot_id: str
    title: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt in the list."""

    receipt: BankReceipt
    parts: Sequence[MatchedPart]
    approval: Approval | None
    """The request that waits for a second person."""
    proposal: Proposal | None
    """Of one that is not matched whole."""


@dataclass(frozen=True, slots=True)
class ReceiptList:
    """Receipts, the latest first, and what is at the bank, in suspense and to be sent back, in fen."""

    rows: Sequence[ReceiptRow]
    bank_fen: int
    unmatched_fen: int
    payable_fen: int
    names: Mapping[str, str]
    """Id of a bidder or of staff -> their name."""
    now_ms: int


@dataclass(frozen=True, slots=True)
class TransferRow:
    """An outgoing transfer in the list."""

    transfer: OutgoingTransfer
    title: str
    """Of its lot; empty where there is none."""
    approval: Approval | None


@dataclass(frozen=True, slots=True)
class TransferList:
    """Outgoing transfers, the latest first."""

    rows: Sequence[TransferRow]
    names: Mapping[str, str]
    now_ms: int


async def list_receipts(
    context: AppContext,
    *,
    only_open: bool = False,
    text: str = "",
    from_date: str | None = None,
    to_date: str | None = None,
    limit: int = 200,
) -> ReceiptList:
    """Receipts: all, or those that wait for a person or are not matched whole."""
    async with context.books.reading() as tx:
        found = await bank_receipts.find_all(
            tx, only_open=only_open, text=text, from_date=from_date, to_date=to_date, limit=limit
        )
        return await _list(context, tx, found)


async def show_receipt(context: AppContext, receipt_id: int) -> ReceiptList:
    """One receipt, as in the list."""
    async with context.books.reading() as tx:
        found = await bank_receipts.find(tx, receipt_id)
        return await _list(context, tx, [] if found is None else [found])


async def list_transfers(context: AppContext, *, only_open: bool = False, limit: int = 200) -> TransferList:
    """Outgoing transfers: all, or those that the bank has not confirmed."""
    async with context.books.reading() as tx:
        found = await outgoing_transfers.find_all(tx, only_open=only_open, limit=limit)
        return await _transfers(context, tx, found)


async def show_transfer(context: AppContext, transfer_id: str) -> TransferList:
    """One outgoing transfer, as in the list."""
    async with context.books.reading() as tx:
        found = await outgoing_transfers.find(tx, transfer_id)
        return await _transfers(context, tx, [] if found is None else [found])


async def _list(context: AppContext, tx: Transaction, found: Sequence[BankReceipt]) -> ReceiptList:
    now_ms = context.clock_ms()
    matches = await bank_receipts.matches_of_receipts(tx, [one.receipt_id for one in found])
    awards = {one.award_id: await settlements.find_award(tx, one.award_id) for one in matches}
    records = await catalogue.lots_by_id(tx, [award.lot_id for award in awards.values() if award is not None])
    parts: dict[int, list[MatchedPart]] = {}
    for match in matches:
        award = awards[match.award_id]
        if award is not None:
            part = MatchedPart(match, award.lot_id, records[award.lot_id].title)
            parts.setdefault(match.receipt_id, []).append(part)
    waiting = await approvals.waiting_of_subjects(
        tx,
        ApprovalAction.BANK_RECEIPT,
        [booking.subject_of(one) for one in found if not one.is_booked],
        now_ms=now_ms,
    )
    proposed = await propose(tx, [(one.remittance, one.unmatched_fen or one.amount_fen) for one in found])
    rows = [
        ReceiptRow(
            receipt=one,
            parts=parts.get(one.receipt_id, []),
            approval=None if one.is_booked else waiting.get(booking.subject_of(one)),
            proposal=proposal if one.unmatched_fen or not one.is_booked else None,
        )
        for one, proposal in zip(found, proposed, strict=True)
    ]
    balances = await journal.balances(tx)
    people = {one.entered_by for one in found} | {one.booked_by for one in found if one.booked_by is not None}
    people |= {row.proposal.award.bidder_id for row in rows if row.proposal is not None}
    return ReceiptList(
        rows=rows,
        bank_fen=balances.get(JournalAccount.BANK_CASH, 0),
        unmatched_fen=await bank_receipts.suspense_fen(tx),
        payable_fen=-balances.get(JournalAccount.TRANSFERS_PAYABLE, 0),
        names=await accounts.names_of(tx, people),
        now_ms=now_ms,
    )


async def _transfers(context: AppContext, tx: Transaction, found: Sequence[OutgoingTransfer]) -> TransferList:
    now_ms = context.clock_ms()
    records = await catalogue.lots_by_id(tx, [one.lot_id for one in found if one.lot_id])
    waiting = await approvals.waiting_of_subjects(
        tx, ApprovalAction.SEND_TRANSFER, [sending.subject_of(one) for one in found], now_ms=now_ms
    )
    people = {one.sent_by for one in found if one.sent_by is not None}
    people |= {one.bidder_id for one in found if one.bidder_id is not None}
    people |= {one.asked_by for one in waiting.values()}
    return TransferList(
        rows=[
            TransferRow(
                transfer=one,
                title=records[one.lot_id].title if one.lot_id else "",
                approval=waiting.get(sending.subject_of(one)),
            )
            for one in found
        ],
        names=await accounts.names_of(tx, people),
        now_ms=now_ms,
    )
