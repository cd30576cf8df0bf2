"""Bids over the live channel: the bid endpoint's answers, keys, receipts and limits, on real servers."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from api.app import create_app
from api.http.config import ApiConfig
from api.live.__main__ import bind
from api.live.bids import LiveBids
from api.live.connection import HELD_ANSWERS_MAX
from api.live.gateway import LiveGateway
from api.live.protocol import CloseCode, Place
from auction.books.token_revocations import Revocation
from auction.bootstrap import open_context
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.replies import AcceptedBid
from auction.services.context import AppContext
from auction.services.identity.tokens import Role, TokenKeys
from auction.settings import load_settings
from tests.ledger.event_sequences import LOT, bid, kinds, opened, terms
from tests.live.conftest import CONFIG, SECRET, Running, closed_with, heard_until, say, speaking, sub, token

SLOW = 1_000_000


@pytest.fixture
async def context(valkey_url: str, redis: Redis, books_url: str, tmp_path: Path) -> AsyncIterator[AppContext]:
    """What a process that takes bids stands on."""
    settings = load_settings(
        redis_url=valkey_url, database_url=books_url, secret_key=SECRET, data_dir=tmp_path, payment_provider="sandbox"
    )
    async with open_context(settings, with_payments=False) as opened_context:
        yield opened_context


@pytest.fixture
async def taking(context: AppContext) -> AsyncIterator[Running]:
    """A gateway that takes bids."""
    async with gateway_of(context) as here:
        yield here


@contextlib.asynccontextmanager
async def gateway_of(context: AppContext, **changes: Any) -> AsyncIterator[Running]:
    listener = bind("127.0.0.1", 0)
    config = replace(CONFIG, messages_at_once=SLOW, **changes)
    gateway, stopping = LiveGateway(context.ledger, config, LiveBids(context, SECRET)), asyncio.Event()
    task = asyncio.create_task(gateway.run(listener, stopping))
    here = Running(gateway, f"ws://127.0.0.1:{listener.getsockname()[1]}/", stopping, task)
    await gateway.hub.is_following.wait()
    try:
        yield here
    finally:
        await here.stop()
        listener.close()


@pytest.fixture
async def http(context: AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """The HTTP API beside it."""
    app = create_app(context, ApiConfig(secret=SECRET, live_url="wss://live.example/"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as client:
        yield client


def place(amount_fen: object, key: str, *, lot_id: str = LOT) -> dict[str, object]:
    return {"type": "place", "lot_id": lot_id, "key": key, "amount_fen": amount_fen}


async def answer_to(connection: Any, amount_fen: object, key: str, *, lot_id: str = LOT) -> dict[str, Any]:
    """The answer to one bid, whatever else is heard before it."""
    await say(connection, place(amount_fen, key, lot_id=lot_id))
    while True:
        frame: dict[str, Any] = json.loads(await connection.recv())
        if frame["type"] in {"placed", "refused"}:
            assert (frame["lot_id"], frame["key"]) == (lot_id, key)
            return frame


async def over_http(http: httpx.AsyncClient, subject: str, amount_fen: object, key: str) -> httpx.Response:
    session = TokenKeys(SECRET).issue(subject=subject, role=Role.BIDDER, now_s=int(time.time()), lifetime_s=3600)
    headers = {"Authorization": f"Bearer {session}", "Idempotency-Key": key}
    return await http.post(f"/api/v1/lots/{LOT}/bids", json={"amount_fen": amount_fen}, headers=headers)


async def test_a_bid_is_placed_and_a_retry_over_either_way_gets_the_same_receipt(
    taking: Running, context: AppContext, http: httpx.AsyncClient
) -> None:
    await opened(context.ledger)
    async with speaking(taking.url, sub(token=token("ada"))) as connection:
        await heard_until(connection, "you")
        placed = await answer_to(connection, 500, "key-00001")
        again = await answer_to(connection, 500, "key-00001")
    assert (placed["type"], placed["status"]) == ("placed", 201)
    assert (again["type"], again["status"]) == ("placed", 200)
    assert again["body"] == placed["body"]
    assert placed["body"]["amount_fen"] == placed["body"]["price_fen"] == 500
    by_http = await over_http(http, "ada", 500, "key-00001")
    assert (by_http.status_code, by_http.json()) == (200, placed["body"])
    assert (await kinds(context.ledger)).count("bid") == 1


async def test_every_refusal_is_that_of_the_bid_endpoint(
    taking: Running, context: AppContext, http: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    await opened(context.ledger)
    assert isinstance(await bid(context.ledger, "ada", 500, "key-00001"), AcceptedBid)
    cases: dict[str, tuple[str, object, str]] = {
        "too low": ("bo", 599, "key-low-1"),
        "leads": ("ada", 900, "key-leads"),
        "not registered": ("eve", 900, "key-stranger"),
        "key of another amount": ("ada", 600, "key-00001"),
        "no amount": ("bo", None, "key-amount"),
        "half a fen": ("bo", 1.5, "key-amount"),
        "too much": ("bo", 10**14, "key-amount"),
        "short key": ("bo", 900, "short"),
    }
    for name, (bidder, amount_fen, key) in cases.items():
        with subtests.test(name):
            async with speaking(taking.url, sub(token=token(bidder))) as connection:
                by_live = await answer_to(connection, amount_fen, key)
            by_http = await over_http(http, bidder, amount_fen, key)
            problem = by_http.json()
            for body in (by_live["body"], problem):
                body.pop("now_ms", None)
            assert (by_live["type"], by_live["status"]) == ("refused", by_http.status_code)
            assert by_live["body"] == problem


async def test_only_a_bidder_with_a_valid_token_may_bid(taking: Running, context: AppContext) -> None:
    await opened(context.ledger)
    async with speaking(taking.url, sub()) as connection:
        nobody = await answer_to(connection, 500, "key-00001")
    async with speaking(taking.url, sub(token=token("olga", Role.OPS))) as connection:
        staff = await answer_to(connection, 500, "key-00001")
    async with speaking(taking.url, sub(token=token("ada"))) as connection:
        await heard_until(connection, "snap")
        (watching,) = taking.gateway._connections
        assert watching.identity is not None
        watching.identity = replace(watching.identity, expires_at_s=int(time.time()))
        late = await answer_to(connection, 500, "key-00001")
    async with speaking(taking.url, sub(token=token("ada"))) as connection:
        await heard_until(connection, "snap")
        context.revocations.add(Revocation(1, "ada", None, int(time.time()), int(time.time()) + 60, "olga", 0))
        ended = await answer_to(connection, 500, "key-00001")
    told = [(answer["type"], answer["status"], answer["body"]["code"]) for answer in (nobody, staff, late, ended)]
    assert told == [
        ("refused", 401, "unauthorized"),
        ("refused", 403, "forbidden"),
        ("refused", 401, "token-expired"),
        ("refused", 401, "token-invalid"),
    ]
    assert "bid" not in await kinds(context.ledger)


async def test_one_bidder_has_the_same_bounds_as_over_http(
    taking: Running, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(context.ledger)
    monkeypatch.setattr(context.bid_rate, "_in_flight_max", 1)
    context.bid_rate.enter("ada")
    async with speaking(taking.url, sub(token=token("ada"))) as connection:
        over = await answer_to(connection, 500, "key-00001")
    context.bid_rate.leave("ada")
    assert (over["status"], over["body"]["code"], over["body"]["retry_after_s"]) == (429, "too-many-bids", 1)
    assert "bid" not in await kinds(context.ledger)


async def test_a_gateway_without_a_database_says_where_bids_go(live: Running, ledger: BidLedger) -> None:
    await opened(ledger)
    async with speaking(live.url, sub(token=token("ada"))) as connection:
        told = await answer_to(connection, 500, "key-00001")
        assert (told["status"], told["body"]["code"]) == (404, "not-found")
        await say(connection, {"type": "place", "lot_id": LOT, "amount_fen": 500})
        assert await closed_with(connection) == CloseCode.MALFORMED
    assert "bid" not in await kinds(ledger)


async def test_bids_are_counted_where_they_are_taken(taking: Running, context: AppContext) -> None:
    await opened(context.ledger)
    async with speaking(taking.url, sub(token=token("ada"))) as connection:
        await answer_to(connection, 500, "key-00001")
        await answer_to(connection, 1, "key-00002")
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(taking.url.replace("ws:", "http:") + "metrics")).text
    assert "auction_bids_accepted_total 1.0" in metrics
    assert 'auction_bids_refused_total{code="already-leading"} 1.0' in metrics


async def test_an_answer_waits_for_a_client_that_does_not_read(taking: Running, context: AppContext) -> None:
    await opened(context.ledger)
    async with speaking(taking.url, sub(token=token("ada"))) as connection:
        await heard_until(connection, "you")
        (watching,) = taking.gateway._connections
        watching.paused = True
        for number in range(3):
            taking.gateway.handle_message(watching, json.dumps(place(100 * (number + 1), f"key-{number:05d}")).encode())
        await context.combiner.drain()
        watching.paused = False
        taking.gateway.writing_resumed(watching)
        answers = [frame async for frame in _answers(connection, 3)]
        assert [(one["key"], one["status"]) for one in answers] == [
            ("key-00000", 201),
            ("key-00001", 409),
            ("key-00002", 409),
        ]
        watching.paused = True
        for number in range(HELD_ANSWERS_MAX + 1):
            taking.gateway._place(watching, Place(LOT, f"key-held-{number}", 0))
        watching.paused = False
        assert await closed_with(connection) == CloseCode.TOO_SLOW


async def _answers(connection: Any, count: int) -> AsyncIterator[dict[str, Any]]:
    while count:
        frame = json.loads(await connection.recv())
        if frame["type"] in {"placed", "refused"}:
            count -= 1
            yield frame


async def test_who_leaves_before_the_answer_has_bid_all_the_same(taking: Running, context: AppContext) -> None:
    await opened(context.ledger)
    async with speaking(taking.url, sub(token=token("ada"))) as connection:
        await heard_until(connection, "you")
        (watching,) = taking.gateway._connections
        taking.gateway._place(watching, Place(LOT, "key-00001", 500))
        watching.end(CloseCode.RESTART)
        await context.combiner.drain()
    assert (await kinds(context.ledger)).count("bid") == 1


async def test_the_connections_of_a_session_that_was_ended_are_closed_and_others_go_on(
    taking: Running, context: AppContext
) -> None:
    await opened(context.ledger)
    mine, others = sub(token=token("ada")), sub(token=token("bo"))
    async with speaking(taking.url, mine) as connection, speaking(taking.url, others) as other:
        await heard_until(connection, "you")
        await heard_until(other, "you")
        now_s = int(time.time())
        context.revocations.add(Revocation(1, "ada", None, now_s, now_s + 60, "ada", 0))
        assert await closed_with(connection) == CloseCode.NOT_ALLOWED
        await say(other, {"type": "sync", "c0": 1})
        await heard_until(other, "synced")
    # nor does its token open another one
    async with speaking(taking.url, mine) as connection:
        assert await closed_with(connection) == CloseCode.NOT_ALLOWED


async def told_to(connection: Any) -> dict[str, Any]:
    """The next frame that is for the connection's bidder alone."""
    while True:
        frame: dict[str, Any] = json.loads(await connection.recv())
        if frame["type"] in {"you", "placed"}:
            return frame


async def test_a_maximum_is_set_over_the_channel_and_told_to_its_owner_alone(
    taking: Running, context: AppContext
) -> None:
    await opened(context.ledger, of=terms(auto_bids=True))
    async with (
        speaking(taking.url, sub(token=token("ada"))) as owner,
        speaking(taking.url, sub(token=token("bo"), mode="feed")) as other,
    ):
        await heard_until(owner, "you")
        await heard_until(other, "you")
        await say(owner, {"type": "place", "lot_id": LOT, "key": "key-00001", "maximum_fen": 5_000})
        first = {frame["type"]: frame for frame in [await told_to(owner), await told_to(owner)]}
        body = first["placed"]["body"]
        assert (first["placed"]["status"], body["amount_fen"], body["price_fen"]) == (201, 5_000, 100)
        assert (first["you"]["leading"], first["you"]["my_maximum_fen"]) == (True, 5_000)
        await say(owner, {"type": "place", "lot_id": LOT, "key": "key-00002", "maximum_fen": 6_000})
        *_, you = await heard_until(owner, "you")
        assert you["my_maximum_fen"] == 6_000
        await say(other, {"type": "place", "lot_id": LOT, "key": "key-00003", "amount_fen": 700})
        *heard, told = await heard_until(other, "you")
        assert (told["leading"], told["outbid_by"]) == (False, 1)
        bids = [(frame["paddle"], frame["amount_fen"], frame["leading"]) for frame in heard if frame["type"] == "bid"]
        assert bids == [(1, 100, True), (2, 700, False), (1, 800, True)]
        assert not any("my_maximum_fen" in frame for frame in [*heard, told])
        await say(other, {"type": "place", "lot_id": LOT, "key": "key-00004", "amount_fen": 900, "maximum_fen": 950})
        *_, refused = await heard_until(other, "refused")
        assert (refused["status"], refused["body"]["errors"][0]["field"]) == (422, "maximum_fen")
