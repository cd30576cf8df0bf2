"""Tells whether anything was written to the database since an earlier look, without looking at what."""

from sqlalchemy import text

from auction.books.unit_of_work import Books, is_unavailable
from auction.domain.errors import BooksAway

_SNAPSHOT = text("SELECT pg_current_snapshot()::text")


async def snapshot(books: Books) -> str:
    """The transactions that have ended, as PostgreSQL notes them: another text once one that wrote has been committed.

    The server's own work, such as vacuuming, changes it too. One statement outside of any transaction, which costs a
    third of one in a transaction. Raises BooksAway.
    """
    try:
        async with books.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            return str(await connection.scalar(_SNAPSHOT))
    except Exception as error:
        if is_unavailable(error):
            raise BooksAway from error
        raise
