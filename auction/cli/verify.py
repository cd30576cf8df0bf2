"""`auction verify`: ledger, archive and rules against one another; exit code 1 with the first broken promise."""

import asyncio
import secrets
from typing import Annotated

import typer

from auction.bootstrap import open_house, running_servers
from auction.cli.speaking import Json, complain, out, print_json
from auction.domain.proof import PROMISES
from auction.services.verification import Verdict, verify_all, verify_lot, verify_sale
from auction.settings import Settings, load_settings


def verify(
    *,
    lot: Annotated[str | None, typer.Option(help="Check this lot.")] = None,
    sale: Annotated[str | None, typer.Option(help="Check the lots of this sale.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every lot there is.")] = False,
    as_json: Json = False,
) -> None:
    """Check the record of a lot, a sale or all against the promises; exit code 1 where one is broken."""
    if [lot is not None, sale is not None, everything].count(True) != 1:
        complain("say what to check: --lot ID, --sale ID or --all, one of the three")
        raise typer.Exit(2)
    with running_servers(load_settings()) as settings:
        verdict = asyncio.run(_verify(settings, lot, sale))
    if as_json:
        print_json(summary(verdict))
    else:
        _print(verdict)
    if verdict.breaches:
        raise typer.Exit(1)


async def _verify(settings: Settings, lot: str | None, sale: str | None) -> Verdict:
    # nothing is signed here, so any secret does
    async with open_house(settings, secret=secrets.token_hex(32)) as house:
        if lot is not None:
            return await verify_lot(house, lot)
        return await (verify_sale(house, sale) if sale is not None else verify_all(house))


def summary(verdict: Verdict) -> dict[str, object]:
    """The verdict as `--json` prints it."""
    return {
        "ok": not verdict.breaches,
        "lots": verdict.lots,
        "events": verdict.events,
        "bids": verdict.bids,
        "breaches": [
            {
                "lot_id": breach.lot_id,
                "promise": breach.promise,
                "name": PROMISES[breach.promise],
                "seq": breach.seq,
                "what": breach.what,
            }
            for breach in verdict.breaches
        ],
        "seconds": round(verdict.seconds, 3),
    }


def _print(verdict: Verdict) -> None:
    for breach in verdict.breaches:
        out.print(f"[bold red]broken[/]  lot {breach.lot_id}, seq {breach.seq}: ", end="")
        out.print(f"promise {breach.promise} ({PROMISES[breach.promise]}): {breach.what}", markup=False)
    checked = f"{verdict.lots:,} lots, {verdict.events:,} events, {verdict.bids:,} bids in {verdict.seconds:.2f} s"
    if verdict.breaches:
        out.print(f"[bold red]{len(verdict.breaches)} of {verdict.lots:,} lots break a promise[/] ({checked})")
    else:
        held = ", ".join(f"{number} {name}" for number, name in PROMISES.items())
        out.print(f"[bold green]All promises held[/] ({held}): {checked}")
