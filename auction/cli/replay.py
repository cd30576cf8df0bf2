"""`auction replay FILE.csv`: replays recorded auctions through the real ledger and compares the closing prices."""

from pathlib import Path
from typing import Annotated

import typer

from auction.console.output import Json, print_json


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV in UTF-8 with the columns auction_id, item, bid_day, bidder, max_bid_cents, start_price_cents, "
            "final_price_cents."
        ),
    ],
    *,
    preset: Annotated[str, typer.Option(help="The preset that the lots take their terms from.")] = "ebay-proxy",
    reserve_from_final: Annotated[
        bool,
        typer.Option(
            "--reserve-from-final",
            help="Replay an auction that misses its recorded price once more, with that price as the reserve.",
        ),
    ] = False,
    auction: Annotated[str | None, typer.Option(help="Replay only the auction with this id.")] = None,
    as_json: Json = False,
) -> None:
    """Replay recorded bids through the real ledger and archive.

    Each auction becomes a lot; its closing price is compared with the recorded one.
    """
    from auction.console import replay as console
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    auctions = console.read_auctions(file, auction)
    with migrated_servers(load_settings()) as settings:
        result = console.replay(settings, auctions, preset=preset, reserve_from_final=reserve_from_final)
    if as_json:
        print_json(console.as_mapping(result))
    else:
        console.print_result(result)
