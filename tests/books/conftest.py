from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import CursorResult, text

from auction.books import catalogue
from auction.books.bidders import Registration
from auction.books.unit_of_work import Books

Sql = Callable[..., Awaitable[list[tuple[Any, ...]]]]


def registration_of(lot_id: str, bidder_id: str, paddle: int, *, limit_fen: int | None = None) -> Registration:
    """A registration as it is before it is stored."""
    return Registration(
        lot_id=lot_id,
        bidder_id=bidder_id,
        paddle=paddle,
        limit_fen=limit_fen,
        purse_fen=None,
        held_fen=None,
        share_fen=None,
        terms_sha256="f" * 64,
        registered_at_ms=0,
        admitted_at_ms=None,
    )


@pytest.fixture
async def books(books_url: str) -> AsyncIterator[Books]:
    """Fresh books, on at most ten connections."""
    opened = Books.connect(books_url)
    yield opened
    await opened.close()


@pytest.fixture
def sql(books: Books) -> Sql:
    """Run a statement in a transaction of its own: its rows, if it gives any."""

    async def run(statement: str, **values: object) -> list[tuple[Any, ...]]:
        async with books.transaction() as tx:
            result: CursorResult[Any] = await tx.session.execute(text(statement), values)  # type: ignore[assignment]
            return [tuple(row) for row in result] if result.returns_rows else []

    return run


@pytest.fixture
async def launch(books: Books) -> str:
    """A sale with a draft, lot launch-001."""
    async with books.transaction() as tx:
        await catalogue.add_sale(tx, sale_id="launch", title="Launch day", actor="olga")
        number = await catalogue.next_lot_number(tx, "launch")
        await catalogue.add_lot(
            tx,
            lot_id="launch-001",
            sale_id="launch",
            number=number,
            title="No. 001",
            terms={"start_price_fen": 100},
            actor="olga",
        )
    return "launch-001"
