"""Puts the API together: the door in front, FastAPI behind it, both on one house."""

import socket

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from starlette.types import ASGIApp

from api.bids.endpoint import BidEndpoint
from api.http import exception_handlers, openapi
from api.http.auth import Authenticator
from api.http.config import ApiConfig
from api.http.metrics import BidCounts
from api.http.middleware import RequestMiddleware
from api.http.server import serve
from api.http.sessions import CsrfKey
from api.routes import outside, v1
from api.web import docs_page, documents
from auction.bootstrap import open_context
from auction.services.context import AppContext
from auction.services.identity.tokens import TokenKey
from auction.settings import Settings, SettingsError, load_settings

__all__ = ["SettingsError", "config_of", "create_app", "load_settings", "serve_context"]

DESCRIPTION = """Money is integer fen (`*_fen`), time is UTC milliseconds (`*_at_ms`), a duration milliseconds (`*_ms`).
Everything that is not a success is `application/problem+json`; decide by its `code`."""


def create_app(context: AppContext, config: ApiConfig) -> ASGIApp:
    """The API of a house, ready to be served or tested."""
    authenticator = Authenticator(TokenKey(config.secret), CsrfKey.derive(config.secret))
    counts = BidCounts()
    app = FastAPI(
        title="Flash auction",
        summary="Bids are decided in one atomic step; every yuan is accounted for.",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(v1)
    app.include_router(outside)
    app.router.routes.extend([*documents.routes(), *docs_page.routes()])
    app.add_middleware(RequestMiddleware)
    exception_handlers.install(app)
    openapi.install(app)
    door = BidEndpoint(app, context, authenticator, counts)
    app.state.context = context
    app.state.config = config
    app.state.authenticator = authenticator
    app.state.door = door
    app.state.registry = _registry(counts)
    return door


def config_of(settings: Settings) -> ApiConfig:
    """What of the settings the API needs. Raises SettingsError where there is no secret."""
    return ApiConfig(
        secret=settings.secret,
        live_url=settings.live_url,
        live_port=settings.live_port,
        currency=settings.currency,
        locale=settings.locale,
        token_lifetime_s=settings.token_lifetime_s,
        payment_provider=settings.payment_provider,
        delivery_centres=tuple(name.strip() for name in settings.delivery_centres.split(",")),
    )


async def serve_context(settings: Settings, listener: socket.socket) -> None:
    """Serve the house of these settings until told to stop; then close it, bids first."""
    async with open_context(settings) as context:
        await serve(create_app(context, config_of(settings)), listener)


def _registry(counts: BidCounts) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(counts)
    PlatformCollector(registry)
    ProcessCollector(registry=registry)
    return registry
