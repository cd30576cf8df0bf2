"""Who is let in, what ends a connection and with which code; nothing is left behind of those that are gone."""

import asyncio
import gc
import random
from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Opcode

from api.http.trusted_proxies import TrustedProxies
from api.live.config import LiveConfig
from api.live.connection_limits import ConnectionLimits
from api.live.protocol import CloseCode
from auction.services.identity.tokens import Role
from loadtests.bench import watchers
from tests.ledger.event_sequences import LOT, opened, taken
from tests.live.conftest import SECRET, closed_with, heard, heard_until, running, say, speaking, sub, token, until

ELSEWHERE = "https://elsewhere.example"


# -- what ends a connection -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "hello",
        '{"type":"tick"}',
        '{"type":"sub"}',
        '{"type":"sub","lot_id":"launch-001","epoch":1}',
        b'{"type":"sub","lot_id":"launch-001"}',
        b"\xff\xfe\x00",
        "\u0000" * 200,
        "十" * 300,
    ],
)
async def test_a_malformed_message_ends_the_connection_for_good(live, said):
    async with speaking(live.url) as stranger:
        await say(stranger, said)
        assert await closed_with(stranger) == CloseCode.MALFORMED


@pytest.mark.parametrize("size, code", [(1024, CloseCode.MALFORMED), (1025, 1009), (100_000, 1009)])
async def test_a_message_that_is_too_long_is_not_even_read(live, size, code):
    async with speaking(live.url, max_size=None) as stranger:
        asking = asyncio.create_task(say(stranger, "x" * size))
        assert await closed_with(stranger) == code
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_message_in_pieces_is_one_message(live, ledger):
    await opened(ledger)
    async with speaking(live.url) as watcher:
        await watcher.send(iter(['{"type":"sub",', '"lot_id"', ':"launch-001"}']))
        assert (await heard(watcher))["type"] == "snap"
        await watcher.send(iter(["x" * 600, "x" * 600]))
        assert await closed_with(watcher) == 1009


@pytest.mark.parametrize(
    "broken", [b"\x83\x80\x00\x00\x00\x00", b"\xf1\x80\x00\x00\x00\x00", b"\x01\x02hi", b"\xff" * 64]
)
async def test_what_is_no_websocket_frame_ends_the_connection(live, broken):
    async with speaking(live.url) as stranger:
        stranger.transport.write(broken)
        assert await closed_with(stranger) in {1002, 1009}


async def test_a_peer_that_does_not_hang_up_is_cut_off_and_told_nothing_more(live, ledger):
    await opened(ledger)
    host, port = live.url.removeprefix("ws://").rstrip("/").split(":")
    peers = []
    for broken in (b"\x83\x80\x00\x00\x00\x00", b"\x82\x80\x00\x00\x00\x00"):
        reader, writer = await asyncio.open_connection(host, int(port))
        peers.append((reader, writer))
        writer.write(watchers.REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(watchers.masked(b'{"type":"sub","lot_id":"launch-001"}'))
        await reader.readuntil(b'"watchers"')
        writer.write(broken)
    await until(lambda: not live.gateway.hub.channels[LOT].watchers)
    await taken(ledger, "ada", 100, "key-0001")
    await until(lambda: live.gateway.hub.channels[LOT].projection.shown.price_fen == 100)
    for reader, _ in peers:
        assert b'"tick"' not in await reader.read()
    # neither peer has closed its side
    await until(lambda: not live.gateway._connections)
    for _, writer in peers:
        writer.close()


@pytest.mark.parametrize("lot_id", ["launch-404", "LAUNCH-001", "a b", "../etc/passwd", "x" * 64])
async def test_an_unknown_lot_ends_the_connection_for_good(live, lot_id):
    async with speaking(live.url, sub(lot_id)) as watcher:
        assert await closed_with(watcher) == CloseCode.UNKNOWN_LOT
    assert live.gateway.hub.channels == {}


@pytest.mark.parametrize(
    "bad",
    ["", "no token", token("ada", secret="another secret, which is long enough"), token("ada")[:-2], "x" * 900],
    ids=["empty", "no token", "of another house", "cut off", "long"],
)
async def test_a_bad_token_ends_the_connection_for_good(live, ledger, bad):
    await opened(ledger)
    async with speaking(live.url, sub(token=bad)) as watcher:
        assert await closed_with(watcher) == CloseCode.NOT_ALLOWED
        assert bad == "" or bad not in (watcher.close_reason or "")


async def test_staff_may_watch_as_anyone_may(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub(token=token("olga", Role.OPS))) as staff:
        assert (await heard(staff))["type"] == "snap"


async def test_who_does_not_say_what_to_watch_is_sent_away(ledger):
    await opened(ledger)
    async with running(ledger, ping_ms=300) as live, speaking(live.url, sub()) as watcher:
        await heard_until(watcher, "snap")
        live.gateway.config = replace(live.gateway.config, sub_within_ms=50)
        async with speaking(live.url) as silent:
            assert await closed_with(silent) == CloseCode.NO_SUB
        await taken(ledger, "ada", 100, "key-0001")
        assert (await heard_until(watcher, "tick"))[-1]["price_fen"] == 100


async def test_who_answers_no_ping_is_gone_and_who_does_stays(ledger, monkeypatch):
    await opened(ledger)
    async with (
        running(ledger, ping_ms=90) as live,
        speaking(live.url, sub()) as lively,
        speaking(live.url, sub()) as mute,
    ):
        send_frame = mute.protocol.send_frame
        no_pongs = lambda frame: None if frame.opcode is Opcode.PONG else send_frame(frame)  # noqa: E731
        monkeypatch.setattr(mute.protocol, "send_frame", no_pongs)
        await heard_until(lively, "snap")
        assert await closed_with(mute) == CloseCode.NO_PONG
        await taken(ledger, "ada", 100, "key-0001")
        await heard_until(lively, "tick")


async def test_who_talks_too_much_is_sent_away(ledger):
    async with (
        running(ledger, messages_at_once=10, messages_per_s=0.001) as live,
        speaking(live.url) as chatty,
        speaking(live.url) as calm,
    ):
        for _ in range(11):
            await say(chatty, {"type": "sync", "c0": 1})
        assert await closed_with(chatty) == CloseCode.TOO_MANY
        for _ in range(10):
            await say(calm, {"type": "sync", "c0": 1})
            assert (await heard(calm))["type"] == "synced"


async def test_pings_count_as_talking(ledger):
    async with running(ledger, messages_at_once=10, messages_per_s=0.001) as live, speaking(live.url) as chatty:
        for _ in range(11):
            await chatty.ping()
        assert await closed_with(chatty) == CloseCode.TOO_MANY


async def test_one_socket_watches_only_so_many_lots(ledger):
    await opened(ledger, "launch-001")
    await opened(ledger, "launch-002")
    await opened(ledger, "launch-003")
    async with running(ledger, lots_per_socket=2) as live, speaking(live.url) as watcher:
        for lot_id in ("launch-001", "launch-002", "launch-002"):
            await say(watcher, sub(lot_id))
            assert (await heard(watcher))["lot_id"] == lot_id
        await say(watcher, sub("launch-003"))
        assert await closed_with(watcher) == CloseCode.TOO_MANY


# -- who is let in ----------------------------------------------------------------------------------------------------


async def test_an_address_gets_only_so_many_sockets_and_may_come_back_when_one_is_gone(ledger):
    await opened(ledger)
    async with (
        running(ledger, sockets_per_address=2, loopback_counts=True) as live,
        speaking(live.url, sub()) as one,
        speaking(live.url, sub()),
    ):
        with pytest.raises(ConnectionClosed, match="4013"):
            async with speaking(live.url):
                pass
        await one.close()
        async with speaking(live.url, sub()) as another:
            assert (await heard(another))["type"] == "snap"


async def test_clients_behind_a_trusted_proxy_are_counted_each_by_their_own_address(ledger):
    def behind(address):
        return {"additional_headers": {"X-Forwarded-For": f"6.6.6.6, {address}"}}

    proxies = TrustedProxies.parse("127.0.0.1")
    async with (
        running(ledger, sockets_per_address=1, proxies=proxies) as live,
        speaking(live.url, **behind("198.51.100.1")) as one,
        speaking(live.url, **behind("198.51.100.2")),
    ):
        with pytest.raises(ConnectionClosed, match="4013"):
            async with speaking(live.url, **behind("198.51.100.1")):
                pass
        await one.close()
        async with speaking(live.url, **behind("198.51.100.1")):
            pass


async def test_a_process_takes_only_so_many_sockets(ledger):
    async with running(ledger, sockets_max=1) as live, speaking(live.url):
        with pytest.raises(ConnectionClosed, match="4013"):
            async with speaking(live.url):
                pass


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:3000", None])
async def test_pages_of_this_house_may_connect(live, ledger, origin):
    await opened(ledger)
    async with speaking(live.url, sub(), origin=origin) as page:
        assert (await heard(page))["type"] == "snap"


@pytest.mark.parametrize("origin", [ELSEWHERE, "null", "http://", "https://127.0.0.1.elsewhere.example", "http://[::1"])
async def test_pages_of_elsewhere_may_not(live, origin):
    with pytest.raises(InvalidStatus) as refused:
        async with speaking(live.url, origin=origin):
            pass
    assert refused.value.response.status_code == 403


def test_listed_origins_may_connect_and_no_others():
    limits = ConnectionLimits(LiveConfig(secret=SECRET, origins=("https://auction.example", "http://localhost:8000")))
    assert limits.allows_origin("https://auction.example", "live.auction.example")
    assert limits.allows_origin("HTTPS://Auction.Example", "live.auction.example")
    assert limits.allows_origin(None, "live.auction.example")
    assert not limits.allows_origin("https://live.auction.example", "live.auction.example")
    assert not limits.allows_origin("http://localhost:8001", "localhost")


def test_without_a_list_the_page_and_the_gateway_share_their_host():
    limits = ConnectionLimits(LiveConfig(secret=SECRET))
    assert limits.allows_origin("https://auction.example:8443", "auction.example:8001")
    assert not limits.allows_origin(ELSEWHERE, "auction.example")
    assert not limits.allows_origin("http://localhost:8000", "auction.example")
    assert not limits.allows_origin(ELSEWHERE, None)
    assert limits.allows_origin("http://[::1]:8000", "127.0.0.1:8001")


def test_addresses_are_told_apart_and_a_network_of_one_household_is_one():
    limits = ConnectionLimits(LiveConfig(secret=SECRET, sockets_per_address=1))
    assert limits.add("192.0.2.1") is None
    assert limits.add("192.0.2.2") is None
    assert limits.add("192.0.2.1") == "too many connections from this address"
    assert limits.add("::ffff:192.0.2.2") == "too many connections from this address"
    assert limits.add("2001:db8::1") is None
    assert limits.add("2001:db8::2%eth0") == "too many connections from this address"
    assert limits.add("2001:db8:0:1::1") is None
    for _ in range(3):
        assert limits.add("127.0.0.1") is None
        assert limits.add("") is None
    limits.remove("192.0.2.1")
    limits.remove("192.0.2.1")
    assert limits.add("192.0.2.1") is None


def test_no_limit_an_address_is_none():
    limits = ConnectionLimits(LiveConfig(secret=SECRET, sockets_per_address=0))
    assert {limits.add("192.0.2.1") for _ in range(50)} == {None}


# -- nothing is left behind -------------------------------------------------------------------------------------------


async def strange(url: str, chance: random.Random) -> None:
    """One stranger: cuts the line somewhere, or says something wrong."""
    host, port = url.removeprefix("ws://").rstrip("/").split(":")
    match chance.randrange(6):
        case 0:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(chance.randbytes(chance.randrange(200)))
            writer.close()
        case 1:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
            writer.transport.abort()
        case 2:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /healthz HTTP/1.1\r\n\r\n")
            await reader.read()
            writer.close()
        case 3:
            async with speaking(url, sub()) as watcher:
                watcher.transport.abort()
        case 4:
            async with speaking(url, sub(mode="feed", token=token("ada"))) as watcher:
                await heard_until(watcher, "you")
        case _:
            async with speaking(url, chance.randbytes(chance.randrange(1, 300))) as watcher:
                assert await closed_with(watcher) == CloseCode.MALFORMED


async def come_and_go(live, count: int) -> None:
    chance = random.Random(count)
    at_once = asyncio.Semaphore(40)

    async def one() -> None:
        async with at_once:
            await strange(live.url, random.Random(chance.random()))

    await asyncio.gather(*(one() for _ in range(count)))


async def left_behind(live, ledger, count: int) -> tuple[int, int]:
    """Tasks and objects that are more after so many strangers than before."""
    await opened(ledger)
    # what is made once only
    await come_and_go(live, 60)
    await until(lambda: not live.gateway._connections)
    gc.collect()
    tasks, objects = len(asyncio.all_tasks()), len(gc.get_objects())
    await come_and_go(live, count)
    await until(lambda: not live.gateway._connections)
    # connections that were closed by us are let go of a while later
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    await asyncio.sleep(2.1)
    gc.collect()
    gateway = live.gateway
    assert gateway._limits.sockets == 0
    assert not gateway._limits._counts._by_address
    assert not gateway._behind
    assert not any(gateway._keepalive._slots)
    for channel in gateway.hub.channels.values():
        assert not channel.watchers
        assert not channel._behind
        assert not channel._by_bidder
        assert not channel.projection.admissions
    return len(asyncio.all_tasks()) - tasks, len(gc.get_objects()) - objects


async def test_a_hundred_strangers_leave_nothing_behind(live, ledger):
    tasks, objects = await left_behind(live, ledger, 100)
    # the gateway's own rounds may be under way
    assert tasks < 10
    assert objects < 2_000


@pytest.mark.slow
async def test_ten_thousand_strangers_leave_nothing_behind(live, ledger):
    tasks, objects = await left_behind(live, ledger, 10_000)
    # the gateway's own rounds may be under way
    assert tasks < 10
    assert objects < 10_000


async def test_a_watcher_is_served_while_strangers_come_and_go(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub()) as watcher:
        await heard(watcher)
        strangers = asyncio.create_task(come_and_go(live, 100))
        for number in range(1, 6):
            await taken(ledger, "ada" if number % 2 else "bo", 100 * number, f"key-{number:04d}")
            while (await heard(watcher)).get("price_fen") != 100 * number:
                pass
        await strangers
        await say(watcher, {"type": "sync", "c0": 1})
        assert await heard_until(watcher, "synced")
