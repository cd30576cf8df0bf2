"""Where payment providers say what became of what they were asked; each notice proves itself by its signature."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.http.openapi import problems
from api.routes.dependencies import Context
from api.schemas.finance import WebhookResponse
from auction.domain.errors import ProblemCode
from auction.services.payments.gateway_calls import take_notice

router = APIRouter(prefix="/payments/webhooks", tags=["payments"])


@router.post(
    "/{provider}",
    responses=problems(ProblemCode.PROVIDER_UNKNOWN, ProblemCode.NOTICE_REFUSED, ProblemCode.BOOKS_AWAY),
)
async def take(
    context: Context,
    provider: Annotated[str, Path(min_length=1, max_length=64, examples=["stripe"])],
    request: Request,
) -> WebhookResponse:
    """Take a provider's notice in; the same again changes nothing."""
    return WebhookResponse(taken=await take_notice(context, provider, await request.body(), dict(request.headers)))
