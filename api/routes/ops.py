"""Routes for staff: actions on sales and lots, event logs, health, presets.

Every action is recorded with its actor, and with a reason where it stops or changes bidding. An action on a lot that is
sent again with the same Idempotency-Key changes nothing, and answers with the lot as it is.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.bids.idempotency import optional_key
from api.http.auth import Ops, Staff
from api.http.openapi import AGREEMENT, AWAY, SIGNED_IN, WRITE, Responses, problems
from api.routes.dependencies import Confirmed, Context, LotId, Seq
from api.schemas.pending_acts import PendingActResponse
from api.schemas.public import LotResponse, SaleCreatedResponse
from api.schemas.requests import (
    SEQ_MAX,
    CreateLotRequest,
    CreateSaleRequest,
    CreateSeriesRequest,
    EditLotRequest,
    ExtendLotRequest,
    Fen,
    OpenRequest,
    ReasonRequest,
    ResumeRequest,
    ScheduleRequest,
    TwoPersonRequest,
)
from api.schemas.staff import (
    EventsResponse,
    HealthResponse,
    PresetResponse,
    PresetsResponse,
    SeriesResponse,
    TermsCheckedResponse,
    TermsCheckRequest,
)
from auction.books.approvals import Approval
from auction.domain.errors import ProblemCode, Unavailable
from auction.domain.terms_reader import read_terms
from auction.presets import all_presets, load_preset
from auction.services.catalogue import lot_series, lot_views, lots, two_person_acts
from auction.services.catalogue.event_log import EVENTS_PAGE_MAX, list_events
from auction.services.catalogue.lot_series import SeriesNumbers, SeriesTimes
from auction.services.catalogue.lot_views import LotView
from auction.services.catalogue.terms_check import check_terms
from auction.services.catalogue.two_person_acts import StaffCall
from auction.services.catalogue.visibility import STAFF
from auction.services.identity.tokens import Identity
from auction.services.second_person import Confirmation
from auction.services.settlement import voids
from auction.services.verification.archive_lag import archive_lag
from auction.services.verification.readiness import check_readiness

router = APIRouter(prefix="/ops", tags=["ops"])

ActionKey = Annotated[str, Depends(optional_key)]


def _action_problems(*codes: ProblemCode) -> Responses:
    """The problems of an action on a lot."""
    return problems(ProblemCode.LOT_UNKNOWN, ProblemCode.WRONG_STATUS, *codes, *SIGNED_IN, *WRITE)


_SECOND_PERSON = (ProblemCode.ACT_PENDING, ProblemCode.APPROVAL_WAITING, ProblemCode.PENDING_UNKNOWN, *AGREEMENT)
PENDING: Responses = {
    202: {"model": PendingActResponse, "description": "Requested: another person has to do the same."}
}


def _staff_view(view: LotView) -> LotResponse:
    return LotResponse.of(view, to_staff=True)


def _call(ops: Identity, asked: TwoPersonRequest | ExtendLotRequest, key: str, shown: Confirmation) -> StaffCall:
    return StaffCall(ops.subject, asked.reason, key, asked.pending_id, shown)


def _done_or_pending(outcome: LotView | Approval, response: Response) -> LotResponse | PendingActResponse:
    """The lot after an act, or with 202 the request that waits for a second person."""
    if isinstance(outcome, LotView):
        return _staff_view(outcome)
    response.status_code = 202
    return PendingActResponse.of(outcome)


@router.post(
    "/sales",
    status_code=201,
    responses=problems(ProblemCode.SALE_EXISTS, ProblemCode.SALE_ID_INVALID, *SIGNED_IN, *WRITE),
)
async def create_sale(context: Context, ops: Ops, sale: CreateSaleRequest) -> SaleCreatedResponse:
    """Create a sale."""
    created = await lots.create_sale(context, title=sale.title, sale_id=sale.sale_id, actor=ops.subject)
    return SaleCreatedResponse.of(created)


@router.post(
    "/lots",
    status_code=201,
    responses=problems(
        ProblemCode.SALE_UNKNOWN, ProblemCode.PRESET_UNKNOWN, ProblemCode.TERMS_INVALID, *SIGNED_IN, *WRITE
    ),
)
async def create_lot(context: Context, ops: Ops, lot: CreateLotRequest) -> LotResponse:
    """Create a lot as a draft: with the terms of a preset, overridden by `terms`."""
    view = await lots.create_lot(
        context,
        sale_id=lot.sale_id,
        title=lot.title,
        list_price_fen=lot.list_price_fen,
        preset=lot.preset,
        terms=lot.terms,
        actor=ops.subject,
    )
    return _staff_view(view)


@router.post(
    "/lots/series",
    status_code=201,
    responses=problems(
        ProblemCode.SALE_UNKNOWN,
        ProblemCode.PRESET_UNKNOWN,
        ProblemCode.TERMS_INVALID,
        ProblemCode.TITLES_EXIST,
        ProblemCode.SCHEDULE_INVALID,
        *SIGNED_IN,
        *WRITE,
    ),
)
async def create_series(context: Context, ops: Ops, series: CreateSeriesRequest) -> SeriesResponse:
    """Create many lots with the same terms, numbered in their titles; scheduled where times are given. All or none."""
    times = series.times
    records = await lot_series.create_series(
        context,
        sale_id=series.sale_id,
        title=series.title,
        numbers=SeriesNumbers(series.count, series.first_number, series.digits),
        times=None if times is None else SeriesTimes(times.opens_at_ms, times.duration_ms, times.every_ms),
        actor=ops.subject,
        list_price_fen=series.list_price_fen,
        preset=series.preset,
        terms=series.terms,
    )
    return SeriesResponse.of(records)


@router.put("/lots/{lot_id}", responses=_action_problems(ProblemCode.TERMS_INVALID))
async def edit_lot(context: Context, ops: Ops, lot_id: LotId, lot: EditLotRequest) -> LotResponse:
    """Replace title, list price and terms of a draft."""
    view = await lots.edit_draft(
        context,
        lot_id,
        title=lot.title,
        list_price_fen=lot.list_price_fen,
        terms=lot.terms or {},
        actor=ops.subject,
    )
    return _staff_view(view)


@router.post(
    "/lots/{lot_id}/schedule",
    responses=_action_problems(ProblemCode.SCHEDULE_INVALID, ProblemCode.TERMS_INVALID, ProblemCode.WRONG_STATE),
)
async def schedule_lot(context: Context, ops: Ops, lot_id: LotId, when: ScheduleRequest) -> LotResponse:
    """Freeze a draft's terms and set its opening and closing times."""
    view = await lots.schedule_lot(
        context, lot_id, opens_at_ms=when.opens_at_ms, closes_at_ms=when.closes_at_ms, actor=ops.subject
    )
    return _staff_view(view)


@router.put(
    "/lots/{lot_id}/schedule", responses=_action_problems(ProblemCode.SCHEDULE_INVALID, ProblemCode.ACT_PENDING)
)
async def reschedule_lot(context: Context, ops: Ops, lot_id: LotId, when: ScheduleRequest) -> LotResponse:
    """Give a scheduled lot other opening and closing times before it opens; the same times change nothing."""
    view = await two_person_acts.reschedule_lot(
        context, lot_id, opens_at_ms=when.opens_at_ms, closes_at_ms=when.closes_at_ms, actor=ops.subject
    )
    return _staff_view(view)


@router.post(
    "/lots/{lot_id}/open",
    responses=_action_problems(ProblemCode.SCHEDULE_INVALID, ProblemCode.TERMS_INVALID, ProblemCode.WRONG_STATE),
)
async def open_lot(context: Context, ops: Ops, lot_id: LotId, until: OpenRequest) -> LotResponse:
    """Open a draft or scheduled lot now."""
    view = await lots.open_lot(
        context, lot_id, closes_at_ms=until.closes_at_ms, duration_ms=until.duration_ms, actor=ops.subject
    )
    return _staff_view(view)


@router.post("/lots/{lot_id}/pause", responses=_action_problems())
async def pause_lot(context: Context, ops: Ops, lot_id: LotId, reason: ReasonRequest, key: ActionKey) -> LotResponse:
    """Pause bidding; the time left is kept."""
    view = await lots.pause_lot(context, lot_id, reason=reason.reason, actor=ops.subject, action_key=key)
    return _staff_view(view)


@router.post(
    "/lots/{lot_id}/resume", responses=_action_problems(ProblemCode.REVIEW_LIMIT_TOO_LOW, ProblemCode.ACT_PENDING)
)
async def resume_lot(
    context: Context, ops: Ops, lot_id: LotId, key: ActionKey, how: ResumeRequest | None = None
) -> LotResponse:
    """Resume a paused or held lot."""
    limit_fen = None if how is None else how.review_above_fen
    view = await two_person_acts.resume_lot(
        context, lot_id, review_above_fen=limit_fen, actor=ops.subject, action_key=key
    )
    return _staff_view(view)


@router.post(
    "/lots/{lot_id}/extend",
    responses={
        **PENDING,
        **_action_problems(ProblemCode.SCHEDULE_INVALID, ProblemCode.PAST_HARD_STOP, *_SECOND_PERSON),
    },
)
async def extend_lot(  # noqa: PLR0917 - what FastAPI gives
    context: Context,
    ops: Ops,
    lot_id: LotId,
    more: ExtendLotRequest,
    key: ActionKey,
    response: Response,
    *,
    confirmation: Confirmed,
) -> LotResponse | PendingActResponse:
    """Extend an open or paused lot, at most to a year from now; after the first bid it needs two persons."""
    outcome = await two_person_acts.extend_lot(
        context, lot_id, _call(ops, more, key, confirmation), by_ms=more.by_ms, moves_hard_stop=more.move_hard_stop
    )
    return _done_or_pending(outcome, response)


@router.post("/lots/{lot_id}/close", responses={**PENDING, **_action_problems(*_SECOND_PERSON)})
async def close_lot(  # noqa: PLR0917 - what FastAPI gives
    context: Context,
    ops: Ops,
    lot_id: LotId,
    reason: TwoPersonRequest,
    key: ActionKey,
    response: Response,
    *,
    confirmation: Confirmed,
) -> LotResponse | PendingActResponse:
    """Close an open or paused lot before its end; it needs two persons."""
    outcome = await two_person_acts.close_lot(context, lot_id, _call(ops, reason, key, confirmation))
    return _done_or_pending(outcome, response)


@router.post(
    "/lots/{lot_id}/void",
    responses={
        202: {
            "model": LotResponse | PendingActResponse,
            "description": "Requested: another person has to do the same. Of a closed lot, the lot.",
        },
        **_action_problems(
            ProblemCode.WRONG_STATE,
            ProblemCode.SAME_PERSON,
            ProblemCode.PAYMENT_PENDING,
            ProblemCode.ACT_PENDING,
            ProblemCode.APPROVAL_WAITING,
            ProblemCode.PENDING_UNKNOWN,
            *AGREEMENT,
        ),
    },
)
async def void_lot(  # noqa: PLR0917 - what FastAPI gives
    context: Context,
    ops: Ops,
    lot_id: LotId,
    reason: TwoPersonRequest,
    response: Response,
    key: ActionKey,
    *,
    confirmation: Confirmed,
) -> LotResponse | PendingActResponse:
    """Declare a lot void; after the first bid it needs two persons. If it has closed, everybody is refunded."""
    view = await lot_views.show_lot(context, lot_id, STAFF)
    if view.settlement is None:
        outcome = await two_person_acts.void_lot(context, lot_id, _call(ops, reason, key, confirmation))
        return _done_or_pending(outcome, response)
    waiting = await voids.void_settlement(
        context,
        lot_id,
        actor=ops.subject,
        reason=reason.reason,
        agrees_to=reason.pending_id,
        confirmation=confirmation,
    )
    if waiting is not None:
        response.status_code = 202
    return _staff_view(await lot_views.show_lot(context, lot_id, STAFF))


@router.post(
    "/lots/{lot_id}/bids/{seq}/void",
    responses={
        **PENDING,
        **_action_problems(
            ProblemCode.BID_UNKNOWN, ProblemCode.BID_ALREADY_VOID, ProblemCode.LEDGER_MOVED, *_SECOND_PERSON
        ),
    },
)
async def void_bid(  # noqa: PLR0917 - what FastAPI gives
    context: Context,
    ops: Ops,
    lot_id: LotId,
    seq: Seq,
    reason: TwoPersonRequest,
    response: Response,
    key: ActionKey,
    *,
    confirmation: Confirmed,
) -> LotResponse | PendingActResponse:
    """Void one bid of a paused or held lot; it needs two persons. The lot is recomputed without it, in a new epoch."""
    outcome = await two_person_acts.void_bid(context, lot_id, _call(ops, reason, key, confirmation), seq=seq)
    return _done_or_pending(outcome, response)


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
    without_bids: Annotated[bool, Query(description="Without bids and admissions.")] = False,
) -> EventsResponse:
    """The newest events of a lot between two sequence numbers, newest first. Drafts have none."""
    page = await list_events(
        context, lot_id, after_seq=after_seq, before_seq=before_seq, limit=limit, without_bids=without_bids
    )
    return EventsResponse.of(page)


@router.get("/health", responses=problems(*SIGNED_IN))
async def show_health(context: Context, _reader: Staff) -> HealthResponse:
    """Whether the servers are available, and how far the archive is behind."""
    try:
        lag = await archive_lag(context)
    except Unavailable:
        lag = None
    return HealthResponse.of(await check_readiness(context), lag)


@router.get("/presets", responses=problems(*SIGNED_IN))
async def list_presets(_ops: Ops, list_price_fen: Annotated[Fen | None, Query()] = None) -> PresetsResponse:
    """Every preset, with the terms that a lot of that list price would get from it."""
    terms = [(preset, read_terms(load_preset(preset.name, list_price_fen))) for preset in all_presets()]
    return PresetsResponse(presets=[PresetResponse.of(preset, found) for preset, found in terms])


@router.post("/terms/check", responses=problems(ProblemCode.PRESET_UNKNOWN, *SIGNED_IN, *WRITE))
async def check_lot_terms(_ops: Ops, given: TermsCheckRequest) -> TermsCheckedResponse:
    """Check terms without creating anything: returns the complete terms, or every contradiction in them."""
    return TermsCheckedResponse.of(
        check_terms(preset=given.preset, list_price_fen=given.list_price_fen, terms=given.terms)
    )
