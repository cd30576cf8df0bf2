"""Public routes of prices: what every lot was offered and sold for, as JSON and as CSV."""

from collections.abc import AsyncIterator
from dataclasses import astuple, fields
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from api.http.csv_export import Cells, csv_response
from api.http.openapi import AWAY, Responses, problems
from api.routes.dependencies import Context
from api.schemas.prices import PricesResponse
from auction.domain.errors import ProblemCode
from auction.domain.text import ID_LENGTH_MAX, ID_PATTERN
from auction.services.catalogue.prices import PRICES_PAGE_MAX, LotPrices, PricePage, list_prices

router = APIRouter(tags=["sales"])

_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
Cursor = Annotated[
    str | None, Query(max_length=ID_LENGTH_MAX, pattern=ID_PATTERN, description="`next_cursor` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=PRICES_PAGE_MAX, description="Sales a page.")]


@router.get("/prices", responses=problems(ProblemCode.SALE_UNKNOWN, *AWAY))
async def show_prices(context: Context, *, cursor: Cursor = None, limit: Limit = PRICES_PAGE_MAX) -> PricesResponse:
    """List price, reserve, final price, number of bids and fees of every published lot, newest sale first."""
    return PricesResponse.of(await list_prices(context, cursor=cursor, limit=limit))


@router.get(
    "/prices.csv",
    response_class=StreamingResponse,
    responses=problems(ProblemCode.SALE_UNKNOWN, *AWAY) | _CSV,
)
async def download_prices(
    context: Context, *, cursor: Cursor = None, limit: Limit = PRICES_PAGE_MAX
) -> StreamingResponse:
    """The same for spreadsheets: UTF-8 with a byte order mark, amounts and times in readable columns too."""
    page = await list_prices(context, cursor=cursor, limit=limit)
    return await csv_response(_rows(page), "prices", context.money.currency)


async def _rows(page: PricePage) -> AsyncIterator[Cells]:
    yield tuple(field.name for field in fields(LotPrices))
    for lot in page.lots:
        yield astuple(lot)
