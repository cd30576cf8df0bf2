"""One bidder of a load run: registers, looks at the lot, bids near the minimum, and retries with the same key."""

import os
import random
import secrets
import time
from http import HTTPStatus
from typing import Any

import gevent
from locust import FastHttpUser, constant, task

from auction.services.identity.tokens import Role, TokenKey
from loadtests.statistics import BidderStatistics

ANSWER_S = 5.0
TRIES_MAX = 6
WAIT_FIRST_S, WAIT_S_MAX = 0.05, 2.0
TOKEN_LIFETIME_S = 7200
YUAN = 100
LOOKS_EVERY = 20
"""One thought in so many is only a look at the lot."""
FOR_THE_MOMENT = (0, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
ACCEPTED = (HTTPStatus.OK, HTTPStatus.CREATED)

tally = BidderStatistics()
minimum_fen: dict[str, int] = {}
"""Lot -> the highest minimum that anyone here was told: what everybody's page would show."""


def note_minimum(lot_id: str, facts: dict[str, Any]) -> None:
    """Take in what an answer says the next bid must be."""
    minimum_fen[lot_id] = max(minimum_fen.get(lot_id, YUAN), facts.get("minimum_fen", 0))


class Bidder(FastHttpUser):
    """Bids without a pause: the answer to one bid is followed by the next."""

    wait_time = constant(0)
    network_timeout = ANSWER_S
    connection_timeout = ANSWER_S

    def on_start(self) -> None:
        """Come with a token of one's own and register for one of the lots."""
        tally.bidders += 1
        key = TokenKey(os.environ["AUCTION_SECRET_KEY"])
        subject = f"load-{tally.bidders}-{secrets.token_hex(3)}"
        token = key.issue(subject=subject, role=Role.BIDDER, now_s=int(time.time()), lifetime_s=TOKEN_LIFETIME_S)
        self.authorization = {"Authorization": f"Bearer {token}"}
        lots = os.environ["LOAD_LOTS"].split(",")
        self.lot_id = lots[tally.bidders % len(lots)]
        self.call("POST", "registrations", {"accept_terms": True}, (HTTPStatus.CREATED, HTTPStatus.OK))
        self.look()

    @task(1)
    def look(self) -> None:
        """Look at the lot."""
        tally.looks += 1
        facts = self.call("GET", "", None, (HTTPStatus.OK,))
        if facts is not None:
            note_minimum(self.lot_id, facts)

    @task(LOOKS_EVERY - 1)
    def bid(self) -> None:
        """Offer the minimum or a little more; sent again under the same key until it is answered."""
        amount_fen = minimum_fen.get(self.lot_id, YUAN) + random.randint(0, 4) * YUAN
        key = secrets.token_hex(12)
        for attempt in range(TRIES_MAX):
            if attempt:
                tally.retried += 1
                gevent.sleep(random.uniform(0, min(WAIT_S_MAX, WAIT_FIRST_S * 2**attempt)))
            status, facts = self._try(amount_fen, key)
            if status not in FOR_THE_MOMENT:
                self._count(status, facts)
                return
        tally.failed[f"no answer ({status})"] += 1

    def _try(self, amount_fen: int, key: str) -> tuple[int, dict[str, Any]]:
        """One try; its status and what it was told. Status 0: no answer."""
        headers = self.authorization | {"Idempotency-Key": key}
        path = f"/api/v1/lots/{self.lot_id}/bids"
        with self.client.post(
            path, json={"amount_fen": amount_fen}, headers=headers, name="bid", catch_response=True
        ) as answer:
            status = answer.status_code
            facts = _facts(answer) if status else {}
            if status in (*ACCEPTED, HTTPStatus.CONFLICT):
                answer.success()
            return status, facts

    def _count(self, status: int, facts: dict[str, Any]) -> None:
        note_minimum(self.lot_id, facts)
        tally.last_s = time.monotonic()
        tally.first_s = tally.first_s or tally.last_s
        if status in ACCEPTED:
            tally.accepted += 1
            tally.found += status == HTTPStatus.OK
        elif status == HTTPStatus.CONFLICT and "code" in facts:
            tally.refused[facts["code"]] += 1
        else:
            tally.failed[f"{status} {facts.get('code', '')}".strip()] += 1

    def call(
        self, method: str, path: str, body: dict[str, Any] | None, expected: tuple[HTTPStatus, ...]
    ) -> dict[str, Any] | None:
        """Any other call on the lot, repeated where the house is away for the moment; None where it failed."""
        place = f"/api/v1/lots/{self.lot_id}" + (f"/{path}" if path else "")
        for attempt in range(TRIES_MAX):
            with self.client.request(
                method, place, json=body, headers=self.authorization, name=path or "look", catch_response=True
            ) as answer:
                status = answer.status_code
                if status in expected:
                    answer.success()
                    return _facts(answer)
            if status not in FOR_THE_MOMENT:
                break
            gevent.sleep(random.uniform(0, min(WAIT_S_MAX, WAIT_FIRST_S * 2**attempt)))
        tally.failed[f"{path or 'look'}: {status or 'no answer'}"] += 1
        return None


def counted(environment: Any) -> BidderStatistics:
    """The counts at the end of the run."""
    bids = environment.stats.get("bid", "POST")
    tally.p50_ms = bids.get_response_time_percentile(0.5) or 0.0
    tally.p99_ms = bids.get_response_time_percentile(0.99) or 0.0
    for fault in environment.runner.exceptions.values():
        tally.failed[fault["msg"]] += fault["count"]
    return tally


def _facts(answer: Any) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
