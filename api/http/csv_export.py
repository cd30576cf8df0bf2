"""The journal and the results as CSV files for spreadsheets: UTF-8 with a byte order mark, one header row.

Amounts are in fen, times in UTC milliseconds; further columns at the end repeat them in yuan with two decimals
(`*_yuan`) and in ISO 8601 (`*_utc`). An export is consistent: it is read in one transaction into a temporary file,
which is then sent at the client's pace.
"""

import csv
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO

from starlette.responses import StreamingResponse

from auction.books import journal
from auction.domain.currency import Currency
from auction.services.context import AppContext
from auction.services.recovery.report import recovery_report
from auction.services.settlement.finance_views import list_settlements

PAGE = 1000
IN_MEMORY_BYTES_MAX = 4_194_304
"""A larger export is kept on disk while it is sent."""
CHUNK_CHARACTERS = 65_536
RESULTS_MAX = 100_000
BYTE_ORDER_MARK = "\ufeff"
"""Tells spreadsheets that the file is UTF-8."""
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Cells = Sequence[object]


async def journal_rows(context: AppContext, lot_id: str | None) -> AsyncIterator[Cells]:
    """The header, then a row for each line of the journal, in the order in which entries were posted."""
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
    """The header, then a row for each lot that has closed."""
    yield (
        "lot_id", "title", "state", "outcome", "hammer_price_fen", "paddle", "bidder", "price_fen", "due_fen",
        "held_fen", "forfeited_fen", "claim_fen", "relisted_from", "relisted_as", "changed_at_ms",
    )  # fmt: skip
    found = await list_settlements(context, limit=RESULTS_MAX)
    for row in found.rows:
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


async def recovery_rows(context: AppContext) -> AsyncIterator[Cells]:
    """The header, then a row for each stopped shard, frozen lot, restored lot and claim of a lost bid."""
    yield (
        "what", "shard", "lot_id", "at_ms", "cause", "detail", "archived_seq", "acknowledged_seq", "entries_set_aside",
        "seq", "epoch", "lost_first_seq", "lost_last_seq", "settlement_held", "bidder", "amount_fen", "receipt",
        "claimed_at_ms", "claim_status", "decided_at_ms", "decided_by", "reason",
    )  # fmt: skip
    report = await recovery_report(context.ledger, context.books, claims_max=None)
    for shard in report.shards_stopped or ():
        yield ("stopped", shard, *[None] * 20)
    for found in report.lots:
        lot = found.lot
        yield (
            "frozen", None, lot.lot_id, lot.found_at_ms, str(lot.cause), lot.detail, lot.archived_seq,
            found.acknowledged_seq, found.entries_set_aside, *[None] * 13,
        )  # fmt: skip
    for found_restored in report.restored:
        restored = found_restored.lot
        yield (
            "restored", None, restored.lot_id, restored.at_ms, *[None] * 5, restored.seq, restored.epoch,
            *(restored.lost_seqs or (None, None)), found_restored.is_held, *[None] * 5, restored.decided_at_ms,
            restored.decided_by, restored.reason,
        )  # fmt: skip
    for claim in report.claims:
        yield (
            "claim", None, claim.lot_id, claim.at_ms, *[None] * 5, claim.seq, *[None] * 4, claim.bidder_id,
            claim.amount_fen, claim.receipt, claim.claimed_at_ms, str(claim.status), claim.decided_at_ms,
            claim.decided_by, claim.reason,
        )  # fmt: skip


async def csv_response(rows: AsyncIterator[Cells], name: str, currency: Currency) -> StreamingResponse:
    """A response that browsers save as `name`.csv. All rows are read before its first byte is sent."""
    # closed when the last of it is sent, or with the response
    file: IO[str] = SpooledTemporaryFile(IN_MEMORY_BYTES_MAX, "w+", encoding="utf-8", newline="")  # noqa: SIM115
    file.write(BYTE_ORDER_MARK)
    writer = csv.writer(file)
    async for row in _with_readable_columns(rows, currency):
        writer.writerow([_cell(value) for value in row])
    file.seek(0)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"}
    return StreamingResponse(_chunks(file), media_type="text/csv; charset=utf-8", headers=headers)


async def lines_response(lines: AsyncIterator[str], name: str) -> StreamingResponse:
    """A response that browsers save as `name`.jsonl. All lines are read before its first byte is sent."""
    file: IO[str] = SpooledTemporaryFile(IN_MEMORY_BYTES_MAX, "w+", encoding="utf-8", newline="")  # noqa: SIM115
    async for line in lines:
        file.write(line + "\n")
    file.seek(0)
    headers = {"content-disposition": f'attachment; filename="{name}.jsonl"', "cache-control": "no-store"}
    return StreamingResponse(_chunks(file), media_type="application/jsonl", headers=headers)


async def _with_readable_columns(rows: AsyncIterator[Cells], currency: Currency) -> AsyncIterator[Cells]:
    """The rows with a column in the house's currency for each in fen, one in ISO 8601 for each in ms."""
    header = [str(name) for name in await anext(rows)]
    amounts = [at for at, name in enumerate(header) if name.endswith("_fen")]
    times = [at for at, name in enumerate(header) if name.endswith("at_ms")]
    readable = [header[at].removesuffix("_fen") + f"_{currency.unit}" for at in amounts]
    yield (*header, *readable, *(header[at].removesuffix("_ms") + "_utc" for at in times))
    async for row in rows:
        yield (*row, *(_decimal(row[at], currency) for at in amounts), *(_iso_8601(row[at]) for at in times))


def _decimal(amount_fen: object, currency: Currency) -> Decimal | None:
    """An amount in a currency, with its decimals."""
    return Decimal(amount_fen).scaleb(-currency.exponent) if isinstance(amount_fen, int) else None


def _iso_8601(at_ms: object) -> str | None:
    """A time in UTC, to the millisecond, such as 2026-01-31T12:00:00.000Z."""
    if not isinstance(at_ms, int):
        return None
    at = _EPOCH + timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _chunks(file: IO[str]) -> Iterator[str]:
    with file:
        while chunk := file.read(CHUNK_CHARACTERS):
            yield chunk


def _cell(value: object) -> object:
    """The value of a cell; text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
