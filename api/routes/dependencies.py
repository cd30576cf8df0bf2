"""What routes take from a request besides its body: the house, and ids from the path."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request

from api.bids.idempotency import idempotency_key
from api.schemas.requests import ID_PATTERN, SEQ_MAX
from auction.domain.errors import NotFound, ProblemCode
from auction.ledger.keys import ID_LENGTH_MAX, is_id
from auction.services.context import AppContext

ID_SCHEMA: dict[str, Any] = {"pattern": ID_PATTERN, "maxLength": ID_LENGTH_MAX}


async def _context(request: Request) -> AppContext:
    context: AppContext = request.app.state.context
    return context


async def _lot_id(lot_id: Annotated[str, Path(json_schema_extra=ID_SCHEMA, examples=["launch-001"])]) -> str:
    """A lot's id; one that no lot can have is a lot that there is not."""
    if not is_id(lot_id):
        raise NotFound(ProblemCode.LOT_UNKNOWN, "There is no such lot.")
    return lot_id


async def _sale_id(sale_id: Annotated[str, Path(json_schema_extra=ID_SCHEMA, examples=["launch"])]) -> str:
    if not is_id(sale_id):
        raise NotFound(ProblemCode.SALE_UNKNOWN, "There is no such sale.")
    return sale_id


Context = Annotated[AppContext, Depends(_context)]
LotId = Annotated[str, Depends(_lot_id)]
SaleId = Annotated[str, Depends(_sale_id)]
IdempotencyKey = Annotated[str, Depends(idempotency_key)]
Seq = Annotated[int, Path(ge=1, le=SEQ_MAX, description="The bid's place in the lot's ledger.")]
