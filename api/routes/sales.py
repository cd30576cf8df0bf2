"""Public routes of sales."""

from fastapi import APIRouter

from api.http.auth import Visitor, bidder_id_of, is_staff
from api.http.openapi import AWAY, OPTIONAL_TOKEN, TOKEN, problems
from api.routes.dependencies import Context, SaleId
from api.schemas.public import SaleResponse, SalesResponse
from auction.domain.errors import ProblemCode
from auction.services.catalogue import lot_views

router = APIRouter(tags=["sales"])


@router.get("/sales", responses=problems(*TOKEN, *AWAY), openapi_extra=OPTIONAL_TOKEN)
async def list_sales(context: Context, visitor: Visitor) -> SalesResponse:
    """All sales with their lots, newest first. Staff also see reserves."""
    sales = await lot_views.list_sales(context, bidder_id=bidder_id_of(visitor))
    return SalesResponse.of(sales, to_staff=is_staff(visitor))


@router.get(
    "/sales/{sale_id}", responses=problems(ProblemCode.SALE_UNKNOWN, *TOKEN, *AWAY), openapi_extra=OPTIONAL_TOKEN
)
async def show_sale(context: Context, sale_id: SaleId, visitor: Visitor) -> SaleResponse:
    """A sale with its lots. Staff also see reserves."""
    view = await lot_views.show_sale(context, sale_id, bidder_id=bidder_id_of(visitor))
    return SaleResponse.of(view, to_staff=is_staff(visitor))
