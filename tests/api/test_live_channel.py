"""What HTTP says of the live channel: where it is, and how many watch."""

import pytest

from api.http.config import ApiConfig
from auction.ledger.watcher_counts import report_watchers

HERE = ApiConfig(secret="s" * 40, live_port=8001)


@pytest.mark.parametrize(
    "host, secure, expected",
    [
        ("auction.example", True, "wss://auction.example:8001/"),
        ("auction.example:8443", True, "wss://auction.example:8001/"),
        ("127.0.0.1:8000", False, "ws://127.0.0.1:8001/"),
        ("[::1]:8000", False, "ws://[::1]:8001/"),
        ("[::1]", False, "ws://[::1]:8001/"),
        ("", False, None),
        (None, False, None),
        ("auction.example; script-src *", False, None),
        ("auction.example/..:80", False, None),
    ],
)
def test_without_an_address_of_its_own_the_live_channel_is_on_the_host_that_was_asked(host, secure, expected):
    assert HERE.live_url_for(host, secure=secure) == expected


def test_an_address_of_its_own_is_told_as_it_is():
    elsewhere = ApiConfig(secret="s" * 40, live_url="wss://live.example/", live_port=8001)
    assert elsewhere.live_url_for("auction.example", secure=True) == "wss://live.example/"
    assert ApiConfig(secret="s" * 40).live_url_for("auction.example", secure=True) is None


async def test_a_lot_tells_how_many_watch_it(asker, context):
    lot_id = await asker.open_lot()
    assert (await asker.get(f"/lots/{lot_id}")).json()["watchers"] == 0
    now_ms = await context.ledger.now_ms()
    await report_watchers(context.ledger, "one", {lot_id: 3}, now_ms=now_ms)
    await report_watchers(context.ledger, "two", {lot_id: 4}, now_ms=now_ms)
    assert (await asker.get(f"/lots/{lot_id}")).json()["watchers"] == 7
    sales = (await asker.get("/sales")).json()["sales"]
    assert [lot["watchers"] for sale in sales for lot in sale["lots"]] == [7]
