"""What a bid's request says, and the answer to it, whichever way the request came in.

Amounts are in fen, times in UTC ms.
"""

from http import HTTPStatus
from time import perf_counter

import msgspec
import structlog

from api.bids.idempotency import checked_key
from api.bids.refusals import refusal_content
from api.http.auth import Authenticator, WrongRole
from api.http.bodies import BodyTooLarge, is_json, is_too_long
from api.http.metrics import BidCounts
from api.http.middleware import new_request_id
from api.http.problems import INTERNAL_ERROR, MEDIA_TYPE, Header, HttpCode, Problem, Unacceptable, problem_of
from auction.domain.bidding import Refused
from auction.domain.currency import Currency
from auction.domain.errors import AuctionError
from auction.services.bidding.placement import BidOutcome, PlacedBid
from auction.services.identity.roles import Role
from auction.services.identity.tokens import Identity

_HEADERS_READ = frozenset(
    {b"authorization", b"content-length", b"content-type", b"cookie", b"idempotency-key", b"x-csrf-token"}
)
_JSON: Header = (b"content-type", b"application/json")
_PROBLEM: Header = (b"content-type", MEDIA_TYPE.encode())
_NO_STORE: Header = (b"cache-control", b"no-store")
_RETRY_AFTER: Header = (b"retry-after", b"10")
"""Of a refusal that a restored ledger may answer otherwise: a frozen lot waits for staff."""
_NOT_JSON = Problem(
    HttpCode.UNSUPPORTED_MEDIA_TYPE,
    "The body must be JSON: send it with Content-Type: application/json.",
    {"allowed": ["application/json"]},
)

_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger("api.bids")

Answer = tuple[int, list[Header], bytes]
"""Status, headers (the length among them) and body."""


class BidReceipt(msgspec.Struct, frozen=True):
    """The response to an accepted bid, and to every retry with the same key."""

    lot_id: str
    seq: int
    amount_fen: int
    price_fen: int
    minimum_fen: int
    leading: bool
    ends_at_ms: int
    at_ms: int
    at_seq: int
    paddle: int
    receipt: str


class BidAnswers:
    """Reads the headers of bids, and makes and counts their answers."""

    def __init__(self, authenticator: Authenticator, counts: BidCounts, currency: Currency) -> None:
        self.authenticator = authenticator
        self.counts = counts
        self._currency = currency

    def bidder_and_key(self, headers: list[Header]) -> tuple[str, str]:
        """The bidder's id and the idempotency key. Raises Unacceptable, BodyTooLarge, NotSignedIn, WrongRole, ..."""
        found: dict[bytes, bytes] = {}
        twice: set[bytes] = set()
        for name, value in headers:
            if name in _HEADERS_READ:
                if name in found:
                    twice.add(name)
                found[name] = value
        if is_too_long(found.get(b"content-length", b"0")):
            raise BodyTooLarge
        identity = self._identify(found, twice)
        if identity.role is not Role.BIDDER:
            raise WrongRole(identity.role, (Role.BIDDER,))
        content_type, key = found.get(b"content-type"), found.get(b"idempotency-key")
        if content_type is None or not is_json(content_type):
            raise Unacceptable(_NOT_JSON)
        return identity.subject, checked_key(key, twice=b"idempotency-key" in twice)

    def _identify(self, found: dict[bytes, bytes], twice: set[bytes]) -> Identity:
        """The identity by the Authorization header (programs), or else by the session's cookies (pages)."""
        authorization = found.get(b"authorization")
        if authorization is None and b"cookie" in found:
            return self.authenticator.identify_session(found[b"cookie"], found.get(b"x-csrf-token"))
        return self.authenticator.identify(None if b"authorization" in twice else authorization)

    def answer(self, lot_id: str, outcome: BidOutcome, started_s: float) -> Answer:
        """The answer to a bid whose headers were read at `started_s`; counted."""
        if isinstance(outcome, PlacedBid):
            answer = self._accepted(outcome)
        elif isinstance(outcome, Refused):
            answer = self._refused(outcome)
        else:
            return self._failed(lot_id, outcome)
        self.counts.observe(perf_counter() - started_s)
        return answer

    def _accepted(self, placed: PlacedBid) -> Answer:
        bid = placed.receipt
        receipt = BidReceipt(
            placed.lot_id,
            bid.seq,
            bid.amount_fen,
            bid.price_fen,
            bid.minimum_fen,
            bid.leading,
            bid.ends_at_ms,
            bid.at_ms,
            bid.seq,
            bid.paddle,
            placed.signed,
        )
        if placed.repeated:
            self.counts.repeated += 1
        else:
            self.counts.accepted += 1
        body = _encode(receipt)
        return 200 if placed.repeated else 201, [_JSON, _NO_STORE, (b"content-length", b"%d" % len(body))], body

    def _refused(self, refused: Refused) -> Answer:
        if refused.is_edge:
            self.counts.refused_at_edge[refused.code] = self.counts.refused_at_edge.get(refused.code, 0) + 1
        else:
            self.counts.refused[refused.code] += 1
        content = refusal_content(refused, self._currency)
        body = _encode(content)
        headers = [_PROBLEM, _NO_STORE, (b"content-length", b"%d" % len(body))]
        if content["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(_RETRY_AFTER)
        return content["status"], headers, body

    def _failed(self, lot_id: str, error: Exception) -> Answer:
        request_id = new_request_id()
        if isinstance(error, Unacceptable):
            problem = error.problem
        elif isinstance(error, AuctionError):
            problem = problem_of(error)
        else:
            _log.error("bid_failed", lot_id=lot_id, request_id=request_id.decode(), exc_info=error)
            problem = INTERNAL_ERROR
        self.counts.count_unanswered(problem.code)
        body = problem.body()
        return problem.status, [*problem.all_headers(len(body)), (b"x-request-id", request_id)], body
