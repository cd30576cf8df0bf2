"""A published record, checked with nothing but the file: whatever was done to it is named, with its line."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

import pytest

from auction.books.chain import GENESIS, head_with
from auction.books.public_lines import public_line
from auction.domain.events import Admitted, BidPlaced, Closed, Event, Opened, Restored, Scheduled
from auction.services.verification.published_record import RecordVerdict, check_record
from auction.signing.house_keys import HouseKeys
from auction.signing.public_keys import encode_url
from auction.signing.record_end import RecordEnd

SECRET = bytes(32)
LOT = "launch-001"
KEYS = HouseKeys.transient()
Tamper = Callable[[list[bytes]], list[bytes]]


def chained(events: list[tuple[int, Event]], times: Mapping[int, int] | None = None) -> list[bytes]:
    """The lines of a record, as they are published; `times`: seq -> its time, where it is not 1,000 later."""
    head, lines = GENESIS, []
    for seq, event in events:
        at_ms = 1_000 + seq if times is None else times.get(seq, 1_000 + seq)
        line = public_line(SECRET, LOT, 1, seq, at_ms, event)
        head = head_with(head, line)
        lines.append(line[:-1] + b',"head":"' + head.hex().encode() + b'"}\n')
    return [*lines, signed_end(RecordEnd(LOT, 1, events[-1][0], len(lines), head.hex()))]


def signed_end(end: RecordEnd, keys: HouseKeys = KEYS) -> bytes:
    key = keys.key_at(0)
    signature = encode_url(key.sign(end.statement()))
    return json.dumps({"type": "end", **asdict(end), "kid": key.kid, "signature": signature}).encode() + b"\n"


BIDS = [BidPlaced("ann", 1, 100 * number, f"key-{number}", 100 * number, 1, 9_000) for number in range(1, 5)]
EVENTS: list[Event] = [
    Scheduled("aa", 1, 9_000, 0),
    Admitted("ann", 1, -1, -1),
    Opened(9_000, 0, "eve"),
    *BIDS,
    Closed("sold", 400, "ann", 1, "time", "", ""),
]
RECORD = chained(list(enumerate(EVENTS, 1)))


def found(lines: list[bytes]) -> list[tuple[int, str]]:
    return [(fault.line, fault.what) for fault in check_record(lines, KEYS.public).faults]


def test_a_record_as_it_was_published_is_sound():
    head = json.loads(RECORD[-1])["head"]
    assert check_record(RECORD) == RecordVerdict(LOT, 8, head, [])
    assert check_record(RECORD, KEYS.public) == RecordVerdict(LOT, 8, head, [], KEYS.key_at(0).kid)
    assert found([line.replace(b"\n", b"\r\n") for line in RECORD]) == []


def test_a_restored_record_leaves_out_the_seqs_that_it_names():
    restored = Restored(2, 1_000_000, 5, 7, "paused", 3, "a loss", "eve")
    events = [*enumerate(EVENTS[:5], 1), (1_000_000, restored), (1_000_001, EVENTS[-1])]
    assert found(chained(events)) == []
    events[5] = (1_000_000, Restored(2, 1_000_000, 4, 7, "paused", 3, "a loss", "eve"))
    assert found(chained(events)) == [(6, "seq 6 is missing before seq 1000000: a line was left out")]


def put(number: int, to: int) -> Tamper:
    def moved(lines: list[bytes]) -> list[bytes]:
        rest = [*lines[: number - 1], *lines[number:]]
        return [*rest[: to - 1], lines[number - 1], *rest[to - 1 :]]

    return moved


FORGED = RECORD[4].replace(b'"price_fen":200', b'"price_fen":250')
ELSEWHERE = RECORD[4].replace(b"launch-001", b"launch-002")
TAMPERINGS: dict[str, tuple[Tamper, int, str]] = {
    "a price changed": (lambda lines: [*lines[:4], FORGED, *lines[5:]], 5, "changed"),
    "a head changed": (lambda lines: [*lines[:4], lines[4].replace(b'"head":"', b'"head":"0')[:-4] + b'"}\n', *lines[5:]], 5, "changed"),
    "a line dropped": (lambda lines: [*lines[:4], *lines[5:]], 5, "seq 5 is missing"),
    "the first line dropped": (lambda lines: lines[1:], 1, "seq 1 is missing"),
    "the last event dropped": (lambda lines: [*lines[:7], lines[8]], 8, "the record has 8 events, the file 7"),
    "two lines swapped": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 5, "put elsewhere"),
    "a line moved to the front": (put(6, 1), 1, "put elsewhere"),
    "a line doubled": (lambda lines: [*lines[:5], lines[4], *lines[5:]], 6, "seq 5 of line 5 is there again"),
    "a line doubled later": (lambda lines: [*lines[:7], lines[4], *lines[7:]], 8, "seq 5 of line 5 is there again"),
    "a line inserted": (lambda lines: [*lines[:5], FORGED, *lines[5:]], 6, "one of them was added"),
    "a line of another lot": (lambda lines: [*lines[:4], ELSEWHERE, *lines[5:]], 5, "it is of lot launch-002"),
    "a line that is none": (lambda lines: [*lines[:5], b"\n", *lines[5:]], 6, "no line of a record"),
    "a line of something else": (lambda lines: [*lines[:5], b'{"a":1}\n', *lines[5:]], 6, "no line of a record"),
    "cut between lines": (lambda lines: lines[:6], 7, "the file was cut"),
    "cut within a line": (lambda lines: [*lines[:6], lines[6][:40]], 7, "changed, or cut"),
    "cut at the end": (lambda lines: lines[:-1], 9, "the file was cut"),
    "nothing left": (lambda _: [], 1, "the file was cut"),
    "a line after the end": (lambda lines: [*lines, lines[3]], 10, "it was added"),
    "another lot's end": (lambda lines: [*lines[:-1], lines[-1].replace(b"-001", b"-002")], 9, "the end of lot launch-002"),
    "another end": (lambda lines: [*lines[:-1], lines[-1].replace(b'"head": "', b'"head": "0')], 9, "another head"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_what_was_done_to_a_record_is_named_with_its_line(name: str):
    tamper, line, what = TAMPERINGS[name]
    faults = found(tamper(list(RECORD)))
    assert faults[0][0] == line, faults
    assert what in faults[0][1], faults


def changed_end(**facts: object) -> list[bytes]:
    return [*RECORD[:-1], json.dumps(json.loads(RECORD[-1]) | facts).encode() + b"\n"]


def without(name: str) -> list[bytes]:
    end = json.loads(RECORD[-1])
    del end[name]
    return [*RECORD[:-1], json.dumps(end).encode()]


@pytest.mark.parametrize(
    "lines, what",
    [
        (changed_end(epoch=2), "the record ends at epoch 2, the file at 1"),
        (changed_end(seq=9), "the record ends at seq 9, the file at 8"),
        (changed_end(events=7), "the record has 7 events, the file 8"),
        (changed_end(signature="A" * 86), "the signature is not of this end"),
        (changed_end(signature=json.loads(RECORD[-1])["signature"][:-1] + "!"), "the signature is not of this end"),
        (changed_end(signature=5), "the signature is not of this end"),
        (without("events"), "the signature is not of this end"),
        (without("signature"), "the end of the record is not signed"),
        (changed_end(kid=None), "the end of the record is not signed"),
        (changed_end(kid="another"), "a key that is not among those given: another"),
    ],
)
def test_an_end_that_the_house_did_not_sign_is_named(lines: list[bytes], what: str):
    faults = found(lines)
    assert any(line == 9 and what in said for line, said in faults), faults
    assert check_record(lines, KEYS.public).signed_by is None


def test_a_record_that_another_signed_is_named():
    end = json.loads(RECORD[-1])
    stated = RecordEnd(**{name: end[name] for name in RecordEnd.__slots__})
    other = HouseKeys.transient()
    ((line, what),) = found([*RECORD[:-1], signed_end(stated, other)])
    assert (line, what.endswith(other.key_at(0).kid)) == (9, True)
    # under the name of the house's own key
    forged = json.loads(signed_end(stated, other)) | {"kid": KEYS.key_at(0).kid}
    ((line, what),) = found([*RECORD[:-1], json.dumps(forged).encode()])
    assert (line, what.startswith("the signature is not of this end")) == (9, True)


def test_a_record_that_was_chained_anew_does_not_have_the_houses_signature():
    forged = list(enumerate([*EVENTS[:4], BidPlaced("bob", 2, 250, "key-x", 250, 1, 9_000), *EVENTS[5:]], 1))
    lines = chained(forged)
    lines[-1] = json.dumps(json.loads(lines[-1]) | {"signature": json.loads(RECORD[-1])["signature"]}).encode()
    assert check_record(lines).is_sound
    ((line, what),) = found(lines)
    assert (line, "chained anew" in what) == (9, True)


def test_of_a_record_that_was_chained_anew_the_head_differs():
    """What the file alone cannot show; so its head is printed, to be compared."""
    forged = list(enumerate([*EVENTS[:4], BidPlaced("bob", 2, 250, "key-x", 250, 1, 9_000), *EVENTS[5:]], 1))
    verdict = check_record(chained(forged))
    assert verdict.is_sound
    assert verdict.head != check_record(RECORD).head
