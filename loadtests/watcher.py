"""One watcher of a load run: follows a lot over the live channel until it is closed, and comes back where it was lost.

Watchers are locust's users in a process apart from the bidders': a busy bidder would make every price look late. They
hold what they are told to `witness`, and time it: a feed's bid says when it was decided (`at_ms`, the ledger's time);
the same bid's `at_ms` times a state that shows it, so that only lots with a feed watcher are timed for both.
"""

import os
import random
import time
from typing import Any

import gevent
from locust import User, constant, task
from locust.exception import StopUser

from api.live.protocol import FINAL
from loadtests.feed_checker import FeedChecker, Heard, Mode
from loadtests.statistics import WatcherStatistics, WatchStatistics
from loadtests.ws_connection import WsConnection

WAIT_FIRST_S, WAIT_S_MAX = 0.1, 5.0

tally = WatchStatistics()


class Decisions:
    """When each bid was decided, and the states that showed it before its feed frame was read here."""

    def __init__(self) -> None:
        self.fed: set[str] = set()
        """Lots with a feed watcher."""
        self._at_ms: dict[tuple[str, int], int] = {}
        self._early: dict[tuple[str, int], list[int]] = {}

    def decided(self, lot_id: str, seq: int, at_ms: int) -> None:
        """A feed has told of a bid."""
        if (lot_id, seq) not in self._at_ms:
            self._at_ms[lot_id, seq] = at_ms
            for heard_ms in self._early.pop((lot_id, seq), ()):
                tally.state.note_late(heard_ms - at_ms)

    def shown(self, lot_id: str, seq: int, heard_ms: int) -> None:
        """A state as of this seq has come."""
        at_ms = self._at_ms.get((lot_id, seq))
        if at_ms is not None:
            tally.state.note_late(heard_ms - at_ms)
        elif lot_id in self.fed:
            self._early.setdefault((lot_id, seq), []).append(heard_ms)


decisions = Decisions()


class WatcherUser(User):
    """Watches one lot until its end."""

    abstract = True
    wait_time = constant(0)
    mode: Mode
    left = 0
    """Watchers of either mode that are done."""

    def on_start(self) -> None:
        """Choose a lot: each is watched by as many."""
        self.seen: WatcherStatistics = getattr(tally, self.mode)
        lots = os.environ["LOAD_LOTS"].split(",")
        self.witness = FeedChecker(lots[self.seen.watchers % len(lots)], mode=self.mode)
        self.seen.watchers += 1
        if self.mode == "feed":
            decisions.fed.add(self.witness.lot_id)

    @task
    def watch(self) -> None:
        """Follow the lot over as many connections as it takes."""
        failures = 0
        while True:
            told_before = self.witness.frames
            code = self._follow()
            if self.witness.is_over:
                raise StopUser
            if code in FINAL:
                why = f"{self.mode} watcher sent away with {code}"
                tally.failed[why] = tally.failed.get(why, 0) + 1
                raise StopUser
            failures = 1 if self.witness.frames > told_before else failures + 1
            gevent.sleep(random.uniform(0, min(WAIT_S_MAX, WAIT_FIRST_S * 2**failures)))

    def _follow(self) -> int | None:
        """Read one connection to its end or the lot's; its code, None where it was lost without one."""
        try:
            line = WsConnection(os.environ["LOAD_LIVE"])
        except OSError:
            return None
        self.seen.reconnects += self.witness.frames > 0
        try:
            line.say(self.witness.sub)
            while line.code is None and not self.witness.is_over:
                frames = line.read(self.witness.silence_s)
                heard_ms = int(time.time() * 1000)
                for frame in frames:
                    self._take(frame, heard_ms)
        except OSError:
            return None
        finally:
            line.close()
        return line.code

    def _take(self, frame: Heard, heard_ms: int) -> None:
        witness, seq_before = self.witness, self.witness.seq
        witness.take(frame)
        if frame["type"] == "bid":
            self.seen.note_late(heard_ms - frame["at_ms"])
            decisions.decided(witness.lot_id, frame["seq"], frame["at_ms"])
        elif frame["type"] == "tick" and self.mode == "state" and frame["seq"] > seq_before:
            decisions.shown(witness.lot_id, frame["seq"], heard_ms)

    def on_stop(self) -> None:
        """Add up what was seen; the last one out ends the run."""
        self.seen.frames += self.witness.frames
        self.seen.closed += self.witness.is_over
        self.seen.note_faults(self.witness.faults)
        WatcherUser.left += 1
        if WatcherUser.left == self.environment.runner.target_user_count:
            gevent.spawn(self.environment.runner.quit)


class StateWatcher(WatcherUser):
    """Is shown the lot as it stands, at most so often."""

    mode = "state"


class FeedWatcher(WatcherUser):
    """Is told every bid."""

    mode = "feed"


def counted(environment: Any) -> WatchStatistics:
    """The counts at the end of the run."""
    for fault in environment.runner.exceptions.values():
        tally.failed[fault["msg"]] = fault["count"]
    return tally
