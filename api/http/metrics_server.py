"""Serves a process's metrics on a port of their own, which the public cannot reach; none of the bid's way.

Several processes may share the port: each scrape is answered by one of them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

READ_S = 10.0
REQUEST_BYTES_MAX = 8_192


@asynccontextmanager
async def metrics_served(host: str, port: int | None, registry: CollectorRegistry) -> AsyncIterator[None]:
    """During the block, `GET /metrics` at this port is answered; None: nothing is opened. Raises OSError."""
    if port is None:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_S)
            writer.write(_response(head, registry))
            await asyncio.wait_for(writer.drain(), READ_S)
        writer.close()

    server = await asyncio.start_server(answer, host, port, limit=REQUEST_BYTES_MAX, reuse_port=True)
    async with server:
        yield


def _response(head: bytes, registry: CollectorRegistry) -> bytes:
    method, path, *_ = [*head.split(b"\r\n", 1)[0].split(b" "), b"", b""]
    if method not in {b"GET", b"HEAD"} or path.partition(b"?")[0] != b"/metrics":
        status, kind, body = "404 Not Found", "text/plain; charset=utf-8", b"Only GET /metrics is here.\n"
    else:
        status, kind, body = "200 OK", CONTENT_TYPE_LATEST, generate_latest(registry)
    lines = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return lines.encode() + (b"" if method == b"HEAD" else body)
