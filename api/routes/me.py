"""What is a bidder's own."""

from fastapi import APIRouter

from api.answers import RegistrationShown, RegistrationsShown
from api.auth import Bidder
from api.openapi import SIGNED_IN, problems
from api.routes.wanted import TheHouse
from auction.domain.errors import ProblemCode
from auction.services import registration

router = APIRouter(prefix="/me", tags=["bidders"])


@router.get("/registrations", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_registrations(house: TheHouse, bidder: Bidder) -> RegistrationsShown:
    """The lots you may bid on."""
    found = await registration.registrations_of(house, bidder.subject)
    return RegistrationsShown(registrations=[RegistrationShown.of(one) for one in found])
