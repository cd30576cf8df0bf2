"""What staff do with sales and lots. Every action names its actor and, where it stops or moves something, why."""

from fastapi import APIRouter

from api.answers import LotShown, SaleCreated
from api.auth import Ops
from api.openapi import SIGNED_IN, WRITE, Responses, problems
from api.routes.wanted import LotId, Seq, TheHouse
from api.schemas import Extension, NewLot, NewSale, Opening, Reasoned, Resumption, Schedule
from auction.domain.errors import ProblemCode
from auction.services import lots
from auction.services.catalogue import LotView

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


@router.post("/lots/{lot_id}/void", responses=_acting())
async def void_lot(house: TheHouse, ops: Ops, lot_id: LotId, why: Reasoned) -> LotShown:
    """Declare a lot void."""
    return _shown(await lots.void_lot(house, lot_id, reason=why.reason, actor=ops.subject))


@router.post(
    "/lots/{lot_id}/bids/{seq}/void",
    responses=_acting(ProblemCode.BID_UNKNOWN, ProblemCode.BID_ALREADY_VOID, ProblemCode.LEDGER_MOVED),
)
async def void_bid(house: TheHouse, ops: Ops, lot_id: LotId, seq: Seq, why: Reasoned) -> LotShown:
    """Take one bid out of a paused or held lot; the price falls, and a new epoch begins."""
    return _shown(await lots.void_bid(house, lot_id, seq, reason=why.reason, actor=ops.subject))
