"""The ledger's time, from what its answers say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live.clock import DRIFT_MS, LedgerClock


class Clock:
    """A local clock to be set."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def local() -> Clock:
    return Clock()


def test_the_time_of_an_answer_is_that_of_the_middle_of_its_round_trip(local):
    clock = LedgerClock(local)
    clock.add(1_000.0, 5_000_000.0, 1_000.2)
    local.s = 1_000.1
    assert clock.now_ms() == 5_000_000


def test_the_quickest_answer_counts(local):
    clock = LedgerClock(local)
    clock.add(1_000.0, 5_000_000.0, 1_000.0)
    clock.add(1_001.0, 5_001_000.0 + 90, 1_001.2)
    local.s = 1_002.0
    assert clock.now_ms() == 5_002_000


def test_an_answer_that_contradicts_the_others_means_that_the_ledgers_clock_was_set(local):
    clock = LedgerClock(local)
    clock.add(1_000.0, 5_000_000.0, 1_000.0)
    clock.add(1_001.0, 9_001_000.0, 1_001.01)
    local.s = 1_001.005
    assert clock.now_ms() == 9_001_000


def test_old_answers_are_forgotten(local):
    clock = LedgerClock(local)
    clock.add(1_000.0, 5_000_000.0, 1_000.0)
    for second in range(1, 9):
        clock.add(1_000.0 + second, 5_000_000.0 + 1_000 * second + 15, 1_000.001 + second)
    local.s = 1_010.0
    assert clock.now_ms() == pytest.approx(5_010_015, abs=2)


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=20), st.data())
def test_the_error_is_never_more_than_half_the_quickest_round_trip(round_trips, data):
    local = Clock()
    clock = LedgerClock(local)
    for number, round_trip_s in enumerate(round_trips):
        asked_s = 1_000.0 + number
        there_s = asked_s + round_trip_s * data.draw(st.floats(0, 1))
        clock.add(asked_s, 5_000_000.0 + there_s * 1_000, asked_s + round_trip_s)
    local.s = 2_000.0
    quickest_s = min(round_trips[-8:])
    assert abs(clock.now_ms() - 7_000_000) <= quickest_s * 500 + 1


async def test_a_real_ledger_tells_its_time(ledger):
    clock = LedgerClock()
    for _ in range(5):
        await clock.sample(ledger)
    before_ms = await ledger.now_ms()
    now_ms = clock.now_ms()
    after_ms = await ledger.now_ms()
    doubt_ms = clock._best().round_trip_ms / 2 + DRIFT_MS
    assert before_ms - doubt_ms <= now_ms <= after_ms + doubt_ms
