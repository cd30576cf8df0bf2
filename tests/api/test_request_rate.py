"""Requests of one client: so many a second by class, refused before any work, and neighbours have their own."""

import asyncio
import json
from typing import Any

import pytest

from api.bids.endpoint import BidEndpoint
from api.http.auth import Authenticator
from api.http.request_rate import Bound, RequestRate, RouteClass, bounds_of, class_of
from api.http.trusted_proxies import TrustedProxies
from auction.settings import load_settings
from tests.api.conftest import Asker, new_key, signed, token
from tests.api.test_connections import Serving, serving
from tests.api.test_sockets import connected

__all__ = ["serving"]

PROXIES = TrustedProxies.parse("127.0.0.1")


def clock() -> float:
    """No time passes."""
    return 1_000.0


def rate_of(**bursts: int) -> RequestRate:
    """So many requests of each class, and no more while no time passes."""
    return RequestRate({RouteClass[name]: Bound(1, burst) for name, burst in bursts.items()}, clock)


async def asked(port: int, request: str, *headers: str, body: bytes = b"", address: str = "203.0.113.9") -> Any:
    """Status, headers and body of a request of its own connection, through a proxy that says this address."""
    lines = [request + " HTTP/1.1", "Host: house", f"X-Forwarded-For: {address}", "Connection: close", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    async with connected(port) as (reader, writer):
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        async with asyncio.timeout(60):
            start, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    status, *fields = start.decode().split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in fields), answer


async def test_one_client_has_its_reads_and_is_told_when_it_has_more(asker: Asker, serving: Serving):
    async with serving(requests=rate_of(READ=2), proxies=PROXIES) as port:
        found = [await asked(port, "GET /api/v1/sales") for _ in range(3)]
        assert [status for status, _, _ in found] == [200, 200, 429]
        _, headers, body = found[2]
        assert (headers["retry-after"], headers["connection"]) == ("1", "close")
        assert json.loads(body)["code"] == "too-many-requests"
        assert json.loads(body)["retry_after_s"] == 1
        # another address, another class, what watches over the process, and this machine itself
        assert (await asked(port, "GET /api/v1/sales", address="203.0.113.10"))[0] == 200
        assert (await asked(port, "GET /static/favicon.ico"))[0] == 404
        assert (await asked(port, "GET /healthz"))[0] == 200
        assert (await asked(port, "GET /api/v1/sales", address="127.0.0.1"))[0] == 200
        # one household has one IPv6 network
        status = [(await asked(port, "GET /", address=f"2001:db8::{host}"))[0] for host in range(1, 4)]
        assert status == [200, 200, 429]


async def test_a_bidder_has_reads_of_their_own_beside_neighbours_who_use_up_the_address(
    asker: Asker, app: BidEndpoint, serving: Serving
):
    rate = rate_of(READ=1)
    rate.subject_of = app.answers.authenticator.known_subject
    async with serving(requests=rate, proxies=PROXIES) as port:
        bearer = f"Authorization: Bearer {token()}"
        # the first request with a token makes it known
        assert (await asked(port, "GET /api/v1/me/registrations", bearer))[0] == 200
        assert (await asked(port, "GET /api/v1/sales"))[0] == 429
        assert (await asked(port, "GET /api/v1/me/registrations", bearer))[0] == 200
        assert (await asked(port, "GET /api/v1/me/registrations", bearer))[0] == 429
        assert (await asked(port, "GET /", f"Cookie: auction_session={token('bob')}"))[0] == 429


async def test_bids_of_nobody_are_bounded_and_those_of_bidders_are_not(asker: Asker, serving: Serving):
    lot_id = await asker.open_lot()

    def bid(port: int, bearer: str, amount_fen: int) -> Any:
        headers = (f"Authorization: Bearer {bearer}", f"Idempotency-Key: {new_key()}")
        body = json.dumps({"amount_fen": amount_fen}).encode()
        return asked(port, f"POST /api/v1/lots/{lot_id}/bids", *headers, body=body)

    async with serving(requests=rate_of(WRITE=2), proxies=PROXIES) as port:
        forged = [await bid(port, "forged", 100) for _ in range(3)]
        assert [status for status, _, _ in forged] == [401, 401, 429]
        assert forged[2][1]["connection"] == "close"
        assert [(await bid(port, token(), 100 * more))[0] for more in (1, 2, 3)] == [201, 409, 409]


async def test_a_client_that_does_not_wait_for_its_answers_gets_none_of_those_above_the_bound(
    asker: Asker, serving: Serving
):
    async with serving(requests=rate_of(READ=3), proxies=PROXIES) as port, connected(port) as (reader, writer):
        read = b"GET /api/v1/sales HTTP/1.1\r\nHost: house\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
        writer.write(read * 50)
        async with asyncio.timeout(60):
            said = await reader.read()
        assert said.count(b"HTTP/1.1 200") <= 3
        assert said.count(b"HTTP/1.1") <= 4


@pytest.mark.parametrize(
    "method, target, expected",
    [
        ("GET", "/", RouteClass.READ),
        ("HEAD", "/api/v1/sales", RouteClass.READ),
        ("GET", "/static/js/lot/page.js", RouteClass.ASSET),
        ("GET", "/readyz?verbose", None),
        ("POST", "/readyz", RouteClass.WRITE),
        ("POST", "/api/v1/auth/token", RouteClass.SIGN_IN),
        ("POST", "/api/v1/auth/accounts?x", RouteClass.SIGN_IN),
        ("DELETE", "/api/v1/auth/session", RouteClass.WRITE),
        ("POST", "/api/v1/payments/webhooks/stripe", RouteClass.NOTICE),
        ("POST", "/api/v1/ops/lots", RouteClass.WRITE),
    ],
)
def test_the_class_of_a_request(method: str, target: str, expected: RouteClass | None):
    assert class_of(method.encode(), target.encode()) is expected


def test_the_settings_bound_every_class_and_0_none():
    settings = load_settings(requests_per_client_s=20, sign_ins_per_client_minute=20)
    bounds = bounds_of(settings.requests_per_client_s, settings.sign_ins_per_client_minute)
    assert set(bounds) == set(RouteClass)
    assert bounds[RouteClass.READ] == Bound(20, 60)
    assert bounds_of(0, 0) == {}
    unbounded = RequestRate(bounds_of(0, 0))
    assert {unbounded.refuse("203.0.113.9", b"GET", b"/", []) for _ in range(1_000)} == {None}


async def test_a_refused_token_is_checked_once(app: BidEndpoint, monkeypatch: pytest.MonkeyPatch, asker: Asker):
    authenticator: Authenticator = app.answers.authenticator
    checked: list[str] = []
    verify = type(authenticator.keys).verify

    def counted(key: Any, given: str, *more: Any) -> Any:
        checked.append(given)
        return verify(key, given, *more)

    monkeypatch.setattr(type(authenticator.keys), "verify", counted)
    answers = [await asker.get("/me/registrations", {"Authorization": "Bearer x.y.z"}) for _ in range(3)]
    assert [answer.json()["code"] for answer in answers] == ["token-invalid"] * 3
    assert len(checked) == 1
    assert (await asker.get("/me/registrations", signed("ann"))).status_code == 200
