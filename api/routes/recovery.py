"""Routes for staff after a loss of the ledger: what is stopped, what was restored; as JSON, or as CSV to download."""

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from api.http.auth import MoneyReader
from api.http.csv_export import csv_response, recovery_rows
from api.http.openapi import SIGNED_IN, Responses, problems
from api.routes.dependencies import Context
from api.schemas.recovery import RecoveryResponse
from auction.domain.errors import ProblemCode
from auction.services.recovery.report import recovery_report

router = APIRouter(prefix="/ops", tags=["ops"])

_READING = problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY)
_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/recovery", responses=_READING)
async def show_recovery(context: Context, _reader: MoneyReader) -> RecoveryResponse:
    """Stopped shards, frozen lots with their cause, and every lot that was restored, with what was lost."""
    return RecoveryResponse.of(await recovery_report(context.ledger, context.books))


@router.get("/recovery.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_recovery(context: Context, _reader: MoneyReader) -> StreamingResponse:
    """The same as CSV, a row for each frozen and each restored lot; times in milliseconds and in ISO 8601."""
    return await csv_response(recovery_rows(context), "recovery")
