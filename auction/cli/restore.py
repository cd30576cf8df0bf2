"""`auction restore`: puts a backup back, or rebuilds lots of the ledger from the database; lists what is lost."""

from pathlib import Path
from typing import Annotated

import typer

from auction.console.output import Json, print_error, print_json


def restore(
    *,
    lot: Annotated[str | None, typer.Option(help="Restore this lot.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Restore every lot that is frozen, missing, or on a stopped shard.")
    ] = False,
    backup: Annotated[
        Path | None,
        typer.Option("--from", help="Put this backup back into a new data directory, and freeze lots that go on."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done, and what is lost.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "the ledger lost entries",
    by: Annotated[str, typer.Option(help="Who restores it, for the record.")] = "operator",
    as_json: Json = False,
) -> None:
    """Rebuild the ledger after a loss, or put a backup back.

    A restored lot is left paused with the time it had left; staff resume or void it. Exit code 1 if one cannot be.
    """
    if [lot is not None, everything, backup is not None].count(True) != 1:
        print_error("name what to restore with exactly one of --lot ID, --all and --from BACKUP")
        raise typer.Exit(2)
    if backup is not None:
        _put_back(backup, dry_run=dry_run, as_json=as_json)
        return
    from auction.console import recovery
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    with migrated_servers(load_settings()) as settings:
        report = recovery.restore(settings, lot=lot, dry_run=dry_run, reason=reason, by=by)
    if as_json:
        print_json(recovery.as_mapping(report))
    else:
        recovery.print_report(report, dry_run=dry_run)
    if not report.is_complete:
        raise typer.Exit(1)


def _put_back(backup: Path, *, dry_run: bool, as_json: bool) -> None:
    from auction.console import backup as backups
    from auction.logs import configure_logs
    from auction.settings import load_settings

    settings = load_settings()
    # what is noted on the way goes to standard error
    configure_logs(settings.log_level, settings.log_format)
    report = backups.put_back(settings, backup, dry_run=dry_run)
    if as_json:
        print_json(backups.put_back_as_mapping(report))
    else:
        backups.print_put_back(report)
