"""The live channel on a real ledger and real sockets: gateways in this process, and in processes of their own."""

import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.live.__main__ import bind
from api.live.config import LiveConfig
from api.live.gateway import LiveGateway
from auction.domain.bidding import Bid
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect as connect_ledger
from auction.ledger.replies import AcceptedBid
from auction.services.identity.tokens import Purpose, Role, TokenKeys
from loadtests.live_client import LiveClient
from tests.ledger.event_sequences import LOT, SHARDS, taken
from tests.ledger.server_process import PATIENT_MS

SECRET = "a secret of the tests, long enough"
CONFIG = LiveConfig(secret=SECRET, tick_ms=10, report_ms=50, block_ms=200)
Heard = dict[str, Any]
Start = Callable[..., contextlib.AbstractAsyncContextManager["Running"]]


def token(subject: str, role: Role = Role.BIDDER, *, lifetime_s: int = 3600, secret: str = SECRET) -> str:
    return TokenKeys(secret).issue(
        subject=subject, role=role, now_s=int(time.time()), lifetime_s=lifetime_s, purpose=Purpose.LIVE
    )


@dataclass
class Running:
    """A gateway in this process."""

    gateway: LiveGateway
    url: str
    stopping: asyncio.Event
    task: "asyncio.Task[None]"

    async def stop(self) -> None:
        self.stopping.set()
        await self.task


@contextlib.asynccontextmanager
async def running(ledger: BidLedger, **changes: Any) -> AsyncIterator[Running]:
    listener = bind("127.0.0.1", 0)
    gateway, stopping = LiveGateway(ledger, replace(CONFIG, **changes)), asyncio.Event()
    task = asyncio.create_task(gateway.run(listener, stopping))
    here = Running(gateway, f"ws://127.0.0.1:{listener.getsockname()[1]}/", stopping, task)
    await gateway.hub.is_following.wait()
    try:
        yield here
    finally:
        await here.stop()
        listener.close()


async def shown(here: Running, ledger: BidLedger, lot_id: str = LOT) -> None:
    """Wait until the gateway shows the lot as it stands."""
    now = await ledger.read(lot_id)
    assert now is not None
    await until(lambda: here.gateway.hub.channels[lot_id].projection.position >= (now.epoch, now.seq))  # type: ignore[union-attr]


@pytest.fixture
async def ledger(valkey_url: str, redis: Redis) -> AsyncIterator[BidLedger]:
    """A ledger with nothing in it."""
    client = connect_ledger(valkey_url, timeout_ms=PATIENT_MS)
    yield await BidLedger.open(client, SHARDS)
    await client.aclose()


@pytest.fixture
async def live(ledger: BidLedger) -> AsyncIterator[Running]:
    """A gateway on it."""
    async with running(ledger) as here:
        yield here


@contextlib.asynccontextmanager
async def speaking(url: str, *said: object, **options: Any) -> AsyncIterator[ClientConnection]:
    """A bare connection; the greeting is heard, and something may be said at once."""
    async with connect(url, compression=None, ping_interval=None, proxy=None, close_timeout=1, **options) as connection:
        assert (await heard(connection))["type"] == "hello"
        for words in said:
            await say(connection, words)
        yield connection


async def say(connection: ClientConnection, words: object) -> None:
    await connection.send(words if isinstance(words, str | bytes) else json.dumps(words))


async def heard(connection: ClientConnection) -> Heard:
    frame: Heard = json.loads(await connection.recv())
    return frame


async def heard_until(connection: ClientConnection, kind: str) -> list[Heard]:
    frames = [await heard(connection)]
    while frames[-1]["type"] != kind:
        frames.append(await heard(connection))
    return frames


async def until(true: Callable[[], object]) -> None:
    """Wait for something to become true in this process; the test's time-out is the limit."""
    for _ in itertools.takewhile(lambda _: not true(), itertools.count()):
        await asyncio.sleep(0.005)


async def closed_with(connection: ClientConnection) -> int:
    """The code that the server ends the connection with, whatever it says before."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await connection.recv()
    code = connection.close_code
    assert code is not None
    return code


def sub(lot_id: str = LOT, **more: object) -> Heard:
    return {"type": "sub", "lot_id": lot_id, **more}


@pytest.fixture
async def watching() -> AsyncIterator[Callable[..., LiveClient]]:
    """Starts watchers that come back by themselves; stopped at the end."""
    tasks: list[asyncio.Task[int]] = []

    def start(url: str, lot_id: str = LOT, **options: Any) -> LiveClient:
        client = LiveClient(url, lot_id, wait_s_max=0.3, **options)
        tasks.append(asyncio.create_task(client.run()))
        return client

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Bidding:
    """Bids that rise, by bidders in turn."""

    ledger: BidLedger
    lot_id: str = LOT
    bidders: tuple[str, ...] = ("ada", "bo", "cai")
    made: int = 0
    prices: dict[int, int] = field(default_factory=dict)
    """Seq -> price of each bid made here."""

    async def bid(self, count: int = 1) -> None:
        """So many more bids, each 100 above the last."""
        for _ in range(count):
            self.made += 1
            bidder = self.bidders[self.made % len(self.bidders)]
            receipt = await taken(self.ledger, bidder, 100 * self.made, f"key-{self.made:06d}", lot_id=self.lot_id)
            self.prices[receipt.seq] = receipt.price_fen

    async def burst(self, count: int, *, at_once: int = 20) -> None:
        """The same, several decided in one call."""
        while count > 0:
            bids = []
            for _ in range(min(count, at_once)):
                self.made += 1
                bidder = self.bidders[self.made % len(self.bidders)]
                bids.append(Bid(bidder, 100 * self.made, f"key-{self.made:06d}"))
            for answer in await self.ledger.place_bids(self.lot_id, bids):
                assert isinstance(answer, AcceptedBid), answer
                self.prices[answer.receipt.seq] = answer.receipt.price_fen
            count -= len(bids)


@dataclass
class Gateways:
    """LiveGateway processes on one port."""

    redis_url: str
    port: int
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    async def start(self, count: int = 1, **settings: str) -> None:
        """So many more; each accepts watchers when this returns."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AUCTION_")},
            "AUCTION_REDIS_URL": self.redis_url,
            "AUCTION_SECRET_KEY": SECRET,
            **settings,
        }
        command = [sys.executable, "-m", "api.live", "--host", "127.0.0.1", "--port", str(self.port)]
        for _ in range(count):
            process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
            self.processes.append(process)
            assert process.stderr is not None
            said = b""
            while b"listening" not in said:
                line = await process.stderr.readline()
                said += line
                assert line, said.decode()

    async def kill(self, number: int = 0) -> None:
        """End one at once."""
        process = self.processes.pop(number)
        process.kill()
        await process.communicate()

    async def close(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self.processes:
            await asyncio.wait_for(process.communicate(), 20)


@pytest.fixture
async def gateways() -> AsyncIterator[Callable[[str], Gateways]]:
    """LiveGateway processes, ended with the test."""
    started: list[Gateways] = []
    with contextlib.ExitStack() as held:

        def make(redis_url: str) -> Gateways:
            # held, so that nobody else is given the port
            probe = held.enter_context(bind("127.0.0.1", 0))
            started.append(Gateways(redis_url, probe.getsockname()[1]))
            return started[-1]

        yield make
        for some in started:
            await some.close()
