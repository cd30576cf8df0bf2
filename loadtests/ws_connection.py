"""One WebSocket connection of a load run: gevent does the I/O, websockets' Sans-I/O protocol the framing.

Without the thread and the queue of websockets' `sync` client: a feed has hundreds of frames a second for each of many
watchers in one process.
"""

import json
import socket

from gevent import socket as green_socket
from gevent import ssl as green_ssl
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from loadtests.feed_checker import Frame as LiveFrame

OPEN_TIMEOUT_S = 10.0
READ_BYTES = 65_536


class WsConnection:
    """An open connection. Raises OSError where it is lost, other errors where the server breaks the protocol."""

    def __init__(self, url: str) -> None:
        uri = parse_uri(url)
        self._protocol = ClientProtocol(uri)
        self._socket = green_socket.create_connection((uri.host, uri.port), timeout=OPEN_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if uri.secure:
            self._socket = green_ssl.create_default_context().wrap_socket(self._socket, server_hostname=uri.host)
        self._protocol.send_request(self._protocol.connect())
        try:
            self._flush()
            self._complete_handshake()
        except BaseException:
            self.close()
            raise

    @property
    def code(self) -> int | None:
        """The close code; None while the connection is open."""
        return self._protocol.close_code

    def send(self, frame: LiveFrame) -> None:
        """Send a frame."""
        if self._protocol.state is not State.OPEN:
            raise ConnectionError("closed already")
        self._protocol.send_text(json.dumps(frame).encode())
        self._flush()

    def read(self, timeout_s: float) -> list[LiveFrame]:
        """The frames received since, waiting for at least a byte; none at the end and after a ping."""
        frames = self._frames()
        if not frames:
            self._receive(timeout_s)
            frames = self._frames()
        return frames

    def close(self) -> None:
        """Close the socket, whatever is under way."""
        self._socket.close()

    def _complete_handshake(self) -> None:
        protocol = self._protocol
        while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
            self._receive(OPEN_TIMEOUT_S)
        if protocol.handshake_exc is not None:
            raise ConnectionError(str(protocol.handshake_exc))

    def _receive(self, timeout_s: float) -> None:
        self._socket.settimeout(timeout_s)
        data = self._socket.recv(READ_BYTES)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        wrong = self._protocol.parser_exc
        if wrong is not None and not isinstance(wrong, EOFError):
            raise wrong
        self._flush()

    def _frames(self) -> list[LiveFrame]:
        texts = [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        return [json.loads(bytes(text.data)) for text in texts if text.opcode is Opcode.TEXT]

    def _flush(self) -> None:
        """Send what the protocol has ready: frames, pongs, the close."""
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)
            else:
                self._socket.shutdown(socket.SHUT_WR)
