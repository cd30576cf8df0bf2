"""What only shows over real connections: bodies in pieces, clients that hang up, and the server's end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.http.server import bind
from auction.services.identity.tokens import Role
from tests.api.conftest import OPS, SECRET, Asker, new_key, token


@asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def head(lot_id: str, *more: str, key: str | None = None) -> bytes:
    lines = [
        f"POST /api/v1/lots/{lot_id}/bids HTTP/1.1",
        "Host: house",
        f"Authorization: Bearer {token()}",
        f"Idempotency-Key: {key or new_key()}",
        "Content-Type: application/json",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def answer_of(reader) -> tuple[int, dict[str, str], dict[str, object]]:
    async with asyncio.timeout(10):
        start = await reader.readuntil(b"\r\n\r\n")
        status, *lines = start.decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
    return int(status.split()[1]), headers, json.loads(body)


async def test_a_bid_in_pieces_is_taken_and_the_connection_kept(asker, port):
    lot_id = await asker.open_lot(bidders=("ann",))
    async with connected(port) as (reader, writer):
        writer.write(head(lot_id, "Transfer-Encoding: chunked"))
        for piece in (b"{", b'"amount', b'_fen": 1', b"00}"):
            writer.write(chunk(piece))
            await asyncio.sleep(0.02)
        writer.write(b"0\r\n\r\n")
        status, _, bid = await answer_of(reader)
        assert (status, bid["price_fen"]) == (201, 100)

        writer.write(head(lot_id, "Content-Length: 20") + b'{"amount_fen": 300 }')
        status, _, problem = await answer_of(reader)
        assert (status, problem["code"]) == (409, "already-leading")


async def test_requests_one_behind_the_other_are_answered_in_order(asker, port):
    lot_id = await asker.open_lot(bidders=("ann",))
    bids = [head(lot_id, "Content-Length: 18") + b'{"amount_fen":%3d}' % amount for amount in (100, 200, 50)]
    async with connected(port) as (reader, writer):
        writer.write(b"".join(bids))
        answers = [await answer_of(reader) for _ in bids]

    assert [status for status, _, _ in answers] == [201, 409, 409]


@pytest.mark.parametrize("path", ["/lots/{lot}/bids", "/lots/{lot}/registrations"])
async def test_an_endless_body_without_a_length_is_cut_off(asker, port, path, ledger_as_it_is):
    lot_id = await asker.open_lot()
    before = await ledger_as_it_is()
    request = head(lot_id, "Transfer-Encoding: chunked")
    request = request.replace(f"/lots/{lot_id}/bids".encode(), path.format(lot=lot_id).encode())
    sent = 0
    async with connected(port) as (reader, writer):
        writer.write(request)

        async def pour():
            nonlocal sent
            while True:
                writer.write(chunk(b" " * 8192))
                sent += 8192
                await writer.drain()

        pouring = asyncio.create_task(pour())
        status, headers, problem = await answer_of(reader)
        assert (status, problem["code"], headers["connection"]) == (413, "payload-too-large", "close")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(20):
                await pouring

    # what the kernels hold on both sides comes on top of what the server read
    assert sent < 64_000_000
    assert await ledger_as_it_is() == before


@pytest.mark.parametrize("path", ["/lots/{lot}/bids", "/lots/{lot}/registrations"])
async def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(asker, port, path):
    lot_id = await asker.open_lot()
    request = head(lot_id, "Content-Length: 1000000", "Expect: 100-continue")
    request = request.replace(f"/lots/{lot_id}/bids".encode(), path.format(lot=lot_id).encode())
    async with connected(port) as (reader, writer):
        writer.write(request)
        status, _, problem = await answer_of(reader)

    assert (status, problem["code"]) == (413, "payload-too-large")


async def test_a_client_that_sends_a_large_body_first_still_reads_the_answer(asker, port):
    lot_id = await asker.open_lot()
    for path in (f"/lots/{lot_id}/bids", "/ops/sales"):
        request = head(lot_id, "Content-Length: 1000000").replace(f"/lots/{lot_id}/bids".encode(), path.encode())
        async with connected(port) as (reader, writer):
            writer.write(request)
            for _ in range(10):
                writer.write(b" " * 100_000)
                await writer.drain()
                await asyncio.sleep(0.01)
            status, _, problem = await answer_of(reader)
            assert (status, problem["code"]) == (413, "payload-too-large")


async def test_a_client_that_hangs_up_in_mid_body_has_bid_nothing(asker, port, ledger_as_it_is, capfd):
    lot_id = await asker.open_lot()
    before = await ledger_as_it_is()
    for path in ("/bids", "/registrations"):
        request = head(lot_id, "Content-Length: 18").replace(b"/bids", path.encode())
        async with connected(port) as (_, writer):
            writer.write(request + b'{"amount_fen"')
            await writer.drain()
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)

    assert await ledger_as_it_is() == before
    metrics = (await asker.http.get("/metrics")).text
    assert 'auction_bids_unanswered_total{code="client-gone"} 1.0' in metrics
    assert "Traceback" not in "".join(capfd.readouterr())


async def test_a_client_that_does_not_wait_for_the_answer_has_bid(asker, port):
    lot_id = await asker.open_lot()
    async with connected(port) as (_, writer):
        writer.write(head(lot_id, "Content-Length: 18", key="not-waited-for") + b'{"amount_fen":100}')
        await writer.drain()
    for _ in range(100):
        if (await asker.get(f"/lots/{lot_id}")).json()["bids"]:
            break
        await asyncio.sleep(0.02)

    assert (await asker.bid(lot_id, 100, key="not-waited-for")).status_code == 200


@pytest.fixture
def started(context, valkey_url, books_url):
    """Starts `python -m api` on the same servers."""
    environment = {
        **os.environ,
        "AUCTION_REDIS_URL": valkey_url,
        "AUCTION_DATABASE_URL": books_url,
        "AUCTION_SECRET_KEY": SECRET,
        "AUCTION_PAYMENT_PROVIDER": "sandbox",
        "AUCTION_LOG_FORMAT": "json",
    }
    running: list[subprocess.Popen[str]] = []

    def start(*options: str, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "api", *options]
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **more))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


async def until_ready(http: httpx.AsyncClient, running: subprocess.Popen[str]) -> None:
    # as long as it takes, and the test's own limit bounds it: a busy machine starts slowly
    while True:
        assert running.poll() is None, "the process ended before it was ready"
        try:
            if (await http.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)


async def until_refused(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return
        writer.close()
        await asyncio.sleep(0.02)


async def test_the_process_serves_and_at_sigterm_finishes_what_it_has_begun(started, unused_tcp_port):
    port = unused_tcp_port
    running = started("--host", "127.0.0.1", "--port", str(port))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        await until_ready(http, running)
        lot_id = await Asker(http).open_lot()

    async with connected(port) as (reader, writer):
        writer.write(head(lot_id, "Content-Length: 18", key="begun-before") + b'{"amount_fen"')
        await writer.drain()
        await asyncio.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        await until_refused(port)
        writer.write(b":100}")
        status, headers, bid = await answer_of(reader)

    assert (status, headers["connection"], bid["price_fen"]) == (201, "close", 100)
    _, said = await asyncio.to_thread(running.communicate, timeout=60)
    assert running.returncode == 0, said
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events[0] == "listening"
    assert events[-1] == "stopped"
    assert token(role=Role.BIDDER)[:40] not in said
    assert OPS["Authorization"] not in said


async def test_processes_on_one_socket_share_its_connections_and_one_may_end(started):
    listener = bind("127.0.0.1", 0)
    with listener:
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        first, second = (started("--fd", str(descriptor), pass_fds=(descriptor,)) for _ in range(2))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=httpx.Limits(max_connections=1)) as http:
        await until_ready(http, second)
        lot_id = await Asker(http).open_lot()

    # SIGTERM finds a process that is still starting as well
    first.send_signal(signal.SIGTERM)
    await asyncio.to_thread(first.wait, 60)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        await until_ready(http, second)
        assert (await Asker(http).bid(lot_id, 100)).status_code == 201
    assert second.poll() is None


def test_a_wrong_setting_stops_the_process_with_a_sentence(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUCTION_")}
    ended = subprocess.run(
        [sys.executable, "-m", "api"],
        env={**environment, "AUCTION_SECRET_KEY": "short", "AUCTION_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == "AUCTION_SECRET_KEY must be a secret of at least 32 characters, got 5 characters\n"
