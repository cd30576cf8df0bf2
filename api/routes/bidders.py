"""What staff record about bidders: how far their identity is verified, which caps their limits."""

import hashlib

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.http.auth import Ops
from api.http.openapi import AGREEMENT, SIGNED_IN, WRITE, problems
from api.routes.dependencies import BidderId, Confirmed, Context
from api.schemas.pending_acts import PendingActResponse
from api.schemas.requests import IdentityLevelRequest
from auction.domain.errors import ProblemCode
from auction.services.registration.identity_levels import request_or_set_identity

router = APIRouter(prefix="/ops/bidders", tags=["ops"])


class BidderResponse(BaseModel):
    """A bidder, and how far their identity is verified."""

    bidder_id: str
    identity_level: int


@router.post(
    "/{bidder_id}/identity",
    responses={
        202: {"model": PendingActResponse, "description": "Requested: another person has to do the same."},
        **problems(
            ProblemCode.BIDDER_UNKNOWN,
            ProblemCode.APPROVAL_WAITING,
            ProblemCode.PENDING_UNKNOWN,
            *AGREEMENT,
            *SIGNED_IN,
            *WRITE,
        ),
    },
)
async def set_identity_level(
    context: Context,
    ops: Ops,
    bidder_id: BidderId,
    known: IdentityLevelRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> BidderResponse | PendingActResponse:
    """Record how far a bidder's identity is verified; it needs two persons. Accounts of one identity are linked."""
    digest = None if known.identity is None else hashlib.sha256(known.identity.encode()).hexdigest()
    waiting = await request_or_set_identity(
        context,
        bidder_id,
        level=known.level,
        identity_mark=digest,
        actor=ops.subject,
        agrees_to=known.pending_id,
        confirmation=confirmation,
    )
    if waiting is not None:
        response.status_code = 202
        return PendingActResponse.of(waiting)
    return BidderResponse(bidder_id=bidder_id, identity_level=known.level)
