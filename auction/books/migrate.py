"""Brings the books' tables to the version this code expects; run by every start, before anything is served.

Configured here and not in an ini file, so that an installed wheel migrates like the tree does.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from auction.books.unit_of_work import CONNECT_TIMEOUT_S, driver_url, is_away
from auction.domain.errors import BooksAway

T = TypeVar("T")

LOCK_KEY = 0x6175_6374_696F_6E  # "auction"
"""Of the advisory lock that lets one process migrate while the others wait."""

HEAD = "head"
EMPTY = "base"


def upgrade(url: str, revision: str = HEAD) -> None:
    """Migrate up to `revision`. All of it or nothing; nothing to do where it was done. Waits for others who do it.

    Synchronous, for commands and starts; inside a running loop: `await asyncio.to_thread(upgrade, url)`.
    """
    asyncio.run(_migrate(url, lambda config: command.upgrade(config, revision)))


def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision`; `EMPTY` removes every table and what is in it."""
    asyncio.run(_migrate(url, lambda config: command.downgrade(config, revision)))


def current(url: str) -> str | None:
    """The revision the books at `url` are at; None for a database that was never migrated."""
    return asyncio.run(_current(url))


def head() -> str:
    """The revision this code expects."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise FileNotFoundError(f"no migration in {_scripts()}; the installation is incomplete")
    return found


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


def _scripts() -> Path:
    """In an installed package the scripts lie inside it, in the tree beside it."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "migrations", package.parent / "migrations"):
        if (place / "env.py").is_file():
            return place
    raise FileNotFoundError(f"no migrations in {package} or beside it; the installation is incomplete")


async def _migrate(url: str, step: Callable[[Config], None]) -> None:
    def run(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        config = _config()
        config.attributes["connection"] = connection
        step(config)

    await _in_transaction(url, run)


async def _current(url: str) -> str | None:
    return await _in_transaction(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


async def _in_transaction(url: str, run: Callable[[Connection], T]) -> T:
    engine = create_async_engine(driver_url(url), poolclass=pool.NullPool, connect_args={"timeout": CONNECT_TIMEOUT_S})
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(run)
    except Exception as error:
        if is_away(error):
            raise BooksAway from error
        raise
    finally:
        await engine.dispose()
