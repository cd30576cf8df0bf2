"""What `auction replay` does: reads a recording, replays it with the archiver, and prints the comparison."""

import asyncio
import secrets
from pathlib import Path

import typer
from rich.table import Table

from auction.bootstrap import open_context
from auction.console.output import out, print_error
from auction.domain.money import yuan
from auction.replay import runner
from auction.replay.csv_import import RecordedAuction, read_file
from auction.replay.runner import ReplayResult
from auction.settings import Settings
from auction.workers.archiver import Archiver


def read_auctions(file: Path, auction_id: str | None) -> list[RecordedAuction]:
    """The auctions of a recording, or the one with that id; typer.Exit(2) where there is no such file or auction.

    Raises RecordingInvalid.
    """
    try:
        auctions = read_file(file)
    except OSError as error:
        print_error(f"{file} cannot be read: {error.strerror or error}")
        raise typer.Exit(2) from None
    if auction_id is None:
        return auctions
    chosen = [auction for auction in auctions if auction.auction_id == auction_id]
    if not chosen:
        print_error(
            f"the recording has no auction {auction_id}: --auction takes one of its {len(auctions)} ids, such as "
            f"{auctions[0].auction_id}"
        )
        raise typer.Exit(2)
    return chosen


def replay(
    settings: Settings, auctions: list[RecordedAuction], *, preset: str, reserve_from_final: bool
) -> ReplayResult:
    """Replay the auctions on the servers of `settings`. Raises NotFound, TermsInvalid, LedgerAway, BooksAway."""
    return asyncio.run(_replay(settings, auctions, preset, reserve_from_final=reserve_from_final))


async def _replay(
    settings: Settings, auctions: list[RecordedAuction], preset: str, *, reserve_from_final: bool
) -> ReplayResult:
    # nothing is signed here and no money moves
    async with open_context(settings, secret=secrets.token_hex(32), with_payments=False) as context:
        archiver = Archiver(context.books, context.stream, keep_ms=settings.stream_keep_ms)
        return await runner.replay(
            context, auctions, preset=preset, catch_up=archiver.catch_up, reserve_from_final=reserve_from_final
        )


def as_mapping(result: ReplayResult) -> dict[str, object]:
    """The totals and every auction whose price differs, as `--json` prints them."""
    return {
        "sale_id": result.sale_id,
        "auctions": len(result.auctions),
        "matched": sum(auction.matches for auction in result.auctions),
        "mismatched": [
            {
                "auction_id": auction.auction_id,
                "price_cents": auction.price_cents,
                "recorded_cents": auction.recorded_cents,
            }
            for auction in result.auctions
            if not auction.matches
        ],
        "bids": sum(auction.bids for auction in result.auctions),
        "accepted": sum(auction.accepted for auction in result.auctions),
        "seconds": round(result.seconds, 3),
    }


def print_result(result: ReplayResult) -> None:
    """Print a table with a row for each auction, and the totals."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    # an id of any length, on a terminal of any width
    table.add_column("auction", overflow="fold")
    for column in ("bids", "accepted", "price", "recorded"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("match", no_wrap=True)
    for auction in result.auctions:
        table.add_row(
            auction.auction_id,
            f"{auction.bids:,}",
            f"{auction.accepted:,}",
            yuan(auction.price_cents),
            yuan(auction.recorded_cents),
            "yes" if auction.matches else "[bold red]no[/]",
        )
    out.print(table)
    total = as_mapping(result)
    out.print(
        f"\n[bold]{total['matched']:,} of {total['auctions']:,}[/] closing prices match; "
        f"{total['accepted']:,} of {total['bids']:,} bids accepted; {result.seconds:.1f} s; sale {result.sale_id}"
    )
