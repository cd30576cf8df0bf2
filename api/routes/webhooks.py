"""The route to which payment providers send notices of outcomes; each notice is verified by its signature."""

from fastapi import APIRouter, Request

from api.http.openapi import problems
from api.routes.dependencies import Context, Provider
from api.schemas.finance import WebhookResponse
from auction.domain.errors import ProblemCode
from auction.services.provider_events.receipt import receive_notice as receive

router = APIRouter(prefix="/payments/webhooks", tags=["payments"])


@router.post(
    "/{provider}",
    responses=problems(ProblemCode.PROVIDER_UNKNOWN, ProblemCode.NOTICE_REFUSED, ProblemCode.BOOKS_AWAY),
)
async def receive_notice(context: Context, provider: Provider, request: Request) -> WebhookResponse:
    """Receive a payment provider's notice. Receiving it again changes nothing."""
    return WebhookResponse(taken=await receive(context, provider, await request.body(), dict(request.headers)))
