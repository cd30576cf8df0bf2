"""Signed receipts: each stands alone, the same every time, and nothing of one can be changed unseen."""

import base64
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auction.signing.house_keys import HouseKeys
from auction.signing.merkle import leaf_hash, root_and_paths, root_of
from auction.signing.receipts import Batch, ReceiptMalformed, StatedBid

KEYS = HouseKeys.transient()
CHAIN = "5f" * 20
fen = st.integers(1, 10**13)


def batch_of(size: int, **changes: object) -> Batch:
    bids = [(7 + n, n + 1, 100 * (n + 1), 100 * (n + 1), 1, 9_000, f"key-{n:08d}", f"code-{n}") for n in range(size)]
    return replace(Batch("launch-001", 2, 1_800_000_000_000, CHAIN, bids), **changes)  # type: ignore[arg-type]


def signed(batch: Batch) -> list[str]:
    return batch.sign(KEYS.key_at(0))


def rfc_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + rfc_root(leaves[:split]) + rfc_root(leaves[split:])).digest()


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33, 511, 512])
def test_the_tree_is_that_of_the_rfc_and_each_path_leads_to_its_root(size: int):
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    root, paths = root_and_paths(leaves)
    assert root == rfc_root(leaves)
    for index, (leaf, path) in enumerate(zip(leaves, paths, strict=True)):
        assert root_of(leaf, index, size, path) == root
        assert root_of(leaf, index + 1, size, path) != root
        assert root_of(leaf_hash(b"another"), index, size, path) != root
        assert root_of(leaf, index, size, path + bytes(32)) is None
        assert root_of(leaf, index, size, path[:-1]) in ({None} if path else {root})
    assert root_of(leaves[0], 0, 0, b"") is None
    assert root_of(leaves[0], -1, size, paths[0]) is None


def test_a_receipt_states_its_bid_and_its_call_and_is_signed():
    receipts = signed(batch_of(5))
    stated = StatedBid.parse(receipts[3])

    assert (stated.lot_id, stated.epoch, stated.at_ms, stated.chain) == ("launch-001", 2, 1_800_000_000_000, CHAIN)
    assert (stated.seq, stated.paddle, stated.amount_fen, stated.price_fen) == (10, 4, 400, 400)
    assert (stated.leading, stated.ends_at_ms, stated.bidder) == (True, 9_000, "code-3")
    assert stated.key_sha256 == sha256(b"key-00000003").hexdigest()
    assert (stated.index, stated.size, stated.kid) == (3, 5, KEYS.key_at(0).kid)
    assert all(StatedBid.parse(receipt).is_signed(KEYS.public) for receipt in receipts)
    assert signed(batch_of(5)) == receipts
    assert not stated.is_signed(HouseKeys.transient().public)


def test_the_longest_receipt_can_be_read():
    bids = [(2**53, 10**6, 10**13, 10**13, 1, 10**13, "k" * 64, "c" * 16)] * 512
    receipt = signed(batch_of(512, lot_id="l" * 64, epoch=10**6, bids=bids))[300]
    assert StatedBid.parse(receipt).is_signed(KEYS.public)


PARTS = [
    "form", "lot", "epoch", "time", "chain", "kid", "seq", "paddle", "amount", "price", "leading", "end", "key",
    "bidder", "index", "size", "path", "signature",
]  # fmt: skip
OTHER = {
    "lot": "launch-002",
    "leading": "0",
    "chain": "a" * 40,
    "key": "b" * 64,
    "form": "R2",
    "kid": "k",
    "bidder": "x",
}


def holds(receipt: str) -> bool:
    try:
        return StatedBid.parse(receipt).is_signed(KEYS.public)
    except ReceiptMalformed:
        return False


@pytest.mark.parametrize("number, name", list(enumerate(PARTS)), ids=PARTS)
def test_no_part_of_a_receipt_can_be_changed(number: int, name: str):
    receipts = signed(batch_of(5))
    for index, receipt in enumerate(receipts):
        parts = receipt.split(".")
        assert len(parts) == len(PARTS)
        if name in {"path", "signature"}:
            raw = bytearray(base64.urlsafe_b64decode(parts[number] + "=="))
            raw[len(raw) // 2] ^= 1
            changed = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        else:
            changed = OTHER.get(name) or str(int(parts[number]) + 1)
        assert holds(receipt)
        assert not holds(".".join([*parts[:number], changed, *parts[number + 1 :]])), (index, name)


@pytest.mark.parametrize(
    "text",
    [
        "", "R1", "x" * 24, "R1." * 17, " " + signed(batch_of(1))[0], signed(batch_of(1))[0][:-1],
        signed(batch_of(1))[0] + "\n", signed(batch_of(1))[0] + "." + "A" * 1_024, signed(batch_of(1))[0][:-1] + "_",
    ],
    ids=list(range(9)),
)  # fmt: skip
def test_what_is_no_receipt_is_not_read_as_one(text: str):
    assert not holds(text)


@given(
    st.lists(st.tuples(fen, fen, st.booleans(), st.text('!"#ab~', min_size=8, max_size=64)), min_size=1, max_size=64),
    st.data(),
)
@settings(max_examples=50, deadline=None)
def test_every_receipt_of_a_batch_verifies_and_no_changed_character_does(bids, data):
    facts = [(n, n, amount, price, int(leads), n, key, f"c{n}") for n, (amount, price, leads, key) in enumerate(bids)]
    receipts = signed(batch_of(1, bids=facts))
    assert all(StatedBid.parse(receipt).is_signed(KEYS.public) for receipt in receipts)
    receipt = data.draw(st.sampled_from(receipts))
    at = data.draw(st.integers(0, len(receipt) - 1))
    other = data.draw(
        st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz-_.ABCZ").filter(lambda one: one != receipt[at])
    )
    assert not holds(receipt[:at] + other + receipt[at + 1 :])
