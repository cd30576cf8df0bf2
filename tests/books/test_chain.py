import json
from dataclasses import asdict, fields
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auction.books.chain import GENESIS, full_line, head_after
from auction.books.public_lines import PRIVATE, commitment, packed_private, public_line, salt_of
from auction.domain.events import KINDS, BidPlaced, Closed, Event, Held, Paused

SECRET = bytes(range(32))
WHOLE = st.integers(-1, 10**13)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind: Any = draw(st.sampled_from(sorted(KINDS.values(), key=lambda kind: kind.kind)))
    event: Event = kind(*(draw(WHOLE if f.type is int else TEXT) for f in fields(kind)))
    return event


def as_anyone_would_write_it(lot_id: str, epoch: int, seq: int, at_ms: int, event: Event) -> bytes:
    told = [lot_id, epoch, seq, at_ms, event.kind, asdict(event)]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


@given(events())
def test_the_canonical_line_is_what_plain_json_writes(event: Event) -> None:
    assert full_line("launch-001", 2, 7, 1_761_120_000_000, event) == as_anyone_would_write_it(
        "launch-001", 2, 7, 1_761_120_000_000, event
    )


@given(st.lists(events(), min_size=1, max_size=5), st.integers(0, 5))
def test_the_head_covers_every_event_however_they_were_batched(told: list[Event], cut: int) -> None:
    head = GENESIS
    for seq, event in enumerate(told, 4):
        head = sha256(head + as_anyone_would_write_it("x-001", 1, seq, 9, event)).digest()

    first, rest = tuple(told[:cut]), tuple(told[cut:])
    assert (
        head_after(head_after(GENESIS, None, "x-001", 1, 4, 9, first), None, "x-001", 1, 4 + len(first), 9, rest)
        == head
    )


@given(events())
def test_a_public_line_holds_the_public_fields_and_commits_to_the_others(event: Event) -> None:
    own = {name: value for name, value in asdict(event).items() if name not in {"epoch", "seq"}}
    private = {name: value for name, value in own.items() if name in PRIVATE}
    expected = {"lot_id": "x-001", "epoch": 2, "seq": 7, "at_ms": 99, "type": event.kind}
    expected |= {name: value for name, value in own.items() if name not in PRIVATE}
    if private:
        salt = sha256(SECRET + bytes(7) + b"\7").digest()[:16]
        written = json.dumps(private, ensure_ascii=False, separators=(",", ":")).encode()
        expected["commitment"] = sha256(salt + written).hexdigest()
        assert expected["commitment"] == commitment(salt_of(SECRET, 7), packed_private(event))
    written = json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()
    assert public_line(SECRET, "x-001", 2, 7, 99, event) == written


def test_no_public_line_says_who_is_behind_a_paddle_or_what_they_would_have_paid() -> None:
    bid = BidPlaced("bidder-ann", 3, 77_700, "key-of-ann", 500, 1, 9)
    line = json.loads(public_line(SECRET, "x-001", 1, 7, 9, bid))
    assert line == {
        "lot_id": "x-001", "epoch": 1, "seq": 7, "at_ms": 9, "type": "bid", "paddle": 3, "price_fen": 500,
        "leading": 1, "ends_at_ms": 9, "commitment": line["commitment"],
    }  # fmt: skip
    closed = Closed("sold", 500, "bidder-ann", 3, "time", "", "staff-olga")
    assert b"ann" not in public_line(SECRET, "x-001", 1, 8, 9, closed)
    assert b"olga" not in public_line(SECRET, "x-001", 1, 8, 9, closed)


def test_commitments_to_the_same_values_differ_from_event_to_event_and_from_lot_to_lot() -> None:
    bid = BidPlaced("ann", 3, 700, "key", 500, 1, 9)
    found = {
        json.loads(public_line(secret, "x-001", 1, seq, 9, bid))["commitment"]
        for secret in (SECRET, bytes(32))
        for seq in (7, 8)
    }
    assert len(found) == 4


def test_every_text_of_a_bidder_or_of_staff_is_private_but_reasons() -> None:
    """A new field of text has to be looked at: whether everybody may see it."""
    public = {
        field.name
        for kind in KINDS.values()
        for field in fields(kind)
        if field.type is str and field.name not in PRIVATE
    }
    assert public == {"reason", "outcome", "cause", "status"}


def test_the_head_changes_with_anything_that_is_covered() -> None:
    told: tuple[Event, ...] = (Held(5), Paused(5, "why", "olga"))
    head = head_after(GENESIS, SECRET, "x-001", 1, 1, 9, told)
    others = [
        head_after(bytes(31) + b"\1", SECRET, "x-001", 1, 1, 9, told),
        head_after(GENESIS, SECRET, "x-002", 1, 1, 9, told),
        head_after(GENESIS, SECRET, "x-001", 2, 1, 9, told),
        head_after(GENESIS, SECRET, "x-001", 1, 2, 9, told),
        head_after(GENESIS, SECRET, "x-001", 1, 1, 8, told),
        head_after(GENESIS, SECRET, "x-001", 1, 1, 9, told[::-1]),
        head_after(GENESIS, bytes(32), "x-001", 1, 1, 9, told),
        head_after(GENESIS, None, "x-001", 1, 1, 9, told),
        head_after(GENESIS, SECRET, "x-001", 1, 1, 9, (Held(5), Paused(5, "why", "olaf"))),
    ]

    assert len({head, *others}) == 10
