"""`auction verify`: ledger, archive and journal against the rules; exit code 1 with the first that is broken."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from auction.bootstrap import open_context, running_servers
from auction.console.output import Json, complain, out, print_json
from auction.domain.proof import PROMISES
from auction.services.verification.money_checks import MoneyCheck, check_money
from auction.services.verification.verdicts import Verdict, verify_all, verify_lot, verify_sale
from auction.settings import Settings, load_settings


def verify(
    *,
    lot: Annotated[str | None, typer.Option(help="Check this lot.")] = None,
    sale: Annotated[str | None, typer.Option(help="Check the lots of this sale.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every lot there is.")] = False,
    as_json: Json = False,
) -> None:
    """Check the record of a lot, a sale or all, and every rule of money; exit code 1 where one is broken."""
    if [lot is not None, sale is not None, everything].count(True) != 1:
        complain("say what to check: --lot ID, --sale ID or --all, one of the three")
        raise typer.Exit(2)
    with running_servers(load_settings()) as settings:
        verdict, money = asyncio.run(_verify(settings, lot, sale))
    if as_json:
        print_json(summary(verdict, money))
    else:
        _print(verdict)
        _print_money(money)
    if verdict.breaches or any(rule.broken for rule in money):
        raise typer.Exit(1)


async def _verify(settings: Settings, lot: str | None, sale: str | None) -> tuple[Verdict, list[MoneyCheck]]:
    # nothing is signed here, so any secret does
    async with open_context(settings, secret=secrets.token_hex(32)) as context:
        if lot is not None:
            verdict = await verify_lot(context, lot)
        else:
            verdict = await (verify_sale(context, sale) if sale is not None else verify_all(context))
        # money knows no bounds of lots: every rule is checked over all the books, whatever was asked for
        return verdict, await check_money(context)


def summary(verdict: Verdict, money: Sequence[MoneyCheck]) -> dict[str, object]:
    """The verdict as `--json` prints it."""
    return {
        "ok": not verdict.breaches and not any(rule.broken for rule in money),
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
        "money": money_summary(money),
        "seconds": round(verdict.seconds, 3),
    }


def money_summary(money: Sequence[MoneyCheck]) -> dict[str, object]:
    """The rules of money as `--json` prints them: how many hold, and where the others are broken."""
    return {
        "rules": len(money),
        "held": sum(not rule.broken for rule in money),
        "broken": [{"name": rule.name, "rule": rule.rule, "what": list(rule.broken)} for rule in money if rule.broken],
    }


def money_line(money: Sequence[MoneyCheck]) -> str:
    """What checking the rules of money found, in a sentence."""
    broken = [rule for rule in money if rule.broken]
    if not broken:
        return f"All {len(money)} rules of money hold"
    first = broken[0]
    return f"{len(broken)} of {len(money)} rules of money are broken; first {first.name}: {first.broken[0]}"


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


def _print_money(money: Sequence[MoneyCheck]) -> None:
    for rule in money:
        for sentence in rule.broken:
            out.print("[bold red]broken[/]  ", end="")
            out.print(f"rule of money {rule.name}: {sentence}", markup=False)
    broken = any(rule.broken for rule in money)
    out.print(money_line(money), style="bold red" if broken else "bold green", markup=False)
