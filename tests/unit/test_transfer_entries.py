"""Entries about bank transfers: which accounts each moves, for which lot."""

from auction.domain import transfer_entries
from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry

OF_AWARD = {"lot_id": "l-1", "bidder_id": "ann", "amount_fen": 7}


def moves(entry: JournalEntry) -> list[tuple[str, int, str | None]]:
    return [(str(line.account), line.amount_fen, line.bidder_id) for line in entry.lines]


def test_a_receipt_pays_an_award_or_waits_and_is_cleared() -> None:
    received = transfer_entries.transfer_received(receipt_id=3, award_id="a-1", **OF_AWARD)  # type: ignore[arg-type]
    waits = transfer_entries.receipt_suspended(receipt_id=3, amount_fen=7)
    cleared = transfer_entries.receipt_cleared(receipt_id=3, award_id="a-1", amount_fen=7)
    assert (received.key, received.lot_id) == ("transfer-received:3:a-1", "l-1")
    assert moves(received) == [("bank_cash", 7, None), ("buyer_receivable", -7, "ann")]
    assert (waits.key, waits.lot_id) == ("receipt-suspended:3", "")
    assert moves(waits) == [("bank_cash", 7, None), ("unmatched_receipts", -7, None)]
    assert (cleared.key, cleared.lot_id) == ("receipt-cleared:3:a-1", "")
    assert moves(cleared) == [("unmatched_receipts", 7, None), ("bank_cash", -7, None)]


def test_what_goes_back_is_owed_and_then_gone() -> None:
    owed = transfer_entries.transfer_return_owed(
        transfer_id="return-3-a-1",
        source=JournalAccount.BUYER_RECEIVABLE,
        **OF_AWARD,  # type: ignore[arg-type]
    )
    gone = transfer_entries.transfer_returned(transfer_id="return-3-a-1", lot_id="l-1", amount_fen=7)
    assert moves(owed) == [("buyer_receivable", 7, "ann"), ("transfers_payable", -7, None)]
    assert moves(gone) == [("transfers_payable", 7, None), ("bank_cash", -7, None)]
    assert (owed.key, gone.key) == ("transfer-return-owed:return-3-a-1", "transfer-returned:return-3-a-1")
