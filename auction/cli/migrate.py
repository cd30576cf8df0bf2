"""`auction migrate`: migrates the database to the revision that this version needs."""

from auction.console.output import Json, out, print_json


def migrate(*, as_json: Json = False) -> None:
    """Migrate the database to the latest revision.

    The role that serves is granted what it needs.
    """
    from auction.books.migrate import current
    from auction.books.revision import head
    from auction.migration import migrate_database
    from auction.servers import running_servers
    from auction.settings import load_settings

    given = load_settings()
    with running_servers(given) as settings:
        before = current(str(settings.database_owner_url or settings.database_url))
        migrate_database(settings, is_embedded=given.database_url is None)
    after = head()
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        out.print(f"The database is already at migration {after}.")
    else:
        out.print(f"Migrated the database from {before or 'none'} to {after}.")
