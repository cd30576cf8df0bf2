"""`auction bench`: side-by-side figures on this machine. The benches live in the source tree, not in the package."""

import importlib
from enum import StrEnum
from typing import Annotated, Any

import typer

from auction.console.output import Json, complain, out, print_json


class Bench(StrEnum):
    """What is measured."""

    HTTP = "http"
    LIVE = "live"
    SETTLEMENT = "settlement"


def bench(
    what: Annotated[Bench, typer.Argument(help="What to measure.")] = Bench.HTTP,
    *,
    as_json: Json = False,
) -> None:
    """Measure beside the floor, in one run; a source tree (loadtests/) is needed, and wrk for http."""
    try:
        module = importlib.import_module(f"loadtests.bench.{what}")
    except ModuleNotFoundError as missing:
        complain(f"the benches are part of the source tree: run this there ({missing})")
        raise typer.Exit(2) from None
    figures: dict[str, Any] = getattr(module, f"bench_{what}")()
    if as_json:
        print_json(figures)
        return
    _print(figures)


def _print(figures: dict[str, Any], indent: str = "") -> None:
    for name, value in figures.items():
        if isinstance(value, dict):
            out.print(f"{indent}[bold]{name}[/]")
            _print(value, indent + "  ")
        else:
            out.print(f"{indent}{name}: {value}", markup=False)
