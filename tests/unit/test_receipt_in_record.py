"""Receipts held against the published record: every true one verifies, and whatever was done to either is named."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auction.domain.events import BidPlaced, BidVoided, Closed, Event, Opened, Restored, Scheduled
from auction.services.verification.published_record import check_record
from auction.services.verification.receipt_in_record import PublishedEvents, ReceiptVerdict
from auction.signing.house_keys import HouseKeys
from auction.signing.receipts import Batch
from tests.unit.test_published_record import KEYS, LOT, chained

FIRST_SEQ = 3


@dataclass
class Published:
    """A record of bids only, and the receipts of its bids by their seqs."""

    lines: list[bytes]
    receipts: dict[int, str]


def published(calls: list[int], *, keys: HouseKeys = KEYS, voided: bool = False) -> Published:
    """A record in which so many bids were accepted by each call, and what the house gave for them."""
    events: list[Event] = [Scheduled("aa", 1, 9_000, 0), Opened(9_000, 0, "eve")]
    receipts: dict[int, str] = {}
    times: dict[int, int] = {}
    for size in calls:
        first = len(events) + 1
        bids = []
        for seq in range(first, first + size):
            amount = 100 * seq
            events.append(BidPlaced(f"b-{seq}", seq % 7 + 1, amount, f"key-{seq:08d}", amount, 1, 9_000))
            bids.append((seq, seq % 7 + 1, amount, amount, 1, 9_000, f"key-{seq:08d}", f"code-{seq}"))
        times |= dict.fromkeys(range(first, first + size), 1_000 + first)
        signed = Batch(LOT, 1, 1_000 + first, "0" * 40, bids).sign(keys.key_at(0))
        receipts |= dict(enumerate(signed, first))
    if voided:
        events.append(BidVoided(FIRST_SEQ, 100, "b-1", 1, 100, "a slip", "eve"))
    events.append(Closed("sold", 400, "ann", 1, "time", "", ""))
    return Published(chained(list(enumerate(events, 1)), times), receipts)


RECORD = published([1, 4, 3])


def check(lines: list[bytes], receipt: str, keys: HouseKeys = KEYS) -> ReceiptVerdict:
    return PublishedEvents(lines).check(receipt, keys.public)


def test_every_receipt_of_a_record_is_found_in_it():
    assert check_record(RECORD.lines, KEYS.public).is_sound
    for seq, receipt in RECORD.receipts.items():
        verdict = check(RECORD.lines, receipt)
        assert verdict.is_sound, verdict.faults
        assert verdict.stated is not None
        assert (verdict.stated.seq, verdict.voided_by_seq) == (seq, None)


def changed(seq: int, old: bytes, new: bytes) -> Callable[[list[bytes]], list[bytes]]:
    def change(lines: list[bytes]) -> list[bytes]:
        assert old in lines[seq - 1]
        return [*lines[: seq - 1], lines[seq - 1].replace(old, new), *lines[seq:]]

    return change


def part(number: int, to: str) -> Callable[[str], str]:
    def change(receipt: str) -> str:
        parts = receipt.split(".")
        assert parts[number] != to
        return ".".join([*parts[:number], to, *parts[number + 1 :]])

    return change


SEQ = 5
BID = RECORD.receipts[SEQ]
TAMPERED_RECORDS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "the bid was left out": (lambda lines: [*lines[: SEQ - 1], *lines[SEQ:]], "the record has no seq 5"),
    "another paddle": (changed(SEQ, b'"paddle":6', b'"paddle":7'), "has paddle 7 in the record, and 6 in the receipt"),
    "another price": (changed(SEQ, b'"price_fen":500', b'"price_fen":400'), "has price_fen 400"),
    "another time": (changed(SEQ, b'"at_ms":1004', b'"at_ms":1005'), "has at_ms 1005"),
    "another epoch": (changed(SEQ, b'"epoch":1', b'"epoch":2'), "has epoch 2"),
    "it led no more": (changed(SEQ, b'"leading":1', b'"leading":0'), "has leading 0"),
    "another end": (changed(SEQ, b'"ends_at_ms":9000', b'"ends_at_ms":9001'), "has ends_at_ms 9001"),
    "no bid": (changed(SEQ, b'"type":"bid"', b'"type":"paused"'), "is no bid but paused"),
    "the seqs of two bids swapped": (
        lambda lines: changed(SEQ, b'"seq":5', b'"seq":6')(changed(SEQ + 1, b'"seq":6', b'"seq":5')(lines)),
        "has paddle 7",
    ),
    "the record of another lot": (lambda lines: [line.replace(b"launch-001", b"launch-002") for line in lines], "it is of lot launch-001, the record of launch-002"),
    "an empty file": (lambda _: [b"\n", b"[]", b'{"seq":"5"}'], "the record of none"),
}  # fmt: skip
TAMPERED_RECEIPTS: dict[str, tuple[Callable[[str], str], str]] = {
    "another lot": (part(1, "launch-002"), "it is of lot launch-002"),
    "another seq": (part(6, "6"), "its signature is not of what it states"),
    "another amount": (part(8, "900"), "its signature is not of what it states"),
    "another price": (part(9, "900"), "has price_fen 500 in the record, and 900 in the receipt"),
    "a seq that is nowhere": (part(6, "77"), "the record has no seq 77"),
    "another key of the house": (part(5, "another"), "a key that is not among those given: another"),
    # where it is cut decides whether what is left can still be read
    "cut": (lambda receipt: receipt[:-40], "it was changed"),
    "cut short": (lambda receipt: receipt[:80], "it is no receipt"),
    "nothing": (lambda _: "", "it is no receipt"),
    "of an earlier version": (lambda _: "x" * 24, "it is no receipt"),
}


@pytest.mark.parametrize("name", sorted(TAMPERED_RECORDS))
def test_what_was_done_to_a_record_shows_at_the_receipt(name: str):
    tamper, what = TAMPERED_RECORDS[name]
    faults = check(tamper(list(RECORD.lines)), BID).faults
    assert any(what in fault for fault in faults), faults


@pytest.mark.parametrize("name", sorted(TAMPERED_RECEIPTS))
def test_what_was_done_to_a_receipt_is_named(name: str):
    tamper, what = TAMPERED_RECEIPTS[name]
    faults = check(RECORD.lines, tamper(BID)).faults
    assert any(what in fault for fault in faults), faults


def test_a_receipt_that_another_signed_is_named():
    other = HouseKeys.transient()
    forged = published([1, 4, 3], keys=other).receipts[SEQ]
    (fault,) = check(RECORD.lines, forged).faults
    assert fault.endswith(other.key_at(0).kid)
    (fault,) = check(RECORD.lines, part(5, KEYS.key_at(0).kid)(forged)).faults
    assert fault.startswith("its signature is not of what it states")


def test_a_voided_bid_is_proven_and_said_to_be_voided():
    record = published([2], voided=True)
    verdict = check(record.lines, record.receipts[FIRST_SEQ])
    assert (verdict.is_sound, verdict.voided_by_seq) == (True, FIRST_SEQ + 2)


def test_a_lost_bid_is_said_to_be_lost():
    receipt = RECORD.receipts[SEQ]
    events: list[Event] = [Scheduled("aa", 1, 9_000, 0), Opened(9_000, 0, "eve")]
    restored = Restored(2, 1_000_000, 2, 9, "paused", 3, "a loss", "eve")
    lines = chained([*enumerate(events, 1), (1_000_000, restored)])
    assert check(lines, receipt).faults == ["seq 5 was lost: the record was restored without it, and says so"]


@pytest.mark.parametrize("examples", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_receipts_of_any_record_verify_and_every_tampering_is_named(examples: int):
    """10,000 receipts in the slow lane, in calls of any sizes."""

    @given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.randoms(use_true_random=False))
    @settings(max_examples=examples, deadline=None, database=None)
    def verify(calls, chance):
        record = published(calls)
        events = PublishedEvents(record.lines)
        for seq, receipt in record.receipts.items():
            verdict = events.check(receipt, KEYS.public)
            assert verdict.is_sound, (seq, verdict.faults)
        receipt = chance.choice(list(record.receipts.values()))
        parts = receipt.split(".")
        number = chance.randrange(1, len(parts))
        at = chance.randrange(max(1, len(parts[number])))
        other = "1" if parts[number][at : at + 1] != "1" else "2"
        changed_part = parts[number][:at] + other + parts[number][at + 1 :]
        tampered = ".".join([*parts[:number], changed_part, *parts[number + 1 :]])
        assert not events.check(tampered, KEYS.public).is_sound, (number, parts[number], changed_part)

    verify()


@pytest.mark.slow
def test_ten_thousand_receipts_verify():
    record = published([512] * 2 + [64] * 100 + [1] * 600 + [7] * 300)
    events = PublishedEvents(record.lines)
    verdicts = [events.check(receipt, KEYS.public) for receipt in record.receipts.values()]
    assert len(verdicts) >= 10_000
    assert all(verdict.is_sound for verdict in verdicts)
