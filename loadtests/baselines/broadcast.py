"""A baseline of the live channel: the `websockets` server and its `broadcast()`, five times a second."""

import asyncio
import contextlib
import json
import sys
import time

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

TICK_S = 0.2


async def discard(connection: ServerConnection) -> None:
    """Read and discard what a watcher sends."""
    # a lost connection is not an error
    with contextlib.suppress(ConnectionClosed):
        async for _ in connection:
            pass


async def main(port: int, size: int) -> None:
    """Send everyone a tick of so many bytes, endlessly."""
    async with serve(discard, "127.0.0.1", port, compression=None, backlog=4096) as server:
        seq, next_s = 0, time.monotonic()
        while True:
            next_s += TICK_S
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            seq += 1
            tick = {"type": "tick", "seq": seq, "at_ms": int(time.time() * 1000), "rest": ""}
            tick["rest"] = "." * (size - len(json.dumps(tick, separators=(",", ":"))))
            broadcast(server.connections, json.dumps(tick, separators=(",", ":")))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
