"""Clients of many bidders on one lot: what they do follows from a seed, what they see goes into a history.

Each has a connection to every API process. A bid whose outcome is not known is tried again under the same key, at
the other process, until the house says yes or no: as the bidders of a launch day do.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from auction.services.catalogue.lots import create_lot, create_sale, open_lot, schedule_lot
from auction.services.context import AppContext
from auction.services.identity.tokens import Role, TokenKeys
from auction.services.payments.registration_deposits import register
from tests.chaos.deployment import SECRET
from tests.chaos.history import STANDS, Attempt, History, Outcome
from tests.chaos.http_connection import Address, HttpConnection

STEP_FEN = 100
TERMS: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": STEP_FEN,
    "increments": [{"from_fen": 0, "step_fen": STEP_FEN}],
    "deposit": {"policy": "none"},
}
HOUR_MS = 3_600_000
CONNECTIONS = 10
"""Of a context to its database: waiting for one has a time-out, which a busy machine exceeds."""
TRY_AGAIN_S = 0.02
PATIENCE_S = 60.0
"""How long a bidder goes on trying to learn what became of a bid."""


@cache
def token(subject: str, role: Role = Role.BIDDER) -> str:
    """A signed token, good for an hour."""
    return TokenKeys(SECRET).issue(subject=subject, role=role, now_s=int(time.time()), lifetime_s=3600)


def bidder_ids(number: int) -> list[str]:
    """So many bidders' ids."""
    return [f"bidder-{n:02d}" for n in range(1, number + 1)]


async def open_a_lot(
    context: AppContext, *, bidders: int, duration_ms: int = HOUR_MS, terms: dict[str, Any] | None = None
) -> str:
    """An open lot of a sale of its own, with so many bidders registered."""
    sale = await create_sale(context, title="A storm", actor="olga")
    return await open_in_sale(context, sale.sale_id, bidders=bidders, duration_ms=duration_ms, terms=terms)


async def open_in_sale(
    context: AppContext, sale_id: str, *, bidders: int, duration_ms: int = HOUR_MS, terms: dict[str, Any] | None = None
) -> str:
    """An open lot with so many bidders registered."""
    lot = await create_lot(context, sale_id=sale_id, title="No. 001", terms={**TERMS, **(terms or {})}, actor="olga")
    lot_id = lot.record.lot_id
    # registered before it opens, so that the lot's time is theirs
    opens_at_ms = await context.ledger.now_ms() + HOUR_MS
    await schedule_lot(context, lot_id, opens_at_ms=opens_at_ms, closes_at_ms=opens_at_ms + HOUR_MS, actor="olga")
    at_once = asyncio.Semaphore(CONNECTIONS)

    async def enter(bidder_id: str) -> None:
        async with at_once:
            await register(context, lot_id, bidder_id=bidder_id, name=bidder_id)

    async with asyncio.TaskGroup() as tasks:
        for one in bidder_ids(bidders):
            tasks.create_task(enter(one))
    await open_lot(context, lot_id, duration_ms=duration_ms, actor="olga")
    return lot_id


@dataclass(slots=True)
class Market:
    """What the clients know together: the least bid anyone was told, and the highest anyone has thought of."""

    minimum_fen: int = STEP_FEN
    highest_fen: int = 0

    def learn(self, attempt: Attempt) -> None:
        """Read an answer."""
        self.minimum_fen = max(self.minimum_fen, attempt.answer.get("minimum_fen", 0))

    def next_fen(self) -> int:
        """An amount above every other that was thought of."""
        self.highest_fen = max(self.minimum_fen, self.highest_fen + STEP_FEN)
        return self.highest_fen


@dataclass(slots=True)
class BiddingClients:
    """Bidders on a lot; `bid_for` or `bid_until`, any number of times."""

    seed: int
    history: History
    addresses: Sequence[Address]
    size: int
    looks_percent: int = 1
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    market: Market = field(default_factory=Market)
    _left: int | None = None
    _runs: int = 0

    async def bid_for(self, attempts: int) -> None:
        """Bid until about so many attempts were made."""
        self._left = attempts
        await self._everyone()

    async def bid_until_stopped(self) -> None:
        """Bid until `stopping` is set, and every bid's outcome is known."""
        self._left = None
        await self._everyone()

    async def _everyone(self) -> None:
        self._runs += 1
        async with asyncio.TaskGroup() as tasks:
            for number, bidder_id in enumerate(bidder_ids(self.size)):
                tasks.create_task(_BiddingClient(self, number, bidder_id, self._runs).bid())

    def goes_on(self) -> bool:
        """Whether one more attempt is wanted; counts it."""
        if self.stopping.is_set() or (self._left is not None and self._left <= 0):
            return False
        if self._left is not None:
            self._left -= 1
        return True


class _BiddingClient:
    """One of the clients."""

    def __init__(self, clients: BiddingClients, number: int, bidder_id: str, run: int) -> None:
        self._crowd = clients
        self._bidder_id = bidder_id
        self._token = token(bidder_id)
        self._chance = Random(f"{clients.seed} {bidder_id} {run}")
        self._wires = [HttpConnection(address) for address in clients.addresses]
        self._at = number % len(self._wires)
        self._keys = 0
        self._prefix = f"{bidder_id}-{run}"
        self._placed: list[tuple[str, int]] = []

    async def bid(self) -> None:
        """Bid as long as the clients do."""
        try:
            while self._crowd.goes_on():
                await self._act()
        finally:
            for connection in self._wires:
                connection.close()

    async def _act(self) -> None:
        market, chance = self._crowd.market, self._chance
        kind = chance.randrange(100)
        if kind < self._crowd.looks_percent:
            await self._crowd.history.look(self._wires[self._at])
        elif kind < 60:
            await self._place(market.next_fen())
        elif kind < 75:
            await self._place(market.minimum_fen + STEP_FEN * chance.randrange(3))
        elif kind < 85 or not self._placed:
            await self._place(max(1, market.minimum_fen - chance.randrange(1, 5 * STEP_FEN)))
        else:
            key, amount_fen = chance.choice(self._placed)
            # a retry of a bid that stands, or its key for another bid
            await self._settle(amount_fen if kind < 95 else amount_fen + STEP_FEN, key)

    async def _place(self, amount_fen: int) -> None:
        self._keys += 1
        key = f"{self._prefix}-{self._keys:06d}"
        if (await self._settle(amount_fen, key)).outcome in STANDS:
            self._placed.append((key, amount_fen))

    async def _settle(self, amount_fen: int, key: str) -> Attempt:
        """Try until the house says yes or no."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            history, connection = self._crowd.history, self._wires[self._at]
            attempt = await history.bid(connection, self._bidder_id, self._token, amount_fen, key)
            self._crowd.market.learn(attempt)
            if attempt.outcome not in (Outcome.UNKNOWN, Outcome.NOT_TAKEN):
                return attempt
            assert time.monotonic() < deadline_s, f"nobody decides the bid {key}: {attempt}"
            self._at = (self._at + 1) % len(self._wires)
            await asyncio.sleep(TRY_AGAIN_S * (1 + self._chance.random()))
