"""Routes after a loss of the ledger: bidders look for their bids, staff see what was lost and decide about it."""

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from api.http.auth import Bidder, MoneyReader, RecoveryStaff
from api.http.csv_export import csv_response, recovery_rows
from api.http.openapi import SIGNED_IN, WRITE, Responses, problems
from api.routes.dependencies import ClaimId, Context, LotId
from api.schemas.recovery import BidClaimResponse, CheckedBidResponse, RecoveryResponse
from api.schemas.requests import ClaimRequest, ReasonRequest
from auction.domain.errors import ProblemCode
from auction.domain.states import ClaimStatus
from auction.services.context import AppContext
from auction.services.identity.tokens import Identity
from auction.services.reading_log import record_export
from auction.services.recovery import claims
from auction.services.recovery.claims import ReceivedBid
from auction.services.recovery.report import recovery_report

router = APIRouter(prefix="/ops", tags=["ops"])
bidders = APIRouter(tags=["bidders"])

_READING = problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY)
_DECIDING = problems(ProblemCode.CLAIM_UNKNOWN, ProblemCode.CLAIM_DECIDED, *SIGNED_IN, *WRITE)
_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/recovery", responses=_READING)
async def show_recovery(context: Context, reader: MoneyReader) -> RecoveryResponse:
    """Stopped shards, frozen lots with their cause, and every lot that was restored, with what was lost."""
    found = await recovery_report(context.ledger, context.books)
    await context.reading_log.record_names(context.books, reader, "recovery", found.names)
    return RecoveryResponse.of(found)


@router.get("/recovery.csv", response_class=StreamingResponse, responses=_READING | _CSV)
async def export_recovery(context: Context, reader: MoneyReader) -> StreamingResponse:
    """The same as CSV, a row for each frozen and each restored lot; times in milliseconds and in ISO 8601."""
    await record_export(context.books, reader, "recovery")
    return await csv_response(recovery_rows(context), "recovery", context.money.currency)


@bidders.post(
    "/lots/{lot_id}/claims",
    responses={
        201: {"model": CheckedBidResponse, "description": "The bid is lost, and the claim was recorded."},
        **problems(ProblemCode.LOT_UNKNOWN, ProblemCode.RECEIPT_INVALID, *SIGNED_IN, *WRITE),
    },
)
async def check_bid(
    context: Context, lot_id: LotId, bidder: Bidder, received: ClaimRequest, response: Response
) -> CheckedBidResponse:
    """Look for an accepted bid by its receipt; where a fault lost it, a claim is recorded for staff to decide."""
    bid = ReceivedBid(lot_id, received.seq, bidder.subject, received.amount_fen, received.at_ms, received.receipt)
    checked = await claims.check_bid(context, bid)
    response.status_code = 201 if checked.is_new else 200
    return CheckedBidResponse.of(lot_id, received.seq, checked)


async def _decide(
    context: AppContext, claim_id: int, status: ClaimStatus, staff: Identity, reason: ReasonRequest
) -> BidClaimResponse:
    claim = await claims.decide_claim(context, claim_id, status, by=staff.subject, reason=reason.reason)
    return BidClaimResponse.of(claim)


@router.post("/recovery/claims/{claim_id}/accept", responses=_DECIDING)
async def accept_claim(
    context: Context, staff: RecoveryStaff, claim_id: ClaimId, reason: ReasonRequest
) -> BidClaimResponse:
    """Accept that a bid was lost. Nothing follows by itself."""
    return await _decide(context, claim_id, ClaimStatus.ACCEPTED, staff, reason)


@router.post("/recovery/claims/{claim_id}/decline", responses=_DECIDING)
async def decline_claim(
    context: Context, staff: RecoveryStaff, claim_id: ClaimId, reason: ReasonRequest
) -> BidClaimResponse:
    """Decline a claim."""
    return await _decide(context, claim_id, ClaimStatus.DECLINED, staff, reason)


@router.post(
    "/recovery/lots/{lot_id}/release",
    responses=problems(
        ProblemCode.LOT_UNKNOWN, ProblemCode.NOTHING_HELD, ProblemCode.CLAIMS_UNDECIDED, *SIGNED_IN, *WRITE
    ),
)
async def release_settlement(
    context: Context, staff: RecoveryStaff, lot_id: LotId, reason: ReasonRequest
) -> RecoveryResponse:
    """Settle a restored lot like any other, once its claims are decided."""
    await claims.release_settlement(context, lot_id, by=staff.subject, reason=reason.reason)
    return RecoveryResponse.of(await recovery_report(context.ledger, context.books))
