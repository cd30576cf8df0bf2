"""Whoever asks with the revision that they were given knows everything, whichever process answers."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.services.change_log import REVISION_LENGTH_MAX, REVISION_PATTERN, TOLD_MAX, ChangeLog, Seen, SharedReading

NAMES = "abcd"
STEPS = st.lists(st.tuples(st.integers(0, 2), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), max_size=4)))


@given(steps=STEPS, forgets=st.integers(0, 40))
def test_what_was_told_adds_up_to_what_there_is_whichever_process_answers(
    steps: list[tuple[int, dict[str, int]]], forgets: int
) -> None:
    logs = [ChangeLog[int]() for _ in range(3)]
    world = dict.fromkeys(NAMES, 0)
    known: dict[str, int] = {}
    revision: str | None = None
    for number, (process, changes) in enumerate(steps):
        world |= changes
        if number == forgets:
            logs[process] = ChangeLog()  # started again
        logs[process].note({name: Seen(thing, thing) for name, thing in world.items()})
        told = logs[process].since(revision)
        known = dict(told.things) if told.is_complete else known | told.things
        revision = told.revision
        assert known == world


def test_nothing_is_told_where_nothing_changed() -> None:
    log = ChangeLog[int]()
    log.note({"a": Seen(1, 1), "b": Seen(1, 1)})
    first = log.since(None)
    assert (first.things, first.is_complete) == ({"a": 1, "b": 1}, True)
    log.note({"a": Seen(1, 1), "b": Seen(2, 2)})
    log.note({"a": Seen(1, 1), "b": Seen(2, 2)})
    second = log.since(first.revision)
    assert (second.things, second.is_complete) == ({"b": 2}, False)
    assert log.since(second.revision).things == {}
    assert log.since("00000000-7").is_complete


def test_a_reader_who_was_told_too_much_elsewhere_begins_again() -> None:
    here, elsewhere = ChangeLog[int](), ChangeLog[int]()
    here.note({"a": Seen(1, 1)})
    elsewhere.note({f"lot {number}": Seen(1, 1) for number in range(TOLD_MAX + 1)})
    revision = elsewhere.since(here.since(None).revision).revision
    assert re.fullmatch(REVISION_PATTERN, revision)
    assert here.since(revision).is_complete


@given(asked=st.lists(st.integers(0, 11), max_size=40))
def test_a_revision_keeps_to_its_form_and_length(asked: list[int]) -> None:
    logs = [ChangeLog[int]() for _ in range(12)]
    revision: str | None = None
    for step, process in enumerate(asked):
        logs[process].note({f"lot {number}": Seen(step, step) for number in range(step % 9)})
        revision = logs[process].since(revision).revision
        assert re.fullmatch(REVISION_PATTERN, revision)
        assert len(revision) <= REVISION_LENGTH_MAX


def test_what_is_gone_makes_readers_begin_again() -> None:
    log = ChangeLog[int]()
    log.note({"a": Seen(1, 1), "b": Seen(1, 1)})
    first = log.since(None)
    log.note({"a": Seen(1, 1)})
    assert log.since(first.revision).is_complete
    assert log.since(first.revision).things == {"a": 1}


async def test_those_who_ask_during_a_reading_share_the_next_one() -> None:
    shared, held = SharedReading(), asyncio.Event()
    readings: list[int] = []

    async def read() -> None:
        readings.append(len(readings))
        await held.wait()

    first = asyncio.create_task(shared.join(read))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(shared.join(read)) for _ in range(5)]
    await asyncio.sleep(0)
    assert readings == [0]
    held.set()
    await asyncio.gather(first, *later)
    assert readings == [0, 1]


async def test_a_reading_that_fails_fails_for_those_who_shared_it_alone() -> None:
    shared = SharedReading()

    async def fail() -> None:
        raise ConnectionError

    async def succeed() -> None:
        return None

    with pytest.raises(ConnectionError):
        await shared.join(fail)
    await shared.join(succeed)
