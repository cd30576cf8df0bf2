"""Every answer that is not a success, as `application/problem+json` (RFC 9457). One table: code to status and title.

A code is a row where it is defined: `RefusalCode` and `ProblemCode` (the engine's), `TokenCode` (tokens) and `HttpCode`
(requests that never reach a rule). `ROWS` gathers them; the engine's codes know a kind, which has one status here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

import msgspec

from auction.domain.codes import Code, Kind, ProblemCode, RefusalCode
from auction.domain.errors import AuctionError
from auction.services.identity.tokens import TokenCode

MEDIA_TYPE = "application/problem+json"
FAULTS_MAX = 32
"""The most faults of one body that are listed."""
TYPE_PREFIX = "urn:auction:problem:"

Header = tuple[bytes, bytes]

STATUS_OF_KIND: Mapping[Kind, int] = {
    Kind.UNAUTHENTICATED: 401,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.INVALID: 422,
    Kind.BUSY: 429,
    Kind.UNAVAILABLE: 503,
}


class HttpCode(StrEnum):
    """What can be wrong with a request before any rule is checked: code, status, title and names of the facts."""

    status: int
    heading: str
    facts: tuple[str, ...]

    def __new__(cls, code: str, status: int, heading: str, facts: tuple[str, ...] = ()) -> Self:
        """A member from its row."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.status = status
        member.heading = heading
        member.facts = facts
        return member

    # who makes the request
    UNAUTHORIZED = "unauthorized", 401, "Not signed in"
    FORBIDDEN = "forbidden", 403, "Not for this role", ("role", "allowed")
    CSRF_TOKEN_INVALID = "csrf-token-invalid", 403, "CSRF token invalid"
    # how it is made
    NOT_FOUND = "not-found", 404, "Nothing here"
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "Method not allowed", ("allowed",)
    REQUEST_TIMEOUT = "request-timeout", 408, "Request too slow"
    HEADERS_TOO_LARGE = "headers-too-large", 431, "Headers too large", ("limit_bytes", "limit_fields")
    TOO_MANY_REQUESTS = "too-many-requests", 429, "Too many requests", ("retry_after_s",)
    TOO_MANY_CONNECTIONS = "too-many-connections", 503, "Too many connections"
    PAYLOAD_TOO_LARGE = "payload-too-large", 413, "Body too large", ("limit_bytes",)
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "Body must be JSON", ("allowed",)
    MALFORMED = "malformed", 422, "Malformed request", ("field", "errors")
    MISSING_FIELD = "missing-field", 422, "Field missing", ("field", "errors")
    UNKNOWN_FIELD = "unknown-field", 422, "Unknown field", ("field", "errors")
    DUPLICATE_FIELD = "duplicate-field", 422, "Field given twice", ("field", "errors")
    WRONG_TYPE = "wrong-type", 422, "Wrong type", ("field", "errors")
    WRONG_TEXT = "wrong-text", 422, "Text not allowed", ("field", "errors")
    OUT_OF_RANGE = "out-of-range", 422, "Out of range", ("field", "errors")
    IDEMPOTENCY_KEY_MISSING = "idempotency-key-missing", 422, "Idempotency-Key missing", ("field",)
    IDEMPOTENCY_KEY_INVALID = "idempotency-key-invalid", 422, "Idempotency-Key invalid", ("field",)
    REQUEST_REFUSED = "request-refused", 400, "Request refused"
    INTERNAL_ERROR = "internal-error", 500, "Internal error"


@dataclass(frozen=True, slots=True)
class Row:
    """What is fixed about a code: the HTTP status, the title, and the names of the facts as a problem has them."""

    status: int
    title: str
    facts: tuple[str, ...]


def _row(code: Code | HttpCode) -> Row:
    status = code.status if isinstance(code, HttpCode) else STATUS_OF_KIND[code.kind]
    return Row(status, code.heading, tuple("lot_status" if name == "status" else name for name in code.facts))


ROWS: Mapping[str, Row] = {str(code): _row(code) for code in (*HttpCode, *TokenCode, *RefusalCode, *ProblemCode)}
"""Every code that a problem may have. `lot-unknown` is both a refused bid and a problem, with one status and title."""

CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="auction"')
REFUSED_CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="auction", error="invalid_token"')


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: the field, a code, and a sentence with what is allowed."""

    field: str
    code: HttpCode
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is not a success: its code, a sentence, the facts of the code, and headers of its own."""

    code: str
    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[Header, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return ROWS[self.code].status

    def content(self) -> dict[str, Any]:
        """The members of the problem object."""
        return problem_content(self.code, self.detail, self.facts)

    def body(self) -> bytes:
        """The problem as JSON."""
        return msgspec.json.encode(self.content())

    def all_headers(self, length: int) -> list[Header]:
        """Headers for a body of that length."""
        return [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % length),
            (b"cache-control", b"no-store"),
            *self.headers,
        ]


def problem_content(code: str, detail: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A problem object. A fact never replaces a member: a lot's `status` becomes `lot_status`."""
    row = ROWS[code]
    members = {
        "type": TYPE_PREFIX + code,
        "title": row.title,
        "status": row.status,
        "detail": detail,
        "code": str(code),
    }
    for name, fact in facts.items():
        if name not in members:
            members[name] = fact
        elif name == "status":
            members["lot_status"] = fact
    return members


class Unacceptable(Exception):
    """Raised to answer a request with a problem at once."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def problem_of(error: AuctionError) -> Problem:
    """The problem for a typed error of the services."""
    code = str(error.code)
    if code not in ROWS:
        raise AssertionError(f"no row for the code {code}") from error
    headers: tuple[Header, ...] = ()
    match ROWS[code].status:
        case HTTPStatus.UNAUTHORIZED:
            headers = (REFUSED_CHALLENGE if code in tuple(TokenCode) else CHALLENGE,)
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            headers = ((b"retry-after", b"%d" % int(error.facts.get("retry_after_s", 1))),)
    return Problem(code, error.detail, error.facts, headers)


def problem_of_faults(faults: list[Fault]) -> Problem:
    """The problem for malformed input: the first fault leads, `errors` names them all."""
    first = faults[0]
    errors = [{"field": fault.field, "code": str(fault.code), "detail": fault.detail} for fault in faults[:FAULTS_MAX]]
    return Problem(first.code, first.detail, {"field": first.field, "errors": errors})


PAYLOAD_TOO_LARGE = "The body is larger than the 16,384 bytes that are accepted."
INTERNAL_ERROR = Problem(HttpCode.INTERNAL_ERROR, "Internal error; it is logged under the id of this request.")
