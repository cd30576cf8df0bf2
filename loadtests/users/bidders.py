"""People who bid: near the minimum with time to think, far too low in a flood, in the last seconds, along a path.

Their calls are planned ahead (`loadtests.arrivals`). Beside locust's own line `bid`, which is timed from the sending,
there is one of type PLAN that is timed from the planned start. Only answers that are receipts or refusals count
(`loadtests.answers`).
"""

import random
import secrets
import time
from typing import Any

from locust import FastHttpUser, tag, task

from auction.demo.fixtures import YUAN
from auction.scenarios.price_path import LAUNCH_DAY, bid_rate
from loadtests.answers import fault_in
from loadtests.arrivals import Plan
from loadtests.target import bidders_of, found, lots_of, path_speed

TIMEOUT_S = 10.0
FLOOD_CALLS_PER_S = 20.0
SNIPE_S = 3.0
"""A sniper bids in the last so many seconds."""
SNIPER_CALLS_PER_S = 4.0


class BiddingPerson(FastHttpUser):
    """Registers for one of the lots, and acts by a plan."""

    abstract = True
    network_timeout = connection_timeout = TIMEOUT_S

    def on_start(self) -> None:
        """Sign in, choose a lot, register."""
        self.headers = {"Authorization": f"Bearer {bidders_of(self.environment).token()}"}
        self.lot_id: str = random.choice(lots_of(self))
        self.minimum_fen = self.step_fen = 1
        self.ends_in_s = float("inf")
        self.path = f"/api/v1/lots/{self.lot_id}"
        with self.client.post(
            f"{self.path}/registrations",
            json={"accept_terms": True},
            headers=self.headers,
            name="register",
            catch_response=True,
        ) as answer:
            if answer.status_code in {200, 201}:
                answer.success()
        self.look()
        self.plan = Plan(self.calls_per_s, time.time())

    @property
    def calls_per_s(self) -> float:
        """How often this person acts."""
        return float(self.environment.parsed_options.calls_per_s)

    def wait_time(self) -> float:
        """Until the next planned act; nothing where it is due already."""
        return self.plan.next_wait_s(time.time())

    def read(self, path: str) -> Any:
        """A JSON answer that must be there."""
        return self.client.get(path, name=path.rpartition("/")[2]).json()

    def look(self) -> None:
        """Read the lot."""
        with self.client.get(self.path, headers=self.headers, name="lot", catch_response=True) as answer:
            if answer.status_code != 200:
                return
            lot = answer.json()
            self._learn(lot)
            self.step_fen = lot["terms"]["increments"][0]["step_fen"]
            self.ends_in_s = (lot["ends_at_ms"] - lot["now_ms"]) / 1000

    def bid(self, amount_fen: int) -> None:
        """Bid once, under a key of its own."""
        headers = {**self.headers, "Idempotency-Key": secrets.token_hex(12)}
        with self.client.post(
            f"{self.path}/bids", json={"amount_fen": amount_fen}, headers=headers, name="bid", catch_response=True
        ) as answer:
            body = _json(answer)
            fault = fault_in(answer.status_code, body, lot_id=self.lot_id, amount_fen=amount_fen)
            if fault is None:
                answer.success()
                self._learn(body)
            else:
                answer.failure(fault)
        self.environment.events.request.fire(
            request_type="PLAN",
            name="bid, from its planned start",
            response_time=max(0.0, time.time() - self.plan.due_s) * 1000,
            response_length=0,
            exception=None if fault is None else RuntimeError(fault),
            context={},
        )

    def _learn(self, facts: Any) -> None:
        self.minimum_fen = max(self.minimum_fen, facts["minimum_fen"])


class Bidder(BiddingPerson):
    """Bids the minimum or a little more, and looks now and then."""

    weight = 6

    @tag("bid")
    @task(9)
    def bid_near_the_minimum(self) -> None:
        """Bid what the page would offer."""
        self.bid(self.minimum_fen + random.choice((0, 0, 0, 1, 2)) * self.step_fen)

    @tag("read")
    @task(1)
    def look_at_the_lot(self) -> None:
        """Look at the lot."""
        self.look()


class LowBidder(BiddingPerson):
    """Floods the lot with bids that are far too low."""

    weight = 1

    @property
    def calls_per_s(self) -> float:
        """Much more often than people."""
        return FLOOD_CALLS_PER_S

    @tag("low")
    @task
    def bid_too_low(self) -> None:
        """Bid one fen."""
        self.bid(1)


class Sniper(BiddingPerson):
    """Looks until the end is near, and bids in the last seconds."""

    weight = 1

    @property
    def calls_per_s(self) -> float:
        """Looks and bids that often."""
        return SNIPER_CALLS_PER_S

    @tag("snipe")
    @task
    def bid_at_the_end(self) -> None:
        """Bid where the end is near, else look."""
        self.look()
        if 0 < self.ends_in_s <= SNIPE_S:
            self.bid(self.minimum_fen)


class PathBidder(BiddingPerson):
    """Bids along the published price path of the record sale, in `--path-minutes` instead of its four hours.

    As then, an eighth of the bids come in the first 240th of the time; on average it is `--calls-per-s`.
    """

    def wait_time(self) -> float:
        """Until the next planned act, at the rate of the moment."""
        self.plan.per_s = self.calls_per_s * bid_rate(self._elapsed_ms())
        return super().wait_time()

    @tag("path")
    @task
    def bid_along_the_path(self) -> None:
        """Bid what the path says now, or the minimum where that is more."""
        self.bid(max(self.minimum_fen, LAUNCH_DAY.at(self._elapsed_ms()) // YUAN * YUAN))

    def _elapsed_ms(self) -> float:
        return (time.time() - found.began_s) * 1000 * path_speed(self.environment)


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except (ValueError, TypeError):
        return None
