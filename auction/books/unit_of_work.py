"""Transactions on the books: the only commit there is, and the one place where a lost database becomes `BooksAway`.

Beside the bid's way: services, the archiver and the pages come here; taking a bid does not.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Executable, RowMapping, Table, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from auction.domain.errors import BooksAway

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 40
"""Past the server's own time-out: a server that says nothing at all any more is away."""

AWAY_CLASSES = ("08", "28", "3D", "53", "57", "58")
"""SQLSTATE classes: connection lost, not let in, no database, out of resources, stopped or too slow, system error."""
AWAY_STATES = ("25006", "40001", "40P01", "55P03")
"""A standby that takes no writes, a serialisation failure, a deadlock, a lock not had in time: try again."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction; every query of the books takes it. Whoever opened it commits by leaving the block."""

    session: AsyncSession

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """What a statement gives, each row by the names of its columns."""
        return (await self.session.execute(statement)).mappings().all()

    async def rows_of_many(self, statement: Executable, values: Sequence[Mapping[str, Any]]) -> Sequence[RowMapping]:
        """What a statement gives that is carried out for each of these values, in few messages."""
        return (await self.session.execute(statement, list(values))).mappings().all()

    async def row(self, statement: Executable) -> RowMapping | None:
        """The one row that a statement gives, or None."""
        return (await self.session.execute(statement)).mappings().one_or_none()

    async def returned(self, statement: Executable) -> RowMapping:
        """The row that an insert returns."""
        return (await self.session.execute(statement)).mappings().one()

    async def copy(self, table: Table, rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> None:
        """Write many rows by COPY, inside this transaction like any other statement. Raises RowsRefused."""
        connection = await self.session.connection()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        if not driver.is_in_transaction():
            # the transaction begins with its first statement; a COPY before it would stand alone
            await self.session.execute(text("SELECT 1"))
        try:
            await driver.copy_records_to_table(table.name, records=rows, columns=columns)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.exceptions.DataError) as error:
            raise RowsRefused(f"{table.name}: {error}") from error


class RowsRefused(Exception):
    """Rows that break a constraint of their table; none of the batch was written."""


class Books:
    """The database and its pool of connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    def connect(cls, url: str, *, connections: int = 10) -> "Books":
        """Books at a `postgresql://` address. Nothing is sent until the first transaction."""
        engine = create_async_engine(
            driver_url(url),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_S,
            pool_recycle=1800,
            pool_use_lifo=True,
            # a server that was restarted costs nobody a failed request
            pool_pre_ping=True,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": ANSWER_TIMEOUT_S,
                "server_settings": {
                    "application_name": "auction",
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(STATEMENT_TIMEOUT_MS),
                    # short statements by index: compiling them costs more than it saves
                    "jit": "off",
                },
            },
        )
        return cls(engine)

    async def close(self) -> None:
        """Give every connection back to the server."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """All of the block or nothing of it: commits at its end, rolls back on any error. READ COMMITTED."""
        async with self._session() as session:
            yield Transaction(session)
            try:
                await session.commit()
            except Exception as error:
                if not is_away(error):
                    raise
                await session.invalidate()
                raise BooksAway(
                    "The books did not confirm; the change may or may not be there. Trying again does no harm."
                ) from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A read-only transaction in which every statement sees the same moment."""
        async with self._session() as session:
            await session.connection(
                execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            )
            yield Transaction(session)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
            try:
                yield session
            except Exception as error:
                if not is_away(error):
                    raise
                # no polite rollback to a server that may not answer: the connection goes, and the transaction with it
                await session.invalidate()
                raise BooksAway from error


def is_away(error: BaseException) -> bool:
    """Whether an error means that the database is not there, or not now, rather than that the query was wrong."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig or error
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is not None:
        return sqlstate[:2] in AWAY_CLASSES or sqlstate in AWAY_STATES
    if isinstance(error, asyncpg.InterfaceError):
        # its other messages are about wrong use
        return "closed" in str(error)
    return isinstance(error, (OSError, TimeoutError, NoConnectionFree))


def driver_url(url: str) -> URL:
    """A `postgresql://` address as operators write it (libpq's `sslmode` too), for the asyncpg driver."""
    address = make_url(url)
    if address.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(
            f"the books need PostgreSQL: an address like postgresql://user@host/name, not {address.drivername}://"
        )
    address = address.set(drivername="postgresql+asyncpg")
    query = dict(address.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return address.set(query=query)
