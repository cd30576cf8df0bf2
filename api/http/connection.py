"""An HTTP connection of uvicorn's with deadlines and bounds: silent, slow and endless clients keep nothing for long.

In front of everything. A request's headers and its body have a time each, and so has a client that does not read its
answer; a connection that waits for its next request has `keep_alive_s`. Deadlines are checked once a second for all
connections of the process, so that they cost a request no timer. Headers are bounded in bytes and in number. What is
refused here is answered with a problem, and the connection is closed.
"""

import contextlib
import math
import socket
import struct
from asyncio import Transport
from dataclasses import dataclass, field
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.http.connection_counts import ConnectionCounts
from api.http.problems import HttpCode, Problem, problem_of
from api.http.request_queue import RequestQueue
from api.http.request_rate import RequestRate
from api.http.trusted_proxies import TrustedProxies
from auction.domain.errors import OverCapacity

HEADER_BYTES_MAX = 32_768
"""Of the request line's path and all header fields."""
FIELDS_MAX = 100
_FRAMING = frozenset({b"transfer-encoding", b"expect", b"upgrade"})

_CLOSE = b"connection: close\r\n"
_MALFORMED = Problem(HttpCode.REQUEST_REFUSED, "This is not a request in HTTP/1.1.")
_TIMED_OUT = Problem(HttpCode.REQUEST_TIMEOUT, "The request did not arrive in time.")
_HEADERS_TOO_LARGE = Problem(
    HttpCode.HEADERS_TOO_LARGE,
    f"A request may have {FIELDS_MAX} header fields and {HEADER_BYTES_MAX:,} bytes of them.",
    {"limit_bytes": HEADER_BYTES_MAX, "limit_fields": FIELDS_MAX},
)


@dataclass(slots=True)
class ConnectionRules:
    """The deadlines of connections, in seconds, and their counts."""

    read_s: float = 10.0
    """For the first byte, for the headers, and for the body of a request; each has so long."""
    keep_alive_s: float = 75.0
    """Longer than proxies keep an idle connection, so that the proxy is the one to close it."""
    unread_s: float = 30.0
    """For a client that does not read what was written."""
    counts: ConnectionCounts = field(default_factory=lambda: ConnectionCounts(1_000_000, 0))
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    """Their connections carry requests of many: they are counted in all, not by address."""
    requests: RequestRate = field(default_factory=RequestRate)
    queue: RequestQueue = field(default_factory=RequestQueue)


class _Refused(Exception):
    """Stops the parser: the connection answers with a problem, and closes."""


class LimitedConnection(HttpToolsProtocol):
    """A connection; `rules` are those of its server."""

    rules: ConnectionRules
    _deadline_s = math.inf
    """When the connection is closed, by the loop's clock."""
    _is_reading = False
    """Whether a request has begun and is not complete."""
    _has_headers = False
    """Whether its headers are."""
    _is_plain = True
    """Whether its body comes in one piece, of a length that is told, and nothing is asked of the connection."""
    _has_just_begun = False
    """Whether it has begun in the data that is being read."""
    _header_bytes = 0
    """Of its path and fields, as far as they are complete."""
    _unparsed_bytes = 0
    """Of the data that came after its first and before its headers were complete: the parser keeps what is not."""
    _refusal: Problem | None = None
    """Why the request that is being read is refused."""
    _address = ""
    """What the connection is counted under."""
    _peer: tuple[str, str] | None = None
    """The address and scheme of a trusted proxy; None: the peer is the client."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Count the connection; one too many is told so and closed."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if self.rules.proxies.trusts(self._address):
            self._peer, self._address = (self._address, str(self.scheme)), ""
        self._wait(self.rules.read_s)
        if (reason := self.rules.counts.add(self._address)) is not None:
            self._refuse(Problem(HttpCode.TOO_MANY_CONNECTIONS, f"There are {reason}."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self.rules.counts.remove(self._address)
        super().connection_lost(exc)

    def close_if_late(self, now_s: float) -> None:
        """Close the connection where its deadline has passed; a client that has begun a request is told why."""
        if now_s < self._deadline_s or self.transport.is_closing():
            return
        is_answering = self._is_answering()
        if self.flow.write_paused:
            self._reset()
        elif self._is_reading and is_answering and not self._has_headers:
            # the answers to earlier requests first
            self._wait(self.rules.read_s)
        elif self._is_reading and not is_answering:
            self._refuse(_TIMED_OUT)
        else:
            self.transport.close()

    def _reset(self) -> None:
        """Break the connection, without the kernel trying further to deliver what was written."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the connection is being closed. The parser keeps a header until it is complete."""
        if self.transport.is_closing():
            return
        self._has_just_begun = False
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            # uvicorn would log each: a flood of them would be a flood of lines
            self._refuse_request()
            return
        except httptools.HttpParserUpgrade:
            # nothing is upgraded to: the request is answered as any other
            return
        if self._is_reading and not self._has_headers and not self._has_just_begun:
            self._unparsed_bytes += len(data)
            if self._unparsed_bytes > HEADER_BYTES_MAX and not self.transport.is_closing():
                self._refuse(_HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """The first byte of a request; its ASGI scope is made once it is needed."""
        self._is_reading, self._has_headers = True, False
        self._has_just_begun = True
        self._header_bytes = self._unparsed_bytes = 0
        self._wait(self.rules.read_s)
        self.url = b""
        self.expect_100_continue = False
        self._is_plain = True
        self.headers = []

    def on_url(self, url: bytes) -> None:
        """A part of the request line's path."""
        self._header_bytes += len(url)
        if self._header_bytes > HEADER_BYTES_MAX:
            self._refusal = _HEADERS_TOO_LARGE
            raise _Refused
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field. Called eight times a request: nothing is called from here that need not be."""
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > HEADER_BYTES_MAX or len(self.headers) >= FIELDS_MAX:
            self._refusal = _HEADERS_TOO_LARGE
            raise _Refused
        name = name.lower()
        if name in _FRAMING:
            self._is_plain = False
            if name == b"expect":
                self.expect_100_continue = value.lower() == b"100-continue"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Make an ASGI request, unless it is one too many of its client's."""
        self._begin_body()
        self.client, self.scheme = self._origin(self.headers)  # type: ignore[assignment]
        address = self.client[0] if self.client else ""
        refusal = self.rules.requests.refuse(address, self.parser.get_method(), self.url, self.headers)
        if refusal is not None:
            self._refusal = refusal
            raise _Refused
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers.extend(headers)
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Start the request once it is its turn, unless its client has left by then."""

        def start() -> None:
            if not cycle.disconnected:
                HttpToolsProtocol._start_asgi_task(self, cycle, app)  # noqa: SLF001 - what this overrides

        is_known = self.rules.requests.subject_of(cycle.scope["headers"]) is not None
        try:
            self.rules.queue.add(start, is_known=is_known)
        except OverCapacity as error:
            self._refuse(problem_of(error))

    def _origin(self, headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, int] | None, str]:
        """Client and scheme of a request: the peer's, or what a trusted proxy says of it."""
        if self._peer is None:
            return self.client, self.scheme or "http"
        told: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"x-forwarded-proto": []}
        for name, value in headers:
            if name in told:
                told[name].append(value.decode("latin-1"))
        origin = self.rules.proxies.origin(*self._peer, told[b"x-forwarded-for"], told[b"x-forwarded-proto"])
        return (origin.address, 0), origin.scheme

    def _begin_body(self) -> None:
        """The headers are complete: the body has a time of its own."""
        self._has_headers = True
        self._wait(self.rules.read_s)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._end_reading()
        super().on_message_complete()

    def _end_reading(self) -> None:
        """Now it is we who are waited for."""
        self._is_reading = False
        self._wait(math.inf)

    def on_response_complete(self) -> None:
        """Begin the next request of the connection, or wait for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._is_reading:
            self._wait(self.rules.keep_alive_s)

    def _wait(self, wait_s: float) -> None:
        """Close the connection unless something happens within that time; a client that does not read has its own."""
        if not self.flow.write_paused:
            self._deadline_s = self.loop.time() + wait_s

    def pause_writing(self) -> None:
        """The client does not read what was written."""
        self._wait(self.rules.unread_s)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        waits_for_us = math.inf if self._is_answering() else self.rules.keep_alive_s
        self._wait(self.rules.read_s if self._is_reading else waits_for_us)

    def _refuse_request(self) -> None:
        """The parser has refused the request, or we have. A client that did not wait for an answer is not told."""
        if self._is_answering():
            self.transport.close()
        else:
            self._refuse(self._refusal or _MALFORMED)

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem and close."""
        body = problem.body()
        parts: list[Any] = [STATUS_LINE[problem.status]]
        for name, value in (*self.server_state.default_headers, *problem.all_headers(len(body))):
            parts += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join([*parts, _CLOSE, b"\r\n", body]))
        self.transport.close()
