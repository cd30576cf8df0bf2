"""Keeps the processes of a house running: starts them, restarts what dies, and drains them in order when told to.

Beside the bid's way. The processes live as long as this one does: each holds the end of a pipe that closes when this
process is gone, even by `kill -9` (`auction.serving.parent_watchdog`). They are in process groups of their own: Ctrl-C
at the terminal reaches this process alone, which then stops them in order.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger("auction.supervisor")

RESTART_FIRST_S, RESTART_S_MAX = 0.1, 5.0
"""The wait before a restart doubles with each death in DEATHS_WITHIN_S."""
DEATHS_MAX, DEATHS_WITHIN_S = 8, 60.0
"""So many deaths of one process in that time, and everything is stopped."""
DRAIN_S = 20.0
"""How long a process may take to drain before it is killed; longer than its own time-outs."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A module to keep running: `rank` orders the stop, lower first."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    fds: Sequence[int] = ()
    rank: int = 0


@dataclass(slots=True)
class SupervisedProcess:
    """A duty and the process that does it now."""

    spec: ProcessSpec
    process: asyncio.subprocess.Process | None = None
    deaths: deque[float] = field(default_factory=deque)
    """When it died lately, by the monotonic clock."""

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is a process that has not ended."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


class Supervisor:
    """The processes of one house. `run` once; `stop` to drain, again to kill."""

    def __init__(
        self,
        duties: Sequence[ProcessSpec],
        environment: Mapping[str, str],
        *,
        folder: Path | None = None,
        output: int | None = None,
        before_drain: Callable[[], None] = lambda: None,
    ) -> None:
        """`folder`, `output`: where the processes work and print (None: where this one does).

        `before_drain` is done as a stop begins.
        """
        self._posts = [SupervisedProcess(spec) for spec in duties]
        self._environment = dict(environment)
        self._folder = folder
        self._output = output
        self._before_drain = before_drain
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()
        self._given_up_on: str | None = None
        self._lifeline = -1

    @property
    def given_up_on(self) -> str | None:
        """The name of what kept dying, where everything was stopped for it."""
        return self._given_up_on

    def stop(self) -> None:
        """Drain; called again: kill what is left."""
        if self._stopping.is_set():
            self._hurrying.set()
        self._stopping.set()

    async def run(self) -> int:
        """Keep everything running until `stop`; 0, or 1 where something kept dying."""
        self._lifeline, ours = os.pipe()
        keeping = {post.spec.name: asyncio.create_task(self._keep(post)) for post in self._posts}
        for task in keeping.values():
            # a keeper ends before the stop only when it has given up
            task.add_done_callback(lambda _: self._stopping.set())
        try:
            await self._stopping.wait()
        finally:
            self._stopping.set()
            # what is shielded goes on when this task is cancelled: nothing is left behind
            await asyncio.shield(asyncio.create_task(self._drain(keeping)))
            os.close(ours)
            os.close(self._lifeline)
        return 0 if self._given_up_on is None else 1

    async def _keep(self, post: SupervisedProcess) -> None:
        """Have one duty done until the stop."""
        while not self._stopping.is_set():
            try:
                status = await self._do(post)
            except OSError as error:
                log.error("process_not_started", name=post.spec.name, reason=str(error))
                status = 1
            if self._stopping.is_set():
                return
            deaths = self._count_death(post)
            if deaths >= DEATHS_MAX:
                log.error("gave_up", name=post.spec.name, deaths=deaths, within_s=DEATHS_WITHIN_S)
                self._given_up_on = post.spec.name
                return
            wait_s = min(RESTART_S_MAX, RESTART_FIRST_S * 2 ** (deaths - 1))
            log.warning("process_died", name=post.spec.name, status=_reading(status), restart_in_s=wait_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _do(self, post: SupervisedProcess) -> int:
        """Start the process and wait for its end."""
        spec = post.spec
        # -P: a folder of the same name where the command was given is not what is meant
        tether = (
            "-P",
            "-m",
            "auction.serving.parent_watchdog",
            "--lifeline",
            str(self._lifeline),
            spec.module,
            *spec.arguments,
        )
        post.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *tether,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            cwd=self._folder,
            env=self._environment,
            pass_fds=(self._lifeline, *spec.fds),
            process_group=0,
        )
        log.info("process_started", name=spec.name, pid=post.process.pid)
        if self._stopping.is_set():
            post.send(signal.SIGTERM)
        return await post.process.wait()

    def _count_death(self, post: SupervisedProcess) -> int:
        now_s = time.monotonic()
        post.deaths.append(now_s)
        while now_s - post.deaths[0] > DEATHS_WITHIN_S:
            post.deaths.popleft()
        return len(post.deaths)

    async def _drain(self, keeping: Mapping[str, "asyncio.Task[None]"]) -> None:
        """Stop rank after rank, each when the one before is gone: what takes bids first, what writes them down last."""
        self._before_drain()
        for rank in sorted({post.spec.rank for post in self._posts}):
            posts = [post for post in self._posts if post.spec.rank == rank]
            await self._drain_rank(posts, [keeping[post.spec.name] for post in posts])

    async def _drain_rank(self, posts: Sequence[SupervisedProcess], tasks: Sequence["asyncio.Task[None]"]) -> None:
        for post in posts:
            post.send(signal.SIGTERM)
        gone = asyncio.ensure_future(asyncio.wait(tasks))
        hurry = asyncio.create_task(self._hurrying.wait())
        await asyncio.wait({gone, hurry}, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not gone.done():
            late = [post.spec.name for post, task in zip(posts, tasks, strict=True) if not task.done()]
            log.warning("killing", names=late, reason="told to hurry" if self._hurrying.is_set() else "did not drain")
            for post in posts:
                post.send(signal.SIGKILL)
        await gone
        for post, task in zip(posts, tasks, strict=True):
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("keeper_failed", name=post.spec.name, reason=repr(error))
                self._given_up_on = post.spec.name
        log.info("stopped", names=[post.spec.name for post in posts])


def _reading(status: int) -> str | int:
    """An exit status as people read it."""
    if status >= 0:
        return status
    try:
        return signal.Signals(-status).name
    except ValueError:
        return status
