"""Bids that the connection answers itself: the same answers as the ASGI endpoint's, in order, however they come in."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from api.bids.protocol import BidProtocol
from api.http.server import ApiServer, bind
from auction.services.bidding import placement
from auction.services.context import AppContext
from tests.api.conftest import Asker, new_key, signed
from tests.api.test_sockets import answer_of, connected, head

NOT_COMPARED = {"date", "server", "x-request-id"}


def bid_request(lot_id: str, amount_fen: int, *more: str, key: str | None = None) -> bytes:
    body = b'{"amount_fen":%d}' % amount_fen
    return head(lot_id, f"Content-Length: {len(body)}", *more, key=key) + body


def get(path: str) -> bytes:
    return f"GET /api/v1{path} HTTP/1.1\r\nHost: house\r\n\r\n".encode()


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many bids went each way."""
    counts = {"protocol": 0, "asgi": 0}

    def start(*given: Any, **named: Any) -> None:
        counts["protocol"] += 1
        placement.start_bid(*given, **named)

    async def place(*given: Any, **named: Any) -> Any:
        counts["asgi"] += 1
        return await placement.place_bid(*given, **named)

    monkeypatch.setattr("api.bids.protocol.start_bid", start)
    monkeypatch.setattr("api.bids.endpoint.place_bid", place)
    return counts


async def test_both_ways_give_the_same_answers_byte_for_byte(
    asker: Asker, port: int, placed: dict[str, int], subtests: pytest.Subtests
) -> None:
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    assert (await asker.bid(lot_id, 500, key="the-first-key")).status_code == 201
    asked: dict[str, tuple[dict[str, str], bytes]] = {
        "a retry": ({**signed(), "Idempotency-Key": "the-first-key"}, b'{"amount_fen":500}'),
        "another amount": ({**signed(), "Idempotency-Key": "the-first-key"}, b'{"amount_fen":600}'),
        "leads already": ({**signed(), "Idempotency-Key": "another-key"}, b'{"amount_fen":900}'),
        "too low": ({**signed("bob"), "Idempotency-Key": "another-key"}, b'{"amount_fen":1}'),
        "nobody": ({"Idempotency-Key": "another-key"}, b'{"amount_fen":900}'),
        "not registered": ({**signed("eve"), "Idempotency-Key": "another-key"}, b'{"amount_fen":900}'),
        "no key": ({**signed()}, b'{"amount_fen":900}'),
        "no amount": ({**signed(), "Idempotency-Key": "another-key"}, b"{}"),
        "no JSON": ({**signed(), "Idempotency-Key": "another-key"}, b"{"),
        "nothing": ({**signed(), "Idempotency-Key": "another-key"}, b""),
    }
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as by_socket:
        for name, (headers, body) in asked.items():
            with subtests.test(name):
                answers = []
                for http in (asker.http, by_socket):
                    wanted = {"Content-Type": "application/json", **headers}
                    answer = await http.post(f"/api/v1/lots/{lot_id}/bids", content=body, headers=wanted)
                    shown = json.loads(answer.content)
                    shown.pop("now_ms", None)
                    kept = {name: value for name, value in answer.headers.items() if name not in NOT_COMPARED}
                    kept.pop("content-length") if "now_ms" in answer.text else None
                    answers.append((answer.status_code, kept, shown))
                assert answers[0] == answers[1]
    assert placed["protocol"] == 5
    assert placed["asgi"] == 6


async def test_requests_of_every_kind_on_one_connection_are_answered_in_their_order(
    asker: Asker, port: int, placed: dict[str, int]
) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    async with connected(port) as (reader, writer):
        writer.write(
            get(f"/lots/{lot_id}")
            + bid_request(lot_id, 100)
            + get(f"/lots/{lot_id}")
            + bid_request(lot_id, 50)
            + bid_request(lot_id, 50)
            + get("/lots/nowhere-001")
        )
        answers = [await answer_of(reader) for _ in range(6)]
    assert [status for status, _, _ in answers] == [200, 201, 200, 409, 409, 404]
    assert [answers[0][2]["bids"], answers[2][2]["bids"]] == [0, 1]
    assert placed == {"protocol": 3, "asgi": 0}


@pytest.mark.parametrize("cut_at", [1, 40, -19, -18, -1])
async def test_a_bid_may_come_in_pieces(asker: Asker, port: int, placed: dict[str, int], cut_at: int) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    whole = bid_request(lot_id, 100)
    async with connected(port) as (reader, writer):
        writer.write(whole[:cut_at])
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(whole[cut_at:])
        assert (await answer_of(reader))[0] == 201
    assert placed == {"protocol": 1, "asgi": 0}


@pytest.mark.parametrize(
    "change",
    [
        lambda request: request.replace(b"HTTP/1.1", b"HTTP/1.0"),
        lambda request: request.replace(b"/bids ", b"/bids?x=1 "),
        lambda request: request.replace(b"/lots/", b"/lots/%73").replace(b"%73s", b"%73"),
        lambda request: request.replace(b"Host: house", b"Host: house\r\nExpect: 100-continue"),
    ],
    ids=["HTTP/1.0", "a query", "an escaped path", "Expect"],
)
async def test_what_is_no_plain_request_is_left_to_the_endpoint(
    asker: Asker, port: int, placed: dict[str, int], change: Any
) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    async with connected(port) as (reader, writer):
        writer.write(change(bid_request(lot_id, 100)))
        async with asyncio.timeout(10):
            start = await reader.readuntil(b"\r\n\r\n")
            if b" 100 " in start.split(b"\r\n")[0]:
                start = await reader.readuntil(b"\r\n\r\n")
    assert start.split()[1] == b"201"
    assert placed == {"protocol": 0, "asgi": 1}


async def test_connection_close_is_kept_to(asker: Asker, port: int, placed: dict[str, int]) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    async with connected(port) as (reader, writer):
        writer.write(bid_request(lot_id, 100, "Connection: close"))
        status, headers, _ = await answer_of(reader)
        assert (status, headers["connection"]) == (201, "close")
        assert await reader.read() == b""
    assert placed["protocol"] == 1


@pytest.fixture
async def narrow_port(app: ASGIApp) -> AsyncIterator[int]:
    """A server whose kernel keeps little of what it sends."""
    listener = bind("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    server = ApiServer(app, BidProtocol)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    yield listener.getsockname()[1]
    server.stop()
    await serving


async def test_a_client_that_sends_and_does_not_read_is_not_read_from_and_loses_no_answer(
    asker: Asker, narrow_port: int, placed: dict[str, int]
) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    assert (await asker.bid(lot_id, 500, key="the-first-key")).status_code == 201
    again, asked = bid_request(lot_id, 500, key="the-first-key"), 2_000
    async with connected(narrow_port) as (reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        reader._transport.pause_reading()
        sending = asyncio.create_task(_send(writer, again, asked))
        seen = -1
        while seen != placed["protocol"]:
            seen = placed["protocol"]
            await asyncio.sleep(0.5)
        assert 0 < seen < asked
        reader._transport.resume_reading()
        for _ in range(asked):
            await reader.readuntil(b"\r\n\r\n{")
        await sending
    assert placed["protocol"] == asked


async def _send(writer: asyncio.StreamWriter, request: bytes, times: int) -> None:
    for _ in range(times // 100):
        writer.write(request * 100)
        await writer.drain()


async def test_a_client_that_hangs_up_before_its_answer_breaks_nothing(
    asker: Asker, port: int, context: AppContext, capfd: pytest.CaptureFixture[str]
) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    for number in range(1, 20):
        async with connected(port) as (_, writer):
            writer.write(bid_request(lot_id, 100 * number, key=new_key()) * 3)
            await writer.drain()
            writer.transport.abort()
    await context.combiner.drain()
    async with connected(port) as (reader, writer):
        writer.write(bid_request(lot_id, 1))
        assert (await answer_of(reader))[0] == 409
    assert "Traceback" not in "".join(capfd.readouterr())
