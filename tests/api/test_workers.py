"""The workers of one process on real servers: one that fails is run again alone, and the others go on."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from auction.services.context import AppContext
from auction.workers import runner
from auction.workers.archiver import Archiver
from auction.workers.cashier import Cashier
from auction.workers.clerk import Clerk
from auction.workers.runner import run_workers
from auction.workers.settler import Settler
from tests.api.conftest import Asker

STEPS: dict[str, tuple[type, str]] = {
    "archiver": (Archiver, "_run_shard"),
    "clerk": (Clerk, "meet_deadlines"),
    "settler": (Settler, "settle"),
    "cashier": (Cashier, "perform_operations"),
}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.01)


async def archived(context: AppContext) -> int:
    async with context.books.reading() as tx:
        return int(await tx.session.scalar(text("SELECT count(*) FROM bids")) or 0)


@pytest.mark.parametrize("failing", STEPS)
async def test_a_worker_that_fails_is_run_again_and_the_others_go_on(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr(runner, "RESTART_S_MIN", 0.01)
    monkeypatch.setattr(runner, "RESTART_S_MAX", 0.02)
    fails = True
    done: Counter[str] = Counter()

    def watch(name: str, owner: type, step: str) -> None:
        original = getattr(owner, step)

        async def watched(self: Any, *given: Any) -> Any:
            if fails and name == failing:
                raise ZeroDivisionError("a fault of this worker")
            done[name] += 1
            return await original(self, *given)

        monkeypatch.setattr(owner, step, watched)

    for name, (owner, step) in STEPS.items():
        watch(name, owner, step)
    lot_id = await asker.open_lot()
    stopping = asyncio.Event()
    with capture_logs() as logged:
        working = asyncio.create_task(run_workers(context, stopping, keep_ms=3_600_000))

        def failures() -> list[Any]:
            return [event for event in logged if event["event"] == "worker_failed"]

        async def failed_again_while_others_worked() -> bool:
            assert not working.done()
            others = [name for name in STEPS if name not in {failing, "archiver"}]
            return len(failures()) >= 3 and all(done[name] >= 3 for name in others)

        await until(failed_again_while_others_worked)
        assert (await asker.bid(lot_id, 100)).status_code == 201

        async def is_archived() -> bool:
            return await archived(context) == 1

        if failing != "archiver":
            await until(is_archived)
        assert done[failing] == 0
        fails = False
        # what was not done meanwhile is made up for
        await until(is_archived)

        async def works_again() -> bool:
            return done[failing] > 0

        await until(works_again)
        stopping.set()
        await working
    assert {event["worker"] for event in failures()} == {failing}
    assert all(event["exc_info"] and event["log_level"] == "error" for event in failures())


async def test_a_worker_that_waits_to_be_run_again_delays_no_stop(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: Archiver) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Archiver, "run", fail)
    monkeypatch.setattr(runner, "RESTART_S_MIN", 3_000.0)
    monkeypatch.setattr(runner, "RESTART_S_MAX", 3_000.0)
    stopping = asyncio.Event()
    with capture_logs() as logged:
        working = asyncio.create_task(run_workers(context, stopping, keep_ms=3_600_000))
        while not any(event["event"] == "worker_failed" for event in logged):  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)
        stopping.set()
        await working
