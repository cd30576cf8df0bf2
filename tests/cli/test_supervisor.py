import asyncio
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auction.serving import supervisor as supervision
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"draining": DRAINING, "stubborn": STUBBORN, "dying": DYING}.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


@asynccontextmanager
async def supervised(folder: Path, *specs: ProcessSpec):
    environment = dict(os.environ) | {"PYTHONPATH": str(folder)}
    supervisor = Supervisor(specs, environment, folder=folder)
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, running
    finally:
        supervisor.stop()
        supervisor.stop()
        await asyncio.wait({running})


async def eventually(condition):
    return await asyncio.to_thread(until, condition, "what was waited for")


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


async def test_what_keeps_dying_stops_everything(folder, monkeypatch):
    monkeypatch.setattr(supervision, "RESTART_S_MAX", 0.05)
    async with supervised(folder, ProcessSpec("http", "dying"), ProcessSpec("worker", "draining", ["worker"])) as (
        supervisor,
        running,
    ):
        assert await running == 1
        assert supervisor.failed_process == "http"
    if (folder / "up-worker").exists():
        assert not is_running(int((folder / "up-worker").read_text()))


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
