"""The role that serves may add to the records and not rewrite them, whatever it tries."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from auction.books import audit, roles
from auction.books.roles import DELETED_FROM, UPDATED_COLUMNS, WRITTEN_ONCE, GrantRefused, read_powers
from auction.books.tables import metadata
from auction.books.unit_of_work import Books, StatementRejected
from auction.embedded.postgres import APPLICATION_USER


async def grant(url: str, role: str, *, create: bool = False) -> None:
    await asyncio.to_thread(roles.grant_to, url, role, create=create)


@pytest.fixture
async def app_url(books_url: str) -> str:
    """The address of the role that serves."""
    await grant(books_url, APPLICATION_USER, create=True)
    return make_url(books_url).set(username=APPLICATION_USER).render_as_string(hide_password=False)


@pytest.fixture
async def app_books(app_url: str) -> AsyncIterator[Books]:
    opened = Books.connect(app_url)
    yield opened
    await opened.close()


async def test_what_is_written_once_is_added_and_never_rewritten(app_books: Books):
    async with app_books.transaction() as tx:
        await audit.record_action(tx, actor="olga", action="pause-lot", reason="because")
    attempts = [
        *(f"UPDATE {table} SET {metadata.tables[table].columns.keys()[-1]} = NULL" for table in sorted(WRITTEN_ONCE)),
        *(f"DELETE FROM {table.name}" for table in metadata.sorted_tables if table.name not in DELETED_FROM),
        *(f"TRUNCATE {table.name}" for table in metadata.sorted_tables),
        "UPDATE bids SET amount_fen = 1",
        "ALTER TABLE staff_actions DISABLE TRIGGER staff_actions_append_only",
        "SET session_replication_role = replica",
        "DROP TABLE staff_actions",
        "CREATE TABLE mine (x int)",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE ROLE other SUPERUSER",
        "SET ROLE auction",
    ]
    for attempt in attempts:
        with pytest.raises(StatementRejected, match=r"permission denied|must be owner"):
            async with app_books.transaction() as tx:
                await tx.session.execute(text(attempt))
    async with app_books.transaction() as tx:
        await tx.session.execute(text("UPDATE bids SET voided_by_seq = 7 WHERE seq = 1"))
        assert [row["reason"] for row in await tx.rows(text("SELECT reason FROM staff_actions"))] == ["because"]


async def test_what_a_role_may_is_told(books_url: str, app_books: Books):
    assert (await read_powers(app_books)).is_safe
    owner = Books.connect(books_url)
    try:
        powers = await read_powers(owner)
        assert (powers.is_superuser, powers.is_safe) == (True, False)
        assert set(powers.owned) == set(metadata.tables)
        async with owner.transaction() as tx:
            await tx.session.execute(text(f"GRANT UPDATE ON journal_lines TO {APPLICATION_USER}"))
        assert (await read_powers(app_books)).rewritable == ["journal_lines"]
        # the next migration takes away what was given beside it
        await grant(books_url, APPLICATION_USER)
        assert (await read_powers(app_books)).is_safe
    finally:
        await owner.close()


async def test_what_cannot_be_granted_is_said_in_a_sentence(books_url: str, app_url: str):
    await grant(books_url, "auction_other", create=True)
    owner = Books.connect(books_url)
    async with owner.transaction() as tx:
        await tx.session.execute(text("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM auction_other"))
    await owner.close()
    for url, role in ((books_url, "nobody-here"), (app_url, "auction_other")):
        with pytest.raises(GrantRefused, match=r"cannot be granted what serving needs .*: create it"):
            await grant(url, role)


def test_the_lists_name_tables_that_are_there():
    for names in (WRITTEN_ONCE, UPDATED_COLUMNS, DELETED_FROM):
        assert set(names) <= set(metadata.tables)
    for table, columns in UPDATED_COLUMNS.items():
        assert set(columns) <= set(metadata.tables[table].columns.keys())
