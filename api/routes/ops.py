"""What staff do with sales and lots, and what they look at while they do it.

Every action names its actor and, where it stops or moves something, why.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import LotShown, SaleCreated, SaleShown
from api.auth import DeskReader, Ops
from api.openapi import AWAY, SIGNED_IN, WRITE, Responses, problems
from api.routes.wanted import LotId, Seq, TheHouse
from api.schemas import SEQ_MAX, Extension, Fen, NewLot, NewSale, Opening, Reasoned, Resumption, Schedule
from api.staff_answers import (
    DeskShown,
    EventsShown,
    HealthShown,
    PresetShown,
    PresetsShown,
    TermsCheckedShown,
    TermsToCheck,
)
from auction.domain.errors import ProblemCode, Unavailable
from auction.domain.terms import terms_as_mapping
from auction.domain.terms_reader import read_terms
from auction.presets import load_preset, preset_names
from auction.services import catalogue, lots
from auction.services.archive_lag import archive_lag
from auction.services.catalogue import LotView
from auction.services.event_log import EVENTS_PAGE_MAX, list_events
from auction.services.readiness import check_readiness
from auction.services.settlement import voiding
from auction.services.terms_check import check_terms

router = APIRouter(prefix="/ops", tags=["ops"])


def _acting(*codes: ProblemCode) -> Responses:
    """Problems of an action on a lot."""
    return problems(ProblemCode.LOT_UNKNOWN, ProblemCode.WRONG_STATUS, *codes, *SIGNED_IN, *WRITE)


def _shown(view: LotView) -> LotShown:
    return LotShown.of(view, to_staff=True)


@router.post(
    "/sales",
    status_code=201,
    responses=problems(ProblemCode.SALE_EXISTS, ProblemCode.SALE_ID_INVALID, *SIGNED_IN, *WRITE),
)
async def create_sale(house: TheHouse, ops: Ops, sale: NewSale) -> SaleCreated:
    """Enter a sale."""
    created = await lots.create_sale(house, title=sale.title, sale_id=sale.sale_id, actor=ops.subject)
    return SaleCreated(sale_id=created.sale_id, title=created.title)


@router.post(
    "/lots",
    status_code=201,
    responses=problems(
        ProblemCode.SALE_UNKNOWN, ProblemCode.PRESET_UNKNOWN, ProblemCode.TERMS_INVALID, *SIGNED_IN, *WRITE
    ),
)
async def create_lot(house: TheHouse, ops: Ops, lot: NewLot) -> LotShown:
    """Enter a lot as a draft: under a preset's terms, with `terms` laid over them."""
    view = await lots.create_lot(
        house,
        sale_id=lot.sale_id,
        title=lot.title,
        list_price_fen=lot.list_price_fen,
        preset=lot.preset,
        terms=lot.terms,
        actor=ops.subject,
    )
    return _shown(view)


@router.post("/lots/{lot_id}/schedule", responses=_acting(ProblemCode.SCHEDULE_INVALID, ProblemCode.TERMS_INVALID))
async def schedule_lot(house: TheHouse, ops: Ops, lot_id: LotId, when: Schedule) -> LotShown:
    """Freeze a draft's terms and set when it opens and closes."""
    view = await lots.schedule_lot(
        house, lot_id, opens_at_ms=when.opens_at_ms, closes_at_ms=when.closes_at_ms, actor=ops.subject
    )
    return _shown(view)


@router.post("/lots/{lot_id}/open", responses=_acting(ProblemCode.SCHEDULE_INVALID, ProblemCode.TERMS_INVALID))
async def open_lot(house: TheHouse, ops: Ops, lot_id: LotId, until: Opening) -> LotShown:
    """Open a draft or scheduled lot now."""
    view = await lots.open_lot(
        house, lot_id, closes_at_ms=until.closes_at_ms, duration_ms=until.duration_ms, actor=ops.subject
    )
    return _shown(view)


@router.post("/lots/{lot_id}/pause", responses=_acting())
async def pause_lot(house: TheHouse, ops: Ops, lot_id: LotId, why: Reasoned) -> LotShown:
    """Stop bidding for a while; the time left is kept."""
    return _shown(await lots.pause_lot(house, lot_id, reason=why.reason, actor=ops.subject))


@router.post("/lots/{lot_id}/resume", responses=_acting(ProblemCode.REVIEW_LIMIT_TOO_LOW))
async def resume_lot(house: TheHouse, ops: Ops, lot_id: LotId, how: Resumption | None = None) -> LotShown:
    """Let a paused or held lot go on."""
    limit_fen = None if how is None else how.review_above_fen
    return _shown(await lots.resume_lot(house, lot_id, review_above_fen=limit_fen, actor=ops.subject))


@router.post("/lots/{lot_id}/extend", responses=_acting())
async def extend_lot(house: TheHouse, ops: Ops, lot_id: LotId, more: Extension) -> LotShown:
    """Move the end of an open lot."""
    return _shown(await lots.extend_lot(house, lot_id, by_ms=more.by_ms, reason=more.reason, actor=ops.subject))


@router.post("/lots/{lot_id}/close", responses=_acting())
async def close_lot(house: TheHouse, ops: Ops, lot_id: LotId, why: Reasoned) -> LotShown:
    """Close an open lot before its end."""
    return _shown(await lots.close_lot(house, lot_id, reason=why.reason, actor=ops.subject))


@router.post(
    "/lots/{lot_id}/void",
    responses={
        202: {"model": LotShown, "description": "A closed lot: asked for; another person has to agree."},
        **_acting(ProblemCode.WRONG_STATE, ProblemCode.SAME_PERSON, ProblemCode.PAYMENT_PENDING),
    },
)
async def void_lot(house: TheHouse, ops: Ops, lot_id: LotId, why: Reasoned, response: Response) -> LotShown:
    """Declare a lot void. One that has closed needs two persons: everybody gets their money back."""
    view = await catalogue.show_lot(house, lot_id)
    if view.settlement is None:
        return _shown(await lots.void_lot(house, lot_id, reason=why.reason, actor=ops.subject))
    waiting = await voiding.void_settlement(house, lot_id, actor=ops.subject, reason=why.reason)
    if waiting is not None:
        response.status_code = 202
    return _shown(await catalogue.show_lot(house, lot_id))


@router.post(
    "/lots/{lot_id}/bids/{seq}/void",
    responses=_acting(ProblemCode.BID_UNKNOWN, ProblemCode.BID_ALREADY_VOID, ProblemCode.LEDGER_MOVED),
)
async def void_bid(house: TheHouse, ops: Ops, lot_id: LotId, seq: Seq, why: Reasoned) -> LotShown:
    """Take one bid out of a paused or held lot; the price falls, and a new epoch begins."""
    return _shown(await lots.void_bid(house, lot_id, seq, reason=why.reason, actor=ops.subject))


@router.get("/lots", responses=problems(*SIGNED_IN, *AWAY))
async def show_desk(house: TheHouse, _reader: DeskReader) -> DeskShown:
    """Every sale with its lots as they stand now, drafts and reserves included."""
    sales = await catalogue.list_sales(house)
    shown = [SaleShown.of(sale, to_staff=True) for sale in sales]
    return DeskShown(now_ms=await house.ledger.now_ms(), sales=shown)


@router.get(
    "/lots/{lot_id}/events",
    responses=problems(ProblemCode.LOT_UNKNOWN, *SIGNED_IN, *AWAY),
    response_model_exclude_none=True,
)
async def show_events(
    house: TheHouse,
    _reader: DeskReader,
    lot_id: LotId,
    *,
    after_seq: Annotated[int, Query(ge=0, le=SEQ_MAX)] = 0,
    before_seq: Annotated[int, Query(ge=1, le=SEQ_MAX)] = SEQ_MAX,
    limit: Annotated[int, Query(ge=1, le=EVENTS_PAGE_MAX)] = 100,
    without_bids: Annotated[bool, Query(description="Leave bids and admissions out.")] = False,
) -> EventsShown:
    """The lot's event log, newest first: of the events between two seqs, the newest; drafts have none."""
    page = await list_events(
        house, lot_id, after_seq=after_seq, before_seq=before_seq, limit=limit, without_bids=without_bids
    )
    return EventsShown.of(page)


@router.get("/health", responses=problems(*SIGNED_IN))
async def show_health(house: TheHouse, _reader: DeskReader) -> HealthShown:
    """Whether the servers are there, and how far the archive is behind."""
    try:
        lag = await archive_lag(house)
    except Unavailable:
        lag = None
    return HealthShown.of(await check_readiness(house), lag)


@router.get("/presets", responses=problems(*SIGNED_IN))
async def list_presets(_ops: Ops, list_price_fen: Annotated[Fen | None, Query()] = None) -> PresetsShown:
    """Ready-made terms, as they are for a lot of that list price."""
    presets = [(name, read_terms(load_preset(name, list_price_fen))) for name in preset_names()]
    return PresetsShown(presets=[PresetShown(name=name, terms=terms_as_mapping(terms)) for name, terms in presets])


@router.post("/terms/check", responses=problems(ProblemCode.PRESET_UNKNOWN, *SIGNED_IN, *WRITE))
async def check_lot_terms(_ops: Ops, given: TermsToCheck) -> TermsCheckedShown:
    """The terms that a lot would get, or every contradiction in them. Nothing is created."""
    return TermsCheckedShown.of(
        check_terms(preset=given.preset, list_price_fen=given.list_price_fen, terms=given.terms)
    )
