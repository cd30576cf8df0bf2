"""Registering for a lot and raising its deposit: what a bidder does before the first bid, and for a higher one."""

from fastapi import APIRouter, Request, Response

from api.answers import RegistrationShown
from api.auth import Bidder
from api.money_answers import TopUpShown
from api.openapi import PAID, SIGNED_IN, WRITE, problems
from api.routes.wanted import IdempotencyKey, LotId, TheHouse
from api.schemas import Admission, TopUp
from auction.domain.errors import ProblemCode, RefusalCode, RequestRefused
from auction.services import registration

router = APIRouter(tags=["bidders"])

_REFUSALS = (
    ProblemCode.LOT_UNKNOWN,
    ProblemCode.TERMS_NOT_ACCEPTED,
    ProblemCode.REGISTRATION_CLOSED,
    ProblemCode.DEPOSIT_TOO_LOW,
    ProblemCode.DEPOSIT_TOO_HIGH,
    ProblemCode.DEPOSIT_DECLINED,
    ProblemCode.BIDDER_BARRED,
    ProblemCode.WRONG_STATUS,
)
_TOP_UP = (
    ProblemCode.LOT_UNKNOWN,
    RefusalCode.NOT_REGISTERED,
    RefusalCode.KEY_REUSED,
    ProblemCode.REGISTRATION_CLOSED,
    ProblemCode.DEPOSIT_TOO_HIGH,
    ProblemCode.DEPOSIT_DECLINED,
    ProblemCode.DEPOSIT_NOT_NEEDED,
    ProblemCode.WRONG_STATUS,
)
_DEVICE_LENGTH_MAX = 200


@router.post(
    "/lots/{lot_id}/registrations",
    status_code=201,
    responses={
        200: {"model": RegistrationShown, "description": "Registered before: the same."},
        202: {"model": RegistrationShown, "description": "The payment provider has not decided yet; ask again."},
        **problems(*_REFUSALS, *SIGNED_IN, *WRITE, *PAID),
    },
)
async def register(
    house: TheHouse, lot_id: LotId, bidder: Bidder, *, admission: Admission, request: Request, response: Response
) -> RegistrationShown:
    """Accept a lot's terms, put down its deposit, get a paddle and a limit."""
    if not admission.accept_terms:
        raise RequestRefused(ProblemCode.TERMS_NOT_ACCEPTED, "Accept the lot's terms to register: accept_terms true.")
    device = request.headers.get("x-device-id")
    asked = await registration.register(
        house,
        lot_id,
        bidder_id=bidder.subject,
        name=bidder.name,
        deposit_fen=admission.deposit_fen,
        payment_method=admission.payment_method,
        device=None if device is None else device[:_DEVICE_LENGTH_MAX],
    )
    if asked.registration is None:
        response.status_code = 202
        return RegistrationShown.waiting(lot_id, asked.deposit)
    if not asked.created:
        response.status_code = 200
    return RegistrationShown.of(asked.registration)


@router.post(
    "/lots/{lot_id}/deposits",
    status_code=201,
    responses={
        200: {"model": TopUpShown, "description": "A retry: the same top-up."},
        202: {"model": TopUpShown, "description": "The payment provider has not decided yet; ask again."},
        **problems(*_TOP_UP, *SIGNED_IN, *WRITE, *PAID),
    },
)
async def top_up(
    house: TheHouse, lot_id: LotId, bidder: Bidder, *, more: TopUp, key: IdempotencyKey, response: Response
) -> TopUpShown:
    """Add to your deposit, which raises your limit at once, in a running lot too."""
    asked = await registration.top_up(
        house,
        lot_id,
        bidder_id=bidder.subject,
        amount_fen=more.amount_fen,
        key=key,
        payment_method=more.payment_method,
    )
    if asked.deposit is not None and asked.deposit.status == "pending":
        response.status_code = 202
    elif not asked.created:
        response.status_code = 200
    return TopUpShown.of(asked)
