"""A storm of low bids over HTTP, 50 for each that is high enough: with edge refusals, and with the ledger deciding all.

The server runs on one core, `wrk` with 64 connections on the other; runs with and without alternate. Afterwards every
accepted bid is verified.
"""

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from auction.migration import migrated_servers
from auction.settings import load_settings
from loadtests.bench.http import (
    CONNECTIONS,
    HttpRun,
    api_environment,
    bidder_tokens,
    open_lots,
    run_wrk,
    serving,
    verify,
)

LOW_BIDS = 50
"""For each bid that is high enough."""


def bench_storm(*, seconds: int = 5, runs: int = 5) -> dict[str, Any]:
    """Alternate runs with and without edge refusals; medians and the ratio of what was accepted."""
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
            found: dict[str, list[HttpRun]] = {"1": [], "0": []}
            lots = asyncio.run(open_lots(settings, 2 * runs))
            for number, lot_id in enumerate(lots):
                setting = "10"[number % 2]
                environment = api_environment(settings, secret) | {"AUCTION_EDGE_REFUSALS": setting}
                with serving([sys.executable, "-m", "api", "--port"], environment) as server:
                    found[setting].append(run_wrk(server, lot_id, tokens, seconds, CONNECTIONS, low_bids=LOW_BIDS))
            verdict = asyncio.run(verify(settings, lots))
    with_edge, without = _medians(found["1"], seconds), _medians(found["0"], seconds)
    return {
        "low_bids_for_each_high_one": LOW_BIDS,
        "with_edge_refusals": with_edge,
        "ledger_decides_all": without,
        "accepted_ratio": round(with_edge["accepted_per_s"] / without["accepted_per_s"], 2),
        "cpu_ratio": round(with_edge["cpu_us"] / without["cpu_us"], 2),
        "durability": "appendfsync always",
        "verified_bids": verdict["bids"],
        "breaches": verdict["breaches"],
    }


def _medians(runs: list[HttpRun], seconds: int) -> dict[str, Any]:
    accepted = [run.accepted_per_s for run in runs]
    return {
        "accepted_per_s": round(statistics.median(accepted)),
        "lowest_per_s": round(min(accepted)),
        "highest_per_s": round(max(accepted)),
        "refused_per_s": round(statistics.median(run.refused / seconds for run in runs)),
        "failed": sum(run.failed for run in runs),
        "p50_ms": round(statistics.median(run.p50_ms for run in runs), 2),
        "p99_ms": round(statistics.median(run.p99_ms for run in runs), 2),
        "cpu_us": round(statistics.median(run.cpu_us for run in runs), 1),
    }
