"""Registering for a lot: what a bidder does before the first bid."""

from fastapi import APIRouter, Response

from api.answers import RegistrationShown
from api.auth import Bidder
from api.openapi import SIGNED_IN, WRITE, problems
from api.routes.wanted import LotId, TheHouse
from api.schemas import Admission
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services import registration

router = APIRouter(tags=["bidders"])

_REFUSALS = (
    ProblemCode.LOT_UNKNOWN,
    ProblemCode.TERMS_NOT_ACCEPTED,
    ProblemCode.REGISTRATION_CLOSED,
    ProblemCode.DEPOSIT_TOO_LOW,
    ProblemCode.DEPOSIT_TOO_HIGH,
    ProblemCode.WRONG_STATUS,
)


@router.post(
    "/lots/{lot_id}/registrations",
    status_code=201,
    responses={
        200: {"model": RegistrationShown, "description": "Registered before: the same."},
        **problems(*_REFUSALS, *SIGNED_IN, *WRITE),
    },
)
async def register(
    house: TheHouse, lot_id: LotId, bidder: Bidder, admission: Admission, response: Response
) -> RegistrationShown:
    """Accept a lot's terms, put down its deposit, get a paddle and a limit."""
    if not admission.accept_terms:
        raise RequestRefused(ProblemCode.TERMS_NOT_ACCEPTED, "Accept the lot's terms to register: accept_terms true.")
    registered, created = await registration.register(
        house, lot_id, bidder_id=bidder.subject, name=bidder.name, deposit_fen=admission.deposit_fen
    )
    if not created:
        response.status_code = 200
    return RegistrationShown.of(registered)
