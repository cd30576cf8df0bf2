"""Routes by which bidders register for a lot and raise their deposit."""

from fastapi import APIRouter, Request, Response

from api.http.auth import Bidder
from api.http.openapi import PAID, SIGNED_IN, WRITE, problems
from api.routes.dependencies import Context, IdempotencyKey, LotId
from api.schemas.bidder import TopUpResponse
from api.schemas.public import RegistrationResponse
from api.schemas.requests import RegistrationRequest, TopUpRequest
from auction.domain.errors import ProblemCode, RefusalCode, RequestRefused
from auction.services.payments import confirmations, registration_deposits

router = APIRouter(tags=["bidders"])

_REFUSALS = (
    ProblemCode.LOT_UNKNOWN,
    ProblemCode.TERMS_NOT_ACCEPTED,
    ProblemCode.REGISTRATION_CLOSED,
    ProblemCode.DEPOSIT_TOO_LOW,
    ProblemCode.DEPOSIT_TOO_HIGH,
    ProblemCode.DEPOSIT_DECLINED,
    ProblemCode.PAYMENT_METHOD_MISSING,
    ProblemCode.PAYMENT_METHOD_UNKNOWN,
    ProblemCode.BIDDER_BARRED,
    ProblemCode.WRONG_STATUS,
)
_TOP_UP = (
    ProblemCode.LOT_UNKNOWN,
    RefusalCode.NOT_REGISTERED,
    RefusalCode.KEY_REUSED,
    ProblemCode.REGISTRATION_CLOSED,
    ProblemCode.DEPOSIT_TOO_LOW,
    ProblemCode.DEPOSIT_TOO_HIGH,
    ProblemCode.DEPOSIT_DECLINED,
    ProblemCode.DEPOSIT_NOT_NEEDED,
    ProblemCode.PAYMENT_METHOD_MISSING,
    ProblemCode.PAYMENT_METHOD_UNKNOWN,
    ProblemCode.WRONG_STATUS,
)
_DEVICE_LENGTH_MAX = 200


@router.post(
    "/lots/{lot_id}/registrations",
    status_code=201,
    responses={
        200: {"model": RegistrationResponse, "description": "Already registered: the same response."},
        202: {"model": RegistrationResponse, "description": "The payment provider has not decided yet; try again."},
        **problems(*_REFUSALS, *SIGNED_IN, *WRITE, *PAID),
    },
)
async def register(
    context: Context,
    lot_id: LotId,
    bidder: Bidder,
    *,
    admission: RegistrationRequest,
    request: Request,
    response: Response,
) -> RegistrationResponse:
    """Accept a lot's terms and pay its deposit; returns a paddle number and a bidding limit."""
    if not admission.accept_terms:
        raise RequestRefused(
            ProblemCode.TERMS_NOT_ACCEPTED, "To register, accept the lot's terms: set accept_terms to true."
        )
    device = request.headers.get("x-device-id")
    outcome = await registration_deposits.register(
        context,
        lot_id,
        bidder_id=bidder.subject,
        name=bidder.name,
        deposit_fen=admission.deposit_fen,
        payment_method=admission.payment_method,
        device=None if device is None else device[:_DEVICE_LENGTH_MAX],
    )
    if outcome.registration is None:
        response.status_code = 202
        unconfirmed = await confirmations.unconfirmed_hold(context, outcome.deposit)
        return RegistrationResponse.pending(lot_id, outcome.deposit, unconfirmed)
    if not outcome.created:
        response.status_code = 200
    return RegistrationResponse.of(outcome.registration)


@router.post(
    "/lots/{lot_id}/deposits",
    status_code=201,
    responses={
        200: {"model": TopUpResponse, "description": "A retry: the same top-up."},
        202: {"model": TopUpResponse, "description": "The payment provider has not decided yet; try again."},
        **problems(*_TOP_UP, *SIGNED_IN, *WRITE, *PAID),
    },
)
async def top_up(
    context: Context, lot_id: LotId, bidder: Bidder, *, more: TopUpRequest, key: IdempotencyKey, response: Response
) -> TopUpResponse:
    """Add to your deposit. Your limit rises at once, also while the lot is open."""
    outcome = await registration_deposits.top_up(
        context,
        lot_id,
        bidder_id=bidder.subject,
        amount_fen=more.amount_fen,
        key=key,
        payment_method=more.payment_method,
    )
    if outcome.deposit is not None and outcome.deposit.status == "pending":
        response.status_code = 202
    elif not outcome.created:
        response.status_code = 200
    return TopUpResponse.of(outcome, await confirmations.unconfirmed_hold(context, outcome.deposit))
