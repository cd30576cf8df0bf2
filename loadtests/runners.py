"""The locust processes of a load run: one for the bidders, one for the watchers; each writes statistics to a file."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtests.sale import Staff
from loadtests.server import AuctionServer, AuctionServerFailed, tail
from loadtests.statistics import BidderStatistics, WatchStatistics

STOP_S = 10
"""How long bids under way may take after the end of the run."""
FIRST_BID_S = 300.0
"""How long the bidders may take to register and to have a bid accepted."""
CONNECT_S = 60.0
"""How long all watchers may take to connect."""
CLOSE_S = 30.0
"""How long watchers may take to receive the close of their lots."""
LOCUSTFILE = Path(__file__).with_name("run_locustfile.py")
ROOT = Path(__file__).parents[1]


class LocustRunner:
    """One running locust process."""

    def __init__(
        self,
        server: AuctionServer,
        folder: Path,
        name: str,
        lot_ids: Sequence[str],
        words: Sequence[str],
        **settings: str,
    ) -> None:
        self.statistics, self._log = folder / f"{name}.json", folder / f"{name}.log"
        environment = (
            dict(server.environment)
            | settings
            | {
                "LOAD_LIVE_URL": server.live_url,
                "LOAD_LOTS": ",".join(lot_ids),
                "LOAD_STATISTICS": str(self.statistics),
                "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            }
        )
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
        command += ["--host", server.address, "--exit-code-on-error", "0", *words]
        with self._log.open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self, timeout_s: float) -> None:
        """Wait for its statistics, after the time-out by stopping it. Raises AuctionServerFailed without them."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(STOP_S + CLOSE_S)
        if self.process.returncode != 0 or not self.statistics.exists():
            raise self.failure(f"locust ended with {self.process.returncode}")

    def failure(self, reason: str) -> AuctionServerFailed:
        """The error for a run that cannot continue, with the end of the log."""
        return AuctionServerFailed(f"{reason}:\n{tail(self._log)}")

    def kill(self) -> None:
        """Kill the process where an interrupted run has left it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def run_bidders(
    server: AuctionServer, folder: Path, lot_ids: Sequence[str], *, users: int, seconds: int
) -> BidderStatistics:
    """Run so many bidders for so many seconds from their first accepted bid; their statistics."""
    words = ["-u", str(users), "-r", str(users), "--stop-timeout", str(STOP_S), "Bidder"]
    locust = LocustRunner(server, folder, "bidders", lot_ids, words, LOAD_SECONDS=str(seconds))
    try:
        locust.wait(seconds + FIRST_BID_S)
    finally:
        locust.kill()
    return BidderStatistics.read(locust.statistics)


class WatcherRunner:
    """The watchers of a run; without a process there are none."""

    def __init__(self, locust: LocustRunner | None) -> None:
        self._locust = locust

    def finish(self) -> WatchStatistics:
        """Wait until every watcher has seen its lot end; their statistics."""
        if self._locust is None:
            return WatchStatistics()
        self._locust.wait(CLOSE_S)
        return WatchStatistics.read(self._locust.statistics)


@contextmanager
def running_watchers(
    server: AuctionServer, folder: Path, lot_ids: Sequence[str], watchers: int, staff: Staff
) -> Iterator[WatcherRunner]:
    """Run so many watchers, half of them in mode feed, during the block; all are connected when it begins."""
    if watchers == 0:
        yield WatcherRunner(None)
        return
    words = ["-u", str(watchers), "-r", str(watchers), "FeedWatcher", "StateWatcher"]
    locust = LocustRunner(server, folder, "watchers", lot_ids, words)
    try:
        _wait_until_connected(locust, lot_ids, watchers, staff)
        yield WatcherRunner(locust)
    finally:
        locust.kill()


def _wait_until_connected(locust: LocustRunner, lot_ids: Sequence[str], watchers: int, staff: Staff) -> None:
    """Wait until the server counts every watcher."""
    deadline_s = time.monotonic() + CONNECT_S
    while (counted := staff.count_watchers(lot_ids)) != watchers:
        if locust.process.poll() is not None:
            raise locust.failure(f"the watchers ended with {locust.process.returncode}")
        if time.monotonic() > deadline_s:
            raise locust.failure(f"the server counts {counted} of {watchers} watchers after {CONNECT_S:.0f} s")
        time.sleep(0.2)
