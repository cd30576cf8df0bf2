"""Routes by which bidders confirm payments with their bank (3-D Secure), or cancel them instead."""

from fastapi import APIRouter, Response

from api.http.auth import Bidder
from api.http.openapi import PAID, SIGNED_IN, WRITE, problems
from api.routes.dependencies import ConfirmationId, Context
from api.schemas.confirmations import (
    ConfirmationOutcomeRequest,
    ConfirmationResponse,
    ConfirmationsResponse,
    OpenedConfirmationResponse,
)
from auction.domain.errors import ProblemCode
from auction.services.payments import confirmations

router = APIRouter(prefix="/me/confirmations", tags=["bidders"])

_OWN = problems(ProblemCode.CONFIRMATION_UNKNOWN, *SIGNED_IN, *WRITE, *PAID)


@router.get("", responses=problems(*SIGNED_IN, ProblemCode.BOOKS_AWAY))
async def my_confirmations(context: Context, bidder: Bidder) -> ConfirmationsResponse:
    """Payments and deposits that your bank wants you to confirm."""
    waiting = await confirmations.waiting_confirmations(context, bidder.subject)
    return ConfirmationsResponse.of(waiting, now_ms=context.clock_ms())


@router.post("/{confirmation_id}/open", responses=_OWN)
async def open_confirmation(
    context: Context, bidder: Bidder, confirmation_id: ConfirmationId, response: Response
) -> OpenedConfirmationResponse:
    """Begin to confirm: returns what the provider's own dialog is opened with."""
    response.headers["Cache-Control"] = "no-store"
    opened = await confirmations.open_confirmation(context, confirmation_id, bidder_id=bidder.subject)
    return OpenedConfirmationResponse.opened(opened)


@router.post("/{confirmation_id}/outcome", responses=_OWN)
async def finish_confirmation(
    context: Context,
    bidder: Bidder,
    confirmation_id: ConfirmationId,
    outcome: ConfirmationOutcomeRequest | None = None,
) -> ConfirmationResponse:
    """Ask what came of a confirmation; the provider is asked if it is not known yet."""
    confirmed = None if outcome is None else outcome.confirmed
    return ConfirmationResponse.of(
        await confirmations.finish_confirmation(context, confirmation_id, bidder_id=bidder.subject, confirmed=confirmed)
    )


@router.post("/{confirmation_id}/cancel", responses=_OWN)
async def cancel_confirmation(
    context: Context, bidder: Bidder, confirmation_id: ConfirmationId
) -> ConfirmationResponse:
    """Cancel what you are to confirm, to use another card. If it was confirmed before, it has succeeded."""
    return ConfirmationResponse.of(
        await confirmations.cancel_confirmation(context, confirmation_id, bidder_id=bidder.subject)
    )
