"""`auction scenario no-show`: the sale of 22 October 2025 from its first bid to the last entry of the journal."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from auction.console.output import Json, err, out, print_json
from auction.logs import configure_logs
from auction.scenarios.harness import open_harness, own_servers
from auction.scenarios.no_show import NoShow, play, terms_of
from auction.scenarios.price_path import RECORD_BIDS
from auction.scenarios.report import as_mapping, show
from auction.settings import Settings

SIDE_BY_SIDE = ("jd-flash", "guarded-flash")
BIDS_MIN, BIDS_MAX = 200, 100_000
SEED = 20_251_022

scenario = typer.Typer(
    help="Sales that went wrong, played again on real servers in a directory of their own.", no_args_is_help=True
)


@scenario.command("no-show")
def no_show(
    *,
    preset: Annotated[
        str | None, typer.Option(help="The terms of the sale; without one, jd-flash and guarded-flash side by side.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed tells the same story.")] = SEED,
    bids: Annotated[
        int, typer.Option(min=BIDS_MIN, max=BIDS_MAX, help="How many bids the price path is made of.")
    ] = RECORD_BIDS,
    as_json: Json = False,
) -> None:
    """The 78-million-yuan winner who did not pay: bids, default, forfeiture, runner-up or resale, waterfall, claim."""
    presets = SIDE_BY_SIDE if preset is None else (preset,)
    for name in presets:
        # a preset that does not exist or does not fit is refused before servers are started for it
        terms_of(name)
    with err.status("starting a bid ledger and the books ..."), own_servers() as settings:
        configure_logs("error", settings.log_format)
        runs = asyncio.run(_play(settings, presets, seed=seed, bids=bids))
    if as_json:
        print_json({"scenario": "no-show", "seed": seed, "bids": bids, "runs": [as_mapping(told) for told in runs]})
    else:
        show(out, runs, seed=seed)
    if not all(told.sound for told in runs):
        raise typer.Exit(1)


async def _play(settings: Settings, presets: Sequence[str], *, seed: int, bids: int) -> list[NoShow]:
    async with open_harness(settings) as stage:
        return [await play(stage, preset, seed=seed, bids=bids) for preset in presets]
