"""What `auction tape` and `auction replay --tape` do: record a bid tape, and play one on a ledger of its own."""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from auction import embedded
from auction.console.output import out, print_error
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from auction.replay.tape import Recorder, play
from auction.replay.tape_player import LedgerEngine
from auction.settings import Settings

SHARDS = 16


def record(file: Path, *, bids: int, seed: int) -> dict[str, Any]:
    """Write a tape to a new file; its last line. typer.Exit(2) where the file cannot be made."""
    recorder = Recorder(seed, bids)
    try:
        with file.open("x", encoding="utf-8") as written:
            for line in recorder.lines():
                written.write(f"{line}\n")
    except OSError as error:
        print_error(f"{file} cannot be written: {error.strerror or error}")
        raise typer.Exit(2) from None
    return recorder.end


def replay(settings: Settings, file: Path) -> dict[str, Any]:
    """Play a tape on an empty embedded ledger, which is gone afterwards; its last line, and the seconds it took.

    Raises TapeInvalid, TapeDiffers; typer.Exit(2) where the file cannot be read.
    """
    try:
        with file.open(encoding="utf-8") as lines, tempfile.TemporaryDirectory(prefix="auction-tape-") as folder:
            first = list(itertools.islice(lines, 1))
            servers = embedded.running(Path(folder), ledger_binary=settings.ledger_binary, want_books=False)
            with servers as running:
                started = time.monotonic()
                end = asyncio.run(_play(running.redis_url, itertools.chain(first, lines)))
                return end | {"seconds": round(time.monotonic() - started, 3)}
    except (OSError, UnicodeDecodeError) as error:
        print_error(f"{file} cannot be read: {error.strerror if isinstance(error, OSError) else error}")
        raise typer.Exit(2) from None


async def _play(redis_url: str, lines: Iterator[str]) -> dict[str, Any]:
    redis = connect(redis_url)
    try:
        return await play(LedgerEngine(await BidLedger.open(redis, SHARDS)), lines)
    finally:
        await redis.aclose()


def print_end(end: dict[str, Any]) -> None:
    """Print the last line of a tape."""
    for name, count in end["bids"].items():
        out.print(f"{name:>20}  {count:,}", markup=False, highlight=False)
    out.print(f"outcome {end['outcome_sha256']}", markup=False, highlight=False)
    if "seconds" in end:
        out.print(f"the same, in {end['seconds']} s", markup=False, highlight=False)
