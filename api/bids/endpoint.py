"""`POST /api/v1/lots/{lot_id}/bids`, in front of FastAPI, to which it passes everything else on.

Headers and body are read here without a framework: on a launch day most requests are bids, and FastAPI's routing,
validation and response objects cost several times what the bid itself costs. Amounts are in fen, times in UTC ms.
"""

from http import HTTPStatus
from time import perf_counter

import msgspec
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.bids.body import amount_of
from api.bids.idempotency import checked_key
from api.bids.refusals import refusal_content
from api.http.auth import Authenticator, WrongRole
from api.http.bodies import BodyTooLarge, ClientGone, is_json, is_too_long, read_body, refuse_too_large
from api.http.metrics import BidCounts
from api.http.middleware import new_request_id
from api.http.problems import INTERNAL_ERROR, MEDIA_TYPE, Header, HttpCode, Problem, Unacceptable, problem_of
from auction.domain.bidding import Refused
from auction.domain.errors import AuctionError
from auction.services.bidding.placement import PlacedBid, place_bid
from auction.services.context import AppContext
from auction.services.identity.roles import Role
from auction.services.identity.tokens import Identity

PREFIX = "/api/v1/lots/"
SUFFIX = "/bids"

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
_log = structlog.get_logger("api.bids.endpoint")


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


class BidEndpoint:
    """ASGI middleware that answers bids itself and passes every other request on."""

    def __init__(self, app: ASGIApp, context: AppContext, authenticator: Authenticator, counts: BidCounts) -> None:
        self._app = app
        self._context = context
        self._authenticator = authenticator
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a bid, or passes the request on."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if path.startswith(PREFIX) and path.endswith(SUFFIX):
                lot_id = path[len(PREFIX) : -len(SUFFIX)]
                if lot_id and "/" not in lot_id:
                    await self.answer_bid(lot_id, scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def answer_bid(self, lot_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads a bid on a lot, has the ledger decide, and sends the response; none where the client disconnects."""
        started_s = perf_counter()
        try:
            bidder_id, key = self._bidder_and_key(scope["headers"])
            amount_fen = amount_of(await read_body(receive))
            answer = await place_bid(self._context, lot_id, bidder_id=bidder_id, amount_fen=amount_fen, key=key)
        except ClientGone:
            self._counts.count_unanswered("client-gone")
        except BodyTooLarge:
            self._counts.count_unanswered(HttpCode.PAYLOAD_TOO_LARGE)
            await refuse_too_large(receive, send, new_request_id())
        except Unacceptable as unacceptable:
            await self._send_problem(unacceptable.problem, send)
        except AuctionError as error:
            await self._send_problem(problem_of(error), send)
        except Exception:  # noqa: BLE001 - every bid is answered, whatever happens
            await self._send_internal_error(lot_id, send)
        else:
            status, content_type, body = self._response(answer)
            self._counts.observe(perf_counter() - started_s)
            headers = [content_type, _NO_STORE, (b"content-length", b"%d" % len(body))]
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                headers.append(_RETRY_AFTER)
            await _send(send, status, headers, body)

    def _bidder_and_key(self, headers: list[Header]) -> tuple[str, str]:
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
            return self._authenticator.identify_session(found[b"cookie"], found.get(b"x-csrf-token"))
        return self._authenticator.identify(None if b"authorization" in twice else authorization)

    def _response(self, answer: PlacedBid | Refused) -> tuple[int, Header, bytes]:
        """Counts the ledger's decision; returns the response's status, content type and body."""
        if isinstance(answer, Refused):
            self._counts.refused[answer.code] += 1
            content = refusal_content(answer)
            return content["status"], _PROBLEM, _encode(content)
        bid = answer.receipt
        receipt = BidReceipt(
            answer.lot_id,
            bid.seq,
            bid.amount_fen,
            bid.price_fen,
            bid.minimum_fen,
            bid.leading,
            bid.ends_at_ms,
            bid.at_ms,
            bid.seq,
            bid.paddle,
            answer.signature,
        )
        if answer.repeated:
            self._counts.repeated += 1
            return 200, _JSON, _encode(receipt)
        self._counts.accepted += 1
        return 201, _JSON, _encode(receipt)

    async def _send_problem(self, problem: Problem, send: Send) -> None:
        self._counts.count_unanswered(problem.code)
        body = problem.body()
        headers = [*problem.all_headers(len(body)), (b"x-request-id", new_request_id())]
        await _send(send, problem.status, headers, body)

    async def _send_internal_error(self, lot_id: str, send: Send) -> None:
        """Logs the exception being handled, and answers 500 without details."""
        request_id = new_request_id()
        _log.exception("bid_failed", lot_id=lot_id, request_id=request_id.decode())
        self._counts.count_unanswered(HttpCode.INTERNAL_ERROR)
        body = INTERNAL_ERROR.body()
        headers = [*INTERNAL_ERROR.all_headers(len(body)), (b"x-request-id", request_id)]
        await _send(send, INTERNAL_ERROR.status, headers, body)


async def _send(send: Send, status: int, headers: list[Header], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
