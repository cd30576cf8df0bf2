"""Fixtures of the tests that need a house of processes: one a test run and worker, whole again before each test."""

import os
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from auction.bootstrap import open_house
from auction.services.house import House
from tests.chaos.houses import RunningHouse

_HOUSE = pytest.StashKey[RunningHouse]()


@pytest.fixture
def seed() -> int:
    """What drives a test's chances: CHAOS_SEED, or a new one; printed where the test fails."""
    chosen = int(os.environ.get("CHAOS_SEED") or random.randrange(2**32))
    print(f"CHAOS_SEED={chosen}")
    return chosen


@pytest.fixture(scope="session")
def first_start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunningHouse:
    """The house of this run; opened by whoever asks first, whichever folder of tests that is."""
    stash = request.config.stash
    if _HOUSE not in stash:
        house = RunningHouse(tmp_path_factory.mktemp("house"))
        request.session.addfinalizer(house.close)
        stash[_HOUSE] = house
        house.open()
    return stash[_HOUSE]


@pytest.fixture
def standing(first_start: RunningHouse) -> Iterator[RunningHouse]:
    """The house with everything running; what its processes said is printed where the test fails."""
    first_start.restore()
    yield first_start
    print(first_start.logs())


@pytest.fixture
async def house(standing: RunningHouse) -> AsyncIterator[House]:
    """This process's own way into the same house, to set up and to check."""
    # patient: this process does long sums between two calls
    async with open_house(standing.settings.model_copy(update={"ledger_timeout_ms": 30_000})) as opened:
        yield opened
