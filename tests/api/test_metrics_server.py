"""Metrics on a port of their own: nothing else is there, and nothing of them on the public one."""

import asyncio

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from api.app import create_app
from api.http.config import ApiConfig
from api.http.metrics_server import metrics_served
from auction.services.context import AppContext
from auction.settings import SettingsError, load_settings
from tests.api.conftest import SECRET
from tests.cli.processes import free_port


async def test_metrics_are_served_at_their_port_alone() -> None:
    registry, port = CollectorRegistry(), free_port()
    Counter("bids", "Bids.", registry=registry).inc(3)
    async with (
        metrics_served("127.0.0.1", port, registry),
        metrics_served("127.0.0.1", port, registry),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        found = await http.get("/metrics?x=1")
        assert (found.status_code, "bids_total 3.0" in found.text) == (200, True)
        assert (await http.head("/metrics")).text == ""
        assert [(await http.get(path)).status_code for path in ("/", "/readyz", "/metrics/x")] == [404] * 3
        assert (await http.post("/metrics")).status_code == 404
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 20_000 + b"\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
    async with metrics_served("127.0.0.1", None, registry):
        pass


@pytest.mark.parametrize("is_apart, status", [(False, 200), (True, 404)])
async def test_the_public_port_has_none_then(context: AppContext, is_apart: bool, status: int) -> None:
    app = create_app(context, ApiConfig(secret=SECRET, metrics_apart=is_apart))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:
        assert (await http.get("/metrics")).status_code == status
        assert (await http.get("/healthz")).status_code == 200


def test_the_port_is_another_than_those_of_the_public() -> None:
    assert load_settings(metrics_port=9100).live_metrics_port == 9101
    assert load_settings().live_metrics_port is None
    for port in (8000, 8001, 7999, 65_535, 0):
        with pytest.raises(SettingsError, match="AUCTION_METRICS_PORT must"):
            load_settings(metrics_port=port)
