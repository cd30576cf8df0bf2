"""Routes by which bidders save cards at the payment provider, see and remove them."""

from fastapi import APIRouter

from api.http.auth import Bidder
from api.http.openapi import PAID, SIGNED_IN, WRITE, problems
from api.routes.dependencies import Context, MethodId
from api.schemas.payment_methods import (
    CardSetupResponse,
    PaymentMethodResponse,
    PaymentMethodsResponse,
    SaveCardRequest,
)
from auction.domain.errors import ProblemCode
from auction.services.payments import saved_cards

router = APIRouter(prefix="/me/payment-methods", tags=["bidders"])


@router.get("", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_payment_methods(context: Context, bidder: Bidder) -> PaymentMethodsResponse:
    """Your saved cards."""
    return PaymentMethodsResponse.of(await saved_cards.saved_cards_of(context, bidder.subject))


@router.post("/setups", status_code=201, responses=problems(*SIGNED_IN, *WRITE, *PAID))
async def start_saving(context: Context, bidder: Bidder) -> CardSetupResponse:
    """Begin to save a card: confirm it in the provider's form, then send its setup_id."""
    setup = await saved_cards.start_saving(context, bidder_id=bidder.subject, name=bidder.name)
    gateway = context.gateway
    return CardSetupResponse.of(setup, provider=gateway.provider, publishable_key=gateway.publishable_key)


@router.post(
    "",
    status_code=201,
    responses=problems(
        ProblemCode.PAYMENT_METHOD_UNKNOWN, ProblemCode.PAYMENT_METHOD_UNCONFIRMED, *SIGNED_IN, *WRITE, *PAID
    ),
)
async def save_card(context: Context, bidder: Bidder, card: SaveCardRequest) -> PaymentMethodResponse:
    """Save a card that you have confirmed; again: the same one."""
    return PaymentMethodResponse.of(
        await saved_cards.finish_saving(context, bidder_id=bidder.subject, setup_ref=card.setup_id, card=card.card)
    )


@router.delete(
    "/{method_id}",
    status_code=204,
    responses=problems(
        ProblemCode.PAYMENT_METHOD_UNKNOWN, ProblemCode.PAYMENT_METHOD_IN_USE, *SIGNED_IN, *WRITE, *PAID
    ),
)
async def remove_card(context: Context, bidder: Bidder, method_id: MethodId) -> None:
    """Remove a saved card."""
    await saved_cards.remove_card(context, method_id, bidder_id=bidder.subject)
