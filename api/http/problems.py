"""Every answer that is not a success, as `application/problem+json` (RFC 9457). One table: code to status and title.

Codes come from the rules (`RefusalCode`, `ProblemCode`), from tokens (`TokenCode`) and from HTTP itself
(`HttpCode`); each is in `KINDS` exactly once, and a test holds the table against the enums.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec

from auction.domain.errors import AuctionError, ProblemCode, RefusalCode
from auction.services.identity.tokens import TokenCode

MEDIA_TYPE = "application/problem+json"
FAULTS_MAX = 32
"""The most faults of one body that are named."""
TYPE_PREFIX = "urn:auction:problem:"

Header = tuple[bytes, bytes]


class HttpCode(StrEnum):
    """What can be wrong with a request before any rule of the house is asked."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    CSRF_TOKEN_INVALID = "csrf-token-invalid"  # noqa: S105 - a code, not a token
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    PAYLOAD_TOO_LARGE = "payload-too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    MALFORMED = "malformed"
    MISSING_FIELD = "missing-field"
    UNKNOWN_FIELD = "unknown-field"
    DUPLICATE_FIELD = "duplicate-field"
    WRONG_TYPE = "wrong-type"
    WRONG_TEXT = "wrong-text"
    OUT_OF_RANGE = "out-of-range"
    IDEMPOTENCY_KEY_MISSING = "idempotency-key-missing"
    IDEMPOTENCY_KEY_INVALID = "idempotency-key-invalid"
    REQUEST_REFUSED = "request-refused"
    INTERNAL_ERROR = "internal-error"


KINDS: Mapping[str, tuple[int, str]] = {
    # a bid refused by a rule
    RefusalCode.LOT_UNKNOWN: (404, "No such lot"),
    RefusalCode.NOT_REGISTERED: (409, "Not registered for this lot"),
    RefusalCode.KEY_REUSED: (409, "Idempotency key used for another amount"),
    RefusalCode.LOT_NOT_OPEN: (409, "The lot is not open"),
    RefusalCode.ABOVE_CAP: (409, "Above the cap"),
    RefusalCode.ALREADY_LEADING: (409, "Already leading"),
    RefusalCode.BID_TOO_LOW: (409, "Bid too low"),
    RefusalCode.OFF_GRID: (409, "Not a whole number of increments"),
    RefusalCode.JUMP_TOO_LARGE: (409, "Jump too large"),
    RefusalCode.OVER_LIMIT: (409, "Over the bidder's limit"),
    RefusalCode.OVER_PURSE: (409, "Over the bidder's purse"),
    # anything else refused by a rule
    ProblemCode.SALE_UNKNOWN: (404, "No such sale"),
    ProblemCode.BID_UNKNOWN: (404, "No such bid"),
    ProblemCode.PRESET_UNKNOWN: (422, "No such preset"),
    ProblemCode.TERMS_INVALID: (422, "Terms invalid"),
    ProblemCode.WRONG_STATUS: (409, "Not possible in the lot's status"),
    ProblemCode.SCHEDULE_INVALID: (409, "Schedule invalid"),
    ProblemCode.REVIEW_LIMIT_TOO_LOW: (409, "Review limit too low"),
    ProblemCode.TERMS_NOT_ACCEPTED: (409, "Terms not accepted"),
    ProblemCode.DEPOSIT_TOO_LOW: (409, "Deposit too low"),
    ProblemCode.DEPOSIT_TOO_HIGH: (409, "Deposit too high"),
    ProblemCode.DEPOSIT_DECLINED: (409, "Deposit declined"),
    ProblemCode.DEPOSIT_NOT_NEEDED: (409, "No further deposit needed"),
    ProblemCode.BIDDER_BARRED: (409, "Barred from this lot"),
    ProblemCode.BIDDER_UNKNOWN: (404, "No such bidder"),
    ProblemCode.REGISTRATION_CLOSED: (409, "Registration closed"),
    ProblemCode.PADDLE_DIFFERS: (409, "Admitted with another paddle"),
    ProblemCode.BID_ALREADY_VOID: (409, "Bid already void"),
    ProblemCode.LEDGER_MOVED: (409, "The lot changed meanwhile"),
    ProblemCode.SALE_EXISTS: (409, "Sale exists"),
    ProblemCode.SALE_ID_INVALID: (422, "Not an id for a sale"),
    ProblemCode.USERNAME_INVALID: (422, "Not a user name"),
    ProblemCode.USERNAME_TAKEN: (409, "User name taken"),
    ProblemCode.PASSWORD_INVALID: (422, "Password not accepted"),
    ProblemCode.CREDENTIALS_WRONG: (401, "User name or password wrong"),
    # after the hammer
    ProblemCode.AWARD_UNKNOWN: (404, "No such award"),
    ProblemCode.OFFER_UNKNOWN: (404, "No such offer"),
    ProblemCode.SETTLEMENT_UNKNOWN: (404, "No settlement of this lot"),
    ProblemCode.WRONG_STATE: (409, "Not possible in the settlement's state"),
    ProblemCode.PAYMENT_DECLINED: (409, "Payment declined"),
    ProblemCode.PAYMENT_PENDING: (409, "A payment is under way"),
    ProblemCode.PAYMENT_LATE: (409, "The time to pay is over"),
    ProblemCode.OFFER_OVER: (409, "The offer is over"),
    ProblemCode.NOBODY_TO_OFFER: (409, "Nobody left to offer it to"),
    ProblemCode.DELIVERY_CENTRE_UNKNOWN: (422, "No such delivery centre"),
    ProblemCode.DELIVERY_CENTRE_MISSING: (409, "No delivery centre chosen"),
    ProblemCode.SAME_PERSON: (409, "Needs a second person"),
    ProblemCode.NO_CLAIM: (409, "Nothing is claimed"),
    ProblemCode.PROVIDER_UNKNOWN: (404, "No such payment provider"),
    ProblemCode.NOTICE_REFUSED: (401, "Notice not accepted"),
    # servers away
    ProblemCode.PAYMENTS_AWAY: (503, "The payment provider is away"),
    ProblemCode.WRONG_SHARDS: (503, "The ledger has another number of shards"),
    ProblemCode.LEDGER_AWAY: (503, "The bid ledger is away"),
    ProblemCode.BOOKS_AWAY: (503, "The books are away"),
    ProblemCode.OUTCOME_UNKNOWN: (503, "Outcome unknown"),
    ProblemCode.OVER_CAPACITY: (429, "Over capacity"),
    # who asks
    HttpCode.UNAUTHORIZED: (401, "Not signed in"),
    TokenCode.TOKEN_INVALID: (401, "Token not accepted"),
    TokenCode.TOKEN_EXPIRED: (401, "Token expired"),
    HttpCode.FORBIDDEN: (403, "Not for this role"),
    HttpCode.CSRF_TOKEN_INVALID: (403, "Not from a page of this house"),
    # how it is asked
    HttpCode.NOT_FOUND: (404, "Nothing here"),
    HttpCode.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    HttpCode.PAYLOAD_TOO_LARGE: (413, "Body too large"),
    HttpCode.UNSUPPORTED_MEDIA_TYPE: (415, "Body must be JSON"),
    HttpCode.MALFORMED: (422, "Malformed request"),
    HttpCode.MISSING_FIELD: (422, "Field missing"),
    HttpCode.UNKNOWN_FIELD: (422, "Unknown field"),
    HttpCode.DUPLICATE_FIELD: (422, "Field given twice"),
    HttpCode.WRONG_TYPE: (422, "Wrong type"),
    HttpCode.WRONG_TEXT: (422, "Text not allowed"),
    HttpCode.OUT_OF_RANGE: (422, "Out of range"),
    HttpCode.IDEMPOTENCY_KEY_MISSING: (422, "Idempotency-Key missing"),
    HttpCode.IDEMPOTENCY_KEY_INVALID: (422, "Idempotency-Key invalid"),
    HttpCode.REQUEST_REFUSED: (400, "Request refused"),
    HttpCode.INTERNAL_ERROR: (500, "Internal error"),
}

CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="auction"')
REFUSED_CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="auction", error="invalid_token"')


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what was sent: where, which code, and a sentence with what is allowed."""

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
        return KINDS[self.code][0]

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
    """A problem object. A fact never takes the place of a member: a lot's `status` goes as `lot_status`."""
    status, title = KINDS[code]
    members = {"type": TYPE_PREFIX + code, "title": title, "status": status, "detail": detail, "code": str(code)}
    for name, fact in facts.items():
        if name not in members:
            members[name] = fact
        elif name == "status":
            members["lot_status"] = fact
    return members


class Unacceptable(Exception):
    """A request that gets no further, and the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def problem_of(error: AuctionError) -> Problem:
    """The problem for a typed error of the services."""
    code = str(error.code)
    if code not in KINDS:
        raise AssertionError(f"no status for the code {code}") from error
    headers: tuple[Header, ...] = ()
    match KINDS[code][0]:
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


PAYLOAD_TOO_LARGE = "The body is larger than 16,384 bytes; nothing this house takes is."
INTERNAL_ERROR = Problem(HttpCode.INTERNAL_ERROR, "Something went wrong here; it is logged under the request's id.")
