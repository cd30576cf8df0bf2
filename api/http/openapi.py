"""Completes the OpenAPI document that FastAPI generates, with the problems of each route, and serves it.

The document is made and encoded once, when it is first requested; who has it already is answered 304.
"""

from collections import defaultdict
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.http.etags import Prepared
from api.http.problems import MEDIA_TYPE, ROWS, TYPE_PREFIX, HttpCode
from auction.domain.errors import ProblemCode, RefusalCode
from auction.services.identity.tokens import TokenCode

Responses = dict[int | str, dict[str, Any]]

_ANY_ROUTE = (
    HttpCode.PAYLOAD_TOO_LARGE,
    HttpCode.MALFORMED,
    HttpCode.MISSING_FIELD,
    HttpCode.UNKNOWN_FIELD,
    HttpCode.DUPLICATE_FIELD,
    HttpCode.WRONG_TYPE,
    HttpCode.WRONG_TEXT,
    HttpCode.OUT_OF_RANGE,
    HttpCode.INTERNAL_ERROR,
)
AWAY = (ProblemCode.LEDGER_AWAY, ProblemCode.LEDGER_FULL, ProblemCode.LEDGER_CHANGED, ProblemCode.BOOKS_AWAY)
WRITE = (*AWAY, ProblemCode.OUTCOME_UNKNOWN, HttpCode.UNSUPPORTED_MEDIA_TYPE)
TOKEN = (TokenCode.TOKEN_INVALID, TokenCode.TOKEN_EXPIRED)
AGREEMENT = (
    ProblemCode.SAME_SESSION,
    ProblemCode.SECOND_FACTOR_MISSING,
    ProblemCode.CODE_REQUIRED,
    ProblemCode.CODE_WRONG,
    ProblemCode.TOO_MANY_SIGN_INS,
)
"""Of agreeing to another person's request."""
PAID = (ProblemCode.PAYMENTS_AWAY,)
SIGNED_IN = (HttpCode.UNAUTHORIZED, *TOKEN, HttpCode.FORBIDDEN, HttpCode.CSRF_TOKEN_INVALID)
BID = (
    *RefusalCode,
    *SIGNED_IN,
    *WRITE,
    ProblemCode.OVER_CAPACITY,
    HttpCode.IDEMPOTENCY_KEY_MISSING,
    HttpCode.IDEMPOTENCY_KEY_INVALID,
)

OPTIONAL_TOKEN: dict[str, Any] = {"security": [{}, {"token": []}]}
"""For public routes whose response has more in it with a token."""

_PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457; the facts of the code are further members.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "pattern": f"^{TYPE_PREFIX}[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was wrong and what is allowed, in a sentence."},
        "code": {"type": "string", "enum": sorted(ROWS), "description": "Stable; programs decide by it."},
    },
    "required": ["type", "title", "status", "detail", "code"],
    "additionalProperties": True,
}


def problems(*codes: str) -> Responses:
    """The problem responses of a route for FastAPI's `responses`: of these codes, and of those that any route has."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys([*map(str, codes), *map(str, _ANY_ROUTE)]):
        by_status[ROWS[code].status].append(code)
    return {status: _problem_response(status, found) for status, found in sorted(by_status.items())}


def _problem_response(status: int, codes: list[str]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": "; ".join(f"`{code}`: {ROWS[code].title}" for code in codes),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in {429, 503}:
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
        }
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response


def install(app: FastAPI) -> None:
    """Replaces the application's `openapi()`, and serves what it gives at `/openapi.json`."""
    prepared: list[Prepared] = []

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = _PROBLEM_SCHEMA
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document

    async def show(request: Request) -> Response:
        if not prepared:
            prepared.append(Prepared(msgspec.json.encode(openapi()), "application/json"))
        return prepared[0].response(request, {"Cache-Control": "no-cache"})

    app.router.routes.append(Route("/openapi.json", show, methods=["GET"], include_in_schema=False))
