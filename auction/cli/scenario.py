"""`auction scenario no-show`: the sale of 22 October 2025 from its first bid to the last journal entry."""

from typing import Annotated

import typer

from auction.console.output import Json, out, print_json
from auction.scenarios.price_path import RECORD_BIDS

BIDS_MIN, BIDS_MAX = 200, 100_000
SEED = 20_251_022

scenario = typer.Typer(help="Simulate sales that went wrong, on temporary servers.", no_args_is_help=True)


@scenario.command("no-show")
def no_show(
    *,
    preset: Annotated[
        str | None, typer.Option(help="The terms of the sale; default: jd-flash and guarded-flash side by side.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bids.")] = SEED,
    bids: Annotated[
        int, typer.Option(min=BIDS_MIN, max=BIDS_MAX, help="How many bids the price path has.")
    ] = RECORD_BIDS,
    pays: Annotated[
        bool, typer.Option("--pays", help="The winner pays after all, by three bank transfers (default: jd-flash).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Simulate the 78-million-yuan winner who did not pay.

    From the first bid to default, forfeiture, runner-up or resale, waterfall and claim; with --pays to the handover.
    """
    from auction.scenarios.report import as_mapping, print_report
    from auction.scenarios.session import run_scenario

    results = run_scenario(preset, seed=seed, bids=bids, pays=pays)
    if as_json:
        runs = [as_mapping(result) for result in results]
        print_json({"scenario": "no-show", "seed": seed, "bids": bids, "runs": runs})
    else:
        print_report(out, results, seed=seed)
    if not all(result.sound for result in results):
        raise typer.Exit(1)
