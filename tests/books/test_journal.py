import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from auction.books import journal, settlements
from auction.books.journal import Cause
from auction.books.settlements import SettlementStep
from auction.books.unit_of_work import Books, StatementRejected, Transaction
from auction.domain import journal as postings
from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry, JournalLine
from auction.domain.states import CauseKind, SettlementState, StepName
from tests.books.conftest import Sql

CAUSE = Cause(CauseKind.GATEWAY_CALL, "charge-1")
HEAD = "INSERT INTO journal_entries (key, kind, lot_id, cause, cause_ref, at_ms) VALUES"
LINES = "INSERT INTO journal_lines (key, number, account, amount_fen) VALUES"


def received(
    operation_id: str, amount_fen: int = 500, lot_id: str = "launch-001", bidder_id: str = "ann"
) -> JournalEntry:
    return postings.payment_received(
        operation_id=operation_id, lot_id=lot_id, bidder_id=bidder_id, amount_fen=amount_fen
    )


async def post(books: Books, *entries: JournalEntry, cause: Cause = CAUSE, at_ms: int = 7) -> int:
    async with books.transaction() as tx:
        return await journal.post(tx, entries, cause=cause, at_ms=at_ms)


async def keys_of(books: Books, **which: object) -> list[str]:
    async with books.reading() as tx:
        return [entry.key for entry in await journal.entries_of(tx, **which)]  # type: ignore[arg-type]


async def in_one_transaction(books: Books, *statements: str) -> None:
    async with books.transaction() as tx:
        await run_all(tx, statements)


async def run_all(tx: Transaction, statements: tuple[str, ...]) -> None:
    connection = await tx.session.connection()
    for statement in statements:
        await connection.exec_driver_sql(statement)


def database_error(rejected: pytest.ExceptionInfo[StatementRejected]) -> BaseException | None:
    """The driver's own error behind a rejected statement."""
    error = rejected.value.__cause__
    assert isinstance(error, DBAPIError)
    assert error.orig is not None
    return error.orig.__cause__


# --- what is written --------------------------------------------------------------------------------------------------


async def test_an_entry_stands_as_it_was_written_with_its_lines_in_their_order_and_its_cause(books: Books) -> None:
    entry = postings.award(award_id="a-1", lot_id="launch-001", bidder_id="ann", price_fen=1_000, fee_fen=50)
    assert await post(books, entry, cause=Cause(CauseKind.LOT_EVENT, "launch-001:closed"), at_ms=99) == 1

    async with books.reading() as tx:
        (found,) = await journal.entries_of(tx)
    assert (found.key, found.kind, found.lot_id, found.at_ms) == ("award:a-1", "award", "launch-001", 99)
    assert (found.cause, found.cause_ref) == ("lot-event", "launch-001:closed")
    assert found.lines == entry.lines
    assert found.lines[0] == JournalLine(JournalAccount.BUYER_RECEIVABLE, 1_050, "ann")


async def test_an_entry_that_is_posted_again_stands_once_as_it_was_first(books: Books) -> None:
    assert await post(books, received("op-1"), at_ms=1) == 1
    assert await post(books, received("op-1"), received("op-2"), cause=Cause(CauseKind.DEADLINE, "later"), at_ms=2) == 1

    async with books.reading() as tx:
        first, second = await journal.entries_of(tx)
        assert (await journal.balances(tx))[JournalAccount.CASH] == 1_000
    assert (first.cause, first.at_ms, len(first.lines)) == ("gateway-call", 1, 2)
    assert (second.cause, second.at_ms, len(second.lines)) == ("deadline", 2, 2)


async def test_an_entry_that_many_post_at_once_stands_once(books: Books) -> None:
    written = await asyncio.gather(*(post(books, received("op-1")) for _ in range(8)))

    assert sorted(written) == [0] * 7 + [1]
    async with books.reading() as tx:
        assert await journal.balances(tx) == {JournalAccount.BUYER_RECEIVABLE: -500, JournalAccount.CASH: 500}


async def test_an_entry_of_a_transaction_that_fails_was_never_there(books: Books) -> None:
    async def post_and_fail() -> None:
        async with books.transaction() as tx:
            await journal.post(tx, [received("op-1")], cause=CAUSE, at_ms=1)
            raise RuntimeError("the provider's answer could not be followed")

    with pytest.raises(RuntimeError):
        await post_and_fail()

    assert await keys_of(books) == []
    assert await post(books, received("op-1")) == 1


async def test_thousands_of_entries_are_posted_at_once_each_with_its_own_cause(books: Books) -> None:
    many = [
        (received(f"op-{number}", number), Cause(CauseKind.GATEWAY_CALL, f"op-{number}")) for number in range(1, 2_502)
    ]
    async with books.transaction() as tx:
        assert await journal.post_each(tx, many, at_ms=1) == 2_501
        assert await journal.post_each(tx, many, at_ms=1) == 0

    async with books.reading() as tx:
        found = await journal.entries_of(tx, limit=5_000)
        assert (await journal.balances(tx))[JournalAccount.CASH] == sum(range(1, 2_502))
    assert all(one.key == f"payment-received:{one.cause_ref}" for one in found)
    assert len(found) == 2_501


async def test_no_entries_are_posted_without_a_fuss(books: Books) -> None:
    assert await post(books) == 0


# --- how it is read ---------------------------------------------------------------------------------------------------


async def test_the_journal_is_read_in_the_order_of_writing_page_by_page_of_all_lots_or_one(books: Books) -> None:
    for number in range(1, 8):
        await post(books, received(f"op-{number}", lot_id=f"launch-00{number % 2}"))

    assert await keys_of(books) == [f"payment-received:op-{number}" for number in range(1, 8)]
    assert await keys_of(books, lot_id="launch-001") == [f"payment-received:op-{number}" for number in (1, 3, 5, 7)]
    assert await keys_of(books, lot_id="launch-009") == []

    pages: list[list[str]] = []
    after_id = 0
    while True:
        async with books.reading() as tx:
            page = await journal.entries_of(tx, after_id=after_id, limit=3)
        if not page:
            break
        assert all(len(entry.lines) == 2 for entry in page), "a page ends between entries, never inside one"
        pages.append([entry.key for entry in page])
        after_id = page[-1].entry_id
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [key for page in pages for key in page] == await keys_of(books)


async def test_balances_are_of_the_house_or_of_one_lot_and_sum_to_nothing(books: Books) -> None:
    await post(
        books,
        postings.award(award_id="a-1", lot_id="launch-001", bidder_id="ann", price_fen=1_000, fee_fen=50),
        received("op-1", 300),
        received("op-2", 20, lot_id="launch-002"),
    )

    async with books.reading() as tx:
        context, of_lot = await journal.balances(tx), await journal.balances(tx, lot_id="launch-001")
    assert context == {
        JournalAccount.BUYER_RECEIVABLE: 730,
        JournalAccount.CASH: 320,
        JournalAccount.COMMISSION_DEFERRED: -50,
        JournalAccount.SELLER_CLEARING: -1_000,
    }
    assert of_lot == {**context, JournalAccount.BUYER_RECEIVABLE: 750, JournalAccount.CASH: 300}
    assert sum(context.values()) == sum(of_lot.values()) == 0


@pytest.mark.parametrize("table", ["journal_entries", "journal_lines", "settlement_steps"])
@pytest.mark.parametrize("change", ["UPDATE {} SET lot_id = lot_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_what_is_written_is_never_changed(books: Books, table: str, change: str) -> None:
    await post(books, received("op-1"))
    async with books.transaction() as tx:
        await settlements.add_steps(tx, [SettlementStep("launch-001", StepName.PAID, SettlementState.PAID, "ann", 1)])
    if table == "journal_lines":
        change = change.replace("lot_id", "amount_fen")

    with pytest.raises(StatementRejected) as refused:
        await in_one_transaction(books, change.format(table))

    assert isinstance(database_error(refused), asyncpg.RestrictViolationError)
    said = str(refused.value)
    assert f"{table} is append-only" in said or "is append-only: TRUNCATE" in said
    assert await keys_of(books) == ["payment-received:op-1"]


UNBALANCED = {
    "no lines": (f"{HEAD} ('x:1', 'x', 'l', 'deadline', 'r', 1)",),
    "one line": (
        f"{HEAD} ('x:1', 'x', 'l', 'deadline', 'r', 1)",
        f"{LINES} ('x:1', 1, 'cash', 5)",
    ),
    "more debit than credit": (
        f"{HEAD} ('x:1', 'x', 'l', 'deadline', 'r', 1)",
        f"{LINES} ('x:1', 1, 'cash', 5), ('x:1', 2, 'deposits_held', -4)",
    ),
    "more credit than debit": (
        f"{HEAD} ('x:1', 'x', 'l', 'deadline', 'r', 1)",
        f"{LINES} ('x:1', 1, 'cash', 5), ('x:1', 2, 'deposits_held', -5), ('x:1', 3, 'cash', -1)",
    ),
    "a line added to one that balances": (f"{LINES} ('payment-received:op-1', 3, 'cash', 1)",),
    "a good one beside a bad one": (
        f"{HEAD} ('x:1', 'x', 'l', 'deadline', 'r', 1), ('x:2', 'x', 'l', 'deadline', 'r', 1)",
        f"{LINES} ('x:1', 1, 'cash', 5), ('x:1', 2, 'deposits_held', -5), ('x:2', 1, 'cash', 5)",
    ),
}


@pytest.mark.parametrize("statements", UNBALANCED.values(), ids=UNBALANCED.keys())
async def test_an_entry_that_does_not_balance_is_refused_at_the_commit(
    books: Books, statements: tuple[str, ...]
) -> None:
    await post(books, received("op-1"))

    reached_the_commit = False
    with pytest.raises(StatementRejected) as refused:  # noqa: PT012 - that it is the commit that fails is the point
        async with books.transaction() as tx:
            await run_all(tx, statements)
            reached_the_commit = True

    assert reached_the_commit
    assert "does not balance" in str(refused.value)
    assert await keys_of(books) == ["payment-received:op-1"]
    async with books.reading() as tx:
        assert (await journal.balances(tx))[JournalAccount.CASH] == 500


async def test_an_entry_may_be_written_line_by_line_in_one_transaction(books: Books) -> None:
    await in_one_transaction(
        books,
        f"{HEAD} ('x:1', 'x', 'l', 'deadline', 'r', 1)",
        f"{LINES} ('x:1', 1, 'cash', 5)",
        f"{LINES} ('x:1', 2, 'deposits_held', -5)",
    )
    assert await keys_of(books) == ["x:1"]


WRONG_ROWS = {
    "a line of nothing": f"{LINES} ('payment-received:op-1', 3, 'cash', 0)",
    "an account that there is not": f"{LINES} ('payment-received:op-1', 3, 'petty_cash', 1)",
    "a line without an entry": f"{LINES} ('x:9', 1, 'cash', 1)",
    "a line twice": f"{LINES} ('payment-received:op-1', 1, 'cash', 1)",
    "a cause of no kind": f"{HEAD} ('x:1', 'x', 'l', 'whim', 'r', 1)",
    "a key twice": f"{HEAD} ('payment-received:op-1', 'x', 'l', 'deadline', 'r', 1)",
}


@pytest.mark.parametrize("statement", WRONG_ROWS.values(), ids=WRONG_ROWS.keys())
async def test_the_database_takes_only_rows_that_mean_something(books: Books, sql: Sql, statement: str) -> None:
    await post(books, received("op-1"))
    with pytest.raises(StatementRejected) as refused:
        await sql(statement)
    assert isinstance(database_error(refused), asyncpg.IntegrityConstraintViolationError)


async def test_a_page_steps_over_no_entry_that_is_committed_late(books: Books) -> None:
    async def page(after_id: int = 0) -> list[tuple[int, str]]:
        async with books.reading() as tx:
            found = await journal.settled_page(tx, after_id=after_id)
        return [(entry.entry_id, entry.key) for entry in found]

    await post(books, received("first"))
    (first,) = await page()
    async with books.transaction() as late:
        await journal.post(late, [received("late")], cause=CAUSE, at_ms=7)
        await post(books, received("early"))
        # an earlier one may still come
        assert await page() == [first]
    entries = await page()
    assert [key for _, key in entries] == [f"payment-received:{name}" for name in ("first", "late", "early")]
    assert await page(first[0]) == entries[1:]
    assert await page(entries[1][0]) == entries[2:]


async def test_a_page_is_in_the_order_of_the_transactions_not_of_the_ids(books: Books) -> None:
    async with books.transaction() as one:
        # it has begun to write, and posts last
        await one.session.execute(text("SELECT pg_current_xact_id()"))
        await post(books, received("lower id"))
        await journal.post(one, [received("higher id")], cause=CAUSE, at_ms=7)
    async with books.reading() as tx:
        found = await journal.settled_page(tx)
        assert [entry.key.partition(":")[2] for entry in found] == ["higher id", "lower id"]
        assert await journal.settled_page(tx, after_id=found[0].entry_id) == found[1:]
