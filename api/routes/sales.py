"""Public routes of sales."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.http.auth import Visitor, is_staff, viewer_of
from api.http.openapi import AWAY, OPTIONAL_TOKEN, TOKEN, problems
from api.routes.dependencies import Context, SaleId
from api.schemas.public import SaleResponse, SalesResponse
from auction.domain.errors import ProblemCode
from auction.domain.text import ID_LENGTH_MAX, ID_PATTERN
from auction.services.catalogue import lot_views
from auction.services.catalogue.lot_views import LOTS_PAGE_MAX, SALES_PAGE_MAX

router = APIRouter(tags=["sales"])

NUMBER_MAX = 2**31 - 1


@router.get("/sales", responses=problems(ProblemCode.SALE_UNKNOWN, *TOKEN, *AWAY), openapi_extra=OPTIONAL_TOKEN)
async def list_sales(
    context: Context,
    visitor: Visitor,
    *,
    cursor: Annotated[
        str | None,
        Query(max_length=ID_LENGTH_MAX, pattern=ID_PATTERN, description="`next_cursor` of the page before."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=SALES_PAGE_MAX)] = SALES_PAGE_MAX,
) -> SalesResponse:
    """Sales with their first lots, newest first, page by page. Staff also see drafts and reserves."""
    page = await lot_views.list_sales(context, viewer_of(visitor), cursor=cursor, limit=limit)
    return SalesResponse.of(page, to_staff=is_staff(visitor))


@router.get(
    "/sales/{sale_id}", responses=problems(ProblemCode.SALE_UNKNOWN, *TOKEN, *AWAY), openapi_extra=OPTIONAL_TOKEN
)
async def show_sale(
    context: Context,
    sale_id: SaleId,
    visitor: Visitor,
    *,
    after_number: Annotated[int, Query(ge=0, le=NUMBER_MAX, description="Lots with higher numbers.")] = 0,
    limit: Annotated[int, Query(ge=1, le=LOTS_PAGE_MAX)] = LOTS_PAGE_MAX,
) -> SaleResponse:
    """A sale with its lots, page by page. Staff also see drafts and reserves."""
    view = await lot_views.show_sale(context, sale_id, viewer_of(visitor), after_number=after_number, limit=limit)
    return SaleResponse.of(view, to_staff=is_staff(visitor))
