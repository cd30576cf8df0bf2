"""One WebSocket connection of a load run: gevent moves the bytes, websockets' own Sans-I/O protocol reads them.

No thread and no queue between the socket and who reads it, as websockets' `sync` client has: a feed brings hundreds of
frames a second to each of many watchers in one process.
"""

import json
import socket

from gevent import socket as green_socket
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from loadtests.feed_checker import Heard

OPEN_S = 10.0
READ_BYTES = 65_536


class WsConnection:
    """An open connection. An OSError says that it is lost; any other error, that the server speaks no WebSocket."""

    def __init__(self, url: str) -> None:
        place = parse_uri(url)
        self._protocol = ClientProtocol(place)
        self._socket = green_socket.create_connection((place.host, place.port), timeout=OPEN_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol.send_request(self._protocol.connect())
        try:
            self._flush()
            self._shake_hands()
        except BaseException:
            self.close()
            raise

    @property
    def code(self) -> int | None:
        """The code that the connection ended with; None while it goes on."""
        return self._protocol.close_code

    def say(self, words: Heard) -> None:
        """Send a frame."""
        if self._protocol.state is not State.OPEN:
            raise ConnectionError("closed already")
        self._protocol.send_text(json.dumps(words).encode())
        self._flush()

    def read(self, patience_s: float) -> list[Heard]:
        """What has come since, waiting for at least a byte; empty at the end of the connection, and after a ping."""
        heard = self._heard()
        if not heard:
            self._take(patience_s)
            heard = self._heard()
        return heard

    def close(self) -> None:
        """Let go of it, whatever is on its way."""
        self._socket.close()

    def _shake_hands(self) -> None:
        protocol = self._protocol
        while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
            self._take(OPEN_S)
        if protocol.handshake_exc is not None:
            raise ConnectionError(str(protocol.handshake_exc))

    def _take(self, patience_s: float) -> None:
        self._socket.settimeout(patience_s)
        data = self._socket.recv(READ_BYTES)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        wrong = self._protocol.parser_exc
        if wrong is not None and not isinstance(wrong, EOFError):
            raise wrong
        self._flush()

    def _heard(self) -> list[Heard]:
        texts = [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        return [json.loads(bytes(text.data)) for text in texts if text.opcode is Opcode.TEXT]

    def _flush(self) -> None:
        """Send what the protocol has to say: our frames, pongs, the close."""
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)
            else:
                self._socket.shutdown(socket.SHUT_WR)
