"""The audit log's hash chain: every row once, whatever order transactions end in; each kind of tampering is named."""

import asyncio
import time

import pytest

from auction.books import audit, audit_chain
from auction.books.unit_of_work import Books, StatementRejected
from auction.services.verification.audit_log import check_audit_log, published_head
from auction.signing.audit_head import HeadMalformed, PublishedHead
from auction.signing.house_keys import HouseKeys
from auction.workers.audit_chain import AuditChainWriter
from tests.books.conftest import Sql

HOUR_MS = 3_600_000


async def act(books: Books, number: int) -> int:
    async with books.transaction() as tx:
        details = {"number": number, "before": {"name": "安娜", "b": 1, "a": None}}
        row = await audit.record_action(tx, actor="olga", action="pause-lot", reason=f"no. {number}", details=details)
    return row.action_id


async def chain(books: Books) -> None:
    await AuditChainWriter(books).append()


async def rows(sql: Sql) -> list[tuple[int, int]]:
    return [(position, action_id) for position, action_id in await sql(
        "SELECT position, action_id FROM audit_chain ORDER BY position"
    )]  # fmt: skip


async def tamper(sql: Sql, statement: str, **values: object) -> None:
    """What somebody does who owns the tables."""
    for table in ("staff_actions", "audit_chain"):
        await sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    await sql(statement, **values)


async def broken(books: Books, *kept: PublishedHead) -> list[str]:
    return list((await check_audit_log(books, kept)).broken)


async def test_a_row_that_is_stored_after_a_later_one_is_chained_after_it(books: Books, sql: Sql) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        async with books.transaction() as tx:
            row = await audit.record_action(tx, actor="olga", action="pause-lot")
            begun.set()
            await go_on.wait()
        return row.action_id

    waiting = asyncio.create_task(slow())
    await begun.wait()
    second = await act(books, 2)
    writer = AuditChainWriter(books)
    await writer.append()
    assert await rows(sql) == [(1, second)]
    go_on.set()
    first = await waiting
    await writer.append()
    assert first < second
    assert await rows(sql) == [(1, second), (2, first)]
    assert await broken(books) == []


async def test_writers_at_once_chain_every_row_once(books: Books, sql: Sql) -> None:
    ids: list[int] = []

    async def acting(first: int) -> None:
        ids.extend([await act(books, number) for number in range(first, first + 10)])

    async def chaining() -> None:
        writer = AuditChainWriter(books)
        for _ in range(10):
            await writer.append()

    await asyncio.gather(*(acting(n * 100) for n in range(4)), *(chaining() for _ in range(3)))
    await chain(books)
    found = await rows(sql)
    assert [position for position, _ in found] == list(range(1, 41))
    assert sorted(action_id for _, action_id in found) == sorted(ids)
    verdict = await check_audit_log(books)
    assert (verdict.rows, verdict.waiting, verdict.broken) == (40, 0, [])
    await act(books, 41)
    assert (await check_audit_log(books)).waiting == 1


@pytest.mark.parametrize("page", [1, 2, 2_000])
async def test_each_kind_of_tampering_is_named(
    books: Books, sql: Sql, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    ids = [await act(books, number) for number in range(6)]
    await chain(books)
    monkeypatch.setattr(audit_chain, "PAGE", page)
    assert await broken(books) == []

    await tamper(sql, "UPDATE staff_actions SET reason = 'better' WHERE action_id = :id", id=ids[2])
    assert await broken(books) == [f"row {ids[2]} (position 3) was changed"]
    await sql("UPDATE staff_actions SET reason = 'no. 2' WHERE action_id = :id", id=ids[2])
    assert await broken(books) == []
    for column, value in (("actor", "'eve'"), ("at_ms", "at_ms + 1"), ("details", "details || '{\"number\": 9}'")):
        await sql(f"UPDATE staff_actions SET {column} = {value} WHERE action_id = :id", id=ids[4])
        assert await broken(books) == [f"row {ids[4]} (position 5) was changed"]
    await sql("DELETE FROM staff_actions WHERE action_id = :id", id=ids[1])
    assert await broken(books) == [f"row {ids[1]} (position 2) was dropped"]
    await sql("DELETE FROM audit_chain WHERE action_id = :id", id=ids[1])
    assert await broken(books) == ["position 2 was dropped from the chain"]


async def test_a_row_that_is_put_in_later_is_named(books: Books, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [await act(books, number) for number in range(3)]
    await tamper(sql, "DELETE FROM staff_actions WHERE action_id = :id", id=ids[1])
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns - 2 * HOUR_MS * 1_000_000)
    await chain(books)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns)
    await sql(
        "INSERT INTO staff_actions (action_id, actor, action) OVERRIDING SYSTEM VALUE VALUES (:id, 'olga', 'void-bid')",
        id=ids[1],
    )
    named = f"row {ids[1]} was inserted, long after row {ids[2]} had been chained"
    assert await broken(books) == [named]
    await chain(books)
    assert await broken(books) == [named.replace("was inserted", "(position 3) was inserted")]


async def test_a_chain_that_was_computed_anew_differs_from_heads_that_were_kept(books: Books, sql: Sql) -> None:
    keys, heads = HouseKeys.transient(), []
    for number in range(3):
        await act(books, number)
        await chain(books)
        heads.append(await published_head(books, keys))
    assert [head.rows for head in heads] == [1, 2, 3]
    assert await broken(books, *heads) == []

    await tamper(sql, "UPDATE staff_actions SET reason = 'better' WHERE reason = 'no. 1'")
    await sql("DELETE FROM audit_chain WHERE position > 1")
    await chain(books)
    assert await broken(books) == []
    (what,) = await broken(books, *heads)
    assert what.startswith("rows 2 to 2 are not those that were published")
    await sql("DELETE FROM audit_chain WHERE position > 1")
    await sql("DELETE FROM staff_actions WHERE reason <> 'no. 0'")
    assert await broken(books, *heads) == ["the chain ends after row 1, and 2 rows were published"]


@pytest.mark.parametrize(
    "change", ["UPDATE audit_chain SET position = 9", "DELETE FROM audit_chain", "TRUNCATE audit_chain"]
)
async def test_the_chain_cannot_be_rewritten(books: Books, sql: Sql, change: str) -> None:
    await act(books, 1)
    await chain(books)
    with pytest.raises(StatementRejected, match="append-only"):
        await sql(change)


async def test_a_published_head_is_signed_and_nothing_else_is_one(books: Books) -> None:
    keys = HouseKeys.transient()
    await act(books, 1)
    await chain(books)
    head = await published_head(books, keys)
    assert head.is_signed(keys.public)
    assert not head.is_signed(HouseKeys.transient().public)
    for changed in ({"rows": 2}, {"at_ms": 1}, {"sha256": "0" * 64}, {"signature": "?"}, {"signature": "AA"}):
        fields = {name: getattr(head, name) for name in head.__struct_fields__} | changed
        assert not PublishedHead(**fields).is_signed(keys.public)
    for text in ("", "[]", '{"rows": 1}', b"\xff"):
        with pytest.raises(HeadMalformed):
            PublishedHead.parse(text)
