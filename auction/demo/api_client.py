"""One caller of the API with a token of its own: registers, looks, bids, and acts for the house. Only what anyone can.

A bid whose answer does not come, or that is turned away for the moment (503, 429), is sent again with the same
Idempotency-Key: it counts once, whatever happened to the first one.
"""

import asyncio
import contextlib
import random
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

ANSWER_S = 10.0
LOST_AFTER_S = 0.02
"""On a bad line a caller is cut off within this time: before the bid is sent, while it is decided, or after."""
TRIES_MAX = 8
WAIT_FIRST_S, WAIT_S_MAX = 0.05, 1.0
_FOR_THE_MOMENT = (429, 503)


@dataclass(slots=True)
class CallCounts:
    """What became of everybody's bids."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    """Sent again with the same key."""
    found: int = 0
    """Of those, already taken: the first one had come through."""
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ApiReply:
    """The answer to a bid: 201 or 200 accepted, else why not."""

    status: int
    facts: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the bid stands."""
        return self.status in {200, 201}

    @property
    def code(self) -> str:
        """Why it does not."""
        return str(self.facts.get("code", self.status))


class CallFailed(Exception):
    """The API answered something that the demo cannot go on with."""


class ApiClient:
    """A caller; many share one client."""

    def __init__(self, client: httpx.AsyncClient, token: str, tally: CallCounts, chance: random.Random) -> None:
        self._client = client
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._tally = tally
        self._chance = chance

    async def ask(self, path: str) -> Any:
        """GET; CallFailed where it is not answered with 200."""
        return await self._call("GET", path)

    async def tell(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """POST, under an Idempotency-Key if one is given; CallFailed where it is not answered with success."""
        return await self._call("POST", path, body, key=key)

    async def register(self, lot_id: str, deposit_fen: int | None = None) -> int:
        """Accept a lot's terms; the paddle."""
        body: dict[str, Any] = {"accept_terms": True}
        if deposit_fen is not None:
            body["deposit_fen"] = deposit_fen
        return int((await self.tell(f"/lots/{lot_id}/registrations", body))["paddle"])

    async def bid(self, lot_id: str, amount_fen: int, *, bad_line: bool = False) -> ApiReply:
        """Place one bid, sent again until it is answered. `bad_line`: the first answer is lost."""
        key = secrets.token_hex(12)
        reply = None
        if bad_line:
            await self._try_on_a_bad_line(lot_id, amount_fen, key)
        for attempt in range(TRIES_MAX):
            if attempt or bad_line:
                self._tally.retried += 1
            reply = await self._try(lot_id, amount_fen, key)
            if reply is not None and reply.status not in _FOR_THE_MOMENT:
                return self._counted(reply)
            await asyncio.sleep(self._chance.uniform(0, min(WAIT_S_MAX, WAIT_FIRST_S * 2**attempt)))
        return self._counted(reply or ApiReply(0, {"code": "no-answer"}))

    async def _try_on_a_bad_line(self, lot_id: str, amount_fen: int, key: str) -> None:
        """Bid without learning what became of it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._chance.uniform(0, LOST_AFTER_S)):
                await self._try(lot_id, amount_fen, key)

    async def _try(self, lot_id: str, amount_fen: int, key: str) -> ApiReply | None:
        headers = self._authorization | {"Idempotency-Key": key}
        try:
            answer = await self._client.post(
                f"/lots/{lot_id}/bids", json={"amount_fen": amount_fen}, headers=headers, timeout=ANSWER_S
            )
            return ApiReply(answer.status_code, answer.json())
        except (httpx.TransportError, ValueError):
            return None

    def _counted(self, reply: ApiReply) -> ApiReply:
        if reply.accepted:
            self._tally.accepted += 1
            self._tally.found += reply.status == 200
        elif reply.status in {404, 409}:
            self._tally.refused[reply.code] += 1
        else:
            self._tally.failed[reply.code] += 1
        return reply

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Any:
        """A call that may be made twice without harm, made again where the house is away for the moment."""
        headers = self._authorization | ({} if key is None else {"Idempotency-Key": key})
        for attempt in range(TRIES_MAX):
            try:
                answer = await self._client.request(method, path, json=body, headers=headers, timeout=ANSWER_S)
            except httpx.TransportError as error:
                trouble = f"{method} {path}: {str(error) or type(error).__name__}"
            else:
                if answer.is_success:
                    return answer.json()
                trouble = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
                if answer.status_code not in _FOR_THE_MOMENT:
                    break
            await asyncio.sleep(self._chance.uniform(0, min(WAIT_S_MAX, WAIT_FIRST_S * 2**attempt)))
        raise CallFailed(trouble)
