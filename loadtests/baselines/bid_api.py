"""The HTTP side that all rivals of the bid endpoint share: one FastAPI route, stock uvicorn, and a store of their own.

The bidder is whatever the bearer token says, unchecked: that is to the rivals' advantage. What each has to do for a bid
is the same: it must be at least a step above the price, by somebody with a deposit, under a key that decides once.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import uvicorn
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel

STEP_FEN = 100
BIDDERS = 64
"""`bidder-0` to `bidder-63` have a deposit on each lot."""
LOT = "bench-001"


@dataclass(frozen=True, slots=True)
class Servers:
    """What a rival may use."""

    database_url: str
    redis_url: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a bid: `refusal` is a code, or '' where it was accepted (`is_repeated`: by an earlier request)."""

    seq: int
    price_fen: int
    refusal: str = ""
    is_repeated: bool = False


class BidStore(Protocol):
    """Decides bids, each exactly once, and has them on the disk before it answers."""

    async def place(self, lot_id: str, bidder_id: str, amount_fen: int, key: str) -> Decision:
        """Decide a bid."""
        ...


OpenStore = Callable[[Servers], AbstractAsyncContextManager[BidStore]]
"""Opens a store with `LOT` open at price 0 and the deposits made; what it holds already is kept."""


class BidBody(BaseModel):
    """The request's body."""

    amount_fen: int


def bid_api(open_store: OpenStore, servers: Servers) -> FastAPI:
    """The rival with that store."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_store(servers) as store:
            app.state.store = store
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.post("/api/v1/lots/{lot_id}/bids")
    async def place_bid(
        lot_id: str, body: BidBody, authorization: Annotated[str, Header()], idempotency_key: Annotated[str, Header()]
    ) -> JSONResponse:
        store: BidStore = app.state.store
        bidder_id = authorization.removeprefix("Bearer ")
        decision = await store.place(lot_id, bidder_id, body.amount_fen, idempotency_key)
        if decision.refusal:
            return JSONResponse({"code": decision.refusal, "price_fen": decision.price_fen}, 409)
        receipt: dict[str, Any] = {"lot_id": lot_id, "seq": decision.seq, "amount_fen": body.amount_fen}
        return JSONResponse(receipt, 200 if decision.is_repeated else 201)

    return app


def serve_rival(open_store: OpenStore, servers: Servers, port: int) -> None:
    """Serve a rival until SIGTERM."""
    uvicorn.run(bid_api(open_store, servers), host="127.0.0.1", port=port, access_log=False, log_level="warning")
