"""Public routes of lots and their bids; and, for the documentation, the bid that `api.bids.endpoint` answers."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.bids.endpoint import BidEndpoint
from api.bids.idempotency import KEY_LENGTH_MAX, KEY_LENGTH_MIN, KEY_PATTERN
from api.http.auth import Bidder, Visitor, is_staff, viewer_of
from api.http.openapi import AWAY, BID, OPTIONAL_TOKEN, SIGNED_IN, TOKEN, Responses, problems
from api.routes.dependencies import ID_SCHEMA, Context, LotId
from api.schemas.public import BidAcceptedResponse, BidsResponse, LotResponse, OpeningsResponse
from api.schemas.requests import SEQ_MAX, BidRequest, MaximumRequest
from api.web.languages import language_of
from auction.domain.errors import ProblemCode, WrongStatus
from auction.services.catalogue import lot_views, published_ledger
from auction.services.catalogue.calendar_file import IN_CALENDAR, CalendarWords, calendar_file

router = APIRouter(prefix="/lots/{lot_id}", tags=["lots"])

_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "New for each bid, the same for its retries: visible ASCII characters.",
    "schema": {
        "type": "string",
        "minLength": KEY_LENGTH_MIN,
        "maxLength": KEY_LENGTH_MAX,
        "pattern": KEY_PATTERN,
    },
    "example": "b-7f3c2a91",
}
_LINES: Responses = {200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}}
_CALENDAR: Responses = {200: {"content": {"text/calendar": {"schema": {"type": "string"}}}}}
_CALENDAR_WORDS = {
    "en": CalendarWords(
        "Bidding opens: {title}", "Bidding ends: {title}", "Times may move: the lot's page has the present ones."
    ),
    "zh-CN": CalendarWords("开拍：{title}", "竞价结束：{title}", "时间可能变动，以拍品页面为准。"),
}
_BID: dict[str, Any] = {
    "security": [{"token": []}],
    "parameters": [_KEY],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [BidRequest.model_json_schema(), MaximumRequest.model_json_schema()]}
            }
        },
    },
}


@router.get("", responses=problems(ProblemCode.LOT_UNKNOWN, *TOKEN, *AWAY), openapi_extra=OPTIONAL_TOKEN)
async def show_lot(context: Context, lot_id: LotId, visitor: Visitor) -> LotResponse:
    """A lot as it is now. Staff also see drafts and the reserve; a bidder sees their result once it has closed."""
    view = await lot_views.show_lot(context, lot_id, viewer_of(visitor))
    return LotResponse.of(view, to_staff=is_staff(visitor))


@router.get("/bids", responses=problems(ProblemCode.LOT_UNKNOWN, *AWAY))
async def list_bids(
    context: Context,
    lot_id: LotId,
    after_seq: Annotated[int, Query(ge=0, le=SEQ_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=lot_views.BIDS_PAGE_MAX)] = 100,
) -> BidsResponse:
    """Accepted bids after a sequence number, oldest first."""
    return BidsResponse.of(await lot_views.list_bids(context, lot_id, after_seq=after_seq, limit=limit))


@router.get(
    "/calendar.ics",
    response_class=Response,
    responses=problems(ProblemCode.LOT_UNKNOWN, ProblemCode.WRONG_STATUS, *AWAY) | _CALENDAR,
)
async def download_calendar(request: Request, context: Context, lot_id: LotId) -> Response:
    """Opening and end of a lot for a calendar, each with a reminder; in the language of the request."""
    view = await lot_views.show_lot(context, lot_id)
    if view.status not in IN_CALENDAR:
        raise WrongStatus("put it in a calendar", view.status, tuple(map(str, IN_CALENDAR)))
    file = calendar_file(
        lot_id=lot_id,
        title=view.record.title,
        url=f"{request.base_url}lots/{lot_id}",
        opens_at_ms=view.opens_at_ms,
        ends_at_ms=view.ends_at_ms,
        now_ms=view.now_ms,
        seq=view.seq,
        words=_CALENDAR_WORDS[language_of(request)],
    )
    headers = {"content-disposition": f'attachment; filename="{lot_id}.ics"', "cache-control": "no-store"}
    return Response(file, media_type="text/calendar; charset=utf-8", headers=headers)


@router.get(
    "/ledger.jsonl",
    response_class=StreamingResponse,
    responses=problems(ProblemCode.LOT_UNKNOWN, ProblemCode.RECORD_NOT_PUBLISHED, ProblemCode.BOOKS_AWAY) | _LINES,
)
async def download_record(context: Context, lot_id: LotId) -> StreamingResponse:
    """The record of a lot that is over: one event a line, each with the head of the chain after it; then the end.

    Bidders are paddles, and what is private is a commitment. `auction verify FILE` checks the file.
    """
    record = await published_ledger.published_record(context, lot_id)
    headers = {"content-disposition": f'attachment; filename="{lot_id}.jsonl"'}
    return StreamingResponse(record, media_type="application/jsonl", headers=headers)


@router.get(
    "/openings",
    responses=problems(ProblemCode.LOT_UNKNOWN, ProblemCode.RECORD_NOT_PUBLISHED, *SIGNED_IN, ProblemCode.BOOKS_AWAY),
)
async def list_openings(
    context: Context,
    lot_id: LotId,
    bidder: Bidder,
    after_seq: Annotated[int, Query(ge=0, le=SEQ_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=published_ledger.OPENINGS_PAGE_MAX)] = 100,
) -> OpeningsResponse:
    """What opens the commitments to your own bids in the record of a lot that is over, maxima among them."""
    return OpeningsResponse.of(
        await published_ledger.openings_of(context, lot_id, bidder.subject, after_seq=after_seq, limit=limit)
    )


@router.post(
    "/bids",
    status_code=201,
    response_model=BidAcceptedResponse,
    responses={
        200: {"model": BidAcceptedResponse, "description": "A retry: the response of the first time."},
        201: {"description": "Accepted."},
        **problems(*BID),
    },
    openapi_extra=_BID,
)
async def place_bid(
    request: Request, lot_id: Annotated[str, Path(json_schema_extra=ID_SCHEMA, examples=["launch-001"])]
) -> Response:
    """Bid on a lot, or set a maximum on it. A refused bid's response has the lot's state at the decision."""
    return _BidAnswer(request.app.state.bid_endpoint, lot_id)


class _BidAnswer(Response):
    """The bid endpoint's answer, where FastAPI's application is called without the endpoint in front."""

    def __init__(self, bid_endpoint: BidEndpoint, lot_id: str) -> None:
        super().__init__()
        self._bid_endpoint = bid_endpoint
        self._lot_id = lot_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._bid_endpoint.answer_bid(self._lot_id, scope, receive, send)
