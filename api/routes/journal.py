"""Routes for finance and auditors: the journal, money invariants; as JSON, or as CSV to download."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from api.http.auth import Auditor, MoneyReader
from api.http.csv_export import csv_response, journal_rows, result_rows
from api.http.openapi import SIGNED_IN, Responses, problems
from api.routes.dependencies import Context
from api.schemas.journal import InvariantsResponse, JournalResponse
from api.schemas.requests import SEQ_MAX
from auction.books import journal
from auction.domain.errors import ProblemCode
from auction.domain.text import ID_LENGTH_MAX, ID_PATTERN
from auction.services.reading_log import record_export
from auction.services.verification.money_checks import check_money

router = APIRouter(prefix="/ops", tags=["finance"])

OfLot = Annotated[str | None, Query(max_length=ID_LENGTH_MAX, pattern=ID_PATTERN)]
AfterId = Annotated[int, Query(ge=0, le=SEQ_MAX)]
Limit = Annotated[int, Query(ge=1, le=1000)]
_READING = problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY)
_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/journal", responses=_READING)
async def show_journal(
    context: Context, _reader: MoneyReader, lot_id: OfLot = None, after_id: AfterId = 0, limit: Limit = 200
) -> JournalResponse:
    """The journal of one lot, or of all, in the order in which entries were posted.

    Entries come in the order of the transactions that posted them, each once every transaction that began before has
    ended: an id may be lower than the one before it, and paging by `next_after_id` steps over none.
    """
    async with context.books.reading() as tx:
        found = await journal.settled_page(tx, lot_id=lot_id, after_id=after_id, limit=limit + 1)
    return JournalResponse.of(found, limit=limit)


@router.get("/journal.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_journal(context: Context, reader: MoneyReader, lot_id: OfLot = None) -> StreamingResponse:
    """The journal as CSV, a row a line; amounts in fen and in yuan, times in milliseconds and in ISO 8601."""
    await record_export(context.books, reader, "journal", lot_id=lot_id)
    return await csv_response(journal_rows(context, lot_id), "journal", context.money.currency)


@router.get("/results.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_results(context: Context, reader: MoneyReader) -> StreamingResponse:
    """The result of every closed lot as CSV; amounts in fen and in yuan, times in milliseconds and in ISO 8601."""
    await record_export(context.books, reader, "results")
    return await csv_response(result_rows(context), "results", context.money.currency)


@router.get("/invariants", responses=_READING)
async def show_invariants(context: Context, _auditor: Auditor) -> InvariantsResponse:
    """Check every rule of money now."""
    return InvariantsResponse.of(await check_money(context))
