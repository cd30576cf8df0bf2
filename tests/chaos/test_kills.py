"""`kill -9` at any instant, under load: what was acknowledged is there afterwards, once, and the archive has it once."""

import asyncio
from random import Random

import pytest

from auction.services.context import AppContext
from tests.chaos.deployment import RunningDeployment
from tests.chaos.record import archive_moves
from tests.chaos.workload import KILLS, kill_everything, run_workload

FAULTS = {**KILLS, "all of them": kill_everything}
USUAL = {"the worker", "the ledger", "all of them"}


@pytest.mark.parametrize(
    "victim", [name if name in USUAL else pytest.param(name, marks=pytest.mark.slow) for name in FAULTS]
)
async def test_nothing_acknowledged_is_lost_when_they_are_killed(
    deployment: RunningDeployment, context: AppContext, seed: int, victim: str
) -> None:
    chance = Random(seed)
    async with run_workload(deployment, context, seed):
        await asyncio.sleep(chance.uniform(0, 0.2))
        await asyncio.to_thread(FAULTS[victim], deployment)


@pytest.mark.slow
async def test_a_worker_killed_15_times_archives_each_bid_once(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    chance = Random(seed)
    async with run_workload(deployment, context, seed) as workload:
        for _ in range(15):
            await asyncio.to_thread(deployment.restore)
            await archive_moves(context, workload.history.lot_id)
            await asyncio.sleep(chance.uniform(0, 0.2))
            await asyncio.to_thread(deployment.worker.kill)
            await workload.until_accepted(5)


@pytest.mark.slow
@pytest.mark.parametrize("run", range(3))
async def test_nothing_acknowledged_is_lost_in_a_long_storm_of_kills(
    deployment: RunningDeployment, context: AppContext, seed: int, run: int
) -> None:
    chance = Random(seed)
    async with run_workload(deployment, context, seed) as workload:
        for _ in range(20):
            await asyncio.sleep(chance.expovariate(4))
            await asyncio.to_thread(FAULTS[chance.choice(list(FAULTS))], deployment)
            await asyncio.sleep(chance.expovariate(8))
            await asyncio.to_thread(deployment.restore)
            await workload.until_accepted(5)
