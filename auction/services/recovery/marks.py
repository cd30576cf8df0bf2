"""Writes what this process acknowledged to the database, and to a file beside it, a fraction of a second later.

Beside the bid's way. The file is what a changed ledger is checked against while the database is away.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from auction.books import acknowledged_marks
from auction.books.unit_of_work import Books
from auction.domain.errors import BooksAway
from auction.domain.ledger_layout import Mark
from auction.ledger.acknowledged_marks import AcknowledgedMarks
from auction.ledger.cancellation import raise_if_cancelled

log = structlog.get_logger()

WRITE_EVERY_S = 0.2
"""What was acknowledged within this time before a loss may be missing from the list of what was lost."""
SPOOLED_LOTS_MAX = 1000


class SpoolFile(msgspec.Struct):
    """What a process acknowledged: the id of the ledger, and a mark for each lot."""

    lineage: str
    marks: dict[str, Mark]


class MarkSpool:
    """The marks of this machine's processes, a file for each of them in one folder."""

    def __init__(self, folder: Path, lineage: str) -> None:
        """Takes the folder, and the id of the ledger that the marks are of."""
        self._folder = folder
        self._lineage = lineage
        self._own = folder / f"{os.getpid()}.json"
        self._kept: dict[str, Mark] = {}

    def keep(self, marks: Mapping[str, Mark]) -> None:
        """Add this process's newest marks to its file; OSError where the disk does not take it."""
        for lot_id, mark in marks.items():
            self._kept.pop(lot_id, None)
            self._kept[lot_id] = mark
        while len(self._kept) > SPOOLED_LOTS_MAX:
            del self._kept[next(iter(self._kept))]
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._own.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(SpoolFile(self._lineage, self._kept)))
        draft.replace(self._own)

    def read(self) -> dict[str, Mark]:
        """Lot -> the highest mark in any file of this ledger; one that cannot be read is passed over, and logged."""
        found: dict[str, Mark] = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                spooled = msgspec.json.decode(path.read_bytes(), type=SpoolFile)
            except (OSError, msgspec.MsgspecError) as error:
                log.warning("marks_not_read", file=str(path), reason=str(error))
                continue
            if spooled.lineage == self._lineage:
                merge_marks(found, spooled.marks)
        return found

    def discard_others(self, written: Mapping[str, Mark]) -> None:
        """Remove the files of other processes, whose marks have been written to the database."""
        for path in self._folder.glob("*.json"):
            if path == self._own:
                continue
            try:
                marks = msgspec.json.decode(path.read_bytes(), type=SpoolFile).marks
                is_written = all(written.get(lot_id, (0, 0)) >= mark for lot_id, mark in marks.items())
                if not _is_running(path.stem) and is_written:
                    path.unlink(missing_ok=True)
            except (OSError, msgspec.MsgspecError):
                continue


def _is_running(pid: str) -> bool:
    return pid.isdecimal() and Path("/proc", pid).exists()


def merge_marks(into: dict[str, Mark], marks: Mapping[str, Mark]) -> None:
    """Keep the higher mark of each lot."""
    for lot_id, mark in marks.items():
        known = into.get(lot_id)
        if known is None or (mark.epoch, mark.seq) > (known.epoch, known.seq):
            into[lot_id] = mark


class MarkWriter:
    """Writes the marks of one process; `run` until cancelled, `flush` before the end."""

    def __init__(self, marks: AcknowledgedMarks, books: Books, spool: MarkSpool) -> None:
        self._marks = marks
        self._books = books
        self._spool = spool
        self._is_away = False

    async def run(self) -> None:
        """Write what is new every WRITE_EVERY_S."""
        while True:
            raise_if_cancelled()
            await asyncio.sleep(WRITE_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what is new now; what the database does not take is written the next time."""
        marks = self._marks.take()
        if not marks:
            return
        try:
            self._spool.keep(marks)
        except OSError as error:
            log.error("marks_not_spooled", reason=str(error))
        try:
            async with self._books.transaction() as tx:
                await acknowledged_marks.record(tx, marks)
        except BooksAway as error:
            self._marks.put_back(marks)
            if not self._is_away:
                self._is_away = True
                log.warning("marks_waiting", reason=error.detail)
            return
        if self._is_away:
            self._is_away = False
            log.info("marks_resumed")
