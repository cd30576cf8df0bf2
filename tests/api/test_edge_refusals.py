"""Low bids refused by the API process itself: the ledger's answer, marked, counted apart, and switched off by a setting."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from auction.bootstrap import open_context
from auction.ledger.edge import EdgeRefusals
from auction.services.context import AppContext
from auction.settings import load_settings
from tests.api.conftest import SECRET, Asker


@pytest.fixture
async def edge(context: AppContext) -> AsyncIterator[EdgeRefusals]:
    """The edge of the process, which follows. On a busy machine no pause counts."""
    assert context.edge is not None
    context.edge._clock_s = lambda: 0.0
    following = asyncio.create_task(context.edge.run())
    await asyncio.sleep(0)
    yield context.edge
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def low_bid_at_the_edge(asker: Asker, lot_id: str, amount_fen: int, *, bidder: str) -> dict[str, Any]:
    """The answer to the first low bid that does not reach the ledger."""
    while True:
        answer: dict[str, Any] = (await asker.bid(lot_id, amount_fen, bidder=bidder)).json()
        if "edge" in answer:
            return answer


async def test_a_low_bid_gets_the_ledgers_answer_without_the_ledger_and_is_counted_apart(
    asker: Asker, client: httpx.AsyncClient, context: AppContext, edge: EdgeRefusals
) -> None:
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    first = (await asker.bid(lot_id, 500)).json()
    by_ledger = (await asker.bid(lot_id, 599, bidder="bob")).json()

    answer = await low_bid_at_the_edge(asker, lot_id, 599, bidder="bob")

    assert answer.pop("edge") is True
    assert answer.pop("now_ms") >= by_ledger.pop("now_ms")
    assert answer == by_ledger
    assert answer["at_seq"] == first["seq"]
    counted = _counts(await client.get("/metrics"))
    decided = counted['auction_bids_refused_total{code="bid-too-low"}']
    assert counted['auction_bids_refused_at_edge_total{code="bid-too-low"}'] == 1
    assert counted["auction_edge_lots"] == 1
    assert counted["auction_edge_lag_seconds"] == 0
    # it did not count against what the bidder may have under way
    assert context.bid_rate._in_flight == {}
    for _ in range(3):
        await low_bid_at_the_edge(asker, lot_id, 1, bidder="bob")
    again = _counts(await client.get("/metrics"))
    assert again['auction_bids_refused_total{code="bid-too-low"}'] == decided
    assert again['auction_bids_refused_at_edge_total{code="bid-too-low"}'] == 4


async def test_a_retry_and_the_new_epoch_are_decided_by_the_ledger(asker: Asker, edge: EdgeRefusals) -> None:
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    old = (await asker.bid(lot_id, 100, bidder="bob", key="an-early-key")).json()
    await asker.bid(lot_id, 500)
    high = (await asker.bid(lot_id, 900, bidder="bob")).json()
    await low_bid_at_the_edge(asker, lot_id, 1, bidder="bob")

    again = await asker.bid(lot_id, 100, bidder="bob", key="an-early-key")
    assert (again.status_code, again.json()) == (200, old)
    other = await asker.bid(lot_id, 50, bidder="bob", key="an-early-key")
    assert other.json()["code"] == "key-reused"

    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "a look"})
    await asker.ops(f"/lots/{lot_id}/bids/{high['seq']}/void", {"reason": "a slip"})
    await asker.ops(f"/lots/{lot_id}/resume", {})
    fallen = await asker.bid(lot_id, 600, bidder="bob")
    assert fallen.status_code == 201


async def test_switched_off_every_bid_goes_to_the_ledger(
    valkey_url: str, redis: Redis, books_url: str, tmp_path: Path
) -> None:
    settings = load_settings(
        redis_url=valkey_url,
        database_url=books_url,
        secret_key=SECRET,
        data_dir=tmp_path,
        payment_provider="sandbox",
        edge_refusals=False,
    )
    async with open_context(settings) as context:
        assert context.edge is None


def _counts(answer: httpx.Response) -> dict[str, float]:
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    }
