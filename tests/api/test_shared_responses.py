"""Reads that wait at the same time share one response, and nobody gets one that was made before they asked."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.http.head_requests import HeadRequests
from api.http.shared_responses import SharedResponses
from tests.api.conftest import Asker, signed


class Counter:
    """An application that answers with how many answers it has begun, when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.gate = asyncio.Event()
        self.failing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        number = self.begun
        await self.gate.wait()
        if self.failing:
            raise RuntimeError("broken")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-method", scope["method"].encode())]})
        await send({"type": "http.response.body", "body": str(number).encode()})


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
async def http(counter: Counter) -> Any:
    transport = httpx.ASGITransport(app=HeadRequests(SharedResponses(counter)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
        yield client


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


def started(http: httpx.AsyncClient, path: str = "/api/v1/sales", **more: Any) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(http.get(path, **more))


async def test_those_who_wait_share_the_next_response(http: httpx.AsyncClient, counter: Counter):
    first = started(http)
    await until(lambda: counter.begun == 1)
    waiting = [started(http) for _ in range(20)]
    await asyncio.sleep(0.05)
    assert counter.begun == 1
    counter.gate.set()
    assert (await first).text == "1"
    assert {(await task).text for task in waiting} == {"2"}
    assert (await http.get("/api/v1/sales")).text == "3"


async def test_other_addresses_hosts_and_persons_share_nothing(http: httpx.AsyncClient, counter: Counter):
    asking = [
        started(http),
        started(http, "/api/v1/sales/s"),
        started(http, "/api/v1/lots/l"),
        started(http, "/api/v1/lots/l?x=1"),
        started(http, "/api/v1/lots/l/bids"),
        started(http, headers={"Host": "elsewhere"}),
        *(started(http, headers={"Authorization": "Bearer t"}) for _ in range(2)),
        *(started(http, headers={"Cookie": "auction_session=t"}) for _ in range(2)),
        *(started(http, "/api/v1/me/awards") for _ in range(2)),
        *(asyncio.create_task(http.post("/api/v1/sales")) for _ in range(2)),
    ]
    await until(lambda: counter.begun == len(asking))
    counter.gate.set()
    assert len({(await task).text for task in asking}) == len(asking)


async def test_a_failure_is_told_to_all_who_shared_it_and_to_nobody_else(http: httpx.AsyncClient, counter: Counter):
    counter.failing = True
    asking = [started(http) for _ in range(3)]
    await until(lambda: counter.begun == 1)
    counter.gate.set()
    assert {(await task).status_code for task in asking} == {500}
    counter.failing = False
    assert (await http.get("/api/v1/sales")).status_code == 200


async def test_one_who_hangs_up_takes_nothing_from_the_others(http: httpx.AsyncClient, counter: Counter):
    first = started(http)
    await until(lambda: counter.begun == 1)
    gone, waits = started(http), started(http)
    await asyncio.sleep(0.01)
    first.cancel()
    gone.cancel()
    counter.gate.set()
    assert (await waits).text == "2"


async def test_head_is_answered_like_get_without_the_body(client: httpx.AsyncClient, asker: Asker):
    lot_id = await asker.open_lot()
    for path, headers in (
        ("/api/v1/sales", {}),
        (f"/api/v1/lots/{lot_id}", {}),
        ("/api/v1/me/registrations", signed()),
        ("/openapi.json", {}),
        ("/", {}),
        ("/api/v1/lots/none", {}),
        ("/nowhere", {}),
    ):
        head, get = await client.head(path, headers=headers), await client.get(path, headers=headers)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers["content-type"] == get.headers["content-type"]
    assert (await client.head("/api/v1/auth/token")).status_code == 405


async def test_what_never_changes_is_sent_once(client: httpx.AsyncClient):
    for path in ("/", "/sign-in", "/openapi.json"):
        first = await client.get(path)
        again = await client.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers.get("content-security-policy") == first.headers.get("content-security-policy")
        other = await client.get(path, headers={"If-None-Match": '"other"'})
        assert other.content == first.content
    chinese = await client.get("/", headers={"Accept-Language": "zh-CN"})
    english = await client.get("/", headers={"Accept-Language": "en", "If-None-Match": chinese.headers["etag"]})
    assert english.status_code == 200
    assert (await client.get("/nowhere", headers={"Accept": "text/html", "If-None-Match": "*"})).status_code == 404
