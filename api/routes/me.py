"""Routes for a bidder's own registrations, deposits, awards and offers."""

from fastapi import APIRouter, Response

from api.http.auth import Bidder
from api.http.openapi import PAID, SIGNED_IN, WRITE, problems
from api.routes.dependencies import AwardId, Context, IdempotencyKey, OfferId
from api.schemas.bidder import (
    AwardResponse,
    AwardsResponse,
    OfferResponse,
    OffersResponse,
    OwnDepositsResponse,
)
from api.schemas.public import RegistrationsResponse
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
    """Your registrations."""
    return RegistrationsResponse.of(await registrations.registrations_of(context, bidder.subject))


@router.get("/deposits", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_deposits(context: Context, bidder: Bidder) -> OwnDepositsResponse:
    """Your deposits, and the state of each."""
    found = await bidder_views.deposits_of(context, bidder.subject)
    return OwnDepositsResponse.of(found, now_ms=context.clock_ms())


@router.get("/awards", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_awards(context: Context, bidder: Bidder) -> AwardsResponse:
    """The lots that you bought, what you have to pay, and until when."""
    found = await bidder_views.awards_of(context, bidder.subject)
    return AwardsResponse.of(
        found, context.money.delivery_centres, context.money.bank_account, now_ms=context.clock_ms()
    )


@router.get("/offers", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_offers(context: Context, bidder: Bidder) -> OffersResponse:
    """Lots that are offered to you because their buyers did not pay."""
    found = await bidder_views.offers_of(context, bidder.subject)
    return OffersResponse.of(found, now_ms=context.clock_ms())


@router.post(
    "/awards/{award_id}/payment",
    responses={
        202: {"model": AwardResponse, "description": "The payment provider has not decided yet."},
        **problems(
            *_AWARD,
            ProblemCode.PAYMENT_DECLINED,
            ProblemCode.PAYMENT_METHOD_MISSING,
            ProblemCode.PAYMENT_METHOD_UNKNOWN,
            ProblemCode.PAYMENT_PENDING,
            ProblemCode.PAYMENT_LATE,
            ProblemCode.PAYMENT_TOO_SMALL,
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
    """Pay for a lot what your deposit does not cover. Retries with the same key pay once."""
    award = await award_payment.pay_award(
        context,
        award_id,
        bidder_id=bidder.subject,
        key=key,
        payment_method=None if payment is None else payment.payment_method,
    )
    if award.status == "due":
        response.status_code = 202
    return await _award_response(context, award)


@router.post("/awards/{award_id}/refuse", responses=problems(*_AWARD, ProblemCode.PAYMENT_PENDING, *SIGNED_IN, *WRITE))
async def refuse_award(
    context: Context, bidder: Bidder, award_id: AwardId, refusal: RefusalRequest | None = None
) -> AwardResponse:
    """Refuse to pay: your deposit is forfeited at once, and the default is recorded."""
    reason = None if refusal is None else refusal.reason
    award = await award_payment.refuse_award(context, award_id, bidder_id=bidder.subject, reason=reason)
    return await _award_response(context, award)


@router.post(
    "/awards/{award_id}/handover",
    responses=problems(*_AWARD, ProblemCode.DELIVERY_CENTRE_UNKNOWN, *SIGNED_IN, *WRITE),
)
async def choose_centre(context: Context, bidder: Bidder, award_id: AwardId, where: HandoverRequest) -> AwardResponse:
    """Choose where to collect a paid lot."""
    award = await award_payment.choose_centre(
        context, award_id, bidder_id=bidder.subject, delivery_centre=where.delivery_centre
    )
    return await _award_response(context, award)


@router.post("/offers/{offer_id}/accept", responses=problems(*_OFFER, *SIGNED_IN, *WRITE))
async def accept_offer(context: Context, bidder: Bidder, offer_id: OfferId) -> AwardResponse:
    """Accept an offer: the lot is awarded to you, and you have to pay it."""
    award = await runner_up_offers.accept_offer(context, offer_id, bidder_id=bidder.subject)
    return await _award_response(context, award)


@router.post("/offers/{offer_id}/decline", responses=problems(*_OFFER, *SIGNED_IN, *WRITE))
async def decline_offer(context: Context, bidder: Bidder, offer_id: OfferId) -> OfferResponse:
    """Decline an offer, at no cost to you."""
    await runner_up_offers.decline_offer(context, offer_id, bidder_id=bidder.subject)
    found = {one.offer.offer_id: one for one in await bidder_views.offers_of(context, bidder.subject)}
    return OfferResponse.of(found[offer_id])


async def _award_response(context: AppContext, award: Award) -> AwardResponse:
    own = await bidder_views.own_award_view(context, award)
    return AwardResponse.of(own, context.money.delivery_centres, context.money.bank_account)
