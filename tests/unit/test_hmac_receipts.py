import re
from typing import Any

import pytest

from auction.signing.hmac_receipts import ReceiptKey

KEY = ReceiptKey.derive("a secret of the tests, long enough")
BID: dict[str, Any] = {
    "lot_id": "launch-001",
    "seq": 7,
    "bidder_id": "ann",
    "amount_fen": 10**13,
    "at_ms": 1_800_000_000_000,
}


def test_the_same_bid_has_the_same_short_receipt_and_it_verifies():
    receipt = KEY.sign(**BID)

    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", receipt)
    assert receipt == ReceiptKey.derive("a secret of the tests, long enough").sign(**BID)
    assert KEY.verify(receipt, **BID)


@pytest.mark.parametrize(
    "change", [{"lot_id": "launch-002"}, {"seq": 8}, {"bidder_id": "bob"}, {"amount_fen": 1}, {"at_ms": 1}], ids=str
)
def test_any_other_bid_has_another_receipt(change):
    assert not KEY.verify(KEY.sign(**BID), **{**BID, **change})


@pytest.mark.parametrize("made_up", ["", "x", "x" * 24, "é" * 24, "\ud800"])
def test_a_made_up_receipt_does_not_verify(made_up):
    assert not KEY.verify(made_up, **BID)


def test_another_secret_gives_another_receipt_and_no_key_is_printed():
    other = ReceiptKey.derive("another secret of the tests, longer")

    assert not other.verify(KEY.sign(**BID), **BID)
    assert repr(KEY) == "ReceiptKey(...)"
