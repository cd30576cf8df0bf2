"""What staff record about bidders: how far their identity is verified, which caps their limits."""

import hashlib

from fastapi import APIRouter
from pydantic import BaseModel

from api.http.auth import Ops
from api.http.openapi import SIGNED_IN, WRITE, problems
from api.routes.dependencies import BidderId, Context
from api.schemas.requests import IdentityLevelRequest
from auction.domain.errors import ProblemCode
from auction.services.registration.identity_levels import set_identity

router = APIRouter(prefix="/ops/bidders", tags=["ops"])


class BidderResponse(BaseModel):
    """A bidder, and how far their identity is verified."""

    bidder_id: str
    identity_level: int


@router.post("/{bidder_id}/identity", responses=problems(ProblemCode.BIDDER_UNKNOWN, *SIGNED_IN, *WRITE))
async def set_identity_level(
    context: Context, ops: Ops, bidder_id: BidderId, known: IdentityLevelRequest
) -> BidderResponse:
    """Record how far a bidder's identity is verified. Accounts with the same identity count as linked."""
    digest = None if known.identity is None else hashlib.sha256(known.identity.encode()).hexdigest()
    await set_identity(context, bidder_id, level=known.level, identity_mark=digest, actor=ops.subject)
    return BidderResponse(bidder_id=bidder_id, identity_level=known.level)
