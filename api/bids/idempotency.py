"""The Idempotency-Key header: its rules, for the bid endpoint and for every route that requires one."""

from typing import Annotated

from fastapi import Header, Request

from api.http.problems import HttpCode, Problem, Unacceptable

KEY_LENGTH_MIN = 8
KEY_LENGTH_MAX = 64
KEY_PATTERN = "^[!-~]+$"
_VISIBLE = bytes(range(0x21, 0x7F))
_FIELD = {"field": "Idempotency-Key"}

KEY_MISSING = Problem(
    HttpCode.IDEMPOTENCY_KEY_MISSING,
    "The header Idempotency-Key is required: 8 to 64 visible ASCII characters, new for each bid or payment, the same "
    "for its retries.",
    _FIELD,
)
KEY_INVALID = Problem(
    HttpCode.IDEMPOTENCY_KEY_INVALID,
    "Idempotency-Key must be given once, as 8 to 64 visible ASCII characters (! to ~, no space).",
    _FIELD,
)


def checked_key(key: bytes | None, *, twice: bool) -> str:
    """The key as text. Raises Unacceptable where it is missing, malformed or given more than once."""
    if key is None:
        raise Unacceptable(KEY_MISSING)
    if twice or not KEY_LENGTH_MIN <= len(key) <= KEY_LENGTH_MAX or key.translate(None, _VISIBLE):
        raise Unacceptable(KEY_INVALID)
    return key.decode()


async def idempotency_key(
    request: Request,
    _documented: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="New for each payment, the same for its retries: visible ASCII characters.",
            json_schema_extra={"minLength": KEY_LENGTH_MIN, "maxLength": KEY_LENGTH_MAX, "pattern": KEY_PATTERN},
            examples=["p-7f3c2a91"],
        ),
    ] = None,
) -> str:
    """The idempotency key of a request to a route."""
    found = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    return checked_key(found[0] if found else None, twice=len(found) > 1)


async def optional_key(
    request: Request,
    _documented: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="The same for a repetition, which then changes nothing: visible ASCII characters.",
            json_schema_extra={"minLength": KEY_LENGTH_MIN, "maxLength": KEY_LENGTH_MAX, "pattern": KEY_PATTERN},
            examples=["extend-2b9e0c41"],
        ),
    ] = None,
) -> str:
    """The idempotency key of a request to a route that takes one; empty where it has none."""
    found = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    return checked_key(found[0], twice=len(found) > 1) if found else ""
