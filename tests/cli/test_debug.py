"""`make debug`: everything in one process that stops at `breakpoint()` and restarts when the code changes."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.chaos.deployment import children_of
from tests.cli.processes import TIMEOUT_S, free_port, until

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(4 * TIMEOUT_S)


@dataclass
class DebugSession:
    """`python -m api.debug` in a copy of the tree, on a terminal."""

    tree: Path
    port: int
    terminal: int
    process: "subprocess.Popen[bytes]"
    shown: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> str:
        return b"".join(self.shown).decode("utf-8", "replace")

    def until_shown(self, words: str, *, times: int = 1) -> None:
        def is_shown() -> bool:
            assert self.process.poll() is None, self.text
            return self.text.count(words) >= times

        until(is_shown, f"{words!r} on the terminal")

    def debugged(self) -> set[int]:
        """The process that serves: of the watching process's children, the one that got a pipe."""
        found = set()
        for pid in children_of(self.process.pid):
            with contextlib.suppress(OSError):
                if b"--pipe" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(pid)
        return found

    def type(self, line: str) -> None:
        os.write(self.terminal, f"{line}\n".encode())

    def healthz(self) -> int | None:
        """The status of the route, None where nothing answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=TIMEOUT_S, trust_env=False).status_code
        except httpx.TransportError:
            return None


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DebugSession]:
    tree = tmp_path / "tree"
    for package in ("auction", "api", "migrations"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    ours, theirs = pty.openpty()
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "COV", "PYTHON"))}
    settings = {
        "AUCTION_DATA_DIR": str(tmp_path / "var"), "AUCTION_HTTP_PORT": str(port),
        "AUCTION_LIVE_PORT": str(free_port()), "TERM": "dumb",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "api.debug"],
        cwd=tree, env=kept | settings, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    here = DebugSession(tree, port, ours, process)
    reader = threading.Thread(target=read_all, args=(ours, here.shown), daemon=True)
    reader.start()
    try:
        yield here
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(TIMEOUT_S)
        reader.join(TIMEOUT_S)
        os.close(ours)


def read_all(terminal: int, shown: list[bytes]) -> None:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            return
        if not data:
            return
        shown.append(data)


def test_a_breakpoint_in_a_route_opens_the_debugger_and_a_change_of_the_code_restarts(session, tmp_path):
    until(lambda: session.healthz() == 200, "the first answer")
    first = session.debugged()
    assert len(first) == 1
    route = session.tree / "api" / "routes" / "health.py"
    original = route.read_text()
    signature = "async def healthz("
    assert signature in original, "the route that this test stops in has another name"
    head, _, tail = original.partition(signature)
    line_end = tail.index('"""', tail.index('"""') + 3) + 3
    route.write_text(head + signature + tail[:line_end] + "\n    breakpoint()" + tail[line_end:])
    session.until_shown("health.py has changed")
    # while it drains, the process of the old code still answers
    until(lambda: not first & session.debugged(), "the end of the first process")
    answers: list[int | None] = []
    caller = threading.Thread(
        target=lambda: answers.append(until(session.healthz, "an answer after the restart")), daemon=True
    )
    caller.start()
    session.until_shown("(Pdb)")
    session.type("p 6 * 7")
    session.until_shown("42")
    session.type("c")
    caller.join(TIMEOUT_S)
    assert answers == [200]

    route.write_text(original + "this is no Python\n")
    session.until_shown("it restarts when the code changes")
    route.write_text(original)
    until(lambda: session.healthz() == 200, "the answer of the repaired code")

    os.killpg(session.process.pid, signal.SIGINT)
    assert session.process.wait(TIMEOUT_S) == 0
    assert not (tmp_path / "var" / "ledger.json").exists(), "the embedded ledger still runs"
    assert session.healthz() is None
