"""`auction restore`: rebuilds lots of the ledger from the database after a loss, and lists what is lost."""

from typing import Annotated

import typer

from auction.console.output import Json, print_error, print_json


def restore(
    *,
    lot: Annotated[str | None, typer.Option(help="Restore this lot.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Restore every lot that is frozen, missing, or on a stopped shard.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done, and what is lost.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "the ledger lost entries",
    by: Annotated[str, typer.Option(help="Who restores it, for the record.")] = "operator",
    as_json: Json = False,
) -> None:
    """Rebuild lots of the ledger from the archive after a loss.

    A restored lot is left paused with the time it had left; staff resume or void it. Exit code 1 if one cannot be.
    """
    if (lot is not None) == everything:
        print_error("name what to restore with exactly one of --lot ID and --all")
        raise typer.Exit(2)
    from auction.bootstrap import migrated_servers
    from auction.console import recovery
    from auction.settings import load_settings

    with migrated_servers(load_settings()) as settings:
        report = recovery.restore(settings, lot=lot, dry_run=dry_run, reason=reason, by=by)
    if as_json:
        print_json(recovery.as_mapping(report))
    else:
        recovery.print_report(report, dry_run=dry_run)
    if not report.is_complete:
        raise typer.Exit(1)
