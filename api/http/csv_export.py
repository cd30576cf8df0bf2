"""The journal and the results as CSV; amounts in fen, times in UTC ms, one header row.

An export is one moment of the books: it is read in one transaction, put aside, and sent at the client's pace.
"""

import csv
from collections.abc import AsyncIterator, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO

from starlette.responses import StreamingResponse

from auction.books import journal
from auction.services.context import AppContext
from auction.services.settlement.finance_views import list_settlements

PAGE = 1000
IN_MEMORY_BYTES = 4_194_304
"""What is larger is put aside on disk."""
CHUNK_CHARACTERS = 65_536
RESULTS_MAX = 100_000
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")

Cells = Sequence[object]


async def journal_rows(context: AppContext, lot_id: str | None) -> AsyncIterator[Cells]:
    """A row a line of the journal, entries in the order of writing."""
    yield ("entry_id", "at_ms", "kind", "lot_id", "cause", "cause_ref", "key", "account", "bidder", "amount_fen")
    async with context.books.reading() as tx:
        after_id = 0
        while page := await journal.entries_of(tx, lot_id=lot_id, after_id=after_id, limit=PAGE):
            for entry in page:
                about = (entry.entry_id, entry.at_ms, entry.kind, entry.lot_id, entry.cause, entry.cause_ref, entry.key)
                for line in entry.lines:
                    yield (*about, str(line.account), line.bidder_id, line.amount_fen)
            after_id = page[-1].entry_id


async def result_rows(context: AppContext) -> AsyncIterator[Cells]:
    """A row a lot after the hammer."""
    yield (
        "lot_id", "title", "state", "outcome", "hammer_price_fen", "paddle", "bidder", "price_fen", "due_fen",
        "held_fen", "forfeited_fen", "claim_fen", "relisted_from", "relisted_as", "changed_at_ms",
    )  # fmt: skip
    board = await list_settlements(context, limit=RESULTS_MAX)
    for row in board.rows:
        settlement, award = row.settlement, row.award
        yield (
            settlement.lot_id,
            row.record.title,
            settlement.state,
            settlement.outcome,
            settlement.hammer_price_fen,
            None if award is None else award.paddle,
            None if award is None else award.bidder_id,
            None if award is None else award.price_fen,
            row.due_fen,
            row.held_fen,
            row.forfeited_fen,
            row.claim_fen,
            row.record.relisted_from,
            settlement.relisted_as,
            settlement.changed_at_ms,
        )


async def streamed(rows: AsyncIterator[Cells], name: str) -> StreamingResponse:
    """Rows as a CSV file to be saved, complete before its first byte is sent."""
    # closed by whoever sends the last of it, or with the response
    aside: IO[str] = SpooledTemporaryFile(IN_MEMORY_BYTES, "w+", encoding="utf-8", newline="")  # noqa: SIM115
    writer = csv.writer(aside)
    async for row in rows:
        writer.writerow([_cell(value) for value in row])
    aside.seek(0)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"}
    return StreamingResponse(_chunks(aside), media_type="text/csv; charset=utf-8", headers=headers)


def _chunks(aside: IO[str]) -> Iterator[str]:
    with aside:
        while chunk := aside.read(CHUNK_CHARACTERS):
            yield chunk


def _cell(value: object) -> object:
    """A value as a cell; text that a spreadsheet would run as a formula is quoted."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
