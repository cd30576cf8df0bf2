"""`auction demo`: a complete auction on this machine: servers, a sale of four lots, forty bots, pages to try."""

import sys
from pathlib import Path
from typing import Annotated

import typer

SPEED_MIN, SPEED_MAX = 0.2, 20.0


def demo(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to serve on.")] = 8000,
    speed: Annotated[
        float,
        typer.Option(min=SPEED_MIN, max=SPEED_MAX, help="How many times faster than its three minutes the sale runs."),
    ] = 1.0,
    no_bots: Annotated[
        bool, typer.Option("--no-bots", help="No bots: the lots are open to you for 30 minutes.")
    ] = False,
    exits: Annotated[
        bool, typer.Option("--exit", help="End when all lots are closed and verified, instead of staying up.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Keep the data in this directory; default: a temporary one, removed at the end.  [AUCTION_DATA_DIR]",
        ),
    ] = None,
) -> None:
    """Run an auction with bots on this machine, until Ctrl-C.

    Starts servers, creates a sale of four lots, shows a live table, verifies the result, and stays up to be tried.
    """
    from auction.demo.run import DemoOptions
    from auction.demo.session import run_demo

    options = DemoOptions(
        speed=speed, bots=not no_bots, exits=exits, on_terminal=sys.stdout.isatty(), data_dir=data_dir
    )
    raise typer.Exit(run_demo(options, port=port))
