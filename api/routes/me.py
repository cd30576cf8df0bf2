"""What is a bidder's own: registrations, deposits, awards to pay, offers to answer."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.answers import RegistrationShown, RegistrationsShown
from api.auth import Bidder
from api.money_answers import AwardShown, AwardsShown, OfferShown, OffersShown, OwnDepositShown, OwnDepositsShown
from api.openapi import PAID, SIGNED_IN, WRITE, problems
from api.routes.wanted import IdempotencyKey, TheHouse
from api.schemas import Handover, Payment, Refusal
from auction.books.settlements import Award
from auction.domain.errors import ProblemCode
from auction.services import registration
from auction.services.house import House
from auction.services.settlement import cascading, own, paying

router = APIRouter(prefix="/me", tags=["bidders"])

AwardId = Annotated[str, Path(min_length=1, max_length=100, examples=["a-launch-001-1"])]
OfferId = Annotated[str, Path(min_length=1, max_length=100, examples=["o-launch-001-1"])]
_AWARD = (ProblemCode.AWARD_UNKNOWN, ProblemCode.WRONG_STATE)
_OFFER = (ProblemCode.OFFER_UNKNOWN, ProblemCode.OFFER_OVER)


@router.get("/registrations", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_registrations(house: TheHouse, bidder: Bidder) -> RegistrationsShown:
    """The lots you may bid on."""
    found = await registration.registrations_of(house, bidder.subject)
    return RegistrationsShown(registrations=[RegistrationShown.of(one) for one in found])


@router.get("/deposits", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_deposits(house: TheHouse, bidder: Bidder) -> OwnDepositsShown:
    """Your deposits, and where each of them is."""
    found = await own.deposits_of(house, bidder.subject)
    return OwnDepositsShown(now_ms=house.clock_ms(), deposits=[OwnDepositShown.of(one) for one in found])


@router.get("/awards", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_awards(house: TheHouse, bidder: Bidder) -> AwardsShown:
    """The lots you won, and what is to be paid until when."""
    found = await own.awards_of(house, bidder.subject)
    centres = house.money.delivery_centres
    return AwardsShown(now_ms=house.clock_ms(), awards=[AwardShown.of(one, centres) for one in found])


@router.get("/offers", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_offers(house: TheHouse, bidder: Bidder) -> OffersShown:
    """Lots offered to you because their winners did not pay."""
    found = await own.offers_of(house, bidder.subject)
    return OffersShown(now_ms=house.clock_ms(), offers=[OfferShown.of(one) for one in found])


@router.post(
    "/awards/{award_id}/payment",
    responses={
        202: {"model": AwardShown, "description": "The payment provider has not decided yet."},
        **problems(
            *_AWARD,
            ProblemCode.PAYMENT_DECLINED,
            ProblemCode.PAYMENT_PENDING,
            ProblemCode.PAYMENT_LATE,
            *SIGNED_IN,
            *WRITE,
            *PAID,
        ),
    },
)
async def pay_award(
    house: TheHouse,
    bidder: Bidder,
    award_id: AwardId,
    *,
    key: IdempotencyKey,
    response: Response,
    payment: Payment | None = None,
) -> AwardShown:
    """Pay for a lot: what your deposit does not cover. A retry under the same key pays once."""
    award = await paying.pay_award(
        house,
        award_id,
        bidder_id=bidder.subject,
        key=key,
        payment_method=None if payment is None else payment.payment_method,
    )
    if award.status == "due":
        response.status_code = 202
    return await _shown(house, award)


@router.post("/awards/{award_id}/refuse", responses=problems(*_AWARD, ProblemCode.PAYMENT_PENDING, *SIGNED_IN, *WRITE))
async def refuse_award(
    house: TheHouse, bidder: Bidder, award_id: AwardId, refusal: Refusal | None = None
) -> AwardShown:
    """Say that you will not pay: your deposit is forfeited at once, and the default is remembered."""
    reason = None if refusal is None else refusal.reason
    return await _shown(house, await paying.refuse_award(house, award_id, bidder_id=bidder.subject, reason=reason))


@router.post(
    "/awards/{award_id}/handover",
    responses=problems(*_AWARD, ProblemCode.DELIVERY_CENTRE_UNKNOWN, *SIGNED_IN, *WRITE),
)
async def choose_centre(house: TheHouse, bidder: Bidder, award_id: AwardId, where: Handover) -> AwardShown:
    """Choose where to fetch a paid lot."""
    award = await paying.choose_centre(house, award_id, bidder_id=bidder.subject, delivery_centre=where.delivery_centre)
    return await _shown(house, award)


@router.post("/offers/{offer_id}/accept", responses=problems(*_OFFER, *SIGNED_IN, *WRITE))
async def accept_offer(house: TheHouse, bidder: Bidder, offer_id: OfferId) -> AwardShown:
    """Take a lot that is offered to you; it is awarded to you, and is to be paid."""
    return await _shown(house, await cascading.accept_offer(house, offer_id, bidder_id=bidder.subject))


@router.post("/offers/{offer_id}/decline", responses=problems(*_OFFER, *SIGNED_IN, *WRITE))
async def decline_offer(house: TheHouse, bidder: Bidder, offer_id: OfferId) -> OfferShown:
    """Say no to an offer; it costs you nothing."""
    await cascading.decline_offer(house, offer_id, bidder_id=bidder.subject)
    found = {one.offer.offer_id: one for one in await own.offers_of(house, bidder.subject)}
    return OfferShown.of(found[offer_id])


async def _shown(house: House, award: Award) -> AwardShown:
    return AwardShown.of(await own.own_award_view(house, award), house.money.delivery_centres)
