"""Bids over HTTP beside what a house would build first (`loadtests.baselines.rivals`), on the same servers.

One process each on one core, `wrk` with 64 connections and rising bids on the other; runs alternate and the medians are
compared. PostgreSQL with synchronous commit, the ledger's server with `appendfsync always`, the log with fdatasync. The
rivals check no signature of a token and keep no record that anybody could verify.
"""

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from auction.migration import migrated_servers
from auction.settings import Settings, load_settings
from loadtests.baselines.bid_api import LOT
from loadtests.baselines.rivals import RIVALS
from loadtests.bench.http import (
    CONNECTIONS,
    HttpRun,
    api_environment,
    bidder_tokens,
    median_of,
    open_lots,
    run_wrk,
    serving,
    verify,
)

OURS = "auction"


def bench_rivals(*, seconds: int = 4, runs: int = 3, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Ours and each rival: medians, and how many times as many bids ours decides a second.

    Decided, not accepted: a rival that is slow decides rising bids out of their order, and refuses most as too low.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="auction-bench-") as folder:
        secret = os.urandom(32).hex()
        wanted = load_settings(
            data_dir=Path(folder), redis_url=None, database_url=None, secret_key=secret, payment_provider="sandbox"
        )
        with migrated_servers(wanted) as settings:
            tokens, names = Path(folder) / "tokens", Path(folder) / "names"
            tokens.write_text("\n".join(bidder_tokens(secret)) + "\n")
            names.write_text("\n".join(f"bidder-{number}" for number in range(CONNECTIONS)) + "\n")
            lots = asyncio.run(open_lots(settings, runs))
            found: dict[str, list[HttpRun]] = {name: [] for name in (OURS, *RIVALS)}
            for run, lot_id in enumerate(lots):
                api = [sys.executable, "-m", "api", "--port"]
                with serving(api, api_environment(settings, secret)) as server:
                    found[OURS].append(run_wrk(server, lot_id, tokens, seconds, connections))
                for name in RIVALS:
                    with _serving_rival(name, settings, Path(folder)) as server:
                        found[name].append(run_wrk(server, LOT, names, seconds, connections, first_step=_above(run)))
            verdict = asyncio.run(verify(settings, lots))
    medians = {
        name: median_of(results) | {"decided_per_s": _decided_per_s(results, seconds)}
        for name, results in found.items()
    }
    ours = medians[OURS]["decided_per_s"]
    return {
        "connections": connections,
        **medians,
        "times_as_many": {name: round(ours / max(1, medians[name]["decided_per_s"]), 1) for name in RIVALS},
        "durability": "on the disk before the answer, all",
        "verified_bids": verdict["bids"],
        "breaches": verdict["breaches"],
    }


def _decided_per_s(runs: list[HttpRun], seconds: int) -> int:
    return round(statistics.median(run.accepted_per_s + run.refused / seconds for run in runs))


def _above(run: int) -> int:
    """The first amount of a run, in steps: above those of the runs before."""
    return run * 1_000_000


def _serving_rival(name: str, settings: Settings, folder: Path) -> AbstractContextManager[tuple[int, int]]:
    address = str(settings.database_owner_url or settings.database_url)
    start = partial(serving, [sys.executable, "-m", "loadtests.baselines", name])
    return start(
        {
            "RIVAL_DATABASE_URL": address.replace("postgresql+asyncpg://", "postgresql://"),
            "RIVAL_REDIS_URL": str(settings.redis_url),
            "RIVAL_FOLDER": str(folder),
        }
    )
