"""Checks whether a process can serve: ledger, database, and its migrations. Off the bid's way; behind `/readyz`."""

import functools
from dataclasses import dataclass

from auction.books import migrate
from auction.domain.errors import AuctionError
from auction.services.context import AppContext

OK = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """For each part "ok", or a sentence that says what is wrong with it."""

    ledger: str
    books: str
    migrations: str

    @property
    def ready(self) -> bool:
        """Whether every part is ok."""
        return self.ledger == self.books == self.migrations == OK


async def check_readiness(context: AppContext) -> Readiness:
    """Ask both servers; one that is away is a finding, not an error."""
    try:
        await context.ledger.now_ms()
        ledger = OK
    except AuctionError as error:
        ledger = error.detail
    try:
        async with context.books.reading() as tx:
            revision = await migrate.applied_revision(tx)
        books, migrations = OK, _compare(revision, _expected())
    except AuctionError as error:
        books, migrations = error.detail, "unknown while the books are away"
    return Readiness(ledger, books, migrations)


@functools.cache
def _expected() -> str:
    return migrate.head()


def _compare(found: str | None, expected: str) -> str:
    if found == expected:
        return OK
    return f"the books are at migration {found or 'none'}, this code expects {expected}; run 'auction migrate'"
