"""Marks of what was acknowledged: where they are kept, and what a changed ledger is checked against without a database."""

from pathlib import Path

import pytest
from sqlalchemy import text

from auction.books.unit_of_work import Books
from auction.domain.errors import BooksAway
from auction.domain.ledger_layout import Mark
from auction.domain.lot import LotStatus
from auction.ledger.acknowledged_marks import AcknowledgedMarks
from auction.ledger.server_guard import ServerGuard
from auction.services.recovery.continuity import ContinuityCheck
from auction.services.recovery.marks import MarkSpool, MarkWriter
from tests.recovery.conftest import House

NOBODY = "postgresql://nobody@127.0.0.1:1/none"


def of_another_process(folder: Path, name: str, lineage: str, marks: dict[str, Mark]) -> None:
    spool = MarkSpool(folder, lineage)
    spool._own = folder / name
    spool.keep(marks)


def test_the_newest_mark_of_each_lot_is_taken_once_and_again_if_it_could_not_be_written() -> None:
    marks = AcknowledgedMarks()
    marks.note("launch-001", 1, 5, "e")
    marks.note("launch-001", 1, 4, "d")
    marks.note("launch-002", 2, 1, "a")
    taken = marks.take()
    assert taken == {"launch-001": Mark(1, 5, "e"), "launch-002": Mark(2, 1, "a")}
    assert marks.take() == {}
    marks.put_back(taken)
    marks.note("launch-001", 2, 1, "f")  # a new epoch is newer, whatever its seq
    assert marks.take() == {"launch-001": Mark(2, 1, "f"), "launch-002": Mark(2, 1, "a")}


def test_spooled_marks_of_all_processes_of_this_ledger_count(tmp_path: Path) -> None:
    of_another_process(tmp_path, "1.json", "ours", {"launch-001": Mark(1, 9, "i"), "launch-002": Mark(1, 2, "b")})
    of_another_process(tmp_path, "2.json", "theirs", {"launch-001": Mark(1, 99, "z")})
    (tmp_path / "3.json").write_text("{half")
    spool = MarkSpool(tmp_path, "ours")
    spool.keep({"launch-002": Mark(1, 7, "g")})
    spool.keep({"launch-003": Mark(1, 1, "a")})
    assert spool.read() == {
        "launch-001": Mark(1, 9, "i"),
        "launch-002": Mark(1, 7, "g"),
        "launch-003": Mark(1, 1, "a"),
    }


def test_the_file_of_a_process_that_is_gone_is_removed_once_the_database_has_its_marks(tmp_path: Path) -> None:
    gone = "4194999.json"  # above the highest pid
    of_another_process(tmp_path, gone, "ours", {"launch-001": Mark(1, 9, "i")})
    spool = MarkSpool(tmp_path, "ours")
    spool.discard_others({"launch-001": Mark(1, 8, "h")})
    assert (tmp_path / gone).exists()
    spool.discard_others({"launch-001": Mark(1, 9, "i")})
    assert not (tmp_path / gone).exists()


async def test_marks_that_the_database_did_not_take_are_written_later(house: House, tmp_path: Path) -> None:
    marks = AcknowledgedMarks()
    marks.note("launch-001", 1, 5, "e")
    spool = MarkSpool(tmp_path / "spool", "ours")
    await MarkWriter(marks, Books.connect(NOBODY), spool).flush()
    assert spool.read() == {"launch-001": Mark(1, 5, "e")}

    for mark in (None, Mark(1, 4, "d")):
        if mark is not None:
            marks.note("launch-002", *mark)
        await MarkWriter(marks, house.context.books, spool).flush()
    async with house.context.books.reading() as tx:
        rows = await tx.rows(text("SELECT lot_id, seq FROM acknowledged_marks ORDER BY lot_id"))
    assert [(row["lot_id"], row["seq"]) for row in rows] == [("launch-001", 5), ("launch-002", 4)]


async def test_without_a_database_a_changed_ledger_is_checked_against_the_spool(house: House, tmp_path: Path) -> None:
    lot_id = await house.new_lot()
    await house.accepted(lot_id, 100)
    unguarded, guard = house.unguarded(), ServerGuard()
    lineage = house.context.ledger.lineage
    nothing = MarkSpool(tmp_path / "nothing", lineage)
    with pytest.raises(BooksAway):
        await ContinuityCheck(unguarded, guard, Books.connect(NOBODY), nothing).check()

    spool = MarkSpool(tmp_path / "spool", lineage)
    spool.keep({lot_id: Mark(1, 9, "of bids that are lost")})
    found = await ContinuityCheck(unguarded, guard, Books.connect(NOBODY), spool).check()
    assert list(found.lots) == [lot_id]
    assert guard.checked is not None
    assert (await house.snapshot(lot_id)).status is LotStatus.FROZEN
