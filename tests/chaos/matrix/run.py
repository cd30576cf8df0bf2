"""One run of the matrix: a fault, a seed; what it cost, or PromiseBroken."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from auction.services.verification.verdicts import verify_lots
from tests.chaos.checkers import PromiseBroken
from tests.chaos.matrix.faults import Fault
from tests.chaos.matrix.ledger_files import small_disk
from tests.chaos.matrix.losses import RECOVERY, Losses, check_losses
from tests.chaos.matrix.scene import Host, Scene, Worker
from tests.chaos.record import Record, caught_up, read_archive
from tests.ledger.server_process import OwnServer

CLOCK = Path(__file__).parents[1] / "clock_offset.c"


class CannotRun(Exception):
    """This machine lacks what the fault needs."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Bids acknowledged in a run, how many of them were lost, and how many of those are named."""

    acknowledged: int
    lost: int
    listed: int


async def run(fault: Fault, seed: int, books_url: str, books_pids: list[int]) -> Cost:
    """Run a fault under a seed and check everything. Raises PromiseBroken, CannotRun."""
    async with _scene(fault, seed, books_url, books_pids) as scene:
        await scene.begin()
        await fault.do(scene)
        await scene.recover()
        await scene.stop_bidding()
        await caught_up(scene.context)
        records = {lot_id: await read_archive(scene.context, lot_id) for lot_id in scene.histories}
        found = [await _check(scene, fault, lot_id, record) for lot_id, record in records.items()]
        verdict = await verify_lots(scene.context, list(records))
        assert not verdict.breaches, verdict.breaches
    return Cost(*(sum(getattr(one, name) for one in found) for name in ("acknowledged", "lost", "listed")))


async def _check(scene: Scene, fault: Fault, lot_id: str, record: Record) -> Losses:
    history = scene.histories[lot_id]
    losses = await check_losses(scene.context, history, record, is_forked=scene.is_forked)
    if losses.lost and not fault.may_lose:
        raise PromiseBroken(RECOVERY, f"{losses.lost} bids are lost where nothing may be")
    await scene.ask_again(lot_id, losses.kept)
    return await check_losses(scene.context, history, record, is_forked=scene.is_forked)


@asynccontextmanager
async def _scene(fault: Fault, seed: int, books_url: str, books_pids: list[int]) -> AsyncIterator[Scene]:
    chance = Random(seed)
    async with AsyncExitStack() as standing:
        folder = Path(standing.enter_context(tempfile.TemporaryDirectory(prefix="matrix-", dir="/tmp")))
        hosts = [Host(folder / name, books_url) for name in ("a", "b")]
        staff = Host(folder / "staff", books_url, timeout_ms=60_000)
        ledger = OwnServer(None, _replication(fault))
        spare = None
        if fault.has_spare:
            spare = OwnServer(None, _replication(fault), _clock(fault.spare_offset_s))
        scene = Scene(chance, ledger, spare, hosts, staff, books_pids, Worker(chance.choice(hosts)))
        standing.push_async_callback(scene.close)
        if fault.disk is not None:
            try:
                standing.enter_context(small_disk(ledger.folder, fault.disk))
            except PermissionError as error:
                raise CannotRun(f"no disk of its own can be mounted here: {error}") from error
        await ledger.start()
        if spare is not None:
            await spare.start()
        yield scene


def _replication(fault: Fault) -> dict[str, str]:
    """Settings of servers that replicate, which goes by TCP."""
    if not fault.has_spare:
        return {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {"port": str(port), "bind": "127.0.0.1", "repl-diskless-sync-delay": "0"}


def _clock(offset_s: int) -> dict[str, str]:
    return {"LD_PRELOAD": str(_clock_library()), "CLOCK_OFFSET_S": str(offset_s)} if offset_s else {}


@cache
def _clock_library() -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CannotRun("no C compiler on PATH to build what moves a server's clock")
    library = Path(tempfile.mkdtemp(prefix="clock-")) / "clock_offset.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, CLOCK, "-ldl"], check=True)
    return library
