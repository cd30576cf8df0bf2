"""Bids over HTTP against a no-op POST on the same server: one API process, 64 connections, `appendfsync always`.

The server runs on one core, `wrk` on the other; runs alternate, and the medians are compared. Afterwards every accepted
bid is verified.
"""

import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auction.bootstrap import open_context
from auction.migration import migrated_servers
from auction.services.catalogue.lots import create_lot, create_sale, open_lot
from auction.services.identity.tokens import Role, TokenKeys
from auction.services.payments.registration_deposits import register
from auction.services.verification.verdicts import verify_lot
from auction.settings import Settings, load_settings
from auction.workers.archiver import Archiver
from loadtests.bench.cpu import cpu_ns

CONNECTIONS = 64
GOAL_CPU_RATIO = 1.5
SCRIPT = Path(__file__).with_name("bids.lua")
SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class HttpRun:
    """The result of one run of wrk; times in ms."""

    accepted_per_s: float
    refused: int
    failed: int
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time of the server a request."""


def bench_http(*, seconds: int = 5, runs: int = 5, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Alternate runs of bids and of the no-op; medians, ranges and their ratio."""
    if shutil.which("wrk") is None:
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="auction-bench-") as folder:
        secret = os.urandom(32).hex()
        wanted = load_settings(
            data_dir=Path(folder), redis_url=None, database_url=None, secret_key=secret, payment_provider="sandbox"
        )
        with migrated_servers(wanted) as settings:
            tokens = Path(folder) / "tokens"
            tokens.write_text("\n".join(bidder_tokens(secret)) + "\n")
            bids, baseline = [], []
            lots = asyncio.run(open_lots(settings, runs))
            for lot_id in lots:
                with serving([sys.executable, "-m", "loadtests.bench.noop"], {}) as server:
                    baseline.append(run_wrk(server, "bench-000", tokens, seconds, connections))
                with serving([sys.executable, "-m", "api", "--port"], api_environment(settings, secret)) as server:
                    bids.append(run_wrk(server, lot_id, tokens, seconds, connections))
            verdict = asyncio.run(verify(settings, lots))
    return {"connections": connections} | _report(bids, baseline, verdict)


def bidder_tokens(secret: str) -> list[str]:
    key, now_s = TokenKeys(secret), int(time.time())
    return [
        key.issue(subject=f"bidder-{number}", role=Role.BIDDER, now_s=now_s, lifetime_s=86_400)
        for number in range(CONNECTIONS)
    ]


async def open_lots(settings: Settings, count: int) -> list[str]:
    """Create and open so many lots under launch-day terms, and admit every bidder to each."""
    async with open_context(settings) as context:
        sale = await create_sale(context, title="bench", actor="bench", sale_id="bench")
        lots = []
        for _ in range(count):
            lot = await create_lot(context, sale_id=sale.sale_id, title="bench", preset="jd-flash", actor="bench")
            lot_id = lot.record.lot_id
            await open_lot(context, lot_id, duration_ms=3_600_000, actor="bench")
            for number in range(CONNECTIONS):
                await register(context, lot_id, bidder_id=f"bidder-{number}", name="bench", payment_method="sandbox-ok")
            lots.append(lot_id)
        return lots


async def verify(settings: Settings, lots: list[str]) -> dict[str, Any]:
    async with open_context(settings) as context:
        await Archiver(context.books, context.stream).catch_up()
        verdicts = [await verify_lot(context, lot_id) for lot_id in lots]
    return {
        "bids": sum(verdict.bids for verdict in verdicts),
        "breaches": [breach.what for verdict in verdicts for breach in verdict.breaches],
    }


def api_environment(settings: Settings, secret: str) -> dict[str, str]:
    """What an API process on these servers is started with; bids of one bidder are not bounded."""
    return {
        "AUCTION_REDIS_URL": str(settings.redis_url),
        "AUCTION_DATABASE_URL": str(settings.database_url),
        "AUCTION_DATA_DIR": str(settings.data_dir),
        "AUCTION_SECRET_KEY": secret,
        "AUCTION_PAYMENT_PROVIDER": "sandbox",
        "AUCTION_LOG_LEVEL": "warning",
        "AUCTION_BIDS_PER_BIDDER_S": "0",
        "AUCTION_BIDS_IN_FLIGHT": "0",
    }


@contextmanager
def serving(command: list[str], environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Run a server process on a core of its own; its port and process id, once it accepts connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), *command, str(port)], env={**os.environ, **environment}
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command} did not start") from None
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def run_wrk(
    server: tuple[int, int],
    lot_id: str,
    tokens: Path,
    seconds: int,
    connections: int,
    *,
    low_bids: int = 0,
    first_step: int = 0,
) -> HttpRun:
    """Run wrk once against a server, given by its port and process id, with so many low bids before each high one.

    The first bid is `first_step` steps above the lowest.
    """
    port, pid = server
    before_ns = cpu_ns(pid)
    words = (lot_id, f"run{time.time_ns()}", str(tokens), str(low_bids), str(first_step))
    done = subprocess.run(
        [
            *("taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"),
            *("-s", str(SCRIPT), f"http://127.0.0.1:{port}", "--", *words),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    result = json.loads(done.stdout.rpartition("RESULT ")[2])
    statuses: dict[str, int] = result["statuses"]
    accepted = statuses.get("201", 0)
    refused = statuses.get("409", 0)
    return HttpRun(
        accepted / result["seconds"],
        refused,
        result["requests"] - accepted - refused + result["errors"],
        result["p50_ms"],
        result["p99_ms"],
        (cpu_ns(pid) - before_ns) / 1000 / max(1, result["requests"]),
    )


def _report(bids: list[HttpRun], baseline: list[HttpRun], verdict: dict[str, Any]) -> dict[str, Any]:
    rate, ceiling = median_of(bids), median_of(baseline)
    return {
        "bids": rate,
        "noop": ceiling,
        "ratio": round(rate["per_s"] / ceiling["per_s"], 3),
        "cpu_ratio": round(rate["cpu_us"] / ceiling["cpu_us"], 2),
        "goal_cpu_ratio": GOAL_CPU_RATIO,
        "p99_ratio": round(rate["p99_ms"] / ceiling["p99_ms"], 2),
        "durability": "appendfsync always",
        "verified_bids": verdict["bids"],
        "breaches": verdict["breaches"],
    }


def median_of(runs: list[HttpRun]) -> dict[str, Any]:
    """The figures of several runs of one server."""
    rates = [run.accepted_per_s for run in runs]
    return {
        "per_s": round(statistics.median(rates)),
        "lowest_per_s": round(min(rates)),
        "highest_per_s": round(max(rates)),
        "p50_ms": round(statistics.median(run.p50_ms for run in runs), 2),
        "p99_ms": round(statistics.median(run.p99_ms for run in runs), 2),
        "cpu_us": round(statistics.median(run.cpu_us for run in runs), 1),
        "refused": sum(run.refused for run in runs),
        "failed": sum(run.failed for run in runs),
    }
