"""What the ledger's tests stand on: a ledger on an emptied server, and servers of one's own to mistreat."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from tests.ledger.event_sequences import SHARDS
from tests.ledger.server_process import PATIENT_MS, OwnServer

OwnServers = Callable[..., Awaitable[OwnServer]]


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator["Redis"]:
    """A client on an emptied server."""
    client = connect(valkey_url, timeout_ms=PATIENT_MS)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def ledger(client: "Redis") -> BidLedger:
    """A ledger with nothing in it."""
    return await BidLedger.open(client, SHARDS)


@pytest.fixture
async def own_server(request: pytest.FixtureRequest, valkey_url: str) -> AsyncIterator[OwnServers]:
    """Starts servers of the same program as `valkey_url`, for this test alone."""
    binary = request.node.callspec.params["valkey_url"]
    started: list[OwnServer] = []

    async def start(**settings: str) -> OwnServer:
        server = OwnServer(binary, {name.replace("_", "-"): value for name, value in settings.items()})
        started.append(server)
        await server.start()
        return server

    yield start
    for server in started:
        await server.close()
