"""`auction verify`: checks ledger, archive and journal against the rules; exit code 1 if one is broken."""

from typing import Annotated

import typer

from auction.console.output import Json, print_error, print_json


def verify(
    *,
    lot: Annotated[str | None, typer.Option(help="Check this lot.")] = None,
    sale: Annotated[str | None, typer.Option(help="Check the lots of this sale.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every lot.")] = False,
    as_json: Json = False,
) -> None:
    """Verify the record of lots and every rule of money.

    Exit code 1 if a promise or a rule is broken.
    """
    if [lot is not None, sale is not None, everything].count(True) != 1:
        print_error("name what to check with exactly one of --lot ID, --sale ID and --all")
        raise typer.Exit(2)
    from auction.console import verification
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    with migrated_servers(load_settings()) as settings:
        verdict, money = verification.verify(settings, lot=lot, sale=sale)
    if as_json:
        print_json(verification.as_mapping(verdict, money))
    else:
        verification.print_verdict(verdict)
        verification.print_money(money)
    if not verification.all_hold(verdict, money):
        raise typer.Exit(1)
