import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection

from auction.books import connection_check, tables, unit_of_work
from auction.books.unit_of_work import Books, StatementRejected, Transaction, driver_url
from auction.domain.errors import BooksAway, LedgerAway
from tests.books.conftest import Sql

INSERT = "INSERT INTO bidders (bidder_id, name) VALUES (:bidder, 'x')"
COUNT = "SELECT count(*) FROM bidders"


async def add(tx: Transaction, bidder: str) -> None:
    await tx.session.execute(text(INSERT), {"bidder": bidder})


async def copy(tx: Transaction, bidder: str) -> None:
    await tx.copy(tables.bidders, [(bidder, "x")], ["bidder_id", "name"])


async def in_a_transaction(books: Books, *steps: Callable[[Transaction], Awaitable[object]]) -> None:
    async with books.transaction() as tx:
        for step in steps:
            await step(tx)


def adding(bidder: str) -> Callable[[Transaction], Awaitable[None]]:
    return lambda tx: add(tx, bidder)


def copying(bidder: str) -> Callable[[Transaction], Awaitable[None]]:
    return lambda tx: copy(tx, bidder)


def dying(sql: Sql) -> Callable[[Transaction], Awaitable[None]]:
    """The server ends the connection of this transaction."""

    async def die(tx: Transaction) -> None:
        pid = await tx.session.scalar(text("SELECT pg_backend_pid()"))
        await sql("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)

    return die


async def failing(tx: Transaction) -> None:
    raise LedgerAway


async def test_a_transaction_is_there_after_its_block(books: Books, sql: Sql) -> None:
    async with books.transaction() as tx:
        await add(tx, "ann")

    assert await sql(COUNT) == [(1,)]


async def test_an_error_in_the_block_leaves_nothing_and_comes_through_as_it_was(books: Books, sql: Sql) -> None:
    with pytest.raises(LedgerAway):
        await in_a_transaction(books, adding("ann"), failing)

    assert await sql(COUNT) == [(0,)]


async def test_a_cancelled_block_leaves_nothing(books: Books, sql: Sql) -> None:
    async def write_and_wait() -> None:
        async with books.transaction() as tx:
            await add(tx, "ann")
            written.set()
            await asyncio.Event().wait()

    written = asyncio.Event()
    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await sql(COUNT) == [(0,)]


async def test_rows_copied_before_any_statement_belong_to_the_transaction_too(books: Books, sql: Sql) -> None:
    with pytest.raises(LedgerAway):
        await in_a_transaction(books, copying("ann"), failing)

    assert await sql(COUNT) == [(0,)]


async def test_reading_cannot_write(books: Books) -> None:
    with pytest.raises(BooksAway) as refused:
        async with books.reading() as tx:
            await add(tx, "ann")

    assert "read-only" in str(refused.value.__cause__)


async def test_a_reading_sees_one_moment_whatever_is_committed_meanwhile(books: Books, sql: Sql) -> None:
    async with books.reading() as tx:
        before = await tx.session.scalar(text(COUNT))
        await sql(INSERT, bidder="ann")
        assert await tx.session.scalar(text(COUNT)) == before

    assert await sql(COUNT) == [(1,)]


async def test_a_transaction_writes_again_on_the_connection_of_a_reading(books_url: str) -> None:
    books = Books.connect(books_url, connections=1)
    async with books.reading() as tx:
        await tx.session.execute(text(COUNT))
    async with books.transaction() as tx:
        await add(tx, "ann")
        assert await tx.session.scalar(text("SHOW transaction_isolation")) == "read committed"
    await books.close()


async def test_no_server_means_books_away() -> None:
    for address in ("postgresql://nobody@127.0.0.1:1/none", "postgresql://nobody@/none?host=/tmp/no-such-socket"):
        books = Books.connect(address)
        with pytest.raises(BooksAway):
            async with books.transaction() as tx:
                await tx.session.execute(text("SELECT 1"))
        with pytest.raises(BooksAway):
            async with books.reading():
                pass
        await books.close()


async def test_a_server_without_our_database_means_books_away(books_url: str) -> None:
    books = Books.connect(driver_url(books_url).set(database="no_such_database").render_as_string(hide_password=False))
    with pytest.raises(BooksAway):
        async with books.reading():
            pass
    await books.close()


async def test_a_server_that_takes_the_call_and_says_nothing_means_books_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(unit_of_work, "CONNECT_TIMEOUT_S", 0.2)
    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    books = Books.connect(f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/none")
    with pytest.raises(BooksAway):
        async with books.reading():
            pass
    await books.close()
    server.close()


async def test_a_server_that_falls_silent_in_a_transaction_means_books_away(
    books_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "ANSWER_TIMEOUT_S", 0.2)
    books = Books.connect(books_url)

    async def ask(tx: Transaction) -> None:
        # the server's own limit is not what is tried here
        await tx.session.execute(text("SET LOCAL statement_timeout = 0"))
        await tx.session.execute(text("SELECT pg_sleep(20)"))

    with pytest.raises(BooksAway):
        await in_a_transaction(books, ask)
    answer = None
    while answer is None:  # a busy machine may take longer than 0.2 s over a new connection, too
        with suppress(BooksAway):
            async with books.reading() as tx:
                answer = await tx.session.scalar(text("SELECT 1"))
    assert answer == 1
    await books.close()


async def test_a_connection_killed_in_a_transaction_means_books_away_and_the_next_one_works(
    books: Books, sql: Sql
) -> None:
    with pytest.raises(BooksAway):
        await in_a_transaction(books, adding("ann"), dying(sql), adding("bob"))

    assert await sql(COUNT) == [(0,)]


async def test_a_connection_killed_before_the_commit_means_books_away_and_says_that_it_is_not_known(
    books: Books, sql: Sql
) -> None:
    with pytest.raises(BooksAway, match="may or may not"):
        await in_a_transaction(books, adding("ann"), dying(sql))

    assert await sql(COUNT) == [(0,)]


async def test_a_connection_killed_after_the_last_statement_of_a_reading_means_books_away(
    books_url: str, sql: Sql
) -> None:
    # more often than there are connections: each is given back
    single = Books.connect(books_url, connections=1)

    async def read_and_die() -> None:
        async with single.reading() as tx:
            await tx.session.execute(text(COUNT))
            await dying(sql)(tx)

    for _ in range(3):
        with pytest.raises(BooksAway):
            await read_and_die()
        async with single.reading() as tx:
            assert (await tx.session.execute(text(COUNT))).scalar_one() == 0
    await single.close()


async def test_a_connection_killed_before_a_copy_means_books_away(books: Books, sql: Sql) -> None:
    with pytest.raises(BooksAway):
        await in_a_transaction(books, adding("ann"), dying(sql), copying("bob"))

    assert await sql(COUNT) == [(0,)]


async def test_rows_that_break_a_constraint_are_refused_by_name(books: Books, sql: Sql) -> None:
    with pytest.raises(StatementRejected, match=r"bidders: .*pk_bidders"):
        await in_a_transaction(books, adding("ann"), copying("ann"))

    assert await sql(COUNT) == [(0,)]


async def test_a_connection_killed_while_idle_costs_nobody_a_request(books: Books, sql: Sql) -> None:
    async with books.reading() as first, books.reading() as second:
        pids = {await tx.session.scalar(text("SELECT pg_backend_pid()")) for tx in (first, second)}
    await sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM unnest(CAST(:pids AS int[])) pid WHERE pid <> pg_backend_pid()",
        pids=list(pids),
    )

    async with books.transaction() as first, books.transaction() as second:
        await add(first, "ann")
        await add(second, "bob")

    assert await sql(COUNT) == [(2,)]


async def test_a_lock_that_is_not_had_in_time_means_books_away(books: Books, sql: Sql) -> None:
    await sql(INSERT, bidder="ann")

    async def lock(tx: Transaction) -> None:
        await tx.session.execute(text("SET LOCAL lock_timeout = '10ms'"))
        await tx.session.execute(text("SELECT * FROM bidders FOR UPDATE"))

    async with books.transaction() as first:
        await lock(first)
        with pytest.raises(BooksAway):
            await in_a_transaction(books, lock)


async def test_no_free_connection_means_books_away(books_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_of_work, "CONNECT_TIMEOUT_S", 0.2)
    books = Books.connect(books_url, connections=1)
    async with books.reading():
        with pytest.raises(BooksAway):
            async with books.reading():
                pass
    await books.close()


async def test_a_wrong_statement_is_our_fault_and_not_books_away(books: Books, sql: Sql) -> None:
    await sql(INSERT, bidder="ann")
    with pytest.raises(StatementRejected, match="no_such_table"):
        await sql("SELECT * FROM no_such_table")
    with pytest.raises(StatementRejected, match="pk_bidders"):
        await sql(INSERT, bidder="ann")
    with pytest.raises(StatementRejected):
        await sql("INSERT INTO bidders (bidder_id, name, created_at_ms) VALUES ('bob', 'x', :at_ms)", at_ms="soon")


@pytest.mark.parametrize(
    "url, expected",
    [
        ("postgresql://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgres://u:p@h:1/d?sslmode=require", "postgresql+asyncpg://u:p@h:1/d?ssl=require"),
        ("postgresql+psycopg://u@/d?host=/run/pg", "postgresql+asyncpg://u@/d?host=%2Frun%2Fpg"),
    ],
)
def test_addresses_are_taken_as_operators_write_them(url: str, expected: str) -> None:
    assert driver_url(url).render_as_string(hide_password=False) == expected


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"PostgreSQL.*not sqlite"):
        driver_url("sqlite:///x.db")


async def test_connections_that_the_server_closed_while_they_lay_in_the_pool_are_replaced(
    books_url: str, sql: Sql
) -> None:
    books = Books.connect(books_url, connections=3)

    async def backend() -> int:
        async with books.reading() as tx:
            return int(await tx.session.scalar(text("SELECT pg_backend_pid() FROM pg_sleep(0.05)")))

    before = set(await asyncio.gather(*(backend() for _ in range(3))))
    for pid in before:
        await sql("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)

    after = set(await asyncio.gather(*(backend() for _ in range(3))))
    await books.close()

    assert len(before) == 3
    assert not before & after


async def test_an_idle_connection_is_asked_before_it_is_used(books_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    books = Books.connect(books_url, connections=1)

    async def backend() -> int:
        async with books.reading() as tx:
            return int(await tx.session.scalar(text("SELECT pg_backend_pid()")))

    def is_dead(_: object) -> None:
        raise TimeoutError

    before = await backend()
    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "ping", is_dead)
    assert await backend() == before
    monkeypatch.setattr(connection_check, "IDLE_S", 0.0)
    assert await backend() != before
    await books.close()
