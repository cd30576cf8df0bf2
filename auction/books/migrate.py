"""Migrates the database to the revision that this code expects; run by every start, before anything is served.

Configured here and not in an ini file, so that an installed wheel migrates like the tree does.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, pool, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from auction.books.revision import head, scripts
from auction.books.unit_of_work import CONNECT_TIMEOUT_S, driver_url, is_unavailable
from auction.domain.errors import BooksAway

T = TypeVar("T")

LOCK_KEY = 0x6175_6374_696F_6E  # "auction"
"""Of the advisory lock that lets one process migrate while the others wait."""

HEAD = "head"
EMPTY = "base"


class MigrationFailed(Exception):
    """The database is not at the revision that this code expects; the text is one sentence: why, and what to do."""


def upgrade(url: str, revision: str = HEAD) -> None:
    """Migrate up to `revision`, in one transaction; waits for another process that is migrating.

    Does nothing where the database is there already. Raises BooksAway, MigrationFailed. Synchronous, for commands and
    starts; inside a running loop: `await asyncio.to_thread(upgrade, url)`.
    """
    asyncio.run(_migrate(url, lambda config: command.upgrade(config, revision)))


def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision`; `EMPTY` removes every table and what is in it. Raises as `upgrade` does."""
    asyncio.run(_migrate(url, lambda config: command.downgrade(config, revision)))


def current(url: str) -> str | None:
    """The revision of the database at `url`; None for one that was never migrated. Raises BooksAway."""
    return asyncio.run(_in_transaction(url, _revision))


def check_head(url: str) -> None:
    """Raise MigrationFailed unless the database is at the head; waits for another process that is migrating."""

    def read(connection: Connection) -> str | None:
        _lock(connection)
        return _revision(connection)

    try:
        found, expected = asyncio.run(_in_transaction(url, read)), head()
    except SQLAlchemyError as error:
        raise MigrationFailed(
            f"the migrations of the database of AUCTION_DATABASE_URL cannot be read ({str(error).splitlines()[0]})"
        ) from error
    if found is None:
        raise MigrationFailed("the database of AUCTION_DATABASE_URL is not migrated: run `auction migrate` first")
    if found not in _known_revisions():
        raise MigrationFailed(
            f"the database of AUCTION_DATABASE_URL is at migration {found}, which this version of auction does not "
            "have: use the version that migrated it"
        )
    if found != expected:
        raise MigrationFailed(
            f"the database of AUCTION_DATABASE_URL is at migration {found}, and {expected} is needed: "
            "run `auction migrate` first"
        )


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    return config


async def _migrate(url: str, step: Callable[[Config], None]) -> None:
    def run(connection: Connection) -> None:
        _lock(connection)
        config = _config()
        config.attributes["connection"] = connection
        step(config)

    try:
        await _in_transaction(url, run)
    except (CommandError, SQLAlchemyError) as error:
        # the first line is the reason; what follows is SQL
        reason = str(error).splitlines()[0]
        raise MigrationFailed(
            f"the database of AUCTION_DATABASE_URL cannot be migrated to {head()} ({reason}): use a database of this "
            "version or an older one, as a user who may create tables there"
        ) from error


def _lock(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _in_transaction(url: str, run: Callable[[Connection], T]) -> T:
    engine = create_async_engine(driver_url(url), poolclass=pool.NullPool, connect_args={"timeout": CONNECT_TIMEOUT_S})
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(run)
    except Exception as error:
        if is_unavailable(error):
            raise BooksAway from error
        raise
    finally:
        await engine.dispose()
