"""What is a bidder's own: registrations, deposits, awards to pay, offers to answer."""

from fastapi import APIRouter, Response

from api.http.auth import Bidder
from api.http.openapi import PAID, SIGNED_IN, WRITE, problems
from api.routes.dependencies import AwardId, Context, IdempotencyKey, OfferId
from api.schemas.bidder import (
    AwardResponse,
    AwardsResponse,
    OfferResponse,
    OffersResponse,
    OwnDepositResponse,
    OwnDepositsResponse,
)
from api.schemas.public import RegistrationResponse, RegistrationsResponse
from api.schemas.requests import HandoverRequest, PaymentRequest, RefusalRequest
from auction.books.settlements import Award
from auction.domain.errors import ProblemCode
from auction.services.context import AppContext
from auction.services.registration import registrations
from auction.services.settlement import award_payment, bidder_views, runner_up_offers

router = APIRouter(prefix="/me", tags=["bidders"])

_AWARD = (ProblemCode.AWARD_UNKNOWN, ProblemCode.WRONG_STATE)
_OFFER = (ProblemCode.OFFER_UNKNOWN, ProblemCode.OFFER_OVER)


@router.get("/registrations", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_registrations(context: Context, bidder: Bidder) -> RegistrationsResponse:
    """The lots you may bid on."""
    found = await registrations.registrations_of(context, bidder.subject)
    return RegistrationsResponse(registrations=[RegistrationResponse.of(one) for one in found])


@router.get("/deposits", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_deposits(context: Context, bidder: Bidder) -> OwnDepositsResponse:
    """Your deposits, and where each of them is."""
    found = await bidder_views.deposits_of(context, bidder.subject)
    return OwnDepositsResponse(now_ms=context.clock_ms(), deposits=[OwnDepositResponse.of(one) for one in found])


@router.get("/awards", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_awards(context: Context, bidder: Bidder) -> AwardsResponse:
    """The lots you won, and what is to be paid until when."""
    found = await bidder_views.awards_of(context, bidder.subject)
    centres = context.money.delivery_centres
    return AwardsResponse(now_ms=context.clock_ms(), awards=[AwardResponse.of(one, centres) for one in found])


@router.get("/offers", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_offers(context: Context, bidder: Bidder) -> OffersResponse:
    """Lots offered to you because their winners did not pay."""
    found = await bidder_views.offers_of(context, bidder.subject)
    return OffersResponse(now_ms=context.clock_ms(), offers=[OfferResponse.of(one) for one in found])


@router.post(
    "/awards/{award_id}/payment",
    responses={
        202: {"model": AwardResponse, "description": "The payment provider has not decided yet."},
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
    context: Context,
    bidder: Bidder,
    award_id: AwardId,
    *,
    key: IdempotencyKey,
    response: Response,
    payment: PaymentRequest | None = None,
) -> AwardResponse:
    """Pay for a lot: what your deposit does not cover. A retry under the same key pays once."""
    award = await award_payment.pay_award(
        context,
        award_id,
        bidder_id=bidder.subject,
        key=key,
        payment_method=None if payment is None else payment.payment_method,
    )
    if award.status == "due":
        response.status_code = 202
    return await _shown(context, award)


@router.post("/awards/{award_id}/refuse", responses=problems(*_AWARD, ProblemCode.PAYMENT_PENDING, *SIGNED_IN, *WRITE))
async def refuse_award(
    context: Context, bidder: Bidder, award_id: AwardId, refusal: RefusalRequest | None = None
) -> AwardResponse:
    """Say that you will not pay: your deposit is forfeited at once, and the default is remembered."""
    reason = None if refusal is None else refusal.reason
    return await _shown(
        context, await award_payment.refuse_award(context, award_id, bidder_id=bidder.subject, reason=reason)
    )


@router.post(
    "/awards/{award_id}/handover",
    responses=problems(*_AWARD, ProblemCode.DELIVERY_CENTRE_UNKNOWN, *SIGNED_IN, *WRITE),
)
async def choose_centre(context: Context, bidder: Bidder, award_id: AwardId, where: HandoverRequest) -> AwardResponse:
    """Choose where to fetch a paid lot."""
    award = await award_payment.choose_centre(
        context, award_id, bidder_id=bidder.subject, delivery_centre=where.delivery_centre
    )
    return await _shown(context, award)


@router.post("/offers/{offer_id}/accept", responses=problems(*_OFFER, *SIGNED_IN, *WRITE))
async def accept_offer(context: Context, bidder: Bidder, offer_id: OfferId) -> AwardResponse:
    """Take a lot that is offered to you; it is awarded to you, and is to be paid."""
    return await _shown(context, await runner_up_offers.accept_offer(context, offer_id, bidder_id=bidder.subject))


@router.post("/offers/{offer_id}/decline", responses=problems(*_OFFER, *SIGNED_IN, *WRITE))
async def decline_offer(context: Context, bidder: Bidder, offer_id: OfferId) -> OfferResponse:
    """Say no to an offer; it costs you nothing."""
    await runner_up_offers.decline_offer(context, offer_id, bidder_id=bidder.subject)
    found = {one.offer.offer_id: one for one in await bidder_views.offers_of(context, bidder.subject)}
    return OfferResponse.of(found[offer_id])


async def _shown(context: AppContext, award: Award) -> AwardResponse:
    return AwardResponse.of(await bidder_views.own_award_view(context, award), context.money.delivery_centres)
