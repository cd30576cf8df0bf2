"""Asks for the bank transfers that had paid an award to be sent back, as it ends in a default or is declared void.

They are never forfeited. Finance sends them (`auction.services.bank.outgoing_transfers`).
"""

from auction.books import bank_receipts, journal, outgoing_transfers
from auction.books.bank_receipts import ReceiptMatch
from auction.books.journal import Cause
from auction.books.outgoing_transfers import OutgoingTransfer
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import transfer_entries
from auction.domain.accounts import JournalAccount
from auction.domain.states import ReturnReason
from auction.services.settlement.transitions import SYSTEM_ACTOR


async def return_transfers(
    tx: Transaction, award: Award, source: JournalAccount, *, why: ReturnReason, now_ms: int, cause: Cause
) -> int:
    """Owe back, out of an account, what transfers paid of an award, each to who paid it. The sum, in fen."""
    matches = await bank_receipts.matches_of_awards(tx, [award.award_id])
    for match in matches:
        transfer = _return_of(award, match, why, now_ms)
        await outgoing_transfers.ask(tx, transfer)
        entry = transfer_entries.transfer_return_owed(
            transfer_id=transfer.transfer_id,
            lot_id=award.lot_id,
            bidder_id=award.bidder_id,
            amount_fen=match.amount_fen,
            source=source,
        )
        await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    return sum(match.amount_fen for match in matches)


def _return_of(award: Award, match: ReceiptMatch, why: ReturnReason, now_ms: int) -> OutgoingTransfer:
    return OutgoingTransfer(
        transfer_id=f"return-{match.receipt_id}-{award.award_id}",
        receipt_id=match.receipt_id,
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        amount_fen=match.amount_fen,
        payee_name=match.payer_name,
        payee_account=match.payer_account,
        why=why,
        reason=None,
        asked_by=SYSTEM_ACTOR,
        asked_at_ms=now_ms,
    )
