"""Connections that are silent, slow, endless or too many: they are closed with a word, and others are served."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from starlette.types import ASGIApp

from api.bids.protocol import BidProtocol
from api.http.connection import FIELDS_MAX, HEADER_BYTES_MAX, ConnectionRules
from api.http.connection_counts import ConnectionCounts
from api.http.request_queue import RequestQueue
from api.http.server import ApiServer, bind
from tests.api.conftest import Asker
from tests.api.test_bid_protocol import bid_request
from tests.api.test_sockets import answer_of, connected, head

Serving = Callable[..., Any]
PATIENT_S = 600.0


@pytest.fixture
def serving(app: ASGIApp) -> Serving:
    """Serves the API under rules of the test's own; gives the port."""

    @asynccontextmanager
    async def serve(**rules: Any) -> AsyncIterator[int]:
        listener = bind("127.0.0.1", 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        server = ApiServer(app, BidProtocol, ConnectionRules(**{"read_s": PATIENT_S, **rules}))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
        server.stop()
        await task

    return serve


async def the_end(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection is closed."""
    async with asyncio.timeout(60):
        return await reader.read()


async def pour(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send the same again and again, until the connection breaks."""
    async with asyncio.timeout(60):
        while True:
            writer.write(data)
            await writer.drain()


def problem_in(said: bytes) -> tuple[int, str]:
    start, _, body = said.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in start
    return int(start.split()[1]), json.loads(body)["code"]


async def test_silent_connections_are_closed_and_others_are_served_meanwhile(asker: Asker, serving: Serving) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    half_a_bid = head(lot_id, "Content-Length: 18") + b'{"amount_fen"'
    async with serving(read_s=1.0) as port, AsyncExitStack() as open_ones:
        ends = {}
        for name, sent in {"nothing": b"", "half a header": half_a_bid[:40], "half a body": half_a_bid}.items():
            some = [await open_ones.enter_async_context(connected(port)) for _ in range(20)]
            for _, writer in some:
                writer.write(sent)
            ends[name] = [asyncio.create_task(the_end(reader)) for reader, _ in some]
        async with connected(port) as (reader, writer):
            writer.write(bid_request(lot_id, 100))
            assert (await answer_of(reader))[0] == 201
            # it waits for the next request, and not for the rest of one
            assert {await end for end in ends["nothing"]} == {b""}
            assert {problem_in(await end) for end in ends["half a header"]} == {(408, "request-timeout")}
            assert {await end for end in ends["half a body"]} == {b""}
            writer.write(bid_request(lot_id, 50))
            assert (await answer_of(reader))[0] == 409
    metrics = (await asker.http.get("/metrics")).text
    assert 'auction_bids_unanswered_total{code="client-gone"} 20.0' in metrics


async def test_a_connection_waits_for_its_next_request_for_a_time(asker: Asker, serving: Serving) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    async with serving(keep_alive_s=0.5) as port, connected(port) as (reader, writer):
        writer.write(bid_request(lot_id, 100) + f"GET /api/v1/lots/{lot_id} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert [(await answer_of(reader))[0] for _ in range(2)] == [201, 200]
        assert await the_end(reader) == b""


async def test_a_client_that_does_not_read_is_given_up(asker: Asker, serving: Serving) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    assert (await asker.bid(lot_id, 500, key="the-first-key")).status_code == 201
    async with serving(unread_s=0.5) as port, connected(port) as (reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        reader._transport.pause_reading()
        with pytest.raises(ConnectionError):
            await pour(writer, bid_request(lot_id, 500, key="the-first-key") * 50)


@pytest.mark.parametrize(
    "more",
    [
        [f"X-Long: {'x' * HEADER_BYTES_MAX}"],
        [f"X-{number}: {number}" for number in range(FIELDS_MAX)],
    ],
    ids=["bytes", "fields"],
)
@pytest.mark.parametrize("path", ["/bids", "/registrations"])
async def test_headers_are_bounded(asker: Asker, serving: Serving, path: str, more: list[str]) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    async with serving() as port, connected(port) as (reader, writer):
        writer.write(head(lot_id, "Content-Length: 0", *more).replace(b"/bids", path.encode()))
        assert problem_in(await the_end(reader)) == (431, "headers-too-large")


async def test_large_headers_may_come_in_pieces(asker: Asker, serving: Serving) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    large = [f"X-{number}: {'x' * 1_000}" for number in range(28)]
    request = head(lot_id, "Content-Length: 18", *large) + b'{"amount_fen":100}'
    async with serving() as port, connected(port) as (reader, writer):
        for start in range(0, len(request), 2_000):
            writer.write(request[start : start + 2_000])
            await writer.drain()
            await asyncio.sleep(0.005)
        assert (await answer_of(reader))[0] == 201


async def test_an_endless_header_or_path_is_cut_off(serving: Serving, subtests: pytest.Subtests) -> None:
    for begin in (b"GET /", b"GET / HTTP/1.1\r\nX-Long: "):
        with subtests.test(begin.decode()):
            async with serving() as port, connected(port) as (_, writer):
                writer.write(begin)
                with pytest.raises(ConnectionError):
                    await pour(writer, b"x" * 65_536)


async def test_what_is_no_http_is_refused_as_a_problem(serving: Serving) -> None:
    async with serving() as port, connected(port) as (reader, writer):
        writer.write(b"HELO house\r\n\r\n")
        assert problem_in(await the_end(reader)) == (400, "request-refused")


async def test_one_connection_too_many_is_told_so_and_room_is_made_by_those_that_end(serving: Serving) -> None:
    counts = ConnectionCounts(1_000, 2, loopback_counts=True)
    async with serving(counts=counts) as port:
        async with connected(port), connected(port) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await answer_of(reader))[0] == 200
            async with connected(port) as (refused, _):
                assert problem_in(await the_end(refused)) == (503, "too-many-connections")
        while counts.total:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        async with connected(port) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await answer_of(reader))[0] == 200


async def test_too_many_requests_of_strangers_are_refused_and_bids_pass_them_by(asker: Asker, serving: Serving) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    async with serving(queue=RequestQueue(a_turn=0, strangers_max=0)) as port:
        async with connected(port) as (reader, writer):
            writer.write(f"GET /api/v1/lots/{lot_id} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert problem_in(await the_end(reader)) == (429, "over-capacity")
        async with connected(port) as (reader, writer):
            writer.write(bid_request(lot_id, 100).replace(b"Bearer ", b"Bearer x"))
            assert (await answer_of(reader))[0] == 429
            writer.write(bid_request(lot_id, 100))
            assert (await answer_of(reader))[0] == 201
