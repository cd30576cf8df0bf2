"""What a page needs to know of the house before anything else."""

import time

from fastapi import APIRouter, Request

from api.http.config import ApiConfig
from api.http.openapi import problems
from api.schemas.public import ConfigResponse

router = APIRouter(tags=["config"])


@router.get("/config", responses=problems())
async def config(request: Request) -> ConfigResponse:
    """Where the live channel is, and how money and dates are written, who takes payments."""
    context: ApiConfig = request.app.state.config
    return ConfigResponse(
        live_url=context.live_url_for(request.headers.get("host"), secure=request.url.scheme == "https"),
        now_ms=int(time.time() * 1000),
        currency=context.currency,
        locale=context.locale,
        payment_provider=context.payment_provider,
        delivery_centres=list(context.delivery_centres),
    )
