"""What finance and auditors read: the journal, the rules of money, acts of staff; as JSON, or as CSV to take along."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from api.http.auth import Auditor, MoneyReader
from api.http.csv_export import journal_rows, result_rows, streamed
from api.http.openapi import SIGNED_IN, Responses, problems
from api.routes.dependencies import Context
from api.schemas.finance import (
    AuditResponse,
    EntryResponse,
    InvariantResponse,
    InvariantsResponse,
    JournalResponse,
    StaffActionResponse,
)
from api.schemas.requests import SEQ_MAX
from auction.books import audit, journal
from auction.domain.errors import ProblemCode
from auction.domain.text import ID_LENGTH_MAX, ID_PATTERN
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
    """The journal in the order of writing: of one lot, or all of it.

    An id is given when an entry is written; one that is confirmed later may have a lower id than one seen. For a copy
    that is complete, take the CSV: it is one moment of the books.
    """
    async with context.books.reading() as tx:
        found = await journal.entries_of(tx, lot_id=lot_id, after_id=after_id, limit=limit + 1)
    more = len(found) > limit
    shown = found[:limit]
    return JournalResponse(
        entries=[EntryResponse.of(entry) for entry in shown], next_after_id=shown[-1].entry_id if more else None
    )


@router.get("/journal.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_journal(context: Context, _reader: MoneyReader, lot_id: OfLot = None) -> StreamingResponse:
    """The journal as CSV, a line a row."""
    return await streamed(journal_rows(context, lot_id), "journal")


@router.get("/results.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_results(context: Context, _reader: MoneyReader) -> StreamingResponse:
    """How every lot ended and what became of its money, as CSV."""
    return await streamed(result_rows(context), "results")


@router.get("/invariants", responses=_READING)
async def show_invariants(context: Context, _auditor: Auditor) -> InvariantsResponse:
    """Every rule of money, checked now."""
    found = await check_money(context)
    return InvariantsResponse(
        holds=not any(check.broken for check in found),
        invariants=[InvariantResponse(name=check.name, rule=check.rule, broken=list(check.broken)) for check in found],
    )


@router.get("/audit", responses=_READING)
async def show_audit(
    context: Context,
    _auditor: Auditor,
    lot_id: OfLot = None,
    before_id: Annotated[int | None, Query(ge=1, le=SEQ_MAX)] = None,
    limit: Limit = 100,
) -> AuditResponse:
    """Who of the staff did what, newest first."""
    async with context.books.reading() as tx:
        found = await audit.staff_actions_of(tx, lot_id=lot_id, before_id=before_id, limit=limit + 1)
    shown = found[:limit]
    return AuditResponse(
        actions=[StaffActionResponse.of(action) for action in shown],
        next_before_id=shown[-1].action_id if len(found) > limit else None,
    )
