"""Opens transactions on the database: the only place that commits, and that turns the driver's errors into ours.

Off the bid's way: services, workers and pages use it; deciding a bid does not.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Executable, RowMapping, Table, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from auction.books.connection_check import check_connections
from auction.domain.errors import BooksAway

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 40
"""Longer than the server's own time-out: a server that has not answered by then is away."""

AWAY_CLASSES = ("08", "28", "3D", "53", "57", "58")
"""SQLSTATE classes: connection lost, not authorised, no database, out of resources, shut down or too slow, system."""
AWAY_STATES = ("25006", "40001", "40P01", "55P03")
"""SQLSTATEs that a later try mends: a read-only standby, a serialisation failure, a deadlock, a lock time-out."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction, which every query takes; it is committed at the end of the block that opened it."""

    session: AsyncSession

    async def rows(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        """The rows of a statement, executed with these values, by column name."""
        return (await self.session.execute(statement, values)).mappings().all()

    async def rows_of_many(self, statement: Executable, values: Sequence[Mapping[str, Any]]) -> Sequence[RowMapping]:
        """The rows of a statement that is executed once for each of these values, sent in few messages."""
        return (await self.session.execute(statement, list(values))).mappings().all()

    async def row(self, statement: Executable) -> RowMapping | None:
        """The one row of a statement, or None."""
        return (await self.session.execute(statement)).mappings().one_or_none()

    async def returned(self, statement: Executable) -> RowMapping:
        """The one row that a statement must return."""
        return (await self.session.execute(statement)).mappings().one()

    async def copy(self, table: Table, rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> None:
        """Insert many rows with COPY, inside this transaction. Raises RowRejected."""
        connection = await self.session.connection()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        if not driver.is_in_transaction():
            # the transaction begins with its first statement; a COPY before it would be outside of it
            await self.session.execute(text("SELECT 1"))
        try:
            await driver.copy_records_to_table(table.name, records=rows, columns=columns)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.exceptions.DataError) as error:
            raise RowRejected(f"{table.name}: {error}") from error


class StatementRejected(Exception):
    """The database rejected a statement or the commit (a constraint, a trigger, wrong data); nothing was changed."""


class RowRejected(StatementRejected):
    """One of the rows that were to be copied breaks a constraint or does not fit its column; nothing was changed."""


class Books:
    """The database, with a pool of connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    def connect(cls, url: str, *, connections: int = 10) -> "Books":
        """The database at a `postgresql://` address. Nothing is sent until the first transaction."""
        engine = create_async_engine(
            driver_url(url),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_S,
            pool_recycle=1800,
            pool_use_lifo=True,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": ANSWER_TIMEOUT_S,
                "server_settings": {
                    "application_name": "auction",
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(STATEMENT_TIMEOUT_MS),
                    # statements are short and use indexes: compiling them costs more than it saves
                    "jit": "off",
                },
            },
        )
        # so that no request fails on a connection from before a restart of the server
        check_connections(engine)
        return cls(engine)

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that is committed at the end of the block and rolled back on any error. READ COMMITTED.

        Raises BooksAway (also where the commit got no answer) and StatementRejected.
        """
        async with self._session() as session:
            yield Transaction(session)
            try:
                await session.commit()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await session.invalidate()
                raise BooksAway(
                    "The books did not confirm; the change may or may not be there. Trying again does no harm."
                ) from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A read-only transaction in which every statement sees the same state. Raises BooksAway, StatementRejected."""
        async with self._session() as session:
            await session.connection(
                execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            )
            yield Transaction(session)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncSession]:
        try:
            async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
                try:
                    yield session
                except Exception as error:
                    if is_unavailable(error):
                        # no rollback to a server that may not answer: closing the connection ends the transaction
                        await session.invalidate()
                        raise BooksAway from error
                    if isinstance(error, SQLAlchemyError):
                        raise StatementRejected(_driver_message(error)) from error
                    raise
        except DBAPIError as error:
            # the server went away after the last statement, and the rollback at the end failed
            if is_unavailable(error):
                raise BooksAway from error
            raise


def _driver_message(error: SQLAlchemyError) -> str:
    """What the database said, without the statement and its values, which may be secret."""
    return str(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error)


def is_unavailable(error: BaseException) -> bool:
    """Whether an error means that the database cannot be used now, rather than that the statement was wrong."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig or error
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is not None:
        return sqlstate[:2] in AWAY_CLASSES or sqlstate in AWAY_STATES
    if isinstance(error, asyncpg.InterfaceError):
        # its other messages are about wrong use of the driver
        return "closed" in str(error)
    return isinstance(error, (OSError, TimeoutError, NoConnectionFree))


def driver_url(url: str) -> URL:
    """A `postgresql://` address, libpq's `sslmode` included, as the asyncpg driver takes it. Raises ValueError."""
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
