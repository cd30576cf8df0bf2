"""`auction backup`: copies books, ledger and signing key, as one consistent whole, while the auction goes on."""

from pathlib import Path
from typing import Annotated

import typer

from auction.console.output import Json, print_json


def backup(
    *,
    to: Annotated[
        Path | None, typer.Option(help="The new folder to write; a dated one beside the data directory otherwise.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy books, ledger and signing key to a new folder.

    The auction may go on meanwhile. `auction restore --from` puts the copy back.
    """
    from auction.console import backup as backups
    from auction.migration import migrated_servers
    from auction.settings import load_settings

    settings = load_settings()
    _ = settings.secret  # what is missing is said before any server is started
    with migrated_servers(settings) as found:
        target, manifest = backups.create(found, to)
    if as_json:
        print_json(backups.created_as_mapping(target, manifest))
    else:
        backups.print_created(target, manifest)
