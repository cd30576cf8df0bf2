"""The configuration that pages load first."""

import time

from fastapi import APIRouter, Request

from api.http.config import ApiConfig
from api.http.openapi import problems
from api.routes.dependencies import Context
from api.schemas.public import ConfigResponse

router = APIRouter(tags=["config"])


@router.get("/config", responses=problems())
async def config(context: Context, request: Request) -> ConfigResponse:
    """The address of the live channel, currency and locale, payment provider and delivery centres."""
    api_config: ApiConfig = request.app.state.config
    return ConfigResponse(
        live_url=api_config.live_url_for(request.headers.get("host"), secure=request.url.scheme == "https"),
        now_ms=int(time.time() * 1000),
        currency=api_config.currency,
        currency_exponent=context.money.currency.exponent,
        locale=api_config.locale,
        payment_provider=context.gateway.provider,
        delivery_centres=list(api_config.delivery_centres),
        two_persons=context.two_persons,
    )
