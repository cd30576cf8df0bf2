"""One watcher of a load run: follows a lot over the live channel until it is closed, and resumes lost connections.

Watchers are locust users in another process than the bidders, which would delay them. They check what they receive with
`feed_checker` and time it: a bid in a feed says when it was decided (`at_ms`, the ledger's time), and the same `at_ms`
times a state that shows this bid, so that states are timed only for lots that also have a feed watcher.
"""

import os
import random
import time
from typing import Any

import gevent
from locust import User, constant, task
from locust.exception import StopUser

from api.live.protocol import FINAL
from loadtests.feed_checker import FeedChecker, Frame, Mode
from loadtests.statistics import WatcherStatistics, WatchStatistics
from loadtests.ws_connection import WsConnection

DELAY_FIRST_S, DELAY_S_MAX = 0.1, 5.0

statistics = WatchStatistics()


class DecisionTimes:
    """When each bid was decided, and the states that showed it before its feed frame was read here."""

    def __init__(self) -> None:
        self.lots_with_feed: set[str] = set()
        """Lots with a feed watcher."""
        self._at_ms: dict[tuple[str, int], int] = {}
        self._early: dict[tuple[str, int], list[int]] = {}

    def record_bid(self, lot_id: str, seq: int, at_ms: int) -> None:
        """A feed has shown a bid that was decided at this time."""
        if (lot_id, seq) not in self._at_ms:
            self._at_ms[lot_id, seq] = at_ms
            for received_ms in self._early.pop((lot_id, seq), ()):
                statistics.state.record_delay(received_ms - at_ms)

    def record_state(self, lot_id: str, seq: int, received_ms: int) -> None:
        """A state as of this seq was received."""
        at_ms = self._at_ms.get((lot_id, seq))
        if at_ms is not None:
            statistics.state.record_delay(received_ms - at_ms)
        elif lot_id in self.lots_with_feed:
            self._early.setdefault((lot_id, seq), []).append(received_ms)


decision_times = DecisionTimes()


class WatcherUser(User):
    """Watches one lot until its end."""

    abstract = True
    wait_time = constant(0)
    mode: Mode
    finished = 0
    """Watchers of either mode that have ended."""

    def on_start(self) -> None:
        """Choose a lot, so that all have as many watchers."""
        self.received: WatcherStatistics = getattr(statistics, self.mode)
        lots = os.environ["LOAD_LOTS"].split(",")
        self.checker = FeedChecker(lots[self.received.watchers % len(lots)], mode=self.mode)
        self.received.watchers += 1
        if self.mode == "feed":
            decision_times.lots_with_feed.add(self.checker.lot_id)

    @task
    def watch(self) -> None:
        """Follow the lot over as many connections as it takes."""
        failures = 0
        while True:
            frames_before = self.checker.frames
            code = self._follow()
            if self.checker.is_over:
                raise StopUser
            if code in FINAL:
                reason = f"{self.mode} watcher: connection ended with {code}"
                statistics.failed[reason] = statistics.failed.get(reason, 0) + 1
                raise StopUser
            failures = 1 if self.checker.frames > frames_before else failures + 1
            gevent.sleep(random.uniform(0, min(DELAY_S_MAX, DELAY_FIRST_S * 2**failures)))

    def _follow(self) -> int | None:
        """Read one connection to its end or the lot's; its code, None where it was lost without one."""
        try:
            connection = WsConnection(os.environ["LOAD_LIVE_URL"])
        except OSError:
            return None
        self.received.reconnects += self.checker.frames > 0
        try:
            connection.send(self.checker.sub)
            while connection.code is None and not self.checker.is_over:
                frames = connection.read(self.checker.silence_s_max)
                received_ms = int(time.time() * 1000)
                for frame in frames:
                    self._receive(frame, received_ms)
        except OSError:
            return None
        finally:
            connection.close()
        return connection.code

    def _receive(self, frame: Frame, received_ms: int) -> None:
        checker, seq_before = self.checker, self.checker.seq
        checker.receive(frame)
        if frame["type"] == "bid":
            self.received.record_delay(received_ms - frame["at_ms"])
            decision_times.record_bid(checker.lot_id, frame["seq"], frame["at_ms"])
        elif frame["type"] == "tick" and self.mode == "state" and frame["seq"] > seq_before:
            decision_times.record_state(checker.lot_id, frame["seq"], received_ms)

    def on_stop(self) -> None:
        """Add up what was received; the last watcher to end stops locust."""
        self.received.frames += self.checker.frames
        self.received.closed += self.checker.is_over
        self.received.record_faults(self.checker.faults)
        WatcherUser.finished += 1
        if WatcherUser.finished == self.environment.runner.target_user_count:
            gevent.spawn(self.environment.runner.quit)


class StateWatcher(WatcherUser):
    """Receives the state of the lot, at most so often."""

    mode = "state"


class FeedWatcher(WatcherUser):
    """Receives every bid."""

    mode = "feed"


def final_statistics(environment: Any) -> WatchStatistics:
    """The statistics at the end of the run, with locust's exceptions."""
    for fault in environment.runner.exceptions.values():
        statistics.failed[fault["msg"]] = fault["count"]
    return statistics
