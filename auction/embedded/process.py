"""Starts, finds and stops one embedded server of either kind.

A server is known to run by the lock that it inherited (`locks`), known to be the right one by asking it, and stopped
only after both. It runs in a session of its own: Ctrl-C at the terminal reaches the command, which then stops its
servers in order.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

from auction.embedded.errors import NO_SPACE, EmbeddedError, disk_full, from_os_error
from auction.embedded.locks import FileLock
from auction.embedded.paths import ServerPaths, make_folder

_POLL_S = 0.01
_FIRST_ANSWER_S = 30.0
# a ledger of many gigabytes loads its log before it serves; it says so meanwhile
_LOADING_S = 900.0
_STOP_S = 30.0

# the servers that this process started, kept to collect their exit status
_children: list["subprocess.Popen[bytes]"] = []


class ServerLoading(Exception):
    """The server answers that it is still loading."""


class ServerUnresponsive(Exception):
    """The server does not answer, or another server answers in its place."""


class EmbeddedServer(Protocol):
    """What differs between the two servers, Valkey (`valkey`) and PostgreSQL (`postgres`)."""

    @property
    def paths(self) -> ServerPaths:
        """Its files."""

    @property
    def stop_signals(self) -> Sequence[signal.Signals]:
        """The signals that stop it, in the order they are tried. SIGKILL follows after them."""

    @property
    def owner(self) -> tuple[int, int] | None:
        """The user and group that own its folder, where they are not this process's."""

    def prepare(self, sockets: Path, alive: FileLock) -> Sequence[str]:
        """Prepare the server's folder and return the command that starts it; no process of it runs at that time.

        Programs run for this inherit `alive`, as the server will: they too may outlive this process.
        """

    def environment(self) -> Mapping[str, str]:
        """The environment that the command is started in."""

    def probe(self, sockets: Path) -> int:
        """Ask the server for its process id. Raises ServerLoading, ServerUnresponsive."""

    def url(self, sockets: Path) -> str:
        """The server's address for clients."""

    def diagnose(self, log: str) -> str | None:
        """The cause of a failed start and what to do, from the server's log; None where it is not known."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. `started` is False where it was running already."""

    url: str
    pid: int
    folder: Path
    log: Path
    started: bool


def start_server(server: EmbeddedServer, abandoned: Event | None = None) -> RunningServer:
    """Start the server, or find the one that runs in its folder. Raises EmbeddedError.

    Once `abandoned` is set, it is waited for no longer, and one that was started here and does not answer yet is ended.
    """
    abandoned = abandoned or Event()
    paths = server.paths
    _collect_ended()
    deadline = time.monotonic() + _FIRST_ANSWER_S
    while True:
        with FileLock(paths.alive) as alive:
            if alive.acquire():
                return _start(server, alive, abandoned)
        try:
            sockets = paths.sockets()
            return RunningServer(server.url(sockets), server.probe(sockets), paths.folder, paths.log, started=False)
        except (ServerLoading, ServerUnresponsive) as error:
            # starting, stopping, or the last children of a killed server: each of these ends
            if time.monotonic() > deadline or abandoned.is_set():
                raise EmbeddedError(
                    f"a process still runs as the {paths.name} of {paths.data_dir} but does not answer ({error}): "
                    f"stop the processes that hold {paths.alive} open, or "
                    "set AUCTION_DATA_DIR to another directory"
                ) from error
        time.sleep(_POLL_S)


def _start(server: EmbeddedServer, alive: FileLock, abandoned: Event) -> RunningServer:
    paths = server.paths
    make_folder(paths.folder, server.owner)
    try:
        sockets = paths.choose_sockets(server.owner)
        command = server.prepare(sockets, alive)
        with contextlib.suppress(FileNotFoundError):
            paths.log.replace(paths.log.with_suffix(".log.1"))
        with paths.log.open("wb") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=server.environment(),
                umask=0o077,
                start_new_session=True,
                pass_fds=(alive.fd,),
            )
    except OSError as error:
        raise from_os_error(paths.folder, error) from error
    _children.append(child)
    try:
        pid = _wait_for_answer(server, child, sockets, abandoned)
    except BaseException:
        # no other process knows of it
        child.kill()
        child.wait()
        _collect_ended()
        raise
    return RunningServer(server.url(sockets), pid, paths.folder, paths.log, started=True)


def _wait_for_answer(server: EmbeddedServer, child: "subprocess.Popen[bytes]", sockets: Path, abandoned: Event) -> int:
    started_s = time.monotonic()
    limit_s = _FIRST_ANSWER_S
    while True:
        if child.poll() is not None:
            raise _start_error(server, child)
        last: Exception
        try:
            return server.probe(sockets)
        except ServerLoading as error:
            limit_s, last = _LOADING_S, error
        except ServerUnresponsive as error:
            last = error
        if abandoned.is_set():
            raise EmbeddedError(f"the start of the {server.paths.name} under {server.paths.folder} was abandoned")
        if time.monotonic() - started_s > limit_s:
            raise EmbeddedError(
                f"the server of the {server.paths.name} under {server.paths.folder} did not answer within "
                f"{limit_s:.0f} s ({last}); its log {server.paths.log} ends with:\n{server.paths.log_tail()}"
            ) from last
        time.sleep(_POLL_S)


def _start_error(server: EmbeddedServer, child: "subprocess.Popen[bytes]") -> EmbeddedError:
    paths = server.paths
    tail = paths.log_tail()
    cause = disk_full(paths.folder) if NO_SPACE in tail else server.diagnose(tail)
    reason = (
        cause or f"the server of the {paths.name} under {paths.folder} ended at its start (status {child.returncode})"
    )
    return EmbeddedError(f"{reason}; its log {paths.log} ends with:\n{tail}")


def stop_server(server: EmbeddedServer) -> None:
    """Stop the server, if it runs, and wait until all its processes have ended. Raises EmbeddedError."""
    paths = server.paths
    if not paths.alive.exists():
        return
    with FileLock(paths.alive) as alive:
        if not alive.acquire():
            _stop(server, _known_pid(server), alive)
        paths.remove_runtime_files()
    _collect_ended()


def _stop(server: EmbeddedServer, pid: int | None, alive: FileLock) -> None:
    # without a process that is certainly the server, only waiting is left: it may be stopping already
    for stop_signal in (*server.stop_signals, signal.SIGKILL) if pid else (None,):
        if pid and stop_signal:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, stop_signal)
        if alive.acquire(wait_s=_STOP_S):
            return
    raise EmbeddedError(
        f"the server of the {server.paths.name} under {server.paths.folder} does not stop: end the processes that hold "
        f"{alive.path} open; its log is {server.paths.log}"
    )


def _known_pid(server: EmbeddedServer) -> int | None:
    """The process to signal: one that answers as this server, or a child process of ours."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            return server.probe(server.paths.sockets())
        except (ServerLoading, ServerUnresponsive):
            time.sleep(_POLL_S)
    alive = str(server.paths.alive)
    return next((child.pid for child in _children if child.poll() is None and alive in _open_files(child.pid)), None)


def _open_files(pid: int) -> set[str]:
    """The files that a process has open (on Linux; elsewhere none are known)."""
    found = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _collect_ended() -> None:
    for child in list(_children):
        if child.poll() is not None:
            with contextlib.suppress(ValueError):
                _children.remove(child)


def clean_environment() -> Mapping[str, str]:
    """This process's environment without variables that change how a server behaves."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG", "TZ"))}
    return kept | {"LANG": "C.UTF-8", "TZ": "UTC"}
