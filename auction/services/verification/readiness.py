"""Whether the house can work: its ledger, its books, and whether the books are migrated to what this code expects."""

import functools
from dataclasses import dataclass

from sqlalchemy import text

from auction.books import migrate
from auction.domain.errors import AuctionError
from auction.services.context import AppContext

OK = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Each part: "ok", or a sentence on what is wrong with it."""

    ledger: str
    books: str
    migrations: str

    @property
    def ready(self) -> bool:
        """Whether every part is."""
        return self.ledger == self.books == self.migrations == OK


async def check_readiness(context: AppContext) -> Readiness:
    """Asks both servers; never raises for one that is away."""
    try:
        await context.ledger.now_ms()
        ledger = OK
    except AuctionError as error:
        ledger = error.detail
    try:
        books, migrations = OK, _compare(await _revision(context), _expected())
    except AuctionError as error:
        books, migrations = error.detail, "unknown while the books are away"
    return Readiness(ledger, books, migrations)


async def _revision(context: AppContext) -> str | None:
    """The migration the books are at; None: never migrated."""
    async with context.books.reading() as tx:
        if await tx.session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        revision: str | None = await tx.session.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


@functools.cache
def _expected() -> str:
    return migrate.head()


def _compare(found: str | None, expected: str) -> str:
    if found == expected:
        return OK
    return f"the books are at migration {found or 'none'}, this code expects {expected}; run 'auction migrate'"
