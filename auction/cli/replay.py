"""`auction replay FILE.csv`: replays recorded auctions through the real ledger and compares the closing prices.

`auction replay --tape FILE` plays a bid tape and compares the outcome.
"""

from pathlib import Path
from typing import Annotated

import typer

from auction.console.output import Json, print_error, print_json


def replay(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="CSV in UTF-8 with the columns auction_id, item, bid_day, bidder, max_bid_cents, start_price_cents, "
            "final_price_cents."
        ),
    ] = None,
    *,
    tape: Annotated[
        Path | None, typer.Option(help="Play this bid tape on an empty embedded ledger instead (see `auction tape`).")
    ] = None,
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

    Each auction becomes a lot; its closing price is compared with the recorded one. Exit code 1 if a tape's outcome is
    another than it says.
    """
    if (file is None) == (tape is None):
        print_error("name what to replay: a recording (FILE), or a bid tape with --tape FILE")
        raise typer.Exit(2)
    if tape is not None:
        _replay_tape(tape, as_json=as_json)
    elif file is not None:
        _replay_recording(file, preset=preset, reserve_from_final=reserve_from_final, auction=auction, as_json=as_json)


def _replay_tape(file: Path, *, as_json: bool) -> None:
    from auction.console import tape as console
    from auction.settings import load_settings

    end = console.replay(load_settings(), file)
    if as_json:
        print_json(end)
    else:
        console.print_end(end)


def _replay_recording(file: Path, *, preset: str, reserve_from_final: bool, auction: str | None, as_json: bool) -> None:
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
