import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from structlog.testing import capture_logs

from auction.embedded import EmbeddedError, RestartableServer, RunningServer
from auction.serving import supervisor as supervision
from auction.serving.status import SupervisorStatus, read_failing
from auction.serving.supervisor import ProcessSpec, Supervisor
from tests.cli.processes import is_running, until

# modules that stand in for real processes; each records that it is up, and in which order they end
DRAINING = """
import pathlib, signal, sys, time
def end(*_):
    with open("ended", "a") as ended:
        ended.write(sys.argv[1] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path("up-" + sys.argv[1]).write_text(str(__import__("os").getpid()))
while True:
    time.sleep(1)
"""
STUBBORN = DRAINING.replace("signal.signal(signal.SIGTERM, end)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
DYING = "import sys; sys.exit(3)"
RECOVERING = """
import pathlib, sys, time
if not pathlib.Path("cause-removed").exists():
    sys.exit(3)
pathlib.Path("up-worker").touch()
while True:
    time.sleep(1)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    modules = {"draining": DRAINING, "stubborn": STUBBORN, "dying": DYING, "recovering": RECOVERING}
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


@asynccontextmanager
async def supervised(
    folder: Path,
    *specs: ProcessSpec,
    servers: Sequence[RestartableServer] = (),
    status: SupervisorStatus | None = None,
):
    environment = dict(os.environ) | {"PYTHONPATH": str(folder)}
    supervisor = Supervisor(specs, environment, servers=servers, status=status, folder=folder)
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, running
    finally:
        supervisor.stop()
        supervisor.stop()
        await asyncio.wait({running})


async def eventually(condition):
    return await asyncio.to_thread(until, condition, "what was waited for")


def named(logged: Sequence[Any], event: str) -> list[Any]:
    return [one for one in logged if one["event"] == event]


async def up(folder: Path, name: str) -> int:
    """The process id of what runs under that name."""
    return int(await eventually(lambda: (place := folder / f"up-{name}").exists() and place.read_text()))


async def test_ranks_end_in_their_order(folder):
    specs = [ProcessSpec("worker", "draining", ["worker"], rank=1), ProcessSpec("http", "draining", ["http"], rank=0)]
    async with supervised(folder, *specs) as (supervisor, running):
        await up(folder, "worker")
        await up(folder, "http")
        supervisor.stop()
        assert await running == 0
    assert (folder / "ended").read_text().split() == ["http", "worker"]


async def test_what_dies_is_started_again(folder):
    async with supervised(folder, ProcessSpec("http", "draining", ["http"])) as (_, _running):
        first = await up(folder, "http")
        (folder / "up-http").unlink()
        os.kill(first, signal.SIGKILL)
        second = await up(folder, "http")
        assert second != first


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short delays before a restart, and a short run that counts as working."""
    for name, seconds in {"RESTART_S_MAX": 0.02, "FAILING_S": 0.05, "SERVER_CHECK_S": 0.01}.items():
        monkeypatch.setattr(supervision, name, seconds)
    monkeypatch.setattr(supervision, "RESTART_FIRST_S", 0.01)


@pytest.mark.usefixtures("quick")
async def test_what_keeps_ending_is_reported_and_ends_nothing_else(folder):
    with closing(SupervisorStatus()) as status, capture_logs() as logged:
        specs = [ProcessSpec("worker", "dying"), ProcessSpec("http", "draining", ["http"])]
        async with supervised(folder, *specs, status=status) as (supervisor, running):
            http = await up(folder, "http")
            await eventually(lambda: read_failing(status.fd) == ["worker"])
            # it is still tried
            exits = len(named(logged, "process_died"))
            await eventually(lambda: len(named(logged, "process_died")) > exits)
            assert is_running(http)
            assert (folder / "up-http").read_text() == str(http)
            assert not running.done()
            supervisor.stop()
            assert await running == 0
    assert {event["name"] for event in named(logged, "process_keeps_ending")} == {"worker"}
    assert all(event["log_level"] == "error" for event in named(logged, "process_keeps_ending"))


@pytest.mark.usefixtures("quick")
async def test_what_worked_again_for_a_time_is_no_longer_reported(folder, monkeypatch):
    monkeypatch.setattr(supervision, "STABLE_S", 0.3)
    with closing(SupervisorStatus()) as status:
        specs = [ProcessSpec("worker", "recovering"), ProcessSpec("http", "draining", ["http"])]
        async with supervised(folder, *specs, status=status) as (_, _running):
            await eventually(lambda: read_failing(status.fd) == ["worker"])
            (folder / "cause-removed").touch()
            await eventually(lambda: read_failing(status.fd) == [])
            assert (folder / "up-worker").exists()


@pytest.mark.usefixtures("quick")
async def test_where_nothing_ever_worked_everything_is_stopped(folder):
    async with supervised(folder, ProcessSpec("http", "dying"), ProcessSpec("worker", "dying")) as (
        supervisor,
        running,
    ):
        assert await running == 1
        assert supervisor.failed_process in {"http", "worker"}


class DyingServer(RestartableServer):
    """A server that has died, and that cannot be started so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.running = False

    @property
    def name(self) -> str:
        return "ledger"

    def is_running(self) -> bool:
        return self.running

    def restart(self, abandoned: Event) -> RunningServer:
        if self.failures:
            self.failures -= 1
            raise EmbeddedError("the disk is full")
        self.running = True
        return RunningServer("unix:///s", 4711, Path(), Path(), started=True)


@pytest.mark.usefixtures("quick")
async def test_a_dead_server_is_started_until_it_runs(folder):
    server = DyingServer(failures=10)
    with closing(SupervisorStatus()) as status, capture_logs() as logged:
        async with supervised(folder, ProcessSpec("http", "draining", ["http"]), servers=[server], status=status) as _:
            await eventually(lambda: named(logged, "server_started"))
            assert read_failing(status.fd) == ["ledger"]
            server.running = False
            await eventually(lambda: len(named(logged, "server_started")) == 2)
    assert len(named(logged, "server_start_failed")) == 10
    assert {event["reason"] for event in named(logged, "server_start_failed")} == {"the disk is full"}
    assert named(logged, "server_started")[0]["pid"] == 4711


async def test_a_start_under_way_ends_with_the_supervisor(folder):
    class SlowServer(DyingServer):
        def restart(self, abandoned: Event) -> RunningServer:
            (folder / "up-server").touch()
            abandoned.wait()
            raise EmbeddedError("abandoned")

    async with supervised(folder, ProcessSpec("http", "draining", ["http"]), servers=[SlowServer(0)]) as (
        supervisor,
        running,
    ):
        await eventually((folder / "up-server").exists)
        await up(folder, "http")
        supervisor.stop()
        assert await running == 0


async def test_a_second_stop_kills_what_does_not_drain(folder):
    async with supervised(folder, ProcessSpec("http", "stubborn", ["http"])) as (supervisor, running):
        pid = await up(folder, "http")
        supervisor.stop()
        assert not running.done()
        supervisor.stop()
        assert await running == 0
        assert not is_running(pid)


async def test_a_time_out_kills_what_does_not_drain(folder, monkeypatch):
    monkeypatch.setattr(supervision, "DRAIN_S", 0.2)
    async with supervised(folder, ProcessSpec("http", "stubborn", ["http"])) as (supervisor, running):
        pid = await up(folder, "http")
        supervisor.stop()
        assert await running == 0
        assert not is_running(pid)


async def test_a_cancelled_supervisor_still_ends_its_processes(folder):
    async with supervised(folder, ProcessSpec("http", "draining", ["http"])) as (_, running):
        pid = await up(folder, "http")
        running.cancel()
        await asyncio.wait({running})
        await eventually(lambda: not is_running(pid))
