"""Bids over the live channel beside bids over HTTP: the processor time of the process that takes them, a bid.

One gateway and one HTTP process in turn, each on a core of its own, with as many connections and bids of the same
amounts; connections are open before the measuring begins. The gateway also tells its watchers of each bid: the bidders
themselves. Afterwards every accepted bid is verified.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from auction.migration import migrated_servers
from auction.services.identity.tokens import Purpose, Role, TokenKeys
from auction.settings import load_settings
from loadtests.bench.cpu import cpu_ns
from loadtests.bench.http import CONNECTIONS, api_environment, open_lots, serving, verify

BIDS_A_CONNECTION = 30
"""Within what one live connection may send at once."""
LIFETIME_S = 3_600

Place = Callable[[int, str], Awaitable[int]]
"""Sends a bid (amount, key) and gives the answer's status."""


@dataclass(frozen=True, slots=True)
class PlaceRun:
    """One run: processor time a bid, and how the bids were answered."""

    cpu_us: float
    p50_ms: float
    accepted: int
    refused: int


def bench_place(*, runs: int = 5) -> dict[str, Any]:
    """Alternate runs over both ways; medians and their ratio."""
    with tempfile.TemporaryDirectory(prefix="auction-bench-") as folder:
        secret = os.urandom(32).hex()
        wanted = load_settings(
            data_dir=Path(folder), redis_url=None, database_url=None, secret_key=secret, payment_provider="sandbox"
        )
        with migrated_servers(wanted) as settings:
            environment = api_environment(settings, secret)
            by_live, by_http = [], []
            lots = asyncio.run(open_lots(settings, 2 * runs))
            for live_lot, http_lot in zip(lots[::2], lots[1::2], strict=True):
                with serving([sys.executable, "-m", "api.live", "--port"], environment) as server:
                    by_live.append(asyncio.run(_run_live(server, live_lot, secret)))
                with serving([sys.executable, "-m", "api", "--port"], environment) as server:
                    by_http.append(asyncio.run(_run_http(server, http_lot, secret)))
            verdict = asyncio.run(verify(settings, lots))
    live, http = _medians(by_live), _medians(by_http)
    return {
        "live": live,
        "http": http,
        "cpu_ratio": round(live["cpu_us"] / http["cpu_us"], 2),
        "goal_cpu_ratio": 1.0,
        "durability": "appendfsync always",
        "verified_bids": verdict["bids"],
        "breaches": verdict["breaches"],
    }


def _token(secret: str, number: int, purpose: Purpose) -> str:
    return TokenKeys(secret).issue(
        subject=f"bidder-{number}", role=Role.BIDDER, now_s=int(time.time()), lifetime_s=LIFETIME_S, purpose=purpose
    )


async def _run_live(server: tuple[int, int], lot_id: str, secret: str) -> PlaceRun:
    port, pid = server
    connections: list[ClientConnection] = []
    for number in range(CONNECTIONS):
        connection = await connect(f"ws://127.0.0.1:{port}/", compression=None, ping_interval=None, proxy=None)
        sub = {"type": "sub", "lot_id": lot_id, "token": _token(secret, number, Purpose.LIVE)}
        await connection.send(json.dumps(sub))
        while json.loads(await connection.recv())["type"] != "you":
            pass
        connections.append(connection)

    def placing(connection: ClientConnection) -> Place:
        async def place(amount_fen: int, key: str) -> int:
            await connection.send(json.dumps({"type": "place", "lot_id": lot_id, "key": key, "amount_fen": amount_fen}))
            while (frame := json.loads(await connection.recv()))["type"] not in {"placed", "refused"}:
                pass
            return int(frame["status"])

        return place

    run = await _measure(pid, [placing(connection) for connection in connections])
    for connection in connections:
        await connection.close()
    return run


async def _run_http(server: tuple[int, int], lot_id: str, secret: str) -> PlaceRun:
    port, pid = server
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]

    def placing(number: int) -> Place:
        reader, writer = streams[number]
        token = _token(secret, number, Purpose.SESSION)

        async def place(amount_fen: int, key: str) -> int:
            body = b'{"amount_fen":%d}' % amount_fen
            writer.write(
                (
                    f"POST /api/v1/lots/{lot_id}/bids HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
                    f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
                ).encode()
                + body
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
            return int(head.split()[1])

        return place

    run = await _measure(pid, [placing(number) for number in range(CONNECTIONS)])
    for _, writer in streams:
        writer.close()
    return run


async def _measure(pid: int, places: list[Place]) -> PlaceRun:
    """Each connection bids in turn with the others, an answer at a time."""
    statuses: list[int] = []
    took_ms: list[float] = []
    amounts = iter(range(100, 10**9, 100))

    async def bid_all(number: int, place: Place) -> None:
        for one in range(BIDS_A_CONNECTION):
            began_s = time.perf_counter()
            statuses.append(await place(next(amounts), f"bench-{number:04d}-{one:04d}"))
            took_ms.append((time.perf_counter() - began_s) * 1000)

    before_ns = cpu_ns(pid)
    await asyncio.gather(*(bid_all(number, place) for number, place in enumerate(places)))
    cpu_us = (cpu_ns(pid) - before_ns) / 1000 / len(statuses)
    return PlaceRun(cpu_us, statistics.median(took_ms), statuses.count(201), statuses.count(409))


def _medians(runs: list[PlaceRun]) -> dict[str, Any]:
    return {
        "cpu_us": round(statistics.median(run.cpu_us for run in runs), 1),
        "lowest_us": round(min(run.cpu_us for run in runs), 1),
        "highest_us": round(max(run.cpu_us for run in runs), 1),
        "p50_ms": round(statistics.median(run.p50_ms for run in runs), 2),
        "accepted": sum(run.accepted for run in runs),
        "refused": sum(run.refused for run in runs),
    }
