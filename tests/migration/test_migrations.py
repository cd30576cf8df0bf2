import asyncio
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from auction.books import migrate, revision
from auction.books.tables import metadata
from auction.books.unit_of_work import driver_url
from auction.domain.errors import BooksAway

_numbers = itertools.count(1)

# what two databases must agree on, in the server's own words
SCHEMA = {
    "columns": """
        SELECT table_name, column_name,
               -- the place among those that are there: a dropped column leaves a gap in ordinal_position
               row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), data_type, is_nullable, column_default, collation_name,
               is_identity, identity_generation
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    """The address of a database with nothing in it."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    async def run() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(run())


def schema(url: str) -> dict[str, list[tuple[object, ...]]]:
    found = {what: sorted(execute(url, query), key=repr) for what, query in SCHEMA.items()}
    return {what: [row for row in rows if "alembic_version" not in str(row)] for what, rows in found.items()}


async def _with_connection(url: str, step: Callable[[Connection], list[object]]) -> list[object]:
    engine = create_async_engine(driver_url(url))
    async with engine.begin() as connection:
        outcome = await connection.run_sync(step)
    await engine.dispose()
    return outcome


def test_the_migrations_build_the_tables_of_the_models(empty_url: str, books_url: str) -> None:
    def create_all(connection: Connection) -> list[object]:
        metadata.create_all(connection)
        return []

    asyncio.run(_with_connection(empty_url, create_all))
    migrated, modelled = schema(books_url), schema(empty_url)

    assert len(modelled["columns"]) > 80
    for what, rows in modelled.items():
        assert migrated[what] == rows


def test_alembic_sees_no_difference_either(books_url: str) -> None:
    def compare(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    assert asyncio.run(_with_connection(books_url, compare)) == []


def test_a_database_goes_up_down_and_up_again(empty_url: str) -> None:
    empty = schema(empty_url)
    assert migrate.current(empty_url) is None

    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == revision.head()
    once = schema(empty_url)

    migrate.downgrade(empty_url, migrate.EMPTY)
    assert migrate.current(empty_url) is None
    assert schema(empty_url) == empty
    assert execute(empty_url, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []

    migrate.upgrade(empty_url)
    assert schema(empty_url) == once


def test_migrating_what_is_migrated_changes_nothing(books_url: str) -> None:
    execute(books_url, "INSERT INTO bidders (bidder_id, name) VALUES ('ann', 'Ann')")
    migrate.upgrade(books_url)

    assert execute(books_url, "SELECT bidder_id FROM bidders") == [("ann",)]


def test_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    start = f"from auction.books import migrate; migrate.upgrade({empty_url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", start], stderr=subprocess.PIPE) for _ in range(4)]
    said = [process.communicate(timeout=60)[1].decode() for process in processes]

    assert [process.returncode for process in processes] == [0] * 4, said
    assert execute(empty_url, "SELECT version_num FROM alembic_version") == [(revision.head(),)]


def test_a_migration_that_fails_leaves_nothing(empty_url: str) -> None:
    execute(empty_url, "CREATE TABLE staff_actions (mine text)")
    with pytest.raises(Exception, match="staff_actions"):
        migrate.upgrade(empty_url)

    assert execute(empty_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("staff_actions",)]


def test_an_installed_package_finds_the_migrations_inside_itself(empty_url: str, tmp_path: Path) -> None:
    tree = Path(migrate.__file__).parents[2]
    shutil.copytree(tree / "auction", tmp_path / "auction", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tree / "migrations", tmp_path / "auction" / "migrations")
    start = f"from auction.books import migrate; migrate.upgrade({empty_url!r}); print(migrate.__file__)"
    said = subprocess.run([sys.executable, "-c", start], cwd=tmp_path, capture_output=True, check=True, text=True)

    assert said.stdout.startswith(str(tmp_path))
    assert migrate.current(empty_url) == revision.head()


def test_no_server_means_books_away() -> None:
    for step in (migrate.upgrade, migrate.current):
        with pytest.raises(BooksAway):
            step("postgresql://nobody@127.0.0.1:1/none")
