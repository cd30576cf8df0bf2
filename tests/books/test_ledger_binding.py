import asyncio

import pytest

from auction.books import ledger_binding
from auction.books.unit_of_work import Books
from auction.domain.errors import RequestRefused
from auction.domain.ledger_layout import LAYOUT


async def claim(books: Books, shards: int, layout: str = LAYOUT) -> ledger_binding.LedgerIdentity:
    async with books.transaction() as tx:
        return await ledger_binding.claim_identity(tx, shards=shards, layout=layout, lineage="a-ledger")


async def test_books_belong_to_the_first_ledger_that_claims_them(books: Books) -> None:
    claims = await asyncio.gather(*(claim(books, 16) for _ in range(4)))

    assert claims == [ledger_binding.LedgerIdentity(16, "a1", "a-ledger")] * 4


@pytest.mark.parametrize("shards, layout", [(8, "a1"), (16, "a2")])
async def test_another_ledger_is_refused_and_told_why(books: Books, shards: int, layout: str) -> None:
    await claim(books, 16)
    with pytest.raises(RequestRefused, match="16 shards, layout a1") as refused:
        await claim(books, shards, layout)

    assert refused.value.code == "wrong-shards"
    assert await claim(books, 16) == ledger_binding.LedgerIdentity(16, "a1", "a-ledger")
