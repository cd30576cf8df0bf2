"""What routes take from a request besides its body: the house, and ids from the path."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request

from api.idempotency import idempotency_key
from api.schemas import ID_PATTERN, SEQ_MAX
from auction.domain.errors import NotFound, ProblemCode
from auction.ledger.keys import ID_LENGTH_MAX, is_id
from auction.services.house import House

ID_SCHEMA: dict[str, Any] = {"pattern": ID_PATTERN, "maxLength": ID_LENGTH_MAX}


async def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


async def _lot_id(lot_id: Annotated[str, Path(json_schema_extra=ID_SCHEMA, examples=["launch-001"])]) -> str:
    """A lot's id; one that no lot can have is a lot that there is not."""
    if not is_id(lot_id):
        raise NotFound(ProblemCode.LOT_UNKNOWN, "There is no such lot.")
    return lot_id


async def _sale_id(sale_id: Annotated[str, Path(json_schema_extra=ID_SCHEMA, examples=["launch"])]) -> str:
    if not is_id(sale_id):
        raise NotFound(ProblemCode.SALE_UNKNOWN, "There is no such sale.")
    return sale_id


TheHouse = Annotated[House, Depends(_house)]
LotId = Annotated[str, Depends(_lot_id)]
SaleId = Annotated[str, Depends(_sale_id)]
IdempotencyKey = Annotated[str, Depends(idempotency_key)]
Seq = Annotated[int, Path(ge=1, le=SEQ_MAX, description="The bid's place in the lot's ledger.")]
