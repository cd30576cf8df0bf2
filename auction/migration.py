"""Servers whose database is at the revision that this code expects: for commands, and for what starts processes."""

from collections.abc import Iterator
from contextlib import contextmanager

from auction.books import migrate
from auction.servers import running_servers
from auction.settings import Settings, SettingsError


@contextmanager
def migrated_servers(settings: Settings) -> Iterator[Settings]:
    """`running_servers` with a database at the revision that this code expects.

    An embedded database is migrated here, after any process that is migrating it. A configured one must have been
    migrated: SettingsError with one sentence where it is not. Raises EmbeddedError, BooksAway.
    """
    with running_servers(settings) as found:
        if settings.database_url is None:
            migrate_database(found)
        else:
            with _migration_errors():
                migrate.check_head(str(found.database_url))
        yield found


def migrate_database(settings: Settings) -> None:
    """Migrate the database of `settings` (its address set) to the head. Raises BooksAway, SettingsError."""
    with _migration_errors():
        migrate.upgrade(str(settings.database_url))


@contextmanager
def _migration_errors() -> Iterator[None]:
    try:
        yield
    except migrate.MigrationFailed as error:
        raise SettingsError(str(error)) from error
