"""Routes for staff who watch a lot: its activity, who bids on it, and the report of a whole sale."""

from fastapi import APIRouter

from api.http.auth import Ops, Staff
from api.http.openapi import AWAY, SIGNED_IN, problems
from api.routes.dependencies import Context, LotId, SaleId
from api.schemas.lot_activity import LotActivityResponse, TopBiddersResponse
from api.schemas.sale_report import SaleReportResponse
from auction.domain.errors import ProblemCode
from auction.services.catalogue import lot_activity
from auction.services.catalogue.sale_report import report_sale

router = APIRouter(prefix="/ops/lots/{lot_id}", tags=["ops"])
sales = APIRouter(prefix="/ops/sales/{sale_id}", tags=["ops"])

_PROBLEMS = problems(ProblemCode.LOT_UNKNOWN, *AWAY, *SIGNED_IN)


@router.get("/activity", responses=_PROBLEMS)
async def show_activity(context: Context, _reader: Staff, lot_id: LotId) -> LotActivityResponse:
    """Bids and prices over time, as archived, registrations, and refused bids by reason."""
    return LotActivityResponse.of(await lot_activity.show_activity(context, lot_id))


@router.get("/top-bidders", responses=_PROBLEMS)
async def show_top_bidders(context: Context, ops: Ops, lot_id: LotId) -> TopBiddersResponse:
    """The first bidders with their names; each look is written to the audit log."""
    return TopBiddersResponse.of(await lot_activity.show_top_bidders(context, lot_id, actor=ops.subject))


@sales.get("/report", responses=problems(ProblemCode.SALE_UNKNOWN, *AWAY, *SIGNED_IN))
async def show_report(context: Context, _reader: Staff, sale_id: SaleId) -> SaleReportResponse:
    """The report of a sale: results, bidders, extensions and bids over time, as archived."""
    return SaleReportResponse.of(await report_sale(context, sale_id))
