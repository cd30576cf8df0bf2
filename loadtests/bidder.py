"""One bidder of a load run: registers, reads the lot, bids near the minimum, and retries with the same key."""

import os
import random
import secrets
import time
from http import HTTPStatus
from typing import Any

import gevent
from locust import FastHttpUser, constant, task

from auction.services.identity.tokens import Role, TokenKeys
from loadtests.statistics import BidderStatistics

RESPONSE_TIMEOUT_S = 5.0
ATTEMPTS_MAX = 6
DELAY_FIRST_S, DELAY_S_MAX = 0.05, 2.0
TOKEN_LIFETIME_S = 7200
YUAN = 100
READ_PART = 20
"""One call in so many reads the lot instead of bidding."""
TEMPORARY = (0, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
ACCEPTED = (HTTPStatus.OK, HTTPStatus.CREATED)

statistics = BidderStatistics()
minimum_fen: dict[str, int] = {}
"""Lot -> the highest minimum in any response so far, as every bidder's page would show it."""


def record_minimum(lot_id: str, facts: dict[str, Any]) -> None:
    """Take over the minimum from a response."""
    minimum_fen[lot_id] = max(minimum_fen.get(lot_id, YUAN), facts.get("minimum_fen", 0))


class Bidder(FastHttpUser):
    """Bids without a pause: each response is followed by the next bid."""

    wait_time = constant(0)
    network_timeout = RESPONSE_TIMEOUT_S
    connection_timeout = RESPONSE_TIMEOUT_S

    def on_start(self) -> None:
        """Register for one of the lots with a token of its own."""
        statistics.bidders += 1
        key = TokenKeys(os.environ["AUCTION_SECRET_KEY"])
        subject = f"load-{statistics.bidders}-{secrets.token_hex(3)}"
        token = key.issue(subject=subject, role=Role.BIDDER, now_s=int(time.time()), lifetime_s=TOKEN_LIFETIME_S)
        self.authorization = {"Authorization": f"Bearer {token}"}
        lots = os.environ["LOAD_LOTS"].split(",")
        self.lot_id = lots[statistics.bidders % len(lots)]
        self.call("POST", "registrations", {"accept_terms": True}, (HTTPStatus.CREATED, HTTPStatus.OK))
        self.read_lot()

    @task(1)
    def read_lot(self) -> None:
        """Read the lot."""
        statistics.reads += 1
        facts = self.call("GET", "", None, (HTTPStatus.OK,))
        if facts is not None:
            record_minimum(self.lot_id, facts)

    @task(READ_PART - 1)
    def bid(self) -> None:
        """Bid the minimum or a little more; sent again with the same key until it is answered."""
        amount_fen = minimum_fen.get(self.lot_id, YUAN) + random.randint(0, 4) * YUAN
        key = secrets.token_hex(12)
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                statistics.retried += 1
                gevent.sleep(random.uniform(0, min(DELAY_S_MAX, DELAY_FIRST_S * 2**attempt)))
            status, facts = self._send(amount_fen, key)
            if status not in TEMPORARY:
                self._count(status, facts)
                return
        statistics.failed[f"no response ({status})"] += 1

    def _send(self, amount_fen: int, key: str) -> tuple[int, dict[str, Any]]:
        """Send the bid once; the status and the body of the response. Status 0: no response."""
        headers = self.authorization | {"Idempotency-Key": key}
        path = f"/api/v1/lots/{self.lot_id}/bids"
        with self.client.post(
            path, json={"amount_fen": amount_fen}, headers=headers, name="bid", catch_response=True
        ) as response:
            status = response.status_code
            facts = _facts(response) if status else {}
            if status in (*ACCEPTED, HTTPStatus.CONFLICT):
                response.success()
            return status, facts

    def _count(self, status: int, facts: dict[str, Any]) -> None:
        record_minimum(self.lot_id, facts)
        statistics.last_s = time.monotonic()
        statistics.first_s = statistics.first_s or statistics.last_s
        if status in ACCEPTED:
            statistics.accepted += 1
            statistics.repeated += status == HTTPStatus.OK
        elif status == HTTPStatus.CONFLICT and "code" in facts:
            statistics.refused[facts["code"]] += 1
        else:
            statistics.failed[f"{status} {facts.get('code', '')}".strip()] += 1

    def call(
        self, method: str, path: str, body: dict[str, Any] | None, expected: tuple[HTTPStatus, ...]
    ) -> dict[str, Any] | None:
        """Any other call on the lot, again where the server is temporarily unavailable; None where it failed."""
        url = f"/api/v1/lots/{self.lot_id}" + (f"/{path}" if path else "")
        for attempt in range(ATTEMPTS_MAX):
            with self.client.request(
                method, url, json=body, headers=self.authorization, name=path or "lot", catch_response=True
            ) as response:
                status = response.status_code
                if status in expected:
                    response.success()
                    return _facts(response)
            if status not in TEMPORARY:
                break
            gevent.sleep(random.uniform(0, min(DELAY_S_MAX, DELAY_FIRST_S * 2**attempt)))
        statistics.failed[f"{path or 'lot'}: {status or 'no response'}"] += 1
        return None


def final_statistics(environment: Any) -> BidderStatistics:
    """The statistics at the end of the run, with locust's response times and exceptions."""
    bids = environment.stats.get("bid", "POST")
    statistics.p50_ms = bids.get_response_time_percentile(0.5) or 0.0
    statistics.p99_ms = bids.get_response_time_percentile(0.99) or 0.0
    for fault in environment.runner.exceptions.values():
        statistics.failed[fault["msg"]] += fault["count"]
    return statistics


def _facts(response: Any) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
