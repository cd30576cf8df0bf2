"""A raw HTTP/1.1 client that costs little and hides nothing: one connection, one request at a time, no retries.

What becomes of a request is one of three things: an answer, `NotSent` (there was nobody to send it to) or `NoAnswer`
(it left, and nobody knows what became of it).
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec

Address = tuple[str, int]


class NotSent(Exception):
    """No connection could be made; nothing left this process."""


class NoAnswer(Exception):
    """The request left and no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: status, headers as one lower-case text, body."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        """The body's content."""
        return msgspec.json.decode(self.body)


class _ReplyReader(asyncio.Protocol):
    """One connection; `answer` is set while a request is under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[Reply] | None = None
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self.answer is None or self.answer.done():
            return
        head = bytes(self._received[:end]).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self._received) >= end + 4 + length:
            body = bytes(self._received[end + 4 : end + 4 + length])
            self._received.clear()
            self.answer.set_result(Reply(int(head[9:12]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(NoAnswer(str(exc or "closed")))


class HttpConnection:
    """A client's connection to one server; made when first needed, and again after it was lost."""

    def __init__(self, address: Address, *, patience_s: float = 10.0) -> None:
        self.address = address
        self.patience_s = patience_s
        self._line: _ReplyReader | None = None

    async def ask(self, request: bytes) -> Reply:
        """Send a request, once. Raises NotSent, NoAnswer."""
        line = await self._connected()
        assert line.transport is not None
        line.answer = asyncio.get_running_loop().create_future()
        line.transport.write(request)
        try:
            async with asyncio.timeout(self.patience_s):
                return await line.answer
        except TimeoutError:
            raise NoAnswer("nothing came") from None
        finally:
            # given up, or interrupted: what still comes on this line is nobody's answer
            if not line.answer.done() or line.answer.cancelled():
                self.close()

    def close(self) -> None:
        """Close the connection at once."""
        if self._line is not None and self._line.transport is not None:
            self._line.transport.abort()
        self._line = None

    async def _connected(self) -> _ReplyReader:
        if self._line is not None and self._line.transport is not None and not self._line.transport.is_closing():
            return self._line
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.patience_s):
                _, self._line = await loop.create_connection(_ReplyReader, *self.address)
        except (OSError, TimeoutError) as error:
            raise NotSent(str(error)) from error
        return self._line


def get_request(path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: house\r\n\r\n".encode()


def post_request(path: str, token: str, body: object, *more: str) -> bytes:
    """A POST of JSON by someone signed in; `more` are header lines."""
    content = msgspec.json.encode(body)
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: house",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *more,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def bid_request(lot_id: str, token: str, key: str, amount_fen: int) -> bytes:
    """A bid."""
    return post_request(f"/api/v1/lots/{lot_id}/bids", token, {"amount_fen": amount_fen}, f"Idempotency-Key: {key}")
