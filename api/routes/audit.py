"""Routes about the audit log: read, filtered and exported by finance and auditors; its head for everybody."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from api.http.auth import Auditor
from api.http.csv_export import Cells, csv_response, lines_response
from api.http.openapi import SIGNED_IN, Responses, problems
from api.routes.dependencies import Context
from api.routes.journal import Limit, OfLot
from api.schemas.audit import AuditHeadResponse, AuditResponse
from api.schemas.requests import SEQ_MAX
from auction.books import audit
from auction.books.audit import AuditFilter, StaffAction
from auction.domain.errors import ProblemCode
from auction.domain.text import ID_LENGTH_MAX, ID_PATTERN
from auction.services.context import AppContext
from auction.services.reading_log import record_export
from auction.services.verification.audit_log import published_head

router = APIRouter(prefix="/ops", tags=["finance"])
public = APIRouter(tags=["config"])

_READING = problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY)
_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_JSONL: Responses = {200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}}
_PAGE = 1000

Subject = Annotated[str | None, Query(min_length=1, max_length=64, pattern="^[!-~]+$")]
Time = Annotated[int | None, Query(ge=0, le=SEQ_MAX)]


async def _filter(  # noqa: PLR0917 - parameters of a query, by name
    lot_id: OfLot = None,
    sale_id: Annotated[str | None, Query(max_length=ID_LENGTH_MAX, pattern=ID_PATTERN)] = None,
    actor: Annotated[Subject, Query(description="Who acted, by the subject of their tokens.")] = None,
    action: Annotated[Subject, Query(description="What was done, such as void-bid.")] = None,
    person: Annotated[Subject, Query(description="Who acted, or whom it was about.")] = None,
    from_ms: Annotated[Time, Query(description="Then or later, UTC ms.")] = None,
    until_ms: Annotated[Time, Query(description="Before then, UTC ms.")] = None,
) -> AuditFilter:
    return AuditFilter(actor, action, lot_id, sale_id, person, from_ms, until_ms)


Wanted = Annotated[AuditFilter, Depends(_filter)]


@router.get("/audit", responses=_READING)
async def show_audit(
    context: Context,
    _auditor: Auditor,
    wanted: Wanted,
    before_id: Annotated[int | None, Query(ge=1, le=SEQ_MAX)] = None,
    limit: Limit = 100,
) -> AuditResponse:
    """What was done, newest first."""
    async with context.books.reading() as tx:
        found = await audit.staff_actions_of(tx, wanted, before_id=before_id, limit=limit + 1)
    return AuditResponse.of(found, limit=limit)


@router.get("/audit.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_audit(context: Context, auditor: Auditor, wanted: Wanted) -> StreamingResponse:
    """The same as CSV, oldest first, each row with its position and hash in the chain."""
    await record_export(context.books, auditor, "audit", wanted=wanted.given())
    return await csv_response(_csv_rows(context, wanted), "audit", context.money.currency)


@router.get("/audit.jsonl", response_class=StreamingResponse, responses=_READING | _JSONL)
async def export_audit_lines(context: Context, auditor: Auditor, wanted: Wanted) -> StreamingResponse:
    """The same, one JSON object a line."""
    await record_export(context.books, auditor, "audit", wanted=wanted.given())
    return await lines_response(_lines(context, wanted), "audit")


@public.get("/.well-known/auction-audit.json", responses=problems(ProblemCode.BOOKS_AWAY))
async def show_audit_head(context: Context) -> AuditHeadResponse:
    """The end of the audit log's hash chain: who keeps it can show later that an earlier row was changed."""
    head = await published_head(context.books, context.house_keys)
    return AuditHeadResponse.model_validate(head, from_attributes=True)


async def _chained(
    context: AppContext, wanted: AuditFilter
) -> AsyncIterator[tuple[StaffAction, int | None, str | None]]:
    after_id = 0
    async with context.books.reading() as tx:
        while page := await audit.chained_actions_of(tx, wanted, after_id=after_id, limit=_PAGE):
            for one in page:
                yield one
            after_id = page[-1][0].action_id


async def _csv_rows(context: AppContext, wanted: AuditFilter) -> AsyncIterator[Cells]:
    yield ("action_id", "at_ms", "actor", "action", "sale_id", "lot_id", "reason", "details", "position", "sha256")
    async for action, position, sha256 in _chained(context, wanted):
        details = json.dumps(dict(action.details), ensure_ascii=False) if action.details else None
        yield (
            action.action_id,
            action.at_ms,
            action.actor,
            action.action,
            action.sale_id,
            action.lot_id,
            action.reason,
            details,
            position,
            sha256,
        )


async def _lines(context: AppContext, wanted: AuditFilter) -> AsyncIterator[str]:
    async for action, position, sha256 in _chained(context, wanted):
        row = {
            "action_id": action.action_id,
            "at_ms": action.at_ms,
            "actor": action.actor,
            "action": action.action,
            "sale_id": action.sale_id,
            "lot_id": action.lot_id,
            "reason": action.reason,
            "details": dict(action.details),
            "position": position,
            "sha256": sha256,
        }
        yield json.dumps(row, ensure_ascii=False)
