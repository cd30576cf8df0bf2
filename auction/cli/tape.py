"""`auction tape FILE`: records a bid tape from a seed, for this engine or any other to be held against."""

from pathlib import Path
from typing import Annotated

import typer

from auction.console.output import Json, print_json


def tape(
    file: Annotated[Path, typer.Argument(help="The new file; nothing is overwritten.")],
    *,
    bids: Annotated[int, typer.Option(min=1, help="How many bids it has at least.")] = 10_000,
    seed: Annotated[int, typer.Option(help="What it follows from: the same seed makes the same bytes.")] = 1,
    as_json: Json = False,
) -> None:
    """Record a bid tape from a seed, with its expected outcome.

    A tape is commands to a ledger, and the hash of what the rules say comes of them. `auction replay --tape FILE` plays
    it.
    """
    from auction.console import tape as console

    end = console.record(file, bids=bids, seed=seed)
    if as_json:
        print_json(end)
    else:
        console.print_end(end)
