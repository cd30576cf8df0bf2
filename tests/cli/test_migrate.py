"""`auction migrate`: migrates an empty database to the latest revision; again, it changes nothing."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from auction.books import migrate, revision
from tests.cli.commands import auction


@pytest.fixture(autouse=True)
def environment(books_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migrated database; the ledger is not needed."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUCTION_REDIS_URL", "unix:///nowhere")
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)


def tables(books_url: str) -> set[str]:
    """The tables that are there."""

    async def ask() -> set[str]:
        books = await asyncpg.connect(books_url.replace("+asyncpg", ""))
        try:
            return {row["tablename"] for row in await books.fetch("SELECT tablename FROM pg_tables") if row}
        finally:
            await books.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(ask())).result()


def test_an_empty_database_is_migrated_to_the_latest_revision_and_again_changes_nothing(books_url):
    migrate.downgrade(books_url, migrate.EMPTY)
    assert "lots" not in tables(books_url)
    first = auction("migrate")
    assert first.code == 0, first
    assert revision.head() in first.out
    assert {"lots", "bids", "ledger_entries", "archive_cursors"} <= tables(books_url)
    again = auction("migrate")
    assert again.code == 0, again
    assert f"already at migration {revision.head()}" in again.out


def test_json_tells_from_where_to_where(books_url):
    migrate.downgrade(books_url, migrate.EMPTY)
    assert auction("migrate", "--json").json() == {"before": None, "after": revision.head()}
    assert auction("migrate", "--json").json() == {"before": revision.head(), "after": revision.head()}


def test_a_database_that_does_not_answer_is_one_sentence(monkeypatch):
    monkeypatch.setenv("AUCTION_DATABASE_URL", "postgresql://auction@/auction?host=/nowhere")
    said = auction("migrate")
    assert (said.code, said.out) == (1, "")
    assert "The database does not respond" in said.err


def test_an_address_of_another_kind_is_refused_with_its_variable(monkeypatch):
    monkeypatch.setenv("AUCTION_DATABASE_URL", "sqlite:///auction.db")
    said = auction("migrate")
    assert said.code == 1
    assert "AUCTION_DATABASE_URL must be an address such as postgresql://" in said.err
