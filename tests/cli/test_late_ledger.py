"""Processes that are started while the ledger is away: they wait for it, say so once, and go on when it answers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import SECRET, answered, free_port, until
from tests.ledger.server_process import OwnServer


class Child:
    """A program as its supervisor starts it."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    def events(self) -> list[str]:
        """The names of what it has logged."""
        assert self.process.poll() is None, self._log.read_text()
        return [json.loads(line)["event"] for line in self._log.read_text().splitlines()]

    def until_logged(self, event: str) -> None:
        until(lambda: event in self.events(), event)


@contextmanager
def child(folder: Path, ledger: OwnServer, books_url: str, *words: str) -> Iterator[Child]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUCTION_")}
    environment = kept | {
        "AUCTION_REDIS_URL": ledger.url,
        "AUCTION_DATABASE_URL": books_url,
        "AUCTION_SECRET_KEY": SECRET,
        "AUCTION_PAYMENT_PROVIDER": "sandbox",
        "AUCTION_DATA_DIR": str(folder),
        "AUCTION_LOG_FORMAT": "json",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", *words], env=environment, stderr=log, stdout=log)
    try:
        yield Child(process, folder / "log")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def ledger() -> Iterator[OwnServer]:
    server = OwnServer(None, {})
    yield server
    asyncio.run(server.close())


def test_http_says_503_until_the_ledger_answers(tmp_path, ledger, books_url):
    address = f"http://127.0.0.1:{(port := free_port())}"
    with (
        child(tmp_path, ledger, books_url, "api", "--supervised", "--port", str(port)) as api,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as http,
    ):
        assert answered(lambda: http.get("/healthz")).status_code == 200
        unready = http.get("/readyz")
        assert (unready.status_code, unready.json()["ready"]) == (503, False)
        assert "does not respond" in unready.json()["ledger"]
        for answer in (http.get("/api/v1/sales"), http.post("/api/v1/lots/launch-001/bids", json={"amount_fen": 1})):
            assert (answer.status_code, answer.json()["code"]) == (503, "ledger-away")
            assert answer.headers["retry-after"] == "1"
        assert api.events().count("start_waits_for_ledger") == 1

        asyncio.run(ledger.start())
        # on the connection that was opened before, too
        until(lambda: http.get("/readyz").json()["ready"], "readiness")
        assert http.get("/api/v1/sales").json() == {"sales": [], "next_cursor": None}
        assert api.events().count("start_waits_for_ledger") == 1
        assert api.events().count("ledger_answers") == 1
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(60) == 0


def test_http_ends_in_order_while_it_waits(tmp_path, ledger, books_url):
    with child(tmp_path, ledger, books_url, "api", "--supervised", "--port", str(free_port())) as api:
        api.until_logged("listening")
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(60) == 0


@pytest.mark.parametrize("stopped_while_waiting", [False, True])
def test_the_worker_waits_for_the_ledger(tmp_path, ledger, books_url, stopped_while_waiting):
    with child(tmp_path, ledger, books_url, "auction.workers", "--supervised") as worker:
        worker.until_logged("start_waits_for_ledger")
        if not stopped_while_waiting:
            asyncio.run(ledger.start())
            worker.until_logged("workers_started")
            assert worker.events().count("start_waits_for_ledger") == 1
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(60) == 0


def test_a_live_gateway_waits_for_the_ledger(tmp_path, ledger, books_url):
    words = ("api.live", "--supervised", "--port", str(port := free_port()))
    with child(tmp_path, ledger, books_url, *words) as live:
        live.until_logged("start_waits_for_ledger")
        asyncio.run(ledger.start())
        live.until_logged("listening")
        health = f"http://127.0.0.1:{port}/healthz"
        assert answered(lambda: httpx.get(health, trust_env=False)).status_code == 200
        assert live.events().count("start_waits_for_ledger") == 1
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(60) == 0
