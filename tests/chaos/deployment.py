"""A house of real processes for tests to mistreat: two of the API, one worker, on servers of their own.

Every process holds the end of a pipe that closes with the test run (`auction.serving.parent_watchdog`), so none outlives it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from api.http.server import bind
from auction import embedded
from auction.books import migrate
from auction.embedded import RunningServer
from auction.settings import Settings, load_settings
from tests.chaos.http_connection import Address

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the chaos tests, long enough"
LEDGER_TIMEOUT_MS = 500
START_S = 300.0
"""For a process that hangs; a busy machine takes its time."""


def until_ended(pid: int) -> None:
    """Wait until a process that was killed is gone, whoever buries it."""
    deadline_s = time.monotonic() + START_S
    while state_of(pid) not in {"", "Z"}:
        assert time.monotonic() < deadline_s, f"process {pid} does not end"
        time.sleep(0.005)


def state_of(pid: int) -> str:
    """The kernel's letter for what a process does (R, S, T, Z, ...); empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def freeze(pids: Sequence[int]) -> None:
    """Stop processes in their tracks, and come back when they stand; one may have ended meanwhile."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    while any(state_of(pid) not in {"T", "Z", ""} for pid in pids):
        time.sleep(0.001)


def thaw(pids: Sequence[int]) -> None:
    """Let them go on."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


class Servers:
    """A ledger and books of one's own, started as production starts them; the books do not wait for the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._standing = ExitStack()
        self._started = False
        self.ledger: RunningServer
        self.books: RunningServer

    def start(self) -> None:
        """Have both answer; what was killed is started again."""
        if self._started and all(state_of(one.pid) not in {"", "Z"} for one in (self.ledger, self.books)):
            return
        found = self._standing.enter_context(embedded.running(self._folder, relaxed_books=True))
        assert found.ledger is not None
        assert found.books is not None
        self.ledger, self.books = found.ledger, found.books
        self._started = True

    def kill_ledger(self) -> None:
        """SIGKILL the ledger."""
        os.kill(self.ledger.pid, signal.SIGKILL)
        until_ended(self.ledger.pid)

    def stop_books_at_once(self) -> None:
        """PostgreSQL's immediate stop: as after a crash."""
        os.kill(self.books.pid, signal.SIGQUIT)
        until_ended(self.books.pid)

    def processes_of_books(self) -> list[int]:
        """PostgreSQL's processes, the one that starts others first."""
        return [self.books.pid, *children_of(self.books.pid)]

    def close(self) -> None:
        """Stop both."""
        self._standing.close()


class ServerProcess:
    """One process of the house: starts, is killed, starts again."""

    def __init__(self, name: str, module: str, context: "RunningDeployment") -> None:
        self.name = name
        self._module = module
        self._context = context
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self._context.folder / f"{self.name}.log"

    @property
    def runs(self) -> bool:
        """Whether it does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, unless it runs; does not wait for it."""
        if not self.runs:
            self._spawn()

    def _spawn(self, words: Sequence[str] = (), fds: Sequence[int] = ()) -> None:
        lifeline = self._context.lifeline
        tether = ("-m", "auction.serving.parent_watchdog", "--pipe", str(lifeline), self._module, *words)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *tether],
                cwd=ROOT,
                env=self._context.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lifeline, *fds),
            )

    def kill(self) -> None:
        """SIGKILL, and bury it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop it in its tracks, where it runs: idle processes ask the servers for work all the time."""
        if self._process is not None and self.runs:
            freeze([self._process.pid])

    def resume(self) -> None:
        """Let it go on after `pause`."""
        if self._process is not None and self.runs:
            thaw([self._process.pid])

    def stop(self) -> None:
        """SIGTERM, and wait until it has drained."""
        if self._process is not None and self.runs:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


class ApiProcess(ServerProcess):
    """An HTTP process, on the same port whenever it runs."""

    def __init__(self, name: str, context: "RunningDeployment") -> None:
        super().__init__(name, "api", context)
        self.address: Address = ("127.0.0.1", 0)

    def start(self) -> None:
        """Start it on a socket that it alone holds: once it is killed, nobody answers there."""
        if self.runs:
            return
        with bind(*self.address) as listener:
            self.address = listener.getsockname()[:2]
            self._spawn(("--fd", str(listener.fileno())), (listener.fileno(),))


class RunningDeployment:
    """Two API processes and a worker on servers of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = Servers(folder / "data")
        self.lifeline, self._ours = os.pipe()
        self.apis = [ApiProcess("api-1", self), ApiProcess("api-2", self)]
        self.worker = ServerProcess("worker", "auction.workers", self)

    @property
    def processes(self) -> list[ServerProcess]:
        """All of them."""
        return [*self.apis, self.worker]

    @property
    def settings(self) -> Settings:
        """What this house is told."""
        return load_settings(
            redis_url=self.servers.ledger.url,
            database_url=self.servers.books.url,
            secret_key=SECRET,
            payment_provider="sandbox",
            ledger_timeout_ms=LEDGER_TIMEOUT_MS,
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment that tells it its processes."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AUCTION_")}
        return {
            **ours,
            "PYTHONPATH": str(ROOT),
            "AUCTION_REDIS_URL": self.servers.ledger.url,
            "AUCTION_DATABASE_URL": self.servers.books.url,
            "AUCTION_SECRET_KEY": SECRET,
            "AUCTION_PAYMENT_PROVIDER": "sandbox",
            "AUCTION_LEDGER_TIMEOUT_MS": str(LEDGER_TIMEOUT_MS),
            "AUCTION_LOG_FORMAT": "json",
            "AUCTION_TWO_PERSONS": "0",
            "AUCTION_SECOND_FACTOR": "0",
            "AUCTION_BIDS_PER_BIDDER_S": "0",
            "AUCTION_BIDS_IN_FLIGHT": "0",
        }

    def open(self) -> None:
        """Start everything for the first time."""
        self.servers.start()
        migrate.upgrade(self.servers.books.url)
        self.restore()

    def restore(self) -> None:
        """Start what is not running, and wait until every API answers."""
        self.servers.start()
        for process in self.processes:
            process.resume()
            process.start()
        for api in self.apis:
            _until_answering(api)

    def pause(self) -> None:
        """Have the processes do nothing until `restore`."""
        for process in self.processes:
            process.pause()

    def logs(self) -> str:
        """What the processes said last."""
        return "\n".join(
            f"--- {process.name}\n{process.log.read_text(errors='replace')[-3000:]}"
            for process in self.processes
            if process.log.exists()
        )

    def close(self) -> None:
        """Stop everything, by pid."""
        try:
            for process in self.processes:
                process.stop()
        finally:
            for process in self.processes:
                process.kill()
            os.close(self.lifeline)
            os.close(self._ours)
            self.servers.close()


def _until_answering(api: ApiProcess) -> None:
    from http.client import HTTPConnection

    deadline_s = time.monotonic() + START_S
    while True:
        connection = HTTPConnection(*api.address, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            assert api.runs, f"{api.name} ended at its start:\n{api.log.read_text(errors='replace')}"
            assert time.monotonic() < deadline_s, f"{api.name} does not answer"
            time.sleep(0.02)
        finally:
            connection.close()


@contextlib.contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """Keep processes stopped in their tracks for the block."""
    try:
        freeze(pids)
        yield
    finally:
        thaw(pids)
