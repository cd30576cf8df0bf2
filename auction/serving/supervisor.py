"""Runs processes: starts them, restarts those that end, and drains them in order when told to stop.

One that keeps ending is started again after a long delay, for as long as it takes; the others go on. Embedded servers
that have died are restarted too, on the same data and address.

A process does not outlive this one: each holds the reading end of a pipe that closes when this process has ended, even
by `kill -9` (`auction.serving.parent_watchdog`). Each has a process group of its own: Ctrl-C at the terminal reaches
this process alone, which then stops the others in order.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from auction.embedded import EmbeddedError, RestartableServer
from auction.serving.status import SupervisorStatus

log = structlog.get_logger("auction.supervisor")

RESTART_FIRST_S, RESTART_S_MAX = 0.1, 5.0
"""The delay before a restart doubles with each exit, until a run of STABLE_S."""
STABLE_S = 60.0
"""What has run this long is counted as working again."""
EXITS_MAX = 8
"""What has ended this often without a run of STABLE_S between is failing: it is started again every FAILING_S."""
FAILING_S = 30.0
SERVER_CHECK_S = 0.2
"""How often it is checked whether the embedded servers run."""
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
class RestartHistory:
    """How often something has ended since it last worked."""

    exits: int = 0
    """Its exits since the last run of STABLE_S."""
    was_stable: bool = False
    """Whether it ever ran for STABLE_S."""

    @property
    def is_failing(self) -> bool:
        """Whether it keeps ending."""
        return self.exits >= EXITS_MAX

    @property
    def delay_s(self) -> float:
        """The delay before the next start."""
        return FAILING_S if self.is_failing else min(RESTART_S_MAX, RESTART_FIRST_S * 2 ** max(0, self.exits - 1))


@dataclass(slots=True)
class SupervisedProcess:
    """A specification and the process that currently runs it."""

    spec: ProcessSpec
    process: asyncio.subprocess.Process | None = None
    history: RestartHistory = field(default_factory=RestartHistory)

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
        servers: Sequence[RestartableServer] = (),
        status: SupervisorStatus | None = None,
        folder: Path | None = None,
        output: int | None = None,
        before_drain: Callable[[], None] = lambda: None,
    ) -> None:
        """`folder` and `output`: working directory and output file of the processes (None: those of this process).

        `servers` run already and are restarted where they die, until the processes have drained. What keeps ending is
        published in `status`. `before_drain` is called as a stop begins.
        """
        self._processes = [SupervisedProcess(spec) for spec in specs]
        self._servers = servers
        self._status = status
        self._failing: set[str] = set()
        self._environment = dict(environment)
        self._folder = folder
        self._output = output
        self._before_drain = before_drain
        self._stopping = asyncio.Event()
        self._killing = asyncio.Event()
        self._drained = asyncio.Event()
        self._servers_abandoned = threading.Event()
        self._failed_process: str | None = None
        self._pipe = -1

    @property
    def failed_process(self) -> str | None:
        """The name of a process that kept ending, where everything was stopped because all did from the start on."""
        return self._failed_process

    def stop(self) -> None:
        """Drain all processes; called again, kill those that are left."""
        if self._stopping.is_set():
            self._killing.set()
        self._stopping.set()

    async def run(self) -> int:
        """Keep all processes running until `stop`; 0, or 1 where none of them ever worked."""
        self._pipe, writing_end = os.pipe()
        servers = [asyncio.create_task(self._keep_server_running(server)) for server in self._servers]
        tasks = {one.spec.name: asyncio.create_task(self._keep_running(one)) for one in self._processes}
        for task in tasks.values():
            # a task ends before the stop only where no process works
            task.add_done_callback(lambda _: self._stopping.set())
        try:
            await self._stopping.wait()
        finally:
            self._stopping.set()
            # shielded, so that the drain is completed even where this task is cancelled
            await asyncio.shield(asyncio.create_task(self._drain(tasks, servers)))
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
            history = supervised.history
            history.exits += 1
            log.warning("process_died", name=name, status=_status_text(status), restart_in_s=history.delay_s)
            if history.is_failing:
                self._log_failing(name, history, "the other processes go on; its own messages above say what is wrong")
                if self._none_ever_worked():
                    self._failed_process = name
                    return
            await _wait(self._stopping, history.delay_s)

    def _none_ever_worked(self) -> bool:
        histories = [one.history for one in self._processes]
        return all(one.is_failing and not one.was_stable for one in histories)

    def _log_failing(self, name: str, history: RestartHistory, advice: str) -> None:
        log.error("process_keeps_ending", name=name, exits=history.exits, restart_in_s=history.delay_s, advice=advice)
        self._failing.add(name)
        self._publish()

    def _count_as_working(self, name: str, history: RestartHistory) -> None:
        history.exits, history.was_stable = 0, True
        if name in self._failing:
            log.info("process_works_again", name=name)
            self._failing.discard(name)
            self._publish()

    def _publish(self) -> None:
        if self._status is not None:
            self._status.publish(self._failing)

    async def _keep_server_running(self, server: RestartableServer) -> None:
        """Start one embedded server again whenever it has died, until all processes have drained."""
        history = RestartHistory()
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        while not await _wait(self._drained, SERVER_CHECK_S):
            with contextlib.suppress(OSError):
                if server.is_running():
                    if history.exits and loop.time() - started_s >= STABLE_S:
                        self._count_as_working(server.name, history)
                    continue
                history.exits += 1
                log.error("server_died", name=server.name, restart_in_s=history.delay_s)
                if history.is_failing:
                    self._log_failing(server.name, history, "its own log in the data directory says what is wrong")
                if await _wait(self._drained, history.delay_s):
                    return
                try:
                    running = await asyncio.to_thread(server.restart, self._servers_abandoned)
                except EmbeddedError as error:
                    log.error("server_start_failed", name=server.name, reason=str(error))
                else:
                    log.info("server_started", name=server.name, pid=running.pid)
                started_s = loop.time()

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
        loop = asyncio.get_running_loop()
        stable = loop.call_later(STABLE_S, self._count_as_working, spec.name, supervised.history)
        try:
            return await supervised.process.wait()
        finally:
            stable.cancel()

    async def _drain(self, tasks: Mapping[str, "asyncio.Task[None]"], servers: Sequence["asyncio.Task[None]"]) -> None:
        """Stop the ranks in their order, each when the one before has ended: bids first, their archiver last."""
        self._before_drain()
        for rank in sorted({one.spec.rank for one in self._processes}):
            processes = [one for one in self._processes if one.spec.rank == rank]
            await self._drain_rank(processes, [tasks[one.spec.name] for one in processes])
        self._drained.set()
        self._servers_abandoned.set()
        for result in await asyncio.gather(*servers, return_exceptions=True):
            if isinstance(result, BaseException):
                log.error("supervision_failed", name="servers", reason=repr(result))

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


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, at most that long; whether it is."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _status_text(status: int) -> str | int:
    """An exit status, or the name of the signal that ended the process."""
    if status >= 0:
        return status
    try:
        return signal.Signals(-status).name
    except ValueError:
        return status
