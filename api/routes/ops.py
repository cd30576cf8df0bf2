"""What staff do with sales and lots, and what they look at while they do it.

Every action names its actor and, where it stops or moves something, why.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http.auth import Ops, Staff
from api.http.openapi import AWAY, SIGNED_IN, WRITE, Responses, problems
from api.routes.dependencies import Context, LotId, Seq
from api.schemas.public import LotResponse, SaleCreatedResponse, SaleResponse
from api.schemas.requests import (
    SEQ_MAX,
    CreateLotRequest,
    CreateSaleRequest,
    ExtendRequest,
    Fen,
    OpenRequest,
    ReasonRequest,
    ResumeRequest,
    ScheduleRequest,
)
from api.schemas.staff import (
    DeskResponse,
    EventsResponse,
    HealthResponse,
    PresetResponse,
    PresetsResponse,
    TermsCheckedResponse,
    TermsCheckRequest,
)
from auction.domain.errors import ProblemCode, Unavailable
from auction.domain.terms import terms_as_mapping
from auction.domain.terms_reader import read_terms
from auction.presets import load_preset, preset_names
from auction.services.catalogue import lot_views, lots
from auction.services.catalogue.event_log import EVENTS_PAGE_MAX, list_events
from auction.services.catalogue.lot_views import LotView
from auction.services.catalogue.terms_check import check_terms
from auction.services.settlement import voids
from auction.services.verification.archive_lag import archive_lag
from auction.services.verification.readiness import check_readiness

router = APIRouter(prefix="/ops", tags=["ops"])


def _acting(*codes: ProblemCode) -> Responses:
    """Problems of an action on a lot."""
    return problems(ProblemCode.LOT_UNKNOWN, ProblemCode.WRONG_STATUS, *codes, *SIGNED_IN, *WRITE)


def _shown(view: LotView) -> LotResponse:
    return LotResponse.of(view, to_staff=True)


@router.post(
    "/sales",
    status_code=201,
    responses=problems(ProblemCode.SALE_EXISTS, ProblemCode.SALE_ID_INVALID, *SIGNED_IN, *WRITE),
)
async def create_sale(context: Context, ops: Ops, sale: CreateSaleRequest) -> SaleCreatedResponse:
    """Enter a sale."""
    created = await lots.create_sale(context, title=sale.title, sale_id=sale.sale_id, actor=ops.subject)
    return SaleCreatedResponse(sale_id=created.sale_id, title=created.title)


@router.post(
    "/lots",
    status_code=201,
    responses=problems(
        ProblemCode.SALE_UNKNOWN, ProblemCode.PRESET_UNKNOWN, ProblemCode.TERMS_INVALID, *SIGNED_IN, *WRITE
    ),
)
async def create_lot(context: Context, ops: Ops, lot: CreateLotRequest) -> LotResponse:
    """Enter a lot as a draft: under a preset's terms, with `terms` laid over them."""
    view = await lots.create_lot(
        context,
        sale_id=lot.sale_id,
        title=lot.title,
        list_price_fen=lot.list_price_fen,
        preset=lot.preset,
        terms=lot.terms,
        actor=ops.subject,
    )
    return _shown(view)


@router.post("/lots/{lot_id}/schedule", responses=_acting(ProblemCode.SCHEDULE_INVALID, ProblemCode.TERMS_INVALID))
async def schedule_lot(context: Context, ops: Ops, lot_id: LotId, when: ScheduleRequest) -> LotResponse:
    """Freeze a draft's terms and set when it opens and closes."""
    view = await lots.schedule_lot(
        context, lot_id, opens_at_ms=when.opens_at_ms, closes_at_ms=when.closes_at_ms, actor=ops.subject
    )
    return _shown(view)


@router.post("/lots/{lot_id}/open", responses=_acting(ProblemCode.SCHEDULE_INVALID, ProblemCode.TERMS_INVALID))
async def open_lot(context: Context, ops: Ops, lot_id: LotId, until: OpenRequest) -> LotResponse:
    """Open a draft or scheduled lot now."""
    view = await lots.open_lot(
        context, lot_id, closes_at_ms=until.closes_at_ms, duration_ms=until.duration_ms, actor=ops.subject
    )
    return _shown(view)


@router.post("/lots/{lot_id}/pause", responses=_acting())
async def pause_lot(context: Context, ops: Ops, lot_id: LotId, reason: ReasonRequest) -> LotResponse:
    """Stop bidding for a while; the time left is kept."""
    return _shown(await lots.pause_lot(context, lot_id, reason=reason.reason, actor=ops.subject))


@router.post("/lots/{lot_id}/resume", responses=_acting(ProblemCode.REVIEW_LIMIT_TOO_LOW))
async def resume_lot(context: Context, ops: Ops, lot_id: LotId, how: ResumeRequest | None = None) -> LotResponse:
    """Let a paused or held lot go on."""
    limit_fen = None if how is None else how.review_above_fen
    return _shown(await lots.resume_lot(context, lot_id, review_above_fen=limit_fen, actor=ops.subject))


@router.post("/lots/{lot_id}/extend", responses=_acting())
async def extend_lot(context: Context, ops: Ops, lot_id: LotId, more: ExtendRequest) -> LotResponse:
    """Move the end of an open lot."""
    return _shown(await lots.extend_lot(context, lot_id, by_ms=more.by_ms, reason=more.reason, actor=ops.subject))


@router.post("/lots/{lot_id}/close", responses=_acting())
async def close_lot(context: Context, ops: Ops, lot_id: LotId, reason: ReasonRequest) -> LotResponse:
    """Close an open lot before its end."""
    return _shown(await lots.close_lot(context, lot_id, reason=reason.reason, actor=ops.subject))


@router.post(
    "/lots/{lot_id}/void",
    responses={
        202: {"model": LotResponse, "description": "A closed lot: asked for; another person has to agree."},
        **_acting(ProblemCode.WRONG_STATE, ProblemCode.SAME_PERSON, ProblemCode.PAYMENT_PENDING),
    },
)
async def void_lot(context: Context, ops: Ops, lot_id: LotId, reason: ReasonRequest, response: Response) -> LotResponse:
    """Declare a lot void. One that has closed needs two persons: everybody gets their money back."""
    view = await lot_views.show_lot(context, lot_id)
    if view.settlement is None:
        return _shown(await lots.void_lot(context, lot_id, reason=reason.reason, actor=ops.subject))
    waiting = await voids.void_settlement(context, lot_id, actor=ops.subject, reason=reason.reason)
    if waiting is not None:
        response.status_code = 202
    return _shown(await lot_views.show_lot(context, lot_id))


@router.post(
    "/lots/{lot_id}/bids/{seq}/void",
    responses=_acting(ProblemCode.BID_UNKNOWN, ProblemCode.BID_ALREADY_VOID, ProblemCode.LEDGER_MOVED),
)
async def void_bid(context: Context, ops: Ops, lot_id: LotId, seq: Seq, reason: ReasonRequest) -> LotResponse:
    """Take one bid out of a paused or held lot; the price falls, and a new epoch begins."""
    return _shown(await lots.void_bid(context, lot_id, seq, reason=reason.reason, actor=ops.subject))


@router.get("/lots", responses=problems(*SIGNED_IN, *AWAY))
async def show_desk(context: Context, _reader: Staff) -> DeskResponse:
    """Every sale with its lots as they stand now, drafts and reserves included."""
    sales = await lot_views.list_sales(context)
    shown = [SaleResponse.of(sale, to_staff=True) for sale in sales]
    return DeskResponse(now_ms=await context.ledger.now_ms(), sales=shown)


@router.get(
    "/lots/{lot_id}/events",
    responses=problems(ProblemCode.LOT_UNKNOWN, *SIGNED_IN, *AWAY),
    response_model_exclude_none=True,
)
async def show_events(
    context: Context,
    _reader: Staff,
    lot_id: LotId,
    *,
    after_seq: Annotated[int, Query(ge=0, le=SEQ_MAX)] = 0,
    before_seq: Annotated[int, Query(ge=1, le=SEQ_MAX)] = SEQ_MAX,
    limit: Annotated[int, Query(ge=1, le=EVENTS_PAGE_MAX)] = 100,
    without_bids: Annotated[bool, Query(description="Leave bids and admissions out.")] = False,
) -> EventsResponse:
    """The lot's event log, newest first: of the events between two seqs, the newest; drafts have none."""
    page = await list_events(
        context, lot_id, after_seq=after_seq, before_seq=before_seq, limit=limit, without_bids=without_bids
    )
    return EventsResponse.of(page)


@router.get("/health", responses=problems(*SIGNED_IN))
async def show_health(context: Context, _reader: Staff) -> HealthResponse:
    """Whether the servers are there, and how far the archive is behind."""
    try:
        lag = await archive_lag(context)
    except Unavailable:
        lag = None
    return HealthResponse.of(await check_readiness(context), lag)


@router.get("/presets", responses=problems(*SIGNED_IN))
async def list_presets(_ops: Ops, list_price_fen: Annotated[Fen | None, Query()] = None) -> PresetsResponse:
    """ReadyzResponse-made terms, as they are for a lot of that list price."""
    presets = [(name, read_terms(load_preset(name, list_price_fen))) for name in preset_names()]
    return PresetsResponse(
        presets=[PresetResponse(name=name, terms=terms_as_mapping(terms)) for name, terms in presets]
    )


@router.post("/terms/check", responses=problems(ProblemCode.PRESET_UNKNOWN, *SIGNED_IN, *WRITE))
async def check_lot_terms(_ops: Ops, given: TermsCheckRequest) -> TermsCheckedResponse:
    """The terms that a lot would get, or every contradiction in them. Nothing is created."""
    return TermsCheckedResponse.of(
        check_terms(preset=given.preset, list_price_fen=given.list_price_fen, terms=given.terms)
    )
