import json
from dataclasses import asdict, fields
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auction.books.chain import GENESIS, head_after, line
from auction.domain.events import KINDS, Event, Held, Paused

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
    assert line("launch-001", 2, 7, 1_761_120_000_000, event) == as_anyone_would_write_it(
        "launch-001", 2, 7, 1_761_120_000_000, event
    )


@given(st.lists(events(), min_size=1, max_size=5), st.integers(0, 5))
def test_the_head_covers_every_event_however_they_were_batched(told: list[Event], cut: int) -> None:
    head = GENESIS
    for seq, event in enumerate(told, 4):
        head = sha256(head + as_anyone_would_write_it("x-001", 1, seq, 9, event)).digest()

    first, rest = tuple(told[:cut]), tuple(told[cut:])
    assert head_after(head_after(GENESIS, "x-001", 1, 4, 9, first), "x-001", 1, 4 + len(first), 9, rest) == head


def test_the_head_changes_with_anything_that_is_covered() -> None:
    told: tuple[Event, ...] = (Held(5), Paused(5, "why", "olga"))
    head = head_after(GENESIS, "x-001", 1, 1, 9, told)
    others = [
        head_after(bytes(31) + b"\1", "x-001", 1, 1, 9, told),
        head_after(GENESIS, "x-002", 1, 1, 9, told),
        head_after(GENESIS, "x-001", 2, 1, 9, told),
        head_after(GENESIS, "x-001", 1, 2, 9, told),
        head_after(GENESIS, "x-001", 1, 1, 8, told),
        head_after(GENESIS, "x-001", 1, 1, 9, told[::-1]),
        head_after(GENESIS, "x-001", 1, 1, 9, (Held(5), Paused(5, "why", "olaf"))),
    ]

    assert len({head, *others}) == 8
