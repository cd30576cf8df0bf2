"""Assembles the HTTP API: the bid endpoint in front, FastAPI behind it, both on one application context."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.registry import Collector

from api.bids.answers import BidAnswers
from api.bids.endpoint import BidEndpoint
from api.bids.protocol import BidProtocol
from api.http import exception_handlers, openapi
from api.http.auth import Authenticator
from api.http.config import ApiConfig
from api.http.connection import ConnectionRules
from api.http.connection_counts import ConnectionCounts
from api.http.head_requests import HeadRequests
from api.http.late_app import LateApp
from api.http.metrics import BidCounts, EdgeGauges, LedgerMemoryGauges, RecoveryGauges
from api.http.metrics_server import metrics_served
from api.http.middleware import RequestMiddleware
from api.http.request_rate import RequestRate, bounds_of
from api.http.server import ApiServer, serve
from api.http.sessions import CsrfKey
from api.http.shared_responses import SharedResponses
from api.http.trusted_proxies import TrustedProxies
from api.routes import outside, v1
from api.web import docs_page, documents
from auction.services.bidding.background import kept_up_to_date
from auction.services.bidding.heartbeat import Heartbeat
from auction.services.context import AppContext
from auction.services.identity.tokens import TokenKeys
from auction.services.recovery.watch import RecoveryWatch
from auction.serving.open_files import open_files_max
from auction.settings import Settings, SettingsError, load_settings
from auction.startup import open_context_when_ledger_answers

__all__ = ["SettingsError", "config_of", "create_app", "load_settings", "serve_context"]

OTHER_FILES = 256
"""Files that a process has open beside its connections: servers, logs, modules."""

DESCRIPTION = """Amounts are whole fen (`*_fen`), times UTC milliseconds (`*_at_ms`), durations milliseconds (`*_ms`).
Every answer that is not a success is `application/problem+json`; programs decide by its `code`."""


def create_app(context: AppContext, config: ApiConfig, recovery: RecoveryWatch | None = None) -> BidEndpoint:
    """The ASGI application for a context. `recovery`: what metrics say is stopped; the caller keeps it up to date."""
    keys = TokenKeys(config.secret)
    context.key_follower.follow(keys)
    authenticator = Authenticator(keys, CsrfKey.derive(config.secret), context.revocations, context.seen_sessions)
    counts = BidCounts()
    app = FastAPI(
        title="Flash auction",
        summary="Bids are decided in one atomic step; every yuan is accounted for.",
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(v1)
    app.include_router(outside)
    openapi.install(app)
    app.router.routes.extend([*documents.routes(context.money.currency), *(docs_page.routes() if config.docs else [])])
    app.router.routes.append(documents.unknown_page())
    # the last is the outermost
    app.add_middleware(SharedResponses)
    app.add_middleware(RequestMiddleware)
    app.add_middleware(HeadRequests)
    exception_handlers.install(app)
    registry = _registry(
        counts,
        EdgeGauges(context.edge),
        LedgerMemoryGauges(context.ledger_memory),
        RecoveryGauges(recovery or RecoveryWatch()),
    )
    answers = BidAnswers(authenticator, counts, context.money.currency)
    bid_endpoint = BidEndpoint(app, context, answers, registry)
    app.state.context = context
    app.state.config = config
    app.state.authenticator = authenticator
    app.state.bid_endpoint = bid_endpoint
    app.state.registry = registry
    return bid_endpoint


def config_of(settings: Settings, *, status_fd: int | None = None) -> ApiConfig:
    """The settings that the API uses. Raises SettingsError where there is no secret."""
    return ApiConfig(
        secret=settings.secret,
        live_url=settings.live_url,
        live_port=settings.live_port,
        currency=settings.currency,
        locale=settings.locale,
        token_lifetime_s=settings.token_lifetime_s,
        delivery_centres=tuple(name.strip() for name in settings.delivery_centres.split(",")),
        docs=settings.docs,
        metrics_apart=settings.metrics_port is not None,
        status_fd=status_fd,
    )


def connection_rules(settings: Settings) -> ConnectionRules:
    """The bounds of connections; as many as the process may open files, but for those that it needs itself."""
    total_max = min(settings.http_sockets_max, max(1, open_files_max() - OTHER_FILES))
    counts = ConnectionCounts(total_max, settings.http_sockets_per_address)
    proxies = TrustedProxies.parse(settings.trusted_proxies)
    requests = RequestRate(bounds_of(settings.requests_per_client_s, settings.sign_ins_per_client_minute))
    return ConnectionRules(read_s=settings.http_read_timeout_s, counts=counts, proxies=proxies, requests=requests)


async def serve_context(settings: Settings, listener: socket.socket, *, status_fd: int | None = None) -> None:
    """Serves the API on a socket until SIGTERM or SIGINT, then closes the context.

    While the ledger is away at the start, every request is answered with 503. `status_fd`: what the supervisor
    publishes (`auction.serving.status`).
    """
    late, stopping, recovery = LateApp(), asyncio.Event(), RecoveryWatch()
    rules = connection_rules(settings)
    server = ApiServer(late, BidProtocol, rules)
    serving: list[asyncio.Task[None]] = []
    registry = CollectorRegistry()

    def start(reason: str = "") -> None:
        late.reason = reason
        task = asyncio.create_task(serve(server, listener))
        task.add_done_callback(lambda _: stopping.set())
        serving.append(task)

    try:
        async with (
            open_context_when_ledger_answers(settings, stopping, on_away=start) as context,
            _watched(context, recovery, settings),
        ):
            if context is not None:
                late.app = app = create_app(context, config_of(settings, status_fd=status_fd), recovery)
                registry = app.registry
                rules.requests.subject_of = app.answers.authenticator.known_subject
            # until here connections wait in the backlog, unless the ledger is away
            if not serving:
                start()
            async with metrics_served(settings.metrics_host, settings.metrics_port, registry):
                await serving[0]
    finally:
        server.stop()
        await asyncio.gather(*serving)


@asynccontextmanager
async def _watched(context: AppContext | None, recovery: RecoveryWatch, settings: Settings) -> AsyncIterator[None]:
    """During the block: the ledger is told that bids are taken; what they depend on and what is stopped is followed."""
    if context is None:
        yield
        return
    heartbeat = Heartbeat(context.ledger, context.ledger_memory, limit_ms=settings.outage_pause_ms)
    watching = {
        asyncio.create_task(heartbeat.run(), name="heartbeat"),
        asyncio.create_task(recovery.run(context.ledger, context.books), name="watch what is stopped"),
    }
    try:
        async with kept_up_to_date(context):
            yield
    finally:
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)


def _registry(*collectors: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    PlatformCollector(registry)
    ProcessCollector(registry=registry)
    return registry
