"""Bids answered by the HTTP connection itself: no ASGI scope, no task and no future a bid, one write an answer.

In front of everything: uvicorn's connection, which parses requests, hands bids to the ledger's combiner as soon as
their body is complete. Requests of one connection are answered in order. Whatever is not a plain bid (another path, a
body in chunks or too long, HTTP/1.0, Expect, an upgrade) becomes an ASGI request as ever, and so does a bid that comes
in while the application is not there yet.
"""

import re
from time import perf_counter
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.bids.answers import Answer
from api.bids.body import offer_of
from api.bids.endpoint import PREFIX, SUFFIX, BidEndpoint
from api.http.auth import NotSignedIn
from api.http.bodies import is_too_long
from api.http.connection import LimitedConnection
from api.http.late_app import LateApp
from api.http.problems import Unacceptable
from auction.domain.errors import OverCapacity
from auction.services.bidding.placement import BidOutcome, start_bid
from auction.services.identity.tokens import TokenRefused

_BID_PATH = re.compile(rb"%b([!-.0-~]+)%b" % (re.escape(PREFIX.encode()), re.escape(SUFFIX.encode())))
"""With whatever may be an id of a lot, or none; escapes, queries and fragments are looked for apart."""
_NOT_PLAIN = re.compile(rb"[%?#]")


class BidRequest:
    """A bid of one connection, in the place of uvicorn's request-response cycle, of which it has what that uses."""

    __slots__ = (
        "body", "disconnected", "endpoint", "headers", "is_complete", "is_first", "keep_alive", "lot_id",
        "message_event", "more_body", "response_complete", "started_s",
    )  # fmt: skip

    def __init__(
        self, endpoint: BidEndpoint, lot_id: str, headers: list[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> None:
        self.endpoint = endpoint
        self.lot_id = lot_id
        self.headers = headers
        self.keep_alive = keep_alive
        self.started_s = perf_counter()
        self.body = b""
        self.is_complete = False
        """Whether the whole body is there."""
        self.is_first = False
        """Whether every earlier request of the connection was answered."""
        self.more_body = True
        self.response_complete = False
        self.disconnected = False
        self.message_event = self

    def set(self) -> None:
        """The connection was lost (uvicorn's event): a bid without its whole body is dropped."""
        if self.disconnected and not self.is_complete and not self.response_complete:
            self.response_complete = True
            self.endpoint.answers.counts.count_unanswered("client-gone")


class BidProtocol(LimitedConnection):
    """An HTTP connection that answers bids itself."""

    _newest: BidRequest | None = None
    """The request that is being read, where it is a bid."""
    _is_stalled = False
    """Whether the next request waits until the client reads."""

    def on_headers_complete(self) -> None:
        """Take a bid, or make an ASGI request."""
        bid = self._newest = self._bid()
        if bid is None:
            super().on_headers_complete()
            return
        self._begin_body()
        existing: Any = self.cycle
        self.cycle = cast("Any", bid)
        if existing is None or existing.response_complete:
            bid.is_first = True
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cast("Any", bid), self.app))

    def _bid(self) -> BidRequest | None:
        path = _BID_PATH.fullmatch(self.url)
        if path is None or not self._is_plain or self.parser.get_method() != b"POST":
            return None
        endpoint = self._endpoint()
        if endpoint is None or _NOT_PLAIN.search(self.url) or self.parser.get_http_version() != "1.1":
            return None
        for name, value in self.headers:
            if name == b"content-length" and is_too_long(value):
                return None
        return BidRequest(endpoint, path[1].decode(), self.headers, keep_alive=self.parser.should_keep_alive())

    def _endpoint(self) -> BidEndpoint | None:
        # the application as it was given, not as the server wraps it
        app: Any = self.config.app
        if isinstance(app, LateApp):
            app = app.app
        return app if isinstance(app, BidEndpoint) else None

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        if self._newest is None:
            super().on_body(body)
        else:
            self._newest.body += body

    def on_message_complete(self) -> None:
        """The request is complete: a bid whose turn it is is sent to the ledger."""
        bid = self._newest
        if bid is None:
            super().on_message_complete()
            return
        self._end_reading()
        bid.is_complete = True
        if bid.is_first:
            self._place(bid)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if not isinstance(cycle, BidRequest):
            super()._start_asgi_task(cycle, app)
            return
        cycle.is_first = True
        if cycle.is_complete:
            self._place(cycle)

    def _place(self, bid: BidRequest) -> None:
        answers = bid.endpoint.answers
        is_sent = False

        def finish(outcome: BidOutcome) -> None:
            if is_sent:
                self._respond(bid, answers.answer(bid.lot_id, outcome, bid.started_s))
            else:
                # the edge's refusals: honest ones before the floods that the bounds refuse
                self._finish_later(bid, outcome, is_known=not isinstance(outcome, Exception))

        try:
            bidder_id, key = answers.bidder_and_key(bid.headers)
            amount_fen, is_maximum = offer_of(bid.body)
            start_bid(
                bid.endpoint.context,
                bid.lot_id,
                bidder_id=bidder_id,
                amount_fen=amount_fen,
                key=key,
                is_maximum=is_maximum,
                done=finish,
            )
            is_sent = True
        except (NotSignedIn, TokenRefused) as error:
            finish(self._too_many_of_nobody(bid) or error)
        except Exception as error:  # noqa: BLE001 - every bid is answered, whatever happens
            finish(error)

    def _finish_later(self, bid: BidRequest, outcome: BidOutcome, *, is_known: bool) -> None:
        """Answer a bid that the ledger was not asked about when it is its turn."""

        def respond() -> None:
            self._respond(bid, bid.endpoint.answers.answer(bid.lot_id, outcome, bid.started_s))

        try:
            self.rules.queue.add(respond, is_known=is_known)
        except OverCapacity as error:
            outcome = error
            respond()

    def _too_many_of_nobody(self, bid: BidRequest) -> Exception | None:
        """Why this bid of nobody who is signed in is one too many of its address."""
        client, _ = self._origin(bid.headers)
        refusal = self.rules.requests.refuse(client[0] if client else "", b"POST", b"", bid.headers)
        if refusal is None:
            return None
        bid.keep_alive = False
        return Unacceptable(refusal)

    def _respond(self, bid: BidRequest, answer: Answer) -> None:
        bid.response_complete = True
        if bid.disconnected or self.transport.is_closing():
            return
        status, headers, body = answer
        parts = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if bid.keep_alive else b"connection: close\r\n\r\n")
        parts.append(body)
        self.transport.write(b"".join(parts))
        if not bid.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """The next request of the connection, once the client reads its answers."""
        if self.flow.write_paused:
            self._is_stalled = True
            self.flow.pause_reading()
            return
        super().on_response_complete()

    def resume_writing(self) -> None:
        """The client has read what was written."""
        super().resume_writing()
        if self._is_stalled:
            self._is_stalled = False
            self.on_response_complete()
