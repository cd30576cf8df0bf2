"""What finance and auditors read: the journal, the rules of money, acts of staff; as JSON, or as CSV to take along."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from api.auth import Auditor, MoneyReader
from api.csv_export import journal_rows, result_rows, streamed
from api.finance_answers import (
    AuditShown,
    EntryShown,
    InvariantShown,
    InvariantsShown,
    JournalShown,
    StaffActionShown,
)
from api.openapi import SIGNED_IN, Responses, problems
from api.routes.wanted import TheHouse
from api.schemas import ID_PATTERN, SEQ_MAX
from auction.books import audit, journal
from auction.domain.errors import ProblemCode
from auction.ledger.keys import ID_LENGTH_MAX
from auction.services.money_checks import check_money

router = APIRouter(prefix="/ops", tags=["finance"])

OfLot = Annotated[str | None, Query(max_length=ID_LENGTH_MAX, pattern=ID_PATTERN)]
AfterId = Annotated[int, Query(ge=0, le=SEQ_MAX)]
Limit = Annotated[int, Query(ge=1, le=1000)]
_READING = problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY)
_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/journal", responses=_READING)
async def show_journal(
    house: TheHouse, _reader: MoneyReader, lot_id: OfLot = None, after_id: AfterId = 0, limit: Limit = 200
) -> JournalShown:
    """The journal in the order of writing: of one lot, or all of it.

    An id is given when an entry is written; one that is confirmed later may have a lower id than one seen. For a copy
    that is complete, take the CSV: it is one moment of the books.
    """
    async with house.books.reading() as work:
        found = await journal.entries_of(work, lot_id=lot_id, after_id=after_id, limit=limit + 1)
    more = len(found) > limit
    shown = found[:limit]
    return JournalShown(
        entries=[EntryShown.of(entry) for entry in shown], next_after_id=shown[-1].entry_id if more else None
    )


@router.get("/journal.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_journal(house: TheHouse, _reader: MoneyReader, lot_id: OfLot = None) -> StreamingResponse:
    """The journal as CSV, a line a row."""
    return await streamed(journal_rows(house, lot_id), "journal")


@router.get("/results.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_results(house: TheHouse, _reader: MoneyReader) -> StreamingResponse:
    """How every lot ended and what became of its money, as CSV."""
    return await streamed(result_rows(house), "results")


@router.get("/invariants", responses=_READING)
async def show_invariants(house: TheHouse, _auditor: Auditor) -> InvariantsShown:
    """Every rule of money, checked now."""
    found = await check_money(house)
    return InvariantsShown(
        holds=not any(check.broken for check in found),
        invariants=[InvariantShown(name=check.name, rule=check.rule, broken=list(check.broken)) for check in found],
    )


@router.get("/audit", responses=_READING)
async def show_audit(
    house: TheHouse,
    _auditor: Auditor,
    lot_id: OfLot = None,
    before_id: Annotated[int | None, Query(ge=1, le=SEQ_MAX)] = None,
    limit: Limit = 100,
) -> AuditShown:
    """Who of the staff did what, newest first."""
    async with house.books.reading() as work:
        found = await audit.staff_actions_of(work, lot_id=lot_id, before_id=before_id, limit=limit + 1)
    shown = found[:limit]
    return AuditShown(
        actions=[StaffActionShown.of(action) for action in shown],
        next_before_id=shown[-1].action_id if len(found) > limit else None,
    )
