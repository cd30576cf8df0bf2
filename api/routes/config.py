"""What a page needs to know of the house before anything else."""

import time

from fastapi import APIRouter, Request

from api.answers import ConfigShown
from api.config import ApiConfig
from api.openapi import problems

router = APIRouter(tags=["config"])


@router.get("/config", responses=problems())
async def config(request: Request) -> ConfigShown:
    """Where the live channel is, and how money and dates are written, who takes payments."""
    house: ApiConfig = request.app.state.config
    return ConfigShown(
        live_url=house.live_url_for(request.headers.get("host"), secure=request.url.scheme == "https"),
        now_ms=int(time.time() * 1000),
        currency=house.currency,
        locale=house.locale,
        payment_provider=house.payment_provider,
        delivery_centres=list(house.delivery_centres),
    )
