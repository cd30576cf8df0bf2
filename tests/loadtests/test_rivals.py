"""The rivals of the benchmark decide as they should: what is slower than ours must not be wrong as well."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from loadtests.baselines.bid_api import LOT, BidStore, Decision, Servers, bid_api
from loadtests.baselines.rivals import RIVALS


@pytest.fixture
async def servers(postgres_url: str, valkey_url: str, redis: Redis, tmp_path: Path) -> AsyncIterator[Servers]:
    """Servers with a database of the test's own, and nothing on the ledger's."""
    name = f"rival_{secrets.token_hex(6)}"
    address = urlsplit(postgres_url)._replace(scheme="postgresql")
    admin = await asyncpg.connect(urlunsplit(address))
    await admin.execute(f"CREATE DATABASE {name}")
    yield Servers(urlunsplit(address._replace(path=f"/{name}")), valkey_url, tmp_path)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.mark.parametrize("name", RIVALS)
async def test_a_rival_decides_each_bid_once_and_keeps_it(name: str, servers: Servers) -> None:
    async with RIVALS[name](servers) as store:
        assert await store.place(LOT, "bidder-1", 100, "key-1") == Decision(1, 100)
        assert await store.place(LOT, "bidder-1", 100, "key-1") == Decision(1, 100, is_repeated=True)
        refused = {
            "key-reused": (LOT, "bidder-1", 900, "key-1"),
            "bid-too-low": (LOT, "bidder-2", 199, "key-2"),
            "not-registered": (LOT, "nobody", 900, "key-3"),
            "lot-unknown": ("none", "bidder-1", 900, "key-4"),
        }
        assert {code: (await store.place(*bid)).refusal for code, bid in refused.items()} == {c: c for c in refused}
        await _race(store)
    async with RIVALS[name](servers) as store:
        assert (await store.place(LOT, "bidder-1", 100, "key-1")).is_repeated
        assert (await store.place(LOT, "bidder-2", 599, "key-5")).refusal == "bid-too-low"


async def _race(store: BidStore) -> None:
    """Of equal bids at once one is accepted, and one that is sent several times is decided once."""
    equal = await asyncio.gather(*(store.place(LOT, f"bidder-{n}", 300, f"race-{n}") for n in range(12)))
    assert Counter(one.refusal for one in equal) == {"": 1, "bid-too-low": 11}
    again = await asyncio.gather(*(store.place(LOT, "bidder-7", 500, "again") for _ in range(12)))
    assert {(one.seq, one.refusal) for one in again} == {(3, "")}
    assert [one.is_repeated for one in again].count(False) == 1


async def test_a_rival_answers_over_http(servers: Servers) -> None:
    open_store = RIVALS["log-file"]
    app = bid_api(open_store, servers)
    headers = {"Authorization": "Bearer bidder-1", "Idempotency-Key": "key-1"}
    async with (
        open_store(servers) as store,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://rival") as client,
    ):
        app.state.store = store
        statuses = [
            (await client.post(f"/api/v1/lots/{LOT}/bids", json={"amount_fen": fen}, headers=headers)).status_code
            for fen in (100, 100, 500)
        ]
    assert statuses == [201, 200, 409]
