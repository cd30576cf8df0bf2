import pytest

from auction.books import audit
from auction.books.unit_of_work import Books, StatementRejected
from tests.books.conftest import Sql


async def note(books: Books, lot_id: str | None, reason: str) -> audit.StaffAction:
    async with books.transaction() as tx:
        return await audit.record_action(
            tx, actor="olga", action="pause-lot", lot_id=lot_id, reason=reason, details={"at": 1}
        )


async def test_acts_are_read_newest_first_by_lot_and_by_page(books: Books) -> None:
    noted = [await note(books, lot_id, reason) for lot_id, reason in (("a-001", "1"), ("b-001", "2"), ("a-001", "3"))]
    async with books.reading() as tx:
        everything = await audit.staff_actions_of(tx)
        of_a = await audit.staff_actions_of(tx, audit.AuditFilter(lot_id="a-001"))
        page = await audit.staff_actions_of(tx, limit=1, before_id=noted[2].action_id)

    assert everything == noted[::-1]
    assert of_a == [noted[2], noted[0]]
    assert page == [noted[1]]
    assert (noted[0].actor, noted[0].action, noted[0].details) == ("olga", "pause-lot", {"at": 1})


@pytest.mark.parametrize(
    "change", ["UPDATE staff_actions SET reason = 'better'", "DELETE FROM staff_actions", "TRUNCATE staff_actions"]
)
async def test_what_was_done_cannot_be_rewritten(books: Books, sql: Sql, change: str) -> None:
    await note(books, None, "because")
    with pytest.raises(StatementRejected, match="append-only"):
        await sql(change)

    assert await sql("SELECT reason FROM staff_actions") == [("because",)]
