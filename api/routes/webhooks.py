"""Where payment providers say what became of what they were asked; each notice proves itself by its signature."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.finance_answers import NoticeTaken
from api.openapi import problems
from api.routes.wanted import TheHouse
from auction.domain.errors import ProblemCode
from auction.services.payments import take_notice

router = APIRouter(prefix="/payments/webhooks", tags=["payments"])


@router.post(
    "/{provider}",
    responses=problems(ProblemCode.PROVIDER_UNKNOWN, ProblemCode.NOTICE_REFUSED, ProblemCode.BOOKS_AWAY),
)
async def take(
    house: TheHouse,
    provider: Annotated[str, Path(min_length=1, max_length=64, examples=["stripe"])],
    request: Request,
) -> NoticeTaken:
    """Take a provider's notice in; the same again changes nothing."""
    return NoticeTaken(taken=await take_notice(house, provider, await request.body(), dict(request.headers)))
