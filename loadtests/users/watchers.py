"""People who watch the live channel. In locust's statistics, type WS: the connection until its `hello`, the first state
after it, and how late each bid is read (by the ledger's time, as `hello` tells it). What must never happen
(`loadtests.feed_checker`) is a failure.
"""

import random
import time
from typing import Any

import gevent
import requests
from locust import User, constant, tag, task
from locust.exception import StopUser

from api.live.protocol import FINAL
from loadtests.feed_checker import FeedChecker, Frame
from loadtests.target import live_url_of, lots_of, measuring
from loadtests.ws_connection import WsConnection

READ_S = 1.0
TIMEOUT_S = 10.0
STAYS_S = (3.0, 15.0)


class WatchingPerson(User):
    """Follows one lot over one connection after the other."""

    abstract = True
    wait_time = constant(0)
    connection: WsConnection | None = None

    def on_start(self) -> None:
        """Choose a lot and connect: the figures begin when all are there."""
        measuring.expect()
        self.checker = FeedChecker(random.choice(lots_of(self)), mode="feed")
        self.url = live_url_of(self)
        self.subscribed_s: float | None = None
        self.connect()
        measuring.connected(self.environment)

    def on_stop(self) -> None:
        """Leave."""
        if self.connection is not None:
            self.connection.close()

    def read(self, path: str) -> Any:
        """A JSON answer of the API that must be there."""
        answer = requests.get(f"{self.host}{path}", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def connect(self) -> None:
        """Connect and subscribe, from where the last connection ended."""
        began_s = time.perf_counter()
        try:
            self.connection = WsConnection(self.url)
            frames: list[Frame] = []
            while not frames:
                frames = self.connection.read(TIMEOUT_S)
            self.ahead_ms = frames[0]["now_ms"] - time.time() * 1000
            self._told("connect", (time.perf_counter() - began_s) * 1000)
            self.subscribed_s = time.perf_counter()
            self.connection.send(self.checker.sub)
            self._receive(frames)
        except OSError as error:
            self._told("connect", (time.perf_counter() - began_s) * 1000, error)
            self.connection = None
            gevent.sleep(random.uniform(0.5, 2.0))

    def follow(self, seconds: float) -> None:
        """Read what comes for so long."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            connection = self.connection
            if connection is None:
                self.connect()
                continue
            try:
                self._receive(connection.read(READ_S))
            except TimeoutError:
                continue
            except OSError as error:
                self.leave()
                self._told("connection", 0, error)
                continue
            if self.checker.is_over or connection.code in FINAL:
                raise StopUser
            if connection.code is not None:
                self.leave()

    def leave(self) -> None:
        """Close the connection, as a network does that is gone."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _receive(self, frames: list[Frame]) -> None:
        for frame in frames:
            known = len(self.checker.faults)
            self.checker.receive(frame)
            for fault in self.checker.faults[known:]:
                self._told("feed", 0, RuntimeError(fault))
            if frame["type"] == "bid":
                self._told("bid, from its decision", max(0.0, time.time() * 1000 + self.ahead_ms - frame["at_ms"]))
            elif self.subscribed_s is not None and frame["type"] in {"snap", "tick"}:
                self._told("first state", (time.perf_counter() - self.subscribed_s) * 1000)
                self.subscribed_s = None

    def _told(self, name: str, took_ms: float, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type="WS", name=name, response_time=took_ms, response_length=0, exception=error, context={}
        )


class Watcher(WatchingPerson):
    """Stays."""

    weight = 10

    @tag("watch")
    @task
    def watch(self) -> None:
        """Read what comes."""
        self.follow(5.0)


class Reconnector(WatchingPerson):
    """Is away every few seconds, and comes back to where it was."""

    weight = 1

    @tag("reconnect")
    @task
    def come_and_go(self) -> None:
        """Watch for a while, lose the connection, come back."""
        self.follow(random.uniform(*STAYS_S))
        self.leave()
        gevent.sleep(random.uniform(0.0, 1.0))
        self.connect()
