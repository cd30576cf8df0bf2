"""Request bodies, for the door and for every other route: at most 16 KB, and JSON without tricks.

`read_body` stops reading where the limit is passed, with or without a content-length. `read_json` refuses what
parsers disagree about (fields given twice, NaN, endless numbers) and what the servers behind cannot store (NUL,
half characters), each as a `Fault` that names the field.
"""

import asyncio
import json
from typing import Any, NoReturn

from starlette.types import Message, Receive, Scope, Send

from api.http.problems import PAYLOAD_TOO_LARGE, Fault, HttpCode, Problem

BODY_BYTES_MAX = 16_384
DEPTH_MAX = 16
"""How deep JSON may be nested; terms are four deep."""
DIGITS_MAX = 100
JSON = b"application/json"
SHOWN_CHARACTERS_MAX = 60

_LINGER_S = 2.0
_LINGER_BYTES = 4_194_304


class BodyTooLarge(Exception):
    """The body is, or says it is, over the limit."""


class ClientGone(Exception):
    """The client hung up before its request was complete: there is nobody to answer."""


class BodyMalformed(Exception):
    """The body is no acceptable JSON."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def is_too_long(content_length: bytes) -> bool:
    """Whether a content-length header announces more than the limit."""
    digits = content_length.lstrip(b"0")
    return len(digits) > 5 or (len(digits) == 5 and int(digits) > BODY_BYTES_MAX)


def is_json(content_type: bytes) -> bool:
    """Whether a content-type header says JSON, whatever its parameters."""
    return content_type == JSON or content_type.partition(b";")[0].strip().lower() == JSON


async def read_body(receive: Receive) -> bytes:
    """The whole body; BodyTooLarge as soon as it is over the limit, ClientGone where the client hung up."""
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    body: bytes = message.get("body", b"")
    while len(body) <= BODY_BYTES_MAX:
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        body += message.get("body", b"")
    raise BodyTooLarge


async def refuse_too_large(receive: Receive, send: Send, request_id: bytes) -> None:
    """Answer 413 and end the connection, lingering a little so that a client in mid-body still reads the answer."""
    own = ((b"connection", b"close"), (b"x-request-id", request_id))
    problem = Problem(HttpCode.PAYLOAD_TOO_LARGE, PAYLOAD_TOO_LARGE, {"limit_bytes": BODY_BYTES_MAX}, own)
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
    """Take in what the client is still sending, up to a bound."""
    discarded = 0
    while discarded < _LINGER_BYTES:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        discarded += len(message.get("body", b""))


def replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives a body read before, then whatever comes next."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that lower-case name."""
    return next((value for found, value in scope["headers"] if found == name), None)


def read_json(raw: bytes) -> Any:
    """The value of a JSON text; BodyMalformed where it is none, or one that this house does not take."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        _refuse("", HttpCode.MALFORMED, f"The body is not UTF-8: wrong byte at position {error.start}.")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}" if text.strip() else "it is empty"
        _refuse("", HttpCode.MALFORMED, f"The body is not JSON: {where}.")
    except RecursionError:
        _refuse_depth()
    _check_storable(value)
    return value


def shown(value: object) -> str:
    """A value as it may be repeated in an answer: as JSON, and short."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=lambda other: type(other).__name__)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 3] + "..."


def _refuse(field: str, code: HttpCode, detail: str) -> NoReturn:
    raise BodyMalformed(Fault(field, code, detail))


def _refuse_depth() -> NoReturn:
    _refuse("", HttpCode.MALFORMED, f"The body is nested deeper than {DEPTH_MAX} levels.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(shown(twice)[1:-1], HttpCode.DUPLICATE_FIELD, f"{shown(twice)} is given more than once; give it once.")
    return found


def _constant(name: str) -> NoReturn:
    _refuse("", HttpCode.MALFORMED, f"The body is not JSON: {name} is no JSON number.")


def _whole_number(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        _refuse("", HttpCode.MALFORMED, f"The body holds a number of more than {DIGITS_MAX} digits.")
    return int(digits)


def _check_storable(value: object) -> None:
    """Refuse text that the servers behind cannot hold, and nesting beyond reason."""
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
        _refuse(path, HttpCode.WRONG_TEXT, f"{path or 'The body'} holds a NUL character (U+0000); leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(path, HttpCode.WRONG_TEXT, f"{path or 'The body'} holds half a character (a lone surrogate).")
