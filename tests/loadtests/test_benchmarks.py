"""Every benchmark runs to its end and gives figures that tables are made of. Short runs; nothing is timed here."""

import importlib
import shutil
from typing import Any

import pytest

from auction.cli.bench import Benchmark
from loadtests.bench.figures import tables

SHORT: dict[str, dict[str, Any]] = {
    "archive": {"bids": {16: 160}},
    "flood": {"seconds": 1},
    "growth": {"runs": 1, "bids": 512, "bidders": 60},
    "http": {"seconds": 1, "runs": 1},
    "ledger": {"runs": 1},
    "live": {"socket_counts": (100,), "seconds": 2, "runs": 1},
    "place": {"runs": 1},
    "registration": {"people": 8, "at_once": 4},
    "rivals": {"seconds": 1, "runs": 1},
    "settlement": {"lot_count": 20},
    "storm": {"seconds": 1, "runs": 1},
    "verify": {"bids": 320, "people": 4, "runs": 1},
}
NEEDS = dict.fromkeys(("flood", "http", "rivals", "storm"), "wrk") | {"live": "cc"}
TAKEN = {"day": "2026-01-01", "cores": 2, "processor": "any", "python": "3.11", "load_before": 0.0}


def test_every_benchmark_has_a_short_form() -> None:
    assert set(SHORT) == {str(one) for one in Benchmark}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_benchmark_runs_to_its_end(name: str) -> None:
    if name in NEEDS and shutil.which(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    figures = getattr(importlib.import_module(f"loadtests.bench.{name}"), f"bench_{name}")(**SHORT[name])
    assert figures
    assert not figures.get("breaches")
    assert not figures.get("broken_rules_of_money")
    assert len(tables({"taken": TAKEN, "figures": figures}).split("\n")) > 2
