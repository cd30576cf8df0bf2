"""Address and scheme of a client behind proxies: only what a trusted one says, and no more than it knows."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.http.connection import ConnectionRules, LimitedConnection
from api.http.connection_counts import ConnectionCounts
from api.http.server import ApiServer, bind
from api.http.trusted_proxies import TrustedProxies
from auction.settings import SettingsError, load_settings

PROXIES = TrustedProxies.parse("10.0.0.0/8, 127.0.0.1, ::1, fd00::/8")


@pytest.mark.parametrize(
    "peer, told, address",
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("fd00::1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("127.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(peer: str, told: list[str], address: str):
    assert PROXIES.origin(peer, "http", told, []).address == address
    assert TrustedProxies().origin(peer, "http", told, []).address == peer


def test_the_scheme_is_believed_of_a_trusted_proxy_alone():
    assert PROXIES.origin("10.0.0.1", "http", [], ["https"]).scheme == "https"
    assert PROXIES.origin("10.0.0.1", "http", [], ["http, HTTPS"]).scheme == "https"
    assert PROXIES.origin("10.0.0.1", "http", [], ["gopher"]).scheme == "http"
    assert PROXIES.origin("203.0.113.9", "http", [], ["https"]).scheme == "http"


async def asked(proxies: TrustedProxies, counts: ConnectionCounts) -> list[tuple[str, str]]:
    """Client and scheme of three requests on one connection, as the application sees them."""
    seen: list[tuple[str, str]] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append((scope["client"][0], scope["scheme"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    listener = bind("127.0.0.1", 0)
    server = ApiServer(app, LimitedConnection, ConnectionRules(counts=counts, proxies=proxies))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    headers: list[dict[str, Any]] = [
        {"X-Forwarded-For": "6.6.6.6, 198.51.100.1", "X-Forwarded-Proto": "https"},
        {"X-Forwarded-For": "198.51.100.2"},
        {},
    ]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False) as http:
        for given in headers:
            await http.get("/", headers=given)
    server.stop()
    await serving
    return seen


async def test_each_request_of_a_proxys_connection_has_its_own_client_and_scheme():
    counts = ConnectionCounts(100, 1, loopback_counts=True)
    assert counts.add("127.0.0.1") is None
    told = [("198.51.100.1", "https"), ("198.51.100.2", "http"), ("127.0.0.1", "http")]
    assert await asked(PROXIES, counts) == told, "a proxy's connections are not limited by its address"
    assert await asked(TrustedProxies(), ConnectionCounts(100, 0)) == [("127.0.0.1", "http")] * 3


def test_what_is_no_network_stops_the_start():
    with pytest.raises(SettingsError, match="AUCTION_TRUSTED_PROXIES must be addresses or networks"):
        load_settings(trusted_proxies="10.0.0.0/8,proxy")
