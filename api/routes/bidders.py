"""What staff record about bidders: how far their identity is verified, which caps their limits, and who is blocked."""

import hashlib

from fastapi import APIRouter, Response

from api.http.auth import Ops, Staff
from api.http.openapi import AGREEMENT, AWAY, SIGNED_IN, WRITE, problems
from api.routes.dependencies import BidderId, Confirmed, Context
from api.schemas.bidder_status import BidderResponse, BidderStatusResponse
from api.schemas.pending_acts import PendingActResponse
from api.schemas.requests import IdentityLevelRequest, TwoPersonRequest
from auction.books.approvals import Approval
from auction.domain.errors import ProblemCode
from auction.services.context import AppContext
from auction.services.registration import blocked_bidders
from auction.services.registration.bidder_acts import BidderCall
from auction.services.registration.identity_levels import request_or_set_identity

router = APIRouter(prefix="/ops/bidders", tags=["ops"])

_ACT = {
    202: {"model": PendingActResponse, "description": "Requested: another person has to do the same."},
    **problems(
        ProblemCode.BIDDER_UNKNOWN,
        ProblemCode.APPROVAL_WAITING,
        ProblemCode.PENDING_UNKNOWN,
        *AGREEMENT,
        *SIGNED_IN,
        *WRITE,
    ),
}


@router.get("/{bidder_id}", responses=problems(ProblemCode.BIDDER_UNKNOWN, *SIGNED_IN, *AWAY))
async def show_bidder(context: Context, _reader: Staff, bidder_id: BidderId) -> BidderStatusResponse:
    """A bidder: how far their identity is verified, whether they are blocked, which running lots they lead."""
    return BidderStatusResponse.of(await blocked_bidders.show_bidder(context, bidder_id))


@router.post("/{bidder_id}/identity", responses=_ACT)
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
    call = BidderCall(ops.subject, known.pending_id, confirmation)
    waiting = await request_or_set_identity(context, bidder_id, call, level=known.level, identity_mark=digest)
    if waiting is not None:
        response.status_code = 202
        return PendingActResponse.of(waiting)
    return BidderResponse(bidder_id=bidder_id, identity_level=known.level)


@router.post("/{bidder_id}/block", responses=_ACT)
async def block_bidder(
    context: Context,
    ops: Ops,
    bidder_id: BidderId,
    asked: TwoPersonRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> BidderStatusResponse | PendingActResponse:
    """Block a bidder from registering and bidding; it needs two persons. Bids and deposits stay as they are."""
    call = BidderCall(ops.subject, asked.pending_id, confirmation)
    waiting = await blocked_bidders.request_or_block(context, bidder_id, call, reason=asked.reason)
    return await _status_or_pending(context, bidder_id, waiting, response)


@router.post("/{bidder_id}/unblock", responses=_ACT | problems(ProblemCode.BIDDER_NOT_BLOCKED))
async def unblock_bidder(
    context: Context,
    ops: Ops,
    bidder_id: BidderId,
    asked: TwoPersonRequest,
    response: Response,
    *,
    confirmation: Confirmed,
) -> BidderStatusResponse | PendingActResponse:
    """Let a blocked bidder register and bid again; it needs two persons."""
    call = BidderCall(ops.subject, asked.pending_id, confirmation)
    waiting = await blocked_bidders.request_or_unblock(context, bidder_id, call, reason=asked.reason)
    return await _status_or_pending(context, bidder_id, waiting, response)


async def _status_or_pending(
    context: AppContext, bidder_id: str, waiting: Approval | None, response: Response
) -> BidderStatusResponse | PendingActResponse:
    if waiting is not None:
        response.status_code = 202
        return PendingActResponse.of(waiting)
    return BidderStatusResponse.of(await blocked_bidders.show_bidder(context, bidder_id))
