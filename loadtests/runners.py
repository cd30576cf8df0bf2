"""The locust processes of a load run: one with the bidders, one with the watchers; each writes its counts to a file."""

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

LAST_ANSWERS_S = 10
"""How long begun bids may go on after the time is over."""
JOINED_S = 60.0
"""How long watchers may take to be there."""
LEFT_S = 30.0
"""How long watchers may take to see that their lots are closed."""
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
ROOT = Path(__file__).parents[1]


class LocustRunner:
    """One process of locust's, started."""

    def __init__(
        self, server: AuctionServer, folder: Path, name: str, lot_ids: Sequence[str], words: Sequence[str]
    ) -> None:
        self.counts, self._log = folder / f"{name}.json", folder / f"{name}.log"
        environment = dict(server.environment) | {
            "LOAD_LIVE": server.live_url,
            "LOAD_LOTS": ",".join(lot_ids),
            "LOAD_TALLY": str(self.counts),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }
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

    def wait(self, patience_s: float) -> None:
        """Wait for its counts; told to stop where it takes too long, it leaves them as they are."""
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(LAST_ANSWERS_S + LEFT_S)
        if self.process.returncode != 0 or not self.counts.exists():
            raise self.failed(f"locust ended with {self.process.returncode}")

    def failed(self, why: str) -> AuctionServerFailed:
        """Why the run cannot go on, with the end of the log."""
        return AuctionServerFailed(f"{why}:\n{tail(self._log)}")

    def clear_away(self) -> None:
        """End what an interrupted run has left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def bid(server: AuctionServer, folder: Path, lot_ids: Sequence[str], *, users: int, seconds: int) -> BidderStatistics:
    """Let so many bidders bid; what became of their bids."""
    words = ["-u", str(users), "-r", str(users), "-t", f"{seconds}s", "--stop-timeout", str(LAST_ANSWERS_S), "Bidder"]
    locust = LocustRunner(server, folder, "bidders", lot_ids, words)
    try:
        locust.wait(seconds + 120)
    finally:
        locust.clear_away()
    return BidderStatistics.read(locust.counts)


class WatcherRunner:
    """The watchers of a run; `None` of them is a crowd too."""

    def __init__(self, locust: LocustRunner | None) -> None:
        self._locust = locust

    def leave(self) -> WatchStatistics:
        """Wait until every watcher has seen its lot end; what they were told."""
        if self._locust is None:
            return WatchStatistics()
        self._locust.wait(LEFT_S)
        return WatchStatistics.read(self._locust.counts)


@contextmanager
def watching(
    server: AuctionServer, folder: Path, lot_ids: Sequence[str], watchers: int, staff: Staff
) -> Iterator[WatcherRunner]:
    """So many watchers, half of them of the feed, for as long as the block runs; all there as it begins."""
    if watchers == 0:
        yield WatcherRunner(None)
        return
    words = ["-u", str(watchers), "-r", str(watchers), "FeedWatcher", "StateWatcher"]
    locust = LocustRunner(server, folder, "watchers", lot_ids, words)
    try:
        _until_there(locust, lot_ids, watchers, staff)
        yield WatcherRunner(locust)
    finally:
        locust.clear_away()


def _until_there(locust: LocustRunner, lot_ids: Sequence[str], watchers: int, staff: Staff) -> None:
    """Wait until the house itself counts every watcher."""
    deadline_s = time.monotonic() + JOINED_S
    while (counted := staff.count_watchers(lot_ids)) != watchers:
        if locust.process.poll() is not None:
            raise locust.failed(f"the watchers ended with {locust.process.returncode}")
        if time.monotonic() > deadline_s:
            raise locust.failed(f"the house counts {counted} of {watchers} watchers after {JOINED_S:.0f} s")
        time.sleep(0.2)
