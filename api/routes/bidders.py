"""What staff note of a bidder: how well the house knows them. The house's rules cap limits by it."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from api.auth import Ops
from api.openapi import SIGNED_IN, WRITE, problems
from api.routes.wanted import TheHouse
from api.schemas import KnownIdentity
from auction.domain.errors import ProblemCode
from auction.services.identity import know_bidder

router = APIRouter(prefix="/ops/bidders", tags=["ops"])


class BidderShown(BaseModel):
    """A bidder and how well they are known."""

    bidder_id: str
    identity_level: int


@router.post("/{bidder_id}/identity", responses=problems(ProblemCode.BIDDER_UNKNOWN, *SIGNED_IN, *WRITE))
async def note_identity(
    house: TheHouse,
    ops: Ops,
    bidder_id: Annotated[str, Path(min_length=1, max_length=64, examples=["ann"])],
    known: KnownIdentity,
) -> BidderShown:
    """Note that a bidder's identity was verified; accounts of one identity count as linked."""
    digest = None if known.identity is None else hashlib.sha256(known.identity.encode()).hexdigest()
    await know_bidder(house, bidder_id, level=known.level, identity_mark=digest, actor=ops.subject)
    return BidderShown(bidder_id=bidder_id, identity_level=known.level)
