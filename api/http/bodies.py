"""Request bodies: at most 16 KB, and JSON without ambiguities.

`read_body` stops reading as soon as the limit is exceeded, with or without a Content-Length. `read_json` refuses what
parsers read differently (duplicate fields, NaN, very long numbers) and what the servers behind cannot store (NUL, lone
surrogates), each as a `Fault` that names the field.
"""

import asyncio
import json
from typing import Any, NoReturn

from starlette.types import Message, Receive, Scope, Send

from api.http.problems import PAYLOAD_TOO_LARGE, Fault, HttpCode, Problem

BODY_BYTES_MAX = 16_384
BULK_ACTS = ("schedule", "reschedule", "open", "pause", "resume", "extend", "close")
FILE_BYTES_MAX = 1_048_576
"""Of a bank's statement and of a list of lots."""
LONG_BYTES_MAX = {
    "/api/v1/ops/statements": FILE_BYTES_MAX,
    "/api/v1/ops/lots/import": FILE_BYTES_MAX,
    **{f"/api/v1/ops/bulk/{act}": 65_536 for act in BULK_ACTS},
}
"""The bodies that may be longer, by path."""
DEPTH_MAX = 16
"""How deep JSON may be nested; terms are four deep."""
DIGITS_MAX = 100
JSON = b"application/json"
QUOTED_CHARACTERS_MAX = 60

_LINGER_S = 2.0
_LINGER_BYTES = 4_194_304


class BodyTooLarge(Exception):
    """The body, or its Content-Length, exceeds the limit."""

    def __init__(self, limit: int = BODY_BYTES_MAX) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class ClientGone(Exception):
    """The client disconnected before its request was complete; no answer can be sent."""


class BodyMalformed(Exception):
    """The body is not acceptable JSON; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def body_bytes_max(scope: Scope) -> int:
    """How long the body of a request may be."""
    return LONG_BYTES_MAX.get(scope["path"], BODY_BYTES_MAX)


def is_too_long(content_length: bytes, limit: int = BODY_BYTES_MAX) -> bool:
    """Whether a Content-Length header announces more than the limit."""
    digits = content_length.lstrip(b"0")
    return len(digits) > 7 or (len(digits) >= 5 and int(digits) > limit)


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type header is application/json, with any parameters."""
    return content_type == JSON or _media_type(content_type) == JSON


def is_json_suffixed(content_type: bytes) -> bool:
    """Whether FastAPI would parse a body of this Content-Type as JSON: application/json, or application/...+json."""
    media_type = _media_type(content_type)
    return media_type == JSON or (media_type.startswith(b"application/") and media_type.endswith(b"+json"))


def _media_type(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


async def read_body(receive: Receive, limit: int = BODY_BYTES_MAX) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as it exceeds the limit, ClientGone where the client disconnects."""
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    body: bytes = message.get("body", b"")
    while len(body) <= limit:
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        body += message.get("body", b"")
    raise BodyTooLarge(limit)


async def refuse_too_large(receive: Receive, send: Send, request_id: bytes, limit: int = BODY_BYTES_MAX) -> None:
    """Answer 413 and close the connection, after a short wait in which a client still sending can read the answer."""
    own = ((b"connection", b"close"), (b"x-request-id", request_id))
    problem = Problem(HttpCode.PAYLOAD_TOO_LARGE, PAYLOAD_TOO_LARGE, {"limit_bytes": limit}, own)
    body = problem.body()
    await send({"type": "http.response.start", "status": problem.status, "headers": problem.all_headers(len(body))})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    try:
        async with asyncio.timeout(_LINGER_S):
            await _discard(receive)
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    """Read and drop what the client is still sending, up to a bound."""
    discarded = 0
    while discarded < _LINGER_BYTES:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        discarded += len(message.get("body", b""))


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns a body that was read before, then whatever comes next."""
    is_replayed = False

    async def replayed() -> Message:
        nonlocal is_replayed
        if is_replayed:
            return await receive()
        is_replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that lower-case name, or None."""
    return next((value for found, value in scope["headers"] if found == name), None)


def read_json(raw: bytes) -> Any:
    """The value of a JSON text. Raises BodyMalformed where it is not JSON, or not acceptable JSON."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        _refuse("", HttpCode.MALFORMED, f"The body is not UTF-8: invalid byte at position {error.start}.")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}" if text.strip() else "it is empty"
        _refuse("", HttpCode.MALFORMED, f"The body is not JSON: {where}.")
    except RecursionError:
        _refuse_depth()
    _check_storable(value)
    return value


def quoted(value: object) -> str:
    """A value as a sentence may quote it: as JSON, cut to 60 characters."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=lambda other: type(other).__name__)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= QUOTED_CHARACTERS_MAX else text[: QUOTED_CHARACTERS_MAX - 3] + "..."


def _refuse(field: str, code: HttpCode, detail: str) -> NoReturn:
    raise BodyMalformed(Fault(field, code, detail))


def _refuse_depth() -> NoReturn:
    _refuse("", HttpCode.MALFORMED, f"The body is nested deeper than {DEPTH_MAX} levels.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(
            quoted(twice)[1:-1], HttpCode.DUPLICATE_FIELD, f"{quoted(twice)} is given more than once; give it once."
        )
    return found


def _refuse_constant(name: str) -> NoReturn:
    _refuse("", HttpCode.MALFORMED, f"The body is not JSON: {name} is not a JSON number.")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        _refuse("", HttpCode.MALFORMED, f"The body has a number of more than {DIGITS_MAX} digits.")
    return int(digits)


def _check_storable(value: object) -> None:
    """Refuse text that the servers behind cannot store, and too deep nesting."""
    level: list[tuple[str, object]] = [("", value)]
    for _ in range(DEPTH_MAX):
        below: list[tuple[str, object]] = []
        for path, found in level:
            if isinstance(found, str):
                _check_text(path, found)
            elif isinstance(found, dict):
                for name, inner in found.items():
                    _check_text(path, name)
                    below.append((f"{path}.{name}" if path else name, inner))
            elif isinstance(found, list):
                below.extend((f"{path}[{index}]", inner) for index, inner in enumerate(found))
        if not below:
            return
        level = below
    _refuse_depth()


def _check_text(path: str, text: str) -> None:
    if "\0" in text:
        _refuse(path, HttpCode.WRONG_TEXT, f"{path or 'The body'} contains a NUL character (U+0000); leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(path, HttpCode.WRONG_TEXT, f"{path or 'The body'} contains half a character (a lone surrogate).")
