"""Fixtures of the tests that need a house of processes: one a test run and worker, whole again before each test."""

import os
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from auction.bootstrap import open_context
from auction.services.context import AppContext
from tests.chaos.deployment import RunningDeployment

_HOUSE = pytest.StashKey[RunningDeployment]()


@pytest.fixture
def seed() -> int:
    """What drives a test's chances: CHAOS_SEED, or a new one; printed where the test fails."""
    chosen = int(os.environ.get("CHAOS_SEED") or random.randrange(2**32))
    print(f"CHAOS_SEED={chosen}")
    return chosen


@pytest.fixture(scope="session")
def first_start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunningDeployment:
    """The house of this run; opened by whoever asks first, whichever folder of tests that is."""
    stash = request.config.stash
    if _HOUSE not in stash:
        context = RunningDeployment(tmp_path_factory.mktemp("house"))
        request.session.addfinalizer(context.close)
        stash[_HOUSE] = context
        context.open()
    return stash[_HOUSE]


@pytest.fixture
def standing(first_start: RunningDeployment) -> Iterator[RunningDeployment]:
    """The house with everything running; what its processes said is printed where the test fails."""
    first_start.restore()
    yield first_start
    print(first_start.logs())


@pytest.fixture
async def context(standing: RunningDeployment) -> AsyncIterator[AppContext]:
    """This process's own way into the same house, to set up and to check."""
    # patient: this process does long sums between two calls
    async with open_context(standing.settings.model_copy(update={"ledger_timeout_ms": 30_000})) as opened:
        yield opened
