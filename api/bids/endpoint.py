"""`POST /api/v1/lots/{lot_id}/bids` as ASGI, in front of FastAPI, to which it passes everything else on.

Our own server answers bids before they become ASGI requests (`api.bids.protocol`); what it leaves to others (bodies in
chunks, HTTP/1.0, unusual paths), and every bid under another ASGI server, is answered here.
"""

from time import perf_counter

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from api.bids.answers import Answer, BidAnswers
from api.bids.body import offer_of
from api.http.bodies import BodyTooLarge, ClientGone, read_body, refuse_too_large
from api.http.middleware import new_request_id
from api.http.problems import HttpCode
from auction.services.bidding.placement import BidOutcome, place_bid
from auction.services.context import AppContext

PREFIX = "/api/v1/lots/"
SUFFIX = "/bids"


class BidEndpoint:
    """ASGI middleware that answers bids itself and passes every other request on."""

    def __init__(self, app: ASGIApp, context: AppContext, answers: BidAnswers, registry: CollectorRegistry) -> None:
        self._app = app
        self.registry = registry
        """The metrics of bids and of everything else."""
        self.context = context
        self.answers = answers

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
        outcome: BidOutcome
        try:
            bidder_id, key = self.answers.bidder_and_key(scope["headers"])
            amount_fen, is_maximum = offer_of(await read_body(receive))
            outcome = await place_bid(
                self.context, lot_id, bidder_id=bidder_id, amount_fen=amount_fen, key=key, is_maximum=is_maximum
            )
        except ClientGone:
            self.answers.counts.count_unanswered("client-gone")
            return
        except BodyTooLarge:
            self.answers.counts.count_unanswered(HttpCode.PAYLOAD_TOO_LARGE)
            await refuse_too_large(receive, send, new_request_id())
            return
        except Exception as error:  # noqa: BLE001 - every bid is answered, whatever happens
            outcome = error
        await _send(send, self.answers.answer(lot_id, outcome, started_s))


async def _send(send: Send, answer: Answer) -> None:
    status, headers, body = answer
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
