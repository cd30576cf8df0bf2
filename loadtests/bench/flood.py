"""What floods of other requests do to one honest bidder: the median time of a bid, alone and under each flood.

One API process on one core; `wrk` with 200 connections and the bidder on the other. The bidder sends 20 bids a second.
Each flood comes once from one address and once from 10,000 (as a trusted proxy in front would tell them), in turn with
runs without any.
"""

import asyncio
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auction.migration import migrated_servers
from auction.services.identity.tokens import Role, TokenKeys
from auction.settings import load_settings
from loadtests.bench.http import LOAD_CORE, api_environment, open_lots, serving

CONNECTIONS = 200
BIDS_PER_S = 20
SECONDS = 5
ADDRESSES = (1, 10_000)
SCRIPT = Path(__file__).with_name("flood.lua")


@dataclass(frozen=True, slots=True)
class Flood:
    """Requests of one kind."""

    name: str
    method: str
    path: str
    token: str = ""


@dataclass(slots=True)
class HonestBidder:
    """Bids with many accounts in turn on one lot, each above the last: even what is late passes no bidder's bound."""

    port: int
    lot_id: str
    tokens: list[str]
    bids: int = 0

    def bid_for(self, seconds: float) -> list[float]:
        """The times of the bids of so many seconds, in ms. Raises RuntimeError where one is not accepted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        times, start_s = [], time.perf_counter()
        for number in range(int(seconds * BIDS_PER_S)):
            time.sleep(max(0.0, start_s + number / BIDS_PER_S - time.perf_counter()))
            times.append(self._bid(connection))
        connection.close()
        return times

    def _bid(self, connection: http.client.HTTPConnection) -> float:
        self.bids += 1
        headers = {
            "Authorization": f"Bearer {self.tokens[self.bids % len(self.tokens)]}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"honest-{self.bids:08}",
        }
        began_s = time.perf_counter()
        body = json.dumps({"amount_fen": self.bids * 100})
        connection.request("POST", f"/api/v1/lots/{self.lot_id}/bids", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        took_ms = (time.perf_counter() - began_s) * 1000
        if answer.status != 201:
            raise RuntimeError(f"the honest bid was answered {answer.status}: {said.decode()}")
        return took_ms


def bench_flood(*, seconds: int = SECONDS) -> dict[str, Any]:
    """The medians, and their ratios to the median without a flood."""
    if shutil.which("wrk") is None:
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="auction-bench-") as folder:
        secret = os.urandom(32).hex()
        wanted = load_settings(
            data_dir=Path(folder), redis_url=None, database_url=None, secret_key=secret, payment_provider="sandbox"
        )
        with migrated_servers(wanted) as settings:
            (lot_id,) = asyncio.run(open_lots(settings, 1))
            command = [sys.executable, "-m", "api", "--port"]
            environment = api_environment(settings, secret)
            for bound in ("AUCTION_BIDS_PER_BIDDER_S", "AUCTION_BIDS_IN_FLIGHT"):
                del environment[bound]
            with serving(command, environment) as (port, _):
                bidder = HonestBidder(port, lot_id, [_token(secret, f"bidder-{number}") for number in range(63)])
                bidder.bid_for(1)
                return _measure(bidder, _floods(lot_id, _token(secret, "bidder-63")), seconds)


def _token(secret: str, subject: str) -> str:
    return TokenKeys(secret).issue(subject=subject, role=Role.BIDDER, now_s=int(time.time()), lifetime_s=86_400)


def _floods(lot_id: str, token: str) -> list[Flood]:
    bids = f"/api/v1/lots/{lot_id}/bids"
    return [
        Flood("refused bids of one bidder", "POST", bids, token),
        Flood("bids under a forged token", "POST", bids, "x.y.z"),
        Flood("a lot", "GET", f"/api/v1/lots/{lot_id}"),
        Flood("sales", "GET", "/api/v1/sales"),
        Flood("lots that do not exist", "GET", "/api/v1/lots/none"),
        Flood("the page of a lot", "GET", f"/lots/{lot_id}"),
        Flood("metrics", "GET", "/metrics"),
        Flood("openapi.json", "GET", "/openapi.json"),
        Flood("sign-ins", "POST", "/api/v1/auth/session"),
    ]


def _measure(bidder: HonestBidder, floods: list[Flood], seconds: int) -> dict[str, Any]:
    alone, medians = [], {}
    for flood in floods:
        alone.append(statistics.median(bidder.bid_for(seconds / 2)))
        medians[flood.name] = {f"from {count:,}": _under(bidder, flood, count, seconds) for count in ADDRESSES}
    median_ms = statistics.median(alone)
    return {
        "alone_ms": round(median_ms, 2),
        "lowest_alone_ms": round(min(alone), 2),
        "highest_alone_ms": round(max(alone), 2),
        "floods": {
            name: {
                addresses: f"{found_ms:.2f} ms, ratio {found_ms / median_ms:.2f}, {per_s:,.0f} requests/s"
                for addresses, (found_ms, per_s) in found.items()
            }
            for name, found in medians.items()
        },
    }


def _under(bidder: HonestBidder, flood: Flood, addresses: int, seconds: int) -> tuple[float, float]:
    """The median of honest bids under a flood, and how many of its requests were answered a second."""
    process = subprocess.Popen(
        [
            *("taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds + 2}s"),
            *("-s", str(SCRIPT), f"http://127.0.0.1:{bidder.port}", "--"),
            *(flood.method, flood.path, flood.token, str(addresses)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(1)
    median_ms = statistics.median(bidder.bid_for(seconds))
    said, _ = process.communicate()
    per_s = next((float(line.split()[1]) for line in said.splitlines() if line.startswith("Requests/sec")), 0.0)
    return median_ms, per_s
