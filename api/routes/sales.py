"""Public routes of sales."""

from fastapi import APIRouter

from api.http.auth import Visitor, is_staff, viewer_of
from api.http.openapi import AWAY, OPTIONAL_TOKEN, TOKEN, problems
from api.routes.dependencies import Context, SaleId
from api.schemas.public import SaleResponse, SalesResponse
from auction.domain.errors import ProblemCode
from auction.services.catalogue import lot_views

router = APIRouter(tags=["sales"])


@router.get("/sales", responses=problems(*TOKEN, *AWAY), openapi_extra=OPTIONAL_TOKEN)
async def list_sales(context: Context, visitor: Visitor) -> SalesResponse:
    """All sales with their lots, newest first. Staff also see drafts and reserves."""
    sales = await lot_views.list_sales(context, viewer_of(visitor))
    return SalesResponse.of(sales, to_staff=is_staff(visitor))


@router.get(
    "/sales/{sale_id}", responses=problems(ProblemCode.SALE_UNKNOWN, *TOKEN, *AWAY), openapi_extra=OPTIONAL_TOKEN
)
async def show_sale(context: Context, sale_id: SaleId, visitor: Visitor) -> SaleResponse:
    """A sale with its lots. Staff also see drafts and reserves."""
    view = await lot_views.show_sale(context, sale_id, viewer_of(visitor))
    return SaleResponse.of(view, to_staff=is_staff(visitor))
