"""The API on a house with real servers, asked in process or over a socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from starlette.types import ASGIApp

from api.app import create_app
from api.bids.protocol import BidProtocol
from api.http.config import ApiConfig
from api.http.server import ApiServer, bind
from auction.bootstrap import open_context
from auction.services.context import AppContext
from auction.services.identity.tokens import Role, TokenKeys
from auction.settings import load_settings
from tests.settlement.conftest import Stage, open_stage

SECRET = "a secret of the tests, long enough"
TERMS: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 100,
    "increments": [{"from_fen": 0, "step_fen": 100}],
    "deposit": {"policy": "none"},
}


def token(subject: str = "ann", role: Role = Role.BIDDER, *, secret: str = SECRET, now_s: int | None = None) -> str:
    """A signed token, good for an hour."""
    now_s = int(time.time()) if now_s is None else now_s
    return TokenKeys(secret).issue(subject=subject, role=role, name=subject.title(), now_s=now_s, lifetime_s=3600)


def signed(subject: str = "ann", role: Role = Role.BIDDER) -> dict[str, str]:
    """The headers of someone signed in."""
    return {"Authorization": f"Bearer {token(subject, role)}"}


OPS = signed("olga", Role.OPS)
_keys = count(1)


def new_key() -> str:
    """An idempotency key not used before."""
    return f"key-{next(_keys):08d}"


@dataclass
class Asker:
    """Someone who asks the API: a client with the calls that tests keep making."""

    http: httpx.AsyncClient
    sales: Any = field(default_factory=lambda: count(1))

    async def post(self, path: str, body: object = None, headers: dict[str, str] | None = None) -> httpx.Response:
        """A POST under /api/v1."""
        return await self.http.post(f"/api/v1{path}", json=body, headers=headers)

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """A GET under /api/v1."""
        return await self.http.get(f"/api/v1{path}", headers=headers)

    async def ops(self, path: str, body: object = None, expected: int = 200) -> dict[str, Any]:
        """A POST by staff that must succeed."""
        answer = await self.post(f"/ops{path}", body, OPS)
        assert answer.status_code == expected, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def open_lot(self, *, bidders: tuple[str, ...] = ("ann",), terms: dict[str, Any] | None = None) -> str:
        """An open lot with bidders registered."""
        sale = await self.ops("/sales", {"title": "A sale", "sale_id": f"sale{next(self.sales)}"}, 201)
        wanted = {**TERMS, **(terms or {})}
        lot = await self.ops("/lots", {"sale_id": sale["sale_id"], "title": "A lot", "terms": wanted}, 201)
        lot_id: str = lot["lot_id"]
        await self.ops(f"/lots/{lot_id}/open", {"duration_ms": 3_600_000})
        for bidder in bidders:
            answer = await self.register(lot_id, bidder)
            assert answer.status_code == 201, answer.text
        return lot_id

    async def register(self, lot_id: str, bidder: str = "ann", **more: object) -> httpx.Response:
        """A registration."""
        return await self.post(f"/lots/{lot_id}/registrations", {"accept_terms": True, **more}, signed(bidder))

    async def bid(self, lot_id: str, amount_fen: int, *, bidder: str = "ann", key: str | None = None) -> httpx.Response:
        """A bid."""
        headers = {**signed(bidder), "Idempotency-Key": key or new_key()}
        return await self.post(f"/lots/{lot_id}/bids", {"amount_fen": amount_fen}, headers)


@pytest.fixture
async def context(valkey_url: str, redis: Redis, books_url: str, tmp_path: Path) -> AsyncIterator[AppContext]:
    """A house with nothing in it."""
    settings = load_settings(
        redis_url=valkey_url,
        database_url=books_url,
        secret_key=SECRET,
        data_dir=tmp_path,
        payment_provider="sandbox",
    )
    async with open_context(settings) as opened:
        yield opened


@pytest.fixture
async def stage(valkey_url: str, redis: Redis, books_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A house on a steered clock whose lots are closed and settled by hand; its money is checked at the end.

    A file of tests that plays on it overrides `context` with `stage.context`.
    """
    async with open_stage(valkey_url, books_url, tmp_path) as played:
        yield played


@pytest.fixture
def app(context: AppContext) -> ASGIApp:
    """The API, its door in front."""
    return create_app(context, ApiConfig(secret=SECRET, live_url="wss://live.example/"))


@pytest.fixture
async def client(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Asks in process; what the application raises reaches the test."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as http:
        yield http


@pytest.fixture
def asker(client: httpx.AsyncClient) -> Asker:
    """Asks in process, with shortcuts."""
    return Asker(client)


@pytest.fixture
async def port(app: ASGIApp) -> AsyncIterator[int]:
    """The port that the API is served on, over real sockets."""
    listener = bind("127.0.0.1", 0)
    server = ApiServer(app, BidProtocol)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    yield listener.getsockname()[1]
    server.stop()
    await serving


@pytest.fixture
def ledger_as_it_is(redis: Redis) -> Callable[[], Awaitable[dict[bytes, bytes]]]:
    """Everything in the ledger, to be compared later."""

    async def everything() -> dict[bytes, bytes]:
        names: Any = await redis.keys()
        found: Any = [await redis.dump(name) for name in names]
        return dict(zip(names, found, strict=True))

    return everything
