"""Sales, for anyone to look at."""

from fastapi import APIRouter

from api.answers import SaleShown, SalesShown
from api.auth import Visitor, is_staff
from api.openapi import AWAY, TOKEN, VISITOR, problems
from api.routes.wanted import SaleId, TheHouse
from auction.domain.errors import ProblemCode
from auction.services import catalogue

router = APIRouter(tags=["sales"])


@router.get("/sales", responses=problems(*TOKEN, *AWAY), openapi_extra=VISITOR)
async def list_sales(house: TheHouse, visitor: Visitor) -> SalesShown:
    """Every sale with its lots, newest first. Staff see reserves."""
    sales = await catalogue.list_sales(house)
    return SalesShown(sales=[SaleShown.of(sale, to_staff=is_staff(visitor)) for sale in sales])


@router.get("/sales/{sale_id}", responses=problems(ProblemCode.SALE_UNKNOWN, *TOKEN, *AWAY), openapi_extra=VISITOR)
async def show_sale(house: TheHouse, sale_id: SaleId, visitor: Visitor) -> SaleShown:
    """One sale with its lots. Staff see reserves."""
    return SaleShown.of(await catalogue.show_sale(house, sale_id), to_staff=is_staff(visitor))
