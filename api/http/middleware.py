"""Middleware around FastAPI: request ids, the body limit, strict JSON, guarding headers, an answer to every failure.

The bid endpoint applies the same checks (`api.http.bodies`) in a faster way of its own.
"""

import itertools
import os
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.bodies import (
    BodyMalformed,
    BodyTooLarge,
    ClientGone,
    body_bytes_max,
    header,
    is_json_suffixed,
    is_too_long,
    read_body,
    read_json,
    refuse_too_large,
    replay,
)
from api.http.problems import INTERNAL_ERROR, Problem, problem_of_faults
from api.http.response_headers import guard
from auction.domain.text import is_visible_ascii

_ID_LENGTH_MIN = 8
_ID_LENGTH_MAX = 64
_PROCESS = os.urandom(5).hex()
_numbers = itertools.count(1)
_log = structlog.get_logger("api")


def new_request_id() -> bytes:
    """A new id for a request: a part unique to this process, and a counter."""
    return f"{_PROCESS}-{next(_numbers):x}".encode()


class RequestMiddleware:
    """ASGI middleware that passes on requests with an acceptable body only, and logs each request that may write.

    It does not raise, unless a failure comes after the response has started.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, pass it on, and answer what fails with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = perf_counter()
        request_id = _request_id(scope)
        response = _Response(scope, send, request_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            try:
                receive = await _checked_body(scope, receive)
                await self._app(scope, receive, response.send)
            except ClientGone:
                return
            except BodyTooLarge as too_large:
                await refuse_too_large(receive, send, request_id, too_large.limit)
            except BodyMalformed as malformed:
                await response.send_problem(problem_of_faults([malformed.fault]))
            except Exception as error:
                _log.exception("request_failed", method=scope["method"], path=scope["path"])
                if response.status:
                    # too late to answer: only closing the connection tells the client
                    raise RuntimeError("failed after the response had started") from error
                await response.send_problem(INTERNAL_ERROR)
            if scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
                took_ms = round((perf_counter() - started_s) * 1000, 1)
                _log.info(
                    "request", method=scope["method"], path=scope["path"], status=response.status, took_ms=took_ms
                )


class _Response:
    """Sends the response with the request's id and guarding headers; `status` is 0 until it has started."""

    __slots__ = ("_id_header", "_scope", "_send", "status")

    def __init__(self, scope: Scope, send: Send, request_id: bytes) -> None:
        self._scope = scope
        self._send = send
        self._id_header = (b"x-request-id", request_id)
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*guard(list(message.get("headers", ())), self._scope), self._id_header]
        await self._send(message)

    async def send_problem(self, problem: Problem) -> None:
        body = problem.body()
        start = {"type": "http.response.start", "status": problem.status, "headers": problem.all_headers(len(body))}
        await self.send(start)
        await self._send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> bytes:
    """The X-Request-ID of a proxy where it is acceptable, else a new id."""
    given = header(scope, b"x-request-id")
    if given is not None and is_visible_ascii(given.decode("latin-1"), _ID_LENGTH_MIN, _ID_LENGTH_MAX):
        return given
    return new_request_id()


async def _checked_body(scope: Scope, receive: Receive) -> Receive:
    """Reads the whole body; returns a `receive` that replays it. Raises BodyTooLarge, BodyMalformed, ClientGone."""
    length = header(scope, b"content-length")
    limit = body_bytes_max(scope)
    if length is not None and is_too_long(length, limit):
        raise BodyTooLarge(limit)
    body = await read_body(receive, limit)
    if body and is_json_suffixed(header(scope, b"content-type") or b""):
        read_json(body)
    return replay(body, receive)
