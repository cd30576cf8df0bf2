"""All the money there is, to be compared: what the books say of it, and what the provider has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text

from tests.settlement.conftest import Stage

TABLES = (
    "journal_entries", "journal_lines", "deposits", "payment_operations", "awards", "offers", "defaults",
    "settlements", "registrations",
)  # fmt: skip


async def money_of(stage: Stage, *tables: str) -> dict[str, Any]:
    """Every row of the tables of money, or of some of them, and the provider's totals."""
    found: dict[str, Any] = {"the provider": await stage.gateway.movements()}
    async with stage.context.books.reading() as tx:
        for table in tables or TABLES:
            found[table] = sorted(map(str, await tx.rows(text(f"SELECT * FROM {table}"))))
    return found


@asynccontextmanager
async def nothing_moves(stage: Stage, *tables: str) -> AsyncIterator[None]:
    """Whatever is asked in the block moves no money and decides nothing about any."""
    before = await money_of(stage, *tables)
    yield
    assert await money_of(stage, *tables) == before
