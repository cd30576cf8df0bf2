"""Routes for finance: what a payment provider told that could not be applied, and that a person has looked at it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from api.http.auth import Finance, MoneyReader
from api.http.openapi import SIGNED_IN, WRITE, problems
from api.routes.dependencies import Context
from api.schemas.exceptions import ExceptionResponse, ExceptionsResponse
from api.schemas.requests import SEQ_MAX, ReasonRequest
from auction.books.provider_events import EXCEPTIONS
from auction.domain.errors import ProblemCode
from auction.domain.provider_event_states import ProviderEventStatus
from auction.services.provider_events.exceptions import close_exception, list_exceptions

router = APIRouter(prefix="/ops/exceptions", tags=["finance"])


@router.get("", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def show_exceptions(
    context: Context,
    _reader: MoneyReader,
    status: Annotated[Literal["open", "closed", "all"], Query()] = "open",
    before: Annotated[int | None, Query(ge=1, le=SEQ_MAX)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ExceptionsResponse:
    """Events of the payment provider that could not be applied, the newest first."""
    statuses = EXCEPTIONS if status == "all" else (ProviderEventStatus(status),)
    found = await list_exceptions(context, statuses=statuses, before=before, limit=limit + 1)
    return ExceptionsResponse.of(found, limit=limit)


@router.post(
    "/{exception_id}/close",
    responses=problems(ProblemCode.EXCEPTION_UNKNOWN, ProblemCode.EXCEPTION_CLOSED, *SIGNED_IN, *WRITE),
)
async def close(
    context: Context,
    finance: Finance,
    exception_id: Annotated[int, Path(ge=1, le=SEQ_MAX)],
    reason: ReasonRequest,
) -> ExceptionResponse:
    """Close an exception: say what was found, and what was done about it."""
    event = await close_exception(context, exception_id, actor=finance.subject, reason=reason.reason)
    return ExceptionResponse.of(event)
