"""Runs processes: starts them, restarts those that end, and drains them in order when told to stop.

A process does not outlive this one: each holds the reading end of a pipe that closes when this process has ended, even
by `kill -9` (`auction.serving.parent_watchdog`). Each has a process group of its own: Ctrl-C at the terminal reaches
this process alone, which then stops the others in order.
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
"""The delay before a restart doubles with each exit within EXITS_WITHIN_S."""
EXITS_MAX, EXITS_WITHIN_S = 8, 60.0
"""If one process exits this often in that time, everything is stopped."""
DRAIN_S = 20.0
"""How long a process may take to drain before it is killed; longer than its own time-outs."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A module to keep running. Processes of a lower `rank` are stopped first; `fds` are inherited."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    fds: Sequence[int] = ()
    rank: int = 0


@dataclass(slots=True)
class SupervisedProcess:
    """A specification and the process that currently runs it."""

    spec: ProcessSpec
    process: asyncio.subprocess.Process | None = None
    exits: deque[float] = field(default_factory=deque)
    """When it ended within the last EXITS_WITHIN_S, by the monotonic clock (s)."""

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


class Supervisor:
    """Runs a set of processes. Call `run` once; `stop` drains, a second `stop` kills."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        environment: Mapping[str, str],
        *,
        folder: Path | None = None,
        output: int | None = None,
        before_drain: Callable[[], None] = lambda: None,
    ) -> None:
        """`folder` and `output`: working directory and output file of the processes (None: those of this process).

        `before_drain` is called as a stop begins.
        """
        self._processes = [SupervisedProcess(spec) for spec in specs]
        self._environment = dict(environment)
        self._folder = folder
        self._output = output
        self._before_drain = before_drain
        self._stopping = asyncio.Event()
        self._killing = asyncio.Event()
        self._failed_process: str | None = None
        self._pipe = -1

    @property
    def failed_process(self) -> str | None:
        """The name of the process that kept ending, where everything was stopped because of it."""
        return self._failed_process

    def stop(self) -> None:
        """Drain all processes; called again, kill those that are left."""
        if self._stopping.is_set():
            self._killing.set()
        self._stopping.set()

    async def run(self) -> int:
        """Keep all processes running until `stop`; 0, or 1 where one kept ending."""
        self._pipe, writing_end = os.pipe()
        tasks = {one.spec.name: asyncio.create_task(self._keep_running(one)) for one in self._processes}
        for task in tasks.values():
            # a task ends before the stop only where its process kept ending
            task.add_done_callback(lambda _: self._stopping.set())
        try:
            await self._stopping.wait()
        finally:
            self._stopping.set()
            # shielded, so that the drain is completed even where this task is cancelled
            await asyncio.shield(asyncio.create_task(self._drain(tasks)))
            os.close(writing_end)
            os.close(self._pipe)
        return 0 if self._failed_process is None else 1

    async def _keep_running(self, supervised: SupervisedProcess) -> None:
        """Run one process, again whenever it ends, until the stop."""
        name = supervised.spec.name
        while not self._stopping.is_set():
            try:
                status = await self._run_once(supervised)
            except OSError as error:
                log.error("process_start_failed", name=name, reason=str(error))
                status = 1
            if self._stopping.is_set():
                return
            exits = self._count_exit(supervised)
            if exits >= EXITS_MAX:
                log.error("process_restarts_exhausted", name=name, exits=exits, within_s=EXITS_WITHIN_S)
                self._failed_process = name
                return
            delay_s = min(RESTART_S_MAX, RESTART_FIRST_S * 2 ** (exits - 1))
            log.warning("process_died", name=name, status=_status_text(status), restart_in_s=delay_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)

    async def _run_once(self, supervised: SupervisedProcess) -> int:
        """Start the process and wait for its end; its exit status."""
        spec = supervised.spec
        # -P: not a directory of that name where the command was given
        watchdog = ("-P", "-m", "auction.serving.parent_watchdog", "--pipe", str(self._pipe))
        supervised.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *watchdog,
            spec.module,
            *spec.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            cwd=self._folder,
            env=self._environment,
            pass_fds=(self._pipe, *spec.fds),
            process_group=0,
        )
        log.info("process_started", name=spec.name, pid=supervised.process.pid)
        if self._stopping.is_set():
            supervised.send(signal.SIGTERM)
        return await supervised.process.wait()

    def _count_exit(self, supervised: SupervisedProcess) -> int:
        now_s = time.monotonic()
        supervised.exits.append(now_s)
        while now_s - supervised.exits[0] > EXITS_WITHIN_S:
            supervised.exits.popleft()
        return len(supervised.exits)

    async def _drain(self, tasks: Mapping[str, "asyncio.Task[None]"]) -> None:
        """Stop the ranks in their order, each when the one before has ended: bids first, their archiver last."""
        self._before_drain()
        for rank in sorted({one.spec.rank for one in self._processes}):
            processes = [one for one in self._processes if one.spec.rank == rank]
            await self._drain_rank(processes, [tasks[one.spec.name] for one in processes])

    async def _drain_rank(self, processes: Sequence[SupervisedProcess], tasks: Sequence["asyncio.Task[None]"]) -> None:
        for one in processes:
            one.send(signal.SIGTERM)
        ended = asyncio.ensure_future(asyncio.wait(tasks))
        killing = asyncio.create_task(self._killing.wait())
        await asyncio.wait({ended, killing}, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
        killing.cancel()
        if not ended.done():
            left = [one.spec.name for one, task in zip(processes, tasks, strict=True) if not task.done()]
            reason = "second signal" if self._killing.is_set() else f"not drained within {DRAIN_S:.0f} s"
            log.warning("processes_killed", names=left, reason=reason)
            for one in processes:
                one.send(signal.SIGKILL)
        await ended
        for one, task in zip(processes, tasks, strict=True):
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("supervision_failed", name=one.spec.name, reason=repr(error))
                self._failed_process = one.spec.name
        log.info("processes_stopped", names=[one.spec.name for one in processes])


def _status_text(status: int) -> str | int:
    """An exit status, or the name of the signal that ended the process."""
    if status >= 0:
        return status
    try:
        return signal.Signals(-status).name
    except ValueError:
        return status
