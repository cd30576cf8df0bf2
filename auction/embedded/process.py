"""Starts, finds again and stops one embedded server, whichever it is.

A server is known to be alive by the lock it inherited (`locks`), known to be the right one by talking to it, and
stopped only after both. It runs in a session of its own: Ctrl-C at the terminal reaches the auction, which then
stops its servers in order.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from auction.embedded.errors import NO_SPACE, EmbeddedError, disk_full, from_os_error
from auction.embedded.locks import FileLock
from auction.embedded.paths import ServerPaths, make_folder

_POLL_S = 0.01
_FIRST_ANSWER_S = 30.0
# a ledger of many gigabytes is replayed before it answers in earnest; it says so meanwhile
_REPLAY_S = 900.0
_STOP_S = 30.0

# processes of ours, kept so that the dead are reaped and none is reported as forgotten
_children: list["subprocess.Popen[bytes]"] = []


class NotReadyError(Exception):
    """The server is there and says that it is still loading."""


class SilentError(Exception):
    """The server does not answer, or not as ours would."""


class EmbeddedServer(Protocol):
    """What the keeper must know of a server: Valkey (`valkey`) and PostgreSQL (`postgres`) are the two."""

    @property
    def paths(self) -> ServerPaths:
        """Where it lives."""

    @property
    def stop_signals(self) -> Sequence[signal.Signals]:
        """What ends it, the gentlest first. SIGKILL follows by itself."""

    @property
    def owner(self) -> tuple[int, int] | None:
        """The user and group that its folder belongs to, where they are not this process's."""

    def lay_out(self, sockets: Path, alive: FileLock) -> Sequence[str]:
        """Prepare the server's folder and return the command that starts it. Nothing of it runs at that time.

        Programs that this takes inherit `alive`, as the server will: they too may outlive this process.
        """

    def ask(self, sockets: Path) -> int:
        """Talk to the server and return its process id; raises NotReadyError or SilentError."""

    def url(self, sockets: Path) -> str:
        """The address for clients."""

    def diagnose(self, log: str) -> str | None:
        """A better sentence for a death at start than "it died", read off its log."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. `started` is false where it ran already."""

    url: str
    pid: int
    folder: Path
    log: Path
    started: bool


def start_server(server: EmbeddedServer) -> RunningServer:
    """The running server of that room: found, or started."""
    paths = server.paths
    deadline = time.monotonic() + _FIRST_ANSWER_S
    while True:
        with FileLock(paths.alive) as alive:
            if alive.take():
                return _start(server, alive)
        try:
            sockets = paths.sockets()
            return RunningServer(server.url(sockets), server.ask(sockets), paths.folder, paths.log, started=False)
        except (NotReadyError, SilentError) as silence:
            # starting, stopping, or the last children of a killed server: each of these passes
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"something still runs as the {paths.name} of {paths.data_dir} but does not answer ({silence}): "
                    f"stop the processes that hold {paths.alive} open, or {_elsewhere()}"
                ) from silence
        time.sleep(_POLL_S)


def _elsewhere() -> str:
    return "set AUCTION_DATA_DIR to another directory"


def _start(server: EmbeddedServer, alive: FileLock) -> RunningServer:
    paths = server.paths
    make_folder(paths.folder, server.owner)
    try:
        sockets = paths.choose_sockets(server.owner)
        command = server.lay_out(sockets, alive)
        with contextlib.suppress(FileNotFoundError):
            paths.log.replace(paths.log.with_suffix(".log.1"))
        with paths.log.open("wb") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=clean_environment(),
                umask=0o077,
                start_new_session=True,
                pass_fds=(alive.fd,),
            )
    except OSError as error:
        raise from_os_error(paths.folder, error) from error
    _children.append(child)
    try:
        pid = _wait_for_answer(server, child, sockets)
    except BaseException:
        # nobody will know of it: do not leave it behind
        child.kill()
        child.wait()
        _reap()
        raise
    return RunningServer(server.url(sockets), pid, paths.folder, paths.log, started=True)


def _wait_for_answer(server: EmbeddedServer, child: "subprocess.Popen[bytes]", sockets: Path) -> int:
    began = time.monotonic()
    limit_s = _FIRST_ANSWER_S
    while True:
        if child.poll() is not None:
            raise _died(server, child)
        last: Exception
        try:
            return server.ask(sockets)
        except NotReadyError as silence:
            limit_s, last = _REPLAY_S, silence
        except SilentError as silence:
            last = silence
        if time.monotonic() - began > limit_s:
            raise EmbeddedError(
                f"the server of the {server.paths.name} under {server.paths.folder} did not answer within "
                f"{limit_s:.0f} s ({last}); its log {server.paths.log} ends with:\n{server.paths.log_tail()}"
            ) from last
        time.sleep(_POLL_S)


def _died(server: EmbeddedServer, child: "subprocess.Popen[bytes]") -> EmbeddedError:
    paths = server.paths
    tail = paths.log_tail()
    said = disk_full(paths.folder) if NO_SPACE in tail else server.diagnose(tail)
    reason = (
        said or f"the server of the {paths.name} under {paths.folder} ended at its start (status {child.returncode})"
    )
    return EmbeddedError(f"{reason}; its log {paths.log} ends with:\n{tail}")


def stop_server(server: EmbeddedServer) -> None:
    """Stop the server of that room, if it runs, and wait until nothing of it is left."""
    paths = server.paths
    if not paths.alive.exists():
        return
    with FileLock(paths.alive) as alive:
        if not alive.take():
            _stop(server, _known_pid(server), alive)
        paths.forget()
    _reap()


def _stop(server: EmbeddedServer, pid: int | None, alive: FileLock) -> None:
    # without a process that is surely it, all that can be done is to wait: it may be stopping already
    for stop_signal in (*server.stop_signals, signal.SIGKILL) if pid else (None,):
        if pid and stop_signal:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, stop_signal)
        if alive.take(wait_s=_STOP_S):
            return
    raise EmbeddedError(
        f"the server of the {server.paths.name} under {server.paths.folder} does not stop: end the processes that hold "
        f"{alive.path} open; its log is {server.paths.log}"
    )


def _known_pid(server: EmbeddedServer) -> int | None:
    """The process to signal: only one that said itself that it is this server, or a child of ours."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            return server.ask(server.paths.sockets())
        except (NotReadyError, SilentError):
            time.sleep(_POLL_S)
    alive = str(server.paths.alive)
    return next((child.pid for child in _children if child.poll() is None and alive in _held_by(child.pid)), None)


def _held_by(pid: int) -> set[str]:
    """The files that a process has open (Linux; elsewhere none are known)."""
    held = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                held.add(str(link.readlink()))
    return held


def _reap() -> None:
    for child in list(_children):
        if child.poll() is not None:
            with contextlib.suppress(ValueError):
                _children.remove(child)


def clean_environment() -> Mapping[str, str]:
    """This process's environment without what would change a server's mind."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG", "TZ"))}
    return kept | {"LANG": "C.UTF-8", "TZ": "UTC"}
