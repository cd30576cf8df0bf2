"""`auction replay FILE.csv`: recorded auctions through the running ledger, compared with their recorded prices."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from auction.books.migrate import upgrade
from auction.bootstrap import open_context, running_servers
from auction.console.output import Json, complain, out, print_json
from auction.domain.money import yuan
from auction.replay import runner
from auction.replay.csv_import import RecordedAuction, read_recording
from auction.replay.runner import Replay
from auction.settings import Settings, load_settings
from auction.workers.archiver import Archiver


def replay(
    file: Annotated[Path, typer.Argument(help="CSV with auction_id, item, bid_day, bidder, max_bid_cents, ...")],
    *,
    preset: Annotated[str, typer.Option(help="The terms the lots get.")] = "ebay-proxy",
    reserve_from_final: Annotated[
        bool,
        typer.Option("--reserve-from-final", help="Where the plain run misses, take the recorded price as reserve."),
    ] = False,
    auction: Annotated[str | None, typer.Option(help="Replay this auction only.")] = None,
    as_json: Json = False,
) -> None:
    """Run recorded bids through the real ledger and archive; one lot per auction."""
    auctions = _chosen(_recording(file), auction)
    with running_servers(load_settings()) as settings:
        upgrade(str(settings.database_url))
        done = asyncio.run(_replay(settings, auctions, preset, reserve_from_final=reserve_from_final))
    if as_json:
        print_json(summary(done))
    else:
        _print(done)


def _recording(file: Path) -> list[RecordedAuction]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return read_recording(lines)
    except (OSError, UnicodeDecodeError) as error:
        complain(f"{file} cannot be read: {error}")
        raise typer.Exit(2) from None


def _chosen(auctions: list[RecordedAuction], auction_id: str | None) -> list[RecordedAuction]:
    if auction_id is None:
        return auctions
    chosen = [auction for auction in auctions if auction.auction_id == auction_id]
    if not chosen:
        complain(
            f"the recording has no auction {auction_id}; it has {len(auctions)}, the first is {auctions[0].auction_id}"
        )
        raise typer.Exit(2)
    return chosen


async def _replay(
    settings: Settings, auctions: list[RecordedAuction], preset: str, *, reserve_from_final: bool
) -> Replay:
    # nothing is signed here, so any secret does
    async with open_context(settings, secret=secrets.token_hex(32)) as context:
        archiver = Archiver(context.books, context.stream, keep_ms=settings.stream_keep_ms)
        return await runner.replay(
            context, auctions, preset=preset, catch_up=archiver.catch_up, reserve_from_final=reserve_from_final
        )


def summary(done: Replay) -> dict[str, object]:
    """The totals and every auction whose price differs, as `--json` prints them."""
    return {
        "sale_id": done.sale_id,
        "auctions": len(done.auctions),
        "matched": sum(auction.matches for auction in done.auctions),
        "mismatched": [
            {
                "auction_id": auction.auction_id,
                "price_cents": auction.price_cents,
                "recorded_cents": auction.recorded_cents,
            }
            for auction in done.auctions
            if not auction.matches
        ],
        "bids": sum(auction.bids for auction in done.auctions),
        "accepted": sum(auction.accepted for auction in done.auctions),
        "seconds": round(done.seconds, 3),
    }


def _print(done: Replay) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("auction")
    for column in ("bids", "accepted", "our price", "recorded"):
        table.add_column(column, justify="right")
    table.add_column("match")
    for auction in done.auctions:
        table.add_row(
            auction.auction_id,
            f"{auction.bids:,}",
            f"{auction.accepted:,}",
            yuan(auction.price_cents),
            yuan(auction.recorded_cents),
            "yes" if auction.matches else "[bold red]no[/]",
        )
    out.print(table)
    total = summary(done)
    out.print(
        f"\n[bold]{total['matched']:,} of {total['auctions']:,}[/] closing prices match; "
        f"{total['accepted']:,} of {total['bids']:,} bids accepted; {done.seconds:.1f} s; sale {done.sale_id}"
    )
