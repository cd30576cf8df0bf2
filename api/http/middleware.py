"""The frame around FastAPI: request ids, the body limit, strict JSON, and an answer whatever goes wrong inside.

The door has its own, quicker way through the same checks (`api.http.bodies`).
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
    header,
    is_json,
    is_too_long,
    read_body,
    read_json,
    refuse_too_large,
    replay,
)
from api.http.problems import INTERNAL_ERROR, Problem, problem_of_faults
from auction.domain.text import is_visible_ascii

_ID_LENGTH_MIN = 8
_ID_LENGTH_MAX = 64
_PROCESS = os.urandom(5).hex()
_numbers = itertools.count(1)
_log = structlog.get_logger("api")


def new_request_id() -> bytes:
    """An id for a request: unique to the process, then counted."""
    return f"{_PROCESS}-{next(_numbers):x}".encode()


class RequestMiddleware:
    """An ASGI application around FastAPI's router. Never raises once a request has come in whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a checked request on and see that it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = _request_id(scope)
        answer = _Answer(send, request_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            try:
                receive = await _whole(scope, receive)
                await self._app(scope, receive, answer.send)
            except ClientGone:
                return
            except BodyTooLarge:
                await refuse_too_large(receive, send, request_id)
            except BodyMalformed as malformed:
                await answer.send_problem(problem_of_faults([malformed.fault]))
            except Exception as error:
                _log.exception("request_failed", method=scope["method"], path=scope["path"])
                if answer.status:
                    # too late for an answer: only the connection's end tells the client
                    raise RuntimeError("failed after the answer had begun") from error
                await answer.send_problem(INTERNAL_ERROR)
            if scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
                took_ms = round((perf_counter() - began) * 1000, 1)
                _log.info("request", method=scope["method"], path=scope["path"], status=answer.status, took_ms=took_ms)


class _Answer:
    """What has been sent; puts the request's id on it."""

    __slots__ = ("_id", "_send", "status")

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._id = (b"x-request-id", request_id)
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), self._id]
        await self._send(message)

    async def send_problem(self, problem: Problem) -> None:
        body = problem.body()
        start = {"type": "http.response.start", "status": problem.status, "headers": problem.all_headers(len(body))}
        await self.send(start)
        await self._send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> bytes:
    """The id a proxy gave the request, if it is one; else a new one."""
    given = header(scope, b"x-request-id")
    if given is not None and is_visible_ascii(given.decode("latin-1"), _ID_LENGTH_MIN, _ID_LENGTH_MAX):
        return given
    return new_request_id()


async def _whole(scope: Scope, receive: Receive) -> Receive:
    """Reads the body and checks it; a receive that gives it again."""
    length = header(scope, b"content-length")
    if length is not None and is_too_long(length):
        raise BodyTooLarge
    body = await read_body(receive)
    if body and is_json(header(scope, b"content-type") or b""):
        read_json(body)
    return replay(body, receive)
