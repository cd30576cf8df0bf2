"""Fixtures for tests on a deployment of processes: one for each test run and worker, repaired before each test."""

import os
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from auction.bootstrap import open_context
from auction.services.context import AppContext
from tests.chaos.deployment import RunningDeployment

_DEPLOYMENT = pytest.StashKey[RunningDeployment]()


@pytest.fixture
def seed() -> int:
    """What drives a test's chances: CHAOS_SEED, or a new one; printed where the test fails."""
    chosen = int(os.environ.get("CHAOS_SEED") or random.randrange(2**32))
    print(f"CHAOS_SEED={chosen}")
    return chosen


@pytest.fixture(scope="session")
def session_deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunningDeployment:
    """The deployment of this run, opened by the first test that needs it, in whichever folder."""
    stash = request.config.stash
    if _DEPLOYMENT not in stash:
        context = RunningDeployment(tmp_path_factory.mktemp("house"))
        request.session.addfinalizer(context.close)
        stash[_DEPLOYMENT] = context
        context.open()
    return stash[_DEPLOYMENT]


@pytest.fixture
def deployment(session_deployment: RunningDeployment) -> Iterator[RunningDeployment]:
    """The deployment with everything running during the test; its logs are printed where the test fails."""
    session_deployment.restore()
    yield session_deployment
    session_deployment.pause()
    print(session_deployment.logs())


@pytest.fixture
async def context(deployment: RunningDeployment) -> AsyncIterator[AppContext]:
    """This process's own connections to the same servers, to set up and to check."""
    # patient: this process does long sums between two calls
    async with open_context(deployment.settings.model_copy(update={"ledger_timeout_ms": 30_000})) as opened:
        yield opened
