"""Every fault of the ledger and the books, under bidders that go on: nothing is lost unnamed, nothing is invented.

`python -m tests.chaos.matrix --seeds 100` runs many seeds; CHAOS_SEED repeats one.
"""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import asyncpg
import pytest

from tests.chaos.deployment import children_of
from tests.chaos.matrix.faults import FAULTS
from tests.chaos.matrix.run import CannotRun, run

IN_EVERY_RUN = "stale replica promoted"
"""The fault that the fast lane runs too."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each fault under each seed of MATRIX_SEEDS (first:number), or, without, under one by chance."""
    if "fault" in metafunc.fixturenames:
        first, _, number = os.environ.get("MATRIX_SEEDS", "").partition(":")
        seeds = range(int(first), int(first) + int(number)) if number else [None]
        fast = () if number else (IN_EVERY_RUN,)
        metafunc.parametrize(
            "fault, given_seed",
            [
                pytest.param(name, seed, id=name if seed is None else f"{name}, seed {seed}",
                             marks=() if name in fast else pytest.mark.slow)
                for seed in seeds
                for name in FAULTS
            ],
        )  # fmt: skip


async def books_pids(url: str) -> list[int]:
    """The processes of the database's server, the one that starts others first."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        folder = await connection.fetchval("SHOW data_directory")
    finally:
        await connection.close()
    first = int((Path(folder) / "postmaster.pid").read_text().split()[0])
    return [first, *children_of(first)]


# a client whose connecting a fault breaks off leaves its socket to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_was_acknowledged_is_kept_or_named(
    record_property: Callable[[str, object], None], books_url: str, seed: int, fault: str, given_seed: int | None
) -> None:
    chosen = seed if given_seed is None else given_seed
    print(f"repeat with: python -m tests.chaos.matrix --fault {fault!r} --seed {chosen}")
    try:
        cost = await run(FAULTS[fault], chosen, books_url, await books_pids(books_url))
    except CannotRun as reason:
        pytest.skip(str(reason))
    for name, value in asdict(cost).items():
        record_property(name, value)
