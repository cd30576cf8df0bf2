"""What `auction bench` does: runs a benchmark of the source tree (`loadtests.bench`) and prints its figures."""

import importlib
from typing import Any

import typer

from auction.console.output import out, print_error


def run_bench(name: str) -> dict[str, Any]:
    """The figures of one benchmark; typer.Exit(2) outside the source tree."""
    try:
        module = importlib.import_module(f"loadtests.bench.{name}")
    except ModuleNotFoundError as missing:
        print_error(f"the benchmarks are part of the source tree: run this command there ({missing})")
        raise typer.Exit(2) from None
    figures: dict[str, Any] = getattr(module, f"bench_{name}")()
    return figures


def print_figures(figures: dict[str, Any], indent: str = "") -> None:
    """Print figures one a line, nested ones indented under their name."""
    for name, value in figures.items():
        if isinstance(value, dict):
            out.print(f"{indent}[bold]{name}[/]")
            print_figures(value, indent + "  ")
        else:
            out.print(f"{indent}{name}: {value}", markup=False)
