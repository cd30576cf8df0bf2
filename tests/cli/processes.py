"""A command under test as a process of its own: what it prints, which processes it starts, and whether they are gone."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from auction import embedded
from auction.services.identity.tokens import Role, TokenKeys

SECRET = "a secret that is long enough for tests, and no secret"
# generous: on a busy machine a start takes many seconds, and a failing test should say why, not when
TIMEOUT_S = 300.0
READY = "Ready."
"""What `auction serve` prints once everything answers."""
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie: nobody reaps orphans in some containers."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def until(condition: Callable[[], T | None], what: str, *, timeout_s: float = TIMEOUT_S) -> T:
    """The first true value of a condition; fails with the words where none comes."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {timeout_s:.0f} s")


class Command:
    """An `auction` command, started in a folder of its own with its output in files, or on a terminal."""

    def __init__(self, folder: Path, *words: str, terminal: int | None = None, **settings: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "COV"))}
        self._stdout = (folder / "stdout").open("wb")
        self._stderr = (folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "auction.cli", *words],
            cwd=folder,
            # on a busy machine processes may be silent for seconds
            env={
                "AUCTION_OUTAGE_PAUSE_MS": "60000",
                "AUCTION_TWO_PERSONS": "0",
                "AUCTION_SECOND_FACTOR": "0",
                "AUCTION_BIDS_PER_BIDDER_S": "0",
            }
            | kept
            | settings,
            stdin=subprocess.DEVNULL,
            stdout=self._stdout if terminal is None else terminal,
            stderr=self._stderr if terminal is None else terminal,
            process_group=0,
        )

    @property
    def said(self) -> str:
        return (self.folder / "stdout").read_text("utf-8", errors="replace")

    @property
    def complained(self) -> str:
        return (self.folder / "stderr").read_text("utf-8", errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it logged under that name, as JSON lines."""
        found = []
        for line in self.complained.splitlines():
            if line.startswith("{"):
                event = json.loads(line)
                if event["event"] == name:
                    found.append(event)
        return found

    def started(self) -> Mapping[str, list[int]]:
        """The process ids it has started, by the name of the process."""
        pids: dict[str, list[int]] = {}
        for event in self.events("process_started"):
            pids.setdefault(event["name"], []).append(event["pid"])
        return pids

    def until_said(self, words: str, *, timeout_s: float = TIMEOUT_S) -> None:
        def heard() -> bool:
            assert self.process.poll() is None or words in self.said, self.output()
            return words in self.said

        until(heard, f"{words!r} on standard output", timeout_s=timeout_s)

    def ended(self, *, timeout_s: float = TIMEOUT_S) -> int:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.output()}") from None

    def output(self) -> str:
        return f"status {self.process.poll()}\nstdout:\n{self.said}\nstderr:\n{self.complained}"

    def clear_away(self) -> None:
        """End what a failed test left, by process id."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._stdout.close()
        self._stderr.close()


@contextmanager
def commanded(folder: Path, *words: str, terminal: int | None = None, **settings: str) -> Iterator[Command]:
    folder.mkdir(parents=True, exist_ok=True)
    command = Command(folder, *words, terminal=terminal, **settings)
    try:
        yield command
    finally:
        command.clear_away()


@contextmanager
def served(folder: Path, port: int, *words: str, **settings: str) -> Iterator[Command]:
    """`auction serve` on embedded servers, up."""
    with commanded(
        folder,
        "serve",
        "--port",
        str(port),
        *words,
        terminal=None,
        AUCTION_DATA_DIR=str(folder / "var"),
        AUCTION_SECRET_KEY=SECRET,
        AUCTION_PAYMENT_PROVIDER="sandbox",
        AUCTION_LIVE_PORT=str(free_port()),
        AUCTION_LOG_FORMAT="json",
        **settings,
    ) as command:
        command.until_said(READY)
        yield command


def take_down_servers(data_dir: Path) -> None:
    """Stop embedded servers that a killed command may have left: the last user to leave stops them."""
    with embedded.running(data_dir):
        pass


def caller(port: int, role: Role, subject: str) -> httpx.Client:
    """Somebody with a token."""
    token = TokenKeys(SECRET).issue(subject=subject, role=role, now_s=int(time.time()), lifetime_s=3600)
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port}/api/v1/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30.0,
        trust_env=False,
    )


def answered(call: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer of a call that may be repeated, once a process is there to give it."""

    def attempt() -> httpx.Response | None:
        try:
            answer = call()
        except httpx.TransportError:
            return None
        return None if answer.status_code == 503 else answer

    return until(attempt, "an answer")
