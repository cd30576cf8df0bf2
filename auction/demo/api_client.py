"""An HTTP client of the demo with one person's token: registers, reads lots, bids, and calls the staff's routes.

A bid that gets no response, or a temporary refusal (503, 429), is sent again with the same Idempotency-Key, so that it
counts once whatever happened to the first attempt.
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

RESPONSE_TIMEOUT_S = 10.0
LOST_AFTER_S_MAX = 0.02
"""A simulated lost response is cut off within this time: before the bid is sent, while it is decided, or after."""
ATTEMPTS_MAX = 8
DELAY_FIRST_S, DELAY_S_MAX = 0.05, 1.0
_TEMPORARY = (429, 503)


@dataclass(slots=True)
class CallCounts:
    """How the bids of all bots were answered."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By code."""
    retried: int = 0
    """Sent again with the same key."""
    repeated: int = 0
    """Of the accepted, those whose earlier attempt had been accepted already."""
    failed: Counter[str] = field(default_factory=Counter)
    """By code or status: neither accepted nor refused."""


@dataclass(frozen=True, slots=True)
class ApiReply:
    """The response to a bid."""

    status: int
    facts: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the bid was accepted: 201, or 200 for a retry."""
        return self.status in {200, 201}

    @property
    def code(self) -> str:
        """The code of a refusal, or the status where there is none."""
        return str(self.facts.get("code", self.status))


class CallFailed(Exception):
    """The API gave a response that the demo cannot continue with."""


class ApiClient:
    """Calls the API with one token; many share one connection pool."""

    def __init__(self, client: httpx.AsyncClient, token: str, counts: CallCounts, rng: random.Random) -> None:
        self._client = client
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._counts = counts
        self._rng = rng

    async def get(self, path: str) -> Any:
        """GET a path below /api/v1; the JSON body. Raises CallFailed unless the response is a success."""
        return await self._call("GET", path)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """POST, with an Idempotency-Key if one is given; the JSON body. Raises CallFailed as `get` does."""
        return await self._call("POST", path, body, key=key)

    async def register(self, lot_id: str, deposit_fen: int | None = None) -> int:
        """Accept a lot's terms and pay its deposit; the paddle."""
        body: dict[str, Any] = {"accept_terms": True}
        if deposit_fen is not None:
            body["deposit_fen"] = deposit_fen
        return int((await self.post(f"/lots/{lot_id}/registrations", body))["paddle"])

    async def bid(self, lot_id: str, amount_fen: int, *, lose_first_response: bool = False) -> ApiReply:
        """Place one bid, sent again until it is answered; `lose_first_response` simulates a bad connection."""
        key = secrets.token_hex(12)
        reply = None
        if lose_first_response:
            await self._send_and_lose_response(lot_id, amount_fen, key)
        for attempt in range(ATTEMPTS_MAX):
            if attempt or lose_first_response:
                self._counts.retried += 1
            reply = await self._send_bid(lot_id, amount_fen, key)
            if reply is not None and reply.status not in _TEMPORARY:
                return self._counted(reply)
            await asyncio.sleep(self._delay_s(attempt))
        return self._counted(reply or ApiReply(0, {"code": "no-response"}))

    async def _send_and_lose_response(self, lot_id: str, amount_fen: int, key: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rng.uniform(0, LOST_AFTER_S_MAX)):
                await self._send_bid(lot_id, amount_fen, key)

    async def _send_bid(self, lot_id: str, amount_fen: int, key: str) -> ApiReply | None:
        headers = self._authorization | {"Idempotency-Key": key}
        try:
            response = await self._client.post(
                f"/lots/{lot_id}/bids", json={"amount_fen": amount_fen}, headers=headers, timeout=RESPONSE_TIMEOUT_S
            )
            return ApiReply(response.status_code, response.json())
        except (httpx.TransportError, ValueError):
            return None

    def _counted(self, reply: ApiReply) -> ApiReply:
        if reply.accepted:
            self._counts.accepted += 1
            self._counts.repeated += reply.status == 200
        elif reply.status in {404, 409}:
            self._counts.refused[reply.code] += 1
        else:
            self._counts.failed[reply.code] += 1
        return reply

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Any:
        """Make a call that may be repeated without harm, again where the server is temporarily unavailable."""
        headers = self._authorization | ({} if key is None else {"Idempotency-Key": key})
        for attempt in range(ATTEMPTS_MAX):
            try:
                response = await self._client.request(
                    method, path, json=body, headers=headers, timeout=RESPONSE_TIMEOUT_S
                )
            except httpx.TransportError as error:
                failure = f"{method} {path}: {str(error) or type(error).__name__}"
            else:
                if response.is_success:
                    return response.json()
                failure = f"{method} {path}: {response.status_code} {response.text[:300]}"
                if response.status_code not in _TEMPORARY:
                    break
            await asyncio.sleep(self._delay_s(attempt))
        raise CallFailed(failure)

    def _delay_s(self, attempt: int) -> float:
        """Exponential backoff with full jitter."""
        return self._rng.uniform(0, min(DELAY_S_MAX, DELAY_FIRST_S * 2**attempt))
