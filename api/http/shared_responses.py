"""Public reads that wait at the same time share one response, so that a crowd or a flood costs about what one costs.

ASGI middleware. A request is answered with what was read after it came: one that comes while a response to the same
address is being made shares the next one. So nobody sees an older price than without it, and of each address at most
one response is made at a time. Requests of somebody who is signed in pass through.
"""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.bodies import header
from api.http.sessions import session_token

_PUBLIC = re.compile(r"/api/v1/(?:config|prices|sales(?:/[^/]+)?|lots/[^/]+(?:/bids)?)|/metrics|/readyz")
"""The routes whose answer is the same for everybody who is not signed in."""

_Key = tuple[str, str, bytes, bytes]
"""Scheme, path, query and host."""


@dataclass(slots=True, eq=False)
class _Shared:
    """A response that is being made, or will be after the one before it."""

    messages: list[Message] = field(default_factory=list)
    has_begun: bool = False


class SharedResponses:
    """Passes requests on to an ASGI application, public reads of one address one after the other."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._newest: dict[_Key, tuple[_Shared, asyncio.Task[None]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises what the application raises, to everybody who shares the response."""
        if not _is_shared(scope):
            await self._app(scope, receive, send)
            return
        shared, task = self._join(scope)
        await asyncio.shield(task)
        for message in shared.messages:
            await send(dict(message))

    def _join(self, scope: Scope) -> "tuple[_Shared, asyncio.Task[None]]":
        key = (scope.get("scheme", "http"), scope["path"], scope["query_string"], header(scope, b"host") or b"")
        found = self._newest.get(key)
        if found is None or found[0].has_begun:
            shared = _Shared()
            making = self._make(shared, key, scope, None if found is None else found[1])
            found = self._newest[key] = shared, asyncio.create_task(making, name="shared response")
        return found

    async def _make(self, shared: _Shared, key: _Key, scope: Scope, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        shared.has_begun = True

        async def keep(message: Message) -> None:
            shared.messages.append(message)

        try:
            await self._app(scope, _no_body, keep)
        finally:
            if self._newest[key][0] is shared:
                del self._newest[key]


def _is_shared(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or _PUBLIC.fullmatch(scope["path"]) is None:
        return False
    if header(scope, b"authorization") is not None:
        return False
    return all(session_token(value) is None for name, value in scope["headers"] if name == b"cookie")


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
