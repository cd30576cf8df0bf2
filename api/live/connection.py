"""One client's WebSocket connection: parses messages as they arrive, and sends prebuilt frames without a queue.

After the bid's way. `websockets` does the handshake and parses frames; messages go to a `ConnectionHandler` at once
instead of into a queue for a reading task, and frames go straight to the transport. The transport's write buffer has
no slack: a connection with anything unsent is `paused`, and nothing more is written to it until it is not.
"""

import contextlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Event

from api.live.config import LiveConfig
from api.live.protocol import CloseCode
from auction.services.identity.tokens import Identity

if TYPE_CHECKING:
    import asyncio

CLOSE_S = 2.0
"""How long a peer may take to close its side of an ended connection."""
REASON_BYTES_MAX = 120
HELD_ANSWERS_MAX = 64
"""Answers to bids that wait for a client to read; with more it is disconnected."""


class ConnectionHandler(Protocol):
    """What a connection needs of the gateway it belongs to."""

    config: LiveConfig

    def connection_opened(self, connection: "LiveConnection") -> None:
        """A peer has connected; the handshake is not done yet."""

    def handle_message(self, connection: "LiveConnection", data: bytes) -> None:
        """A message of the client has arrived."""

    def writing_paused(self, connection: "LiveConnection") -> None:
        """The connection has unsent bytes: frames sent to it are dropped."""

    def writing_resumed(self, connection: "LiveConnection") -> None:
        """The connection had no unsent bytes a moment ago."""

    def connection_ended(self, connection: "LiveConnection") -> None:
        """Nothing more is sent to the peer."""

    def connection_closed(self, connection: "LiveConnection") -> None:
        """The socket is closed."""


class LiveConnection(ServerConnection):
    """A connection from its first byte to its last."""

    def __init__(self, handler: ConnectionHandler, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._handler = handler
        self.identity: Identity | None = None
        """Whose valid token the client has sent."""
        self.address = ""
        self.handshake_done = False
        """What arrives from here on are frames."""
        self.is_subscribed = False
        """Whether the client has sent a `sub`."""
        self.is_ended = False
        """Whether nothing more is sent."""
        self.heard_since_ping = True
        """Whether any bytes have arrived since the last ping."""
        self.unanswered_pings = 0
        """Pings in a row after which nothing arrived."""
        self.paused_at_s = 0.0
        self._parts: list[bytes] = []
        self._held_answers: list[bytes] = []
        self._allowance = float(handler.config.messages_at_once)
        self._allowance_at_s = self.loop.time()

    # -- to the peer -------------------------------------------------------------------------------------------------

    def send_frame(self, data: bytes) -> None:
        """Write a frame, header included, unless the connection is paused or ended."""
        if not self.paused and not self.is_ended:
            # where the transport has just failed: its `connection_lost` follows
            with contextlib.suppress(RuntimeError):
                self.transport.write(data)

    def send_answer(self, data: bytes) -> None:
        """Write a frame that must not be left out: while the connection is paused it is held."""
        if self.is_ended:
            return
        if not self.paused:
            self.send_frame(data)
        elif len(self._held_answers) >= HELD_ANSWERS_MAX:
            self.end(CloseCode.TOO_SLOW, "answers to bids are not read")
        else:
            self._held_answers.append(data)

    def send_held_answers(self) -> None:
        """Write what was held, until the connection is paused again."""
        while self._held_answers and not self.paused and not self.is_ended:
            self.send_frame(self._held_answers.pop(0))

    def end(self, code: CloseCode, reason: str = "") -> None:
        """Send a close frame and nothing after it; again changes nothing. The socket closes within CLOSE_S."""
        if self.is_ended:
            return
        self._stop_sending()
        if self.protocol.state is OPEN:
            self.protocol.fail(code, reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))
            with contextlib.suppress(RuntimeError):
                self.send_data()

    def _stop_sending(self) -> None:
        self.is_ended = True
        self._parts.clear()
        self._held_answers.clear()
        self._handler.connection_ended(self)
        self.loop.call_later(CLOSE_S, self.transport.abort)

    # -- from the transport ------------------------------------------------------------------------------------------

    def connection_made(self, transport: "asyncio.BaseTransport") -> None:
        """Called by the event loop for a new connection."""
        super().connection_made(transport)
        self._handler.connection_opened(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with bytes of the peer."""
        self.heard_since_ping = True
        super().data_received(data)
        if self.handshake_done and not self.is_ended and self.protocol.state is not OPEN:
            # the peer closed the connection or broke the protocol: nothing is sent after the close frame
            self._stop_sending()

    def process_event(self, event: Event) -> None:
        """Called by `websockets` with the handshake's request, then with each frame."""
        if not self.handshake_done:
            super().process_event(event)
        elif not self.is_ended:
            self._handle_frame(cast(Frame, event))

    def _handle_frame(self, frame: Frame) -> None:
        if not self._use_allowance():
            self.end(CloseCode.TOO_MANY, "too many messages")
            return
        match frame.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    message = b"".join(self._parts)
                    self._parts.clear()
                    self._handler.handle_message(self, message)
            case Opcode.BINARY:
                self.end(CloseCode.MALFORMED, "text messages only")
            case _:
                pass

    def _use_allowance(self) -> bool:
        """Count a frame against the allowance, a burst and then a rate; False where it is used up."""
        config, now_s = self._handler.config, self.loop.time()
        refilled = self._allowance + (now_s - self._allowance_at_s) * config.messages_per_s
        self._allowance = min(float(config.messages_at_once), refilled) - 1
        self._allowance_at_s = now_s
        return self._allowance >= 0

    def pause_writing(self) -> None:
        """Called by the transport when the peer reads more slowly than it is written to."""
        super().pause_writing()
        self.paused_at_s = self.loop.time()
        self._handler.writing_paused(self)

    def resume_writing(self) -> None:
        """Called by the transport when everything written has left."""
        super().resume_writing()
        # not from within the transport's own writing
        self.loop.call_soon(self._handler.writing_resumed, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop when the socket is closed."""
        super().connection_lost(exc)
        self.is_ended = True
        self._handler.connection_closed(self)
