"""Servers whose database is at the revision that this code expects: for commands, and for what starts processes."""

from collections.abc import Iterator
from contextlib import contextmanager

from auction.books import migrate, roles
from auction.embedded import postgres
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
            migrate_database(found, is_embedded=True)
        else:
            with _migration_errors():
                migrate.check_head(str(found.database_url))
        yield found


def migrate_database(settings: Settings, *, is_embedded: bool) -> None:
    """Migrate the database of `settings` (its address set) to the head, and grant the role that serves what it needs.

    An embedded database has a role of its own for that, a configured one where AUCTION_DATABASE_OWNER_URL is another
    than AUCTION_DATABASE_URL. Raises BooksAway, SettingsError.
    """
    owner_url = str(settings.database_owner_url or settings.database_url)
    with _migration_errors():
        migrate.upgrade(owner_url)
    role = postgres.APPLICATION_USER if is_embedded else roles.role_of(str(settings.database_url))
    if role is None or role == roles.role_of(owner_url):
        return
    try:
        roles.grant_to(owner_url, role, create=is_embedded)
    except roles.GrantRefused as error:
        raise SettingsError(str(error)) from error


@contextmanager
def _migration_errors() -> Iterator[None]:
    try:
        yield
    except migrate.MigrationFailed as error:
        raise SettingsError(str(error)) from error
