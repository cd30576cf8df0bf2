"""`auction bench`: benchmarks against a baseline on this machine, from the source tree."""

from enum import StrEnum
from typing import Annotated

import typer

from auction.console.output import Json, print_json


class Benchmark(StrEnum):
    """What is measured."""

    ARCHIVE = "archive"
    FLOOD = "flood"
    GROWTH = "growth"
    HTTP = "http"
    LEDGER = "ledger"
    LIVE = "live"
    PLACE = "place"
    REGISTRATION = "registration"
    RIVALS = "rivals"
    SETTLEMENT = "settlement"
    STORM = "storm"
    VERIFY = "verify"


def bench(
    what: Annotated[Benchmark, typer.Argument(help="What to measure.")] = Benchmark.HTTP,
    *,
    as_json: Json = False,
) -> None:
    """Benchmark against a no-op baseline, in one run.

    Needs the source tree; http, flood, rivals and storm also need wrk, and live needs cc.
    """
    from auction.console.bench import print_figures, run_bench

    figures = run_bench(what)
    if as_json:
        print_json(figures)
    else:
        print_figures(figures)
