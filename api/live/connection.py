"""One watcher's socket: WebSocket frames in, prebuilt frames out, and nothing in between that could queue up.

`websockets` does the handshake and parses frames; what it would put into a queue for a reading task is heard at once,
and what is said goes straight to the transport. Its write buffer has no slack: a socket with anything unsent is
`paused`, and whoever speaks to it waits.
"""

import contextlib
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Event

from api.live.protocol import CloseCode
from auction.services.identity.tokens import Identity

if TYPE_CHECKING:
    import asyncio

    from api.live.channel import Watcher
    from api.live.gateway import LiveGateway

CLOSE_S = 2.0
"""How long a peer may take to hang up once the connection is closed."""
REASON_BYTES_MAX = 120


class LiveConnection(ServerConnection):
    """A socket from its first byte to its last."""

    def __init__(self, gateway: "LiveGateway", *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.gateway = gateway
        self.watching: dict[str, Watcher] = {}
        """Lot -> what is watched of it."""
        self.identity: Identity | None = None
        self.address = ""
        self.shaken = False
        """Whether the handshake is over: what comes from here on are frames."""
        self.subscribed = False
        """Whether it has said what it watches."""
        self.ended = False
        """Whether nothing is said any more."""
        self.heard = True
        """Whether anything came since the last ping."""
        self.unanswered = 0
        """Pings in a row without an answer."""
        self.paused_at_s = 0.0
        self._parts: list[bytes] = []
        self._allowance = float(gateway.config.messages_at_once)
        self._allowance_at_s = self.loop.time()

    # -- to the peer -------------------------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        """Write a frame, unless the peer is behind or gone."""
        if not self.paused and not self.ended:
            # a transport that has just failed: its `connection_lost` is on the way
            with contextlib.suppress(RuntimeError):
                self.transport.write(data)

    def end(self, code: CloseCode, reason: str = "") -> None:
        """Close the connection without waiting for anything."""
        if self.ended:
            return
        self._stop_watching()
        if self.protocol.state is OPEN:
            self.protocol.fail(code, reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))
            with contextlib.suppress(RuntimeError):
                self.send_data()

    def _stop_watching(self) -> None:
        self.ended = True
        self._parts.clear()
        self.gateway.left(self)
        self.loop.call_later(CLOSE_S, self.transport.abort)

    # -- from the transport ------------------------------------------------------------------------------------------

    def connection_made(self, transport: "asyncio.BaseTransport") -> None:
        """A peer has connected."""
        super().connection_made(transport)
        self.gateway.came(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self.heard = True
        super().data_received(data)
        if self.shaken and not self.ended and self.protocol.state is not OPEN:
            # the peer said goodbye, or broke the protocol: nothing is written behind the close frame
            self._stop_watching()

    def process_event(self, event: Event) -> None:
        """The handshake's request, then frames."""
        if not self.shaken:
            super().process_event(event)
        elif not self.ended:
            self._hear(cast(Frame, event))

    def _hear(self, frame: Frame) -> None:
        if not self._may_speak():
            self.end(CloseCode.TOO_MANY, "too many messages")
            return
        match frame.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    message = b"".join(self._parts)
                    self._parts.clear()
                    self.gateway.hear(self, message)
            case Opcode.BINARY:
                self.end(CloseCode.MALFORMED, "text messages only")
            case _:
                pass

    def _may_speak(self) -> bool:
        """Messages may come in a burst, then at a rate; pings and pieces of a message count too."""
        config, now_s = self.gateway.config, self.loop.time()
        refilled = self._allowance + (now_s - self._allowance_at_s) * config.messages_per_s
        self._allowance = min(float(config.messages_at_once), refilled) - 1
        self._allowance_at_s = now_s
        return self._allowance >= 0

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is written to."""
        super().pause_writing()
        self.paused_at_s = self.loop.time()
        self.gateway.fell_behind(self)

    def resume_writing(self) -> None:
        """Everything written has left."""
        super().resume_writing()
        # not from within the transport's own writing
        self.loop.call_soon(self.gateway.caught_up, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        super().connection_lost(exc)
        self.ended = True
        self.gateway.went(self)
