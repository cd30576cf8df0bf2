"""Assembles the HTTP API: the bid endpoint in front, FastAPI behind it, both on one application context."""

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

DESCRIPTION = """Amounts are whole fen (`*_fen`), times UTC milliseconds (`*_at_ms`), durations milliseconds (`*_ms`).
Every answer that is not a success is `application/problem+json`; programs decide by its `code`."""


def create_app(context: AppContext, config: ApiConfig) -> ASGIApp:
    """The ASGI application for a context."""
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
    bid_endpoint = BidEndpoint(app, context, authenticator, counts)
    app.state.context = context
    app.state.config = config
    app.state.authenticator = authenticator
    app.state.bid_endpoint = bid_endpoint
    app.state.registry = _registry(counts)
    return bid_endpoint


def config_of(settings: Settings) -> ApiConfig:
    """The settings that the API uses. Raises SettingsError where there is no secret."""
    return ApiConfig(
        secret=settings.secret,
        live_url=settings.live_url,
        live_port=settings.live_port,
        currency=settings.currency,
        locale=settings.locale,
        token_lifetime_s=settings.token_lifetime_s,
        delivery_centres=tuple(name.strip() for name in settings.delivery_centres.split(",")),
    )


async def serve_context(settings: Settings, listener: socket.socket) -> None:
    """Serves the API on a socket until SIGTERM or SIGINT, then closes the context."""
    async with open_context(settings) as context:
        await serve(create_app(context, config_of(settings)), listener)


def _registry(counts: BidCounts) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(counts)
    PlatformCollector(registry)
    ProcessCollector(registry=registry)
    return registry
