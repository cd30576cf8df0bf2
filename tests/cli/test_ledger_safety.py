"""`auction serve` and a ledger's server that could lose accepted bids: refused in words, or accepted out loud."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from auction.console.ledger_safety import require_safe_ledger
from auction.domain.errors import LedgerAway
from auction.settings import SettingsError, load_settings
from tests.cli.processes import SECRET, commanded, free_port, until
from tests.ledger.server_process import OwnServer

Servers = Callable[..., OwnServer]
UNSAFE = {
    "appendonly": "no",
    "appendfsync": "everysec",
    "maxmemory-policy": "allkeys-lru",
    "maxmemory": "0",
}


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Servers of one's own, not started yet."""
    made: list[OwnServer] = []

    def make(settings: dict[str, str]) -> OwnServer:
        made.append(OwnServer(None, {"maxmemory": "1gb"} | settings))
        return made[-1]

    yield make
    for server in made:
        asyncio.run(server.close())


async def started_with_limited_user(ledger: OwnServer) -> None:
    await ledger.start()
    async with ledger.client() as client:
        await client.execute_command("ACL", "SETUSER", "limited", "on", ">a-password", "~*", "+@all", "-config")


def serve_settings(ledger: OwnServer, books_url: str, **more: str) -> dict[str, Any]:
    return more | {
        "AUCTION_REDIS_URL": ledger.url,
        "AUCTION_DATABASE_URL": books_url,
        "AUCTION_SECRET_KEY": SECRET,
        "AUCTION_PAYMENT_PROVIDER": "sandbox",
        "AUCTION_LOG_FORMAT": "json",
        "AUCTION_LIVE_PORT": str(free_port()),
    }


def test_serve_refuses_a_server_that_could_lose_bids_and_names_each_setting(tmp_path, servers, books_url):
    ledger = servers(UNSAFE)
    asyncio.run(ledger.start())
    with commanded(tmp_path, "serve", "--port", str(free_port()), **serve_settings(ledger, books_url)) as command:
        assert command.ended() == 1
    assert ledger.url in command.complained
    for name, value in UNSAFE.items():
        assert f"{name}: {value}, must be " in command.complained
    assert "AUCTION_ACCEPT_UNSAFE_LEDGER=1" in command.complained
    assert not command.started()


def test_serve_accepts_it_out_loud_where_that_is_set(tmp_path, servers, books_url):
    ledger = servers(UNSAFE)
    asyncio.run(ledger.start())
    settings = serve_settings(ledger, books_url, AUCTION_ACCEPT_UNSAFE_LEDGER="1")
    with commanded(tmp_path, "serve", "--role", "worker", **settings) as command:
        until(lambda: command.events("workers_started"), "a worker")
        command.process.send_signal(signal.SIGTERM)
        assert command.ended() == 0, command.output()
        logged = {event["setting"]: event for event in command.events("ledger_unsafe")}
    assert {name: event["found"] for name, event in logged.items()} == UNSAFE
    assert all(event["given_up"] for event in logged.values())


def test_a_server_that_answers_only_later_is_checked_then(tmp_path, servers, books_url):
    ledger = servers({"appendfsync": "everysec"})
    with commanded(tmp_path, "serve", "--role", "worker", **serve_settings(ledger, books_url)) as command:
        until(command.started, "a worker")
        asyncio.run(ledger.start())
        assert command.ended() == 1, command.output()
    assert "appendfsync: everysec, must be always" in command.complained


def test_a_safe_server_is_accepted_without_a_word(servers, books_url):
    ledger = servers({})
    asyncio.run(ledger.start())
    with capture_logs() as logged:
        require_safe_ledger(load_settings(redis_url=ledger.url, database_url=books_url))
    assert logged == []


def test_embedded_servers_are_not_asked():
    require_safe_ledger(load_settings(redis_url=None))


def test_a_server_that_is_away_is_no_unsafe_one(servers):
    with pytest.raises(LedgerAway):
        require_safe_ledger(load_settings(redis_url=servers({}).url))


def test_what_could_not_be_checked_is_named_and_no_password_is_printed(servers):
    ledger = servers({})
    asyncio.run(started_with_limited_user(ledger))
    url = ledger.url.replace("unix://", "unix://limited:a-password@")
    with pytest.raises(SettingsError) as caught:
        require_safe_ledger(load_settings(redis_url=url))
    said = str(caught.value)
    assert "appendfsync: could not be checked" in said
    assert "does not allow CONFIG GET" in said
    assert "a-password" not in said
    with capture_logs() as logged:
        require_safe_ledger(load_settings(redis_url=url, accept_unsafe_ledger=True))
    assert {event["found"] for event in logged} == {"could not be checked"}
