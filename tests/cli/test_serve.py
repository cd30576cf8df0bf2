import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from auction import embedded
from auction.payments.registry import PROVIDERS
from auction.services.identity.tokens import Role
from tests.cli.commands import auction
from tests.cli.processes import (
    Command,
    answered,
    caller,
    commanded,
    free_port,
    is_running,
    served,
    take_down_servers,
    until,
)

NEEDED: dict[str, Any] = {"AUCTION_SECRET_KEY": "s" * 40, "AUCTION_PAYMENT_PROVIDER": "sandbox"}
"""What `auction serve` does not start without."""


RESTARTED = ("ledger", "books")
"""The embedded servers that are killed."""


def open_a_lot(port: int) -> str:
    with caller(port, Role.OPS, "clerk") as clerk:
        sale = clerk.post("ops/sales", json={"title": "A sale"}).raise_for_status().json()
        lot = {"sale_id": sale["sale_id"], "title": "No. 001", "preset": "jd-flash"}
        lot_id = clerk.post("ops/lots", json=lot).raise_for_status().json()["lot_id"]
        clerk.post(f"ops/lots/{lot_id}/open", json={"duration_ms": 3_600_000}).raise_for_status()
        return str(lot_id)


@contextmanager
def bidding(port: int, lot_id: str, subject: str) -> Iterator[Callable[[int], httpx.Response]]:
    """A registered bidder: bids an amount, under a key of that amount."""
    with caller(port, Role.BIDDER, subject) as bidder:
        answered(lambda: bidder.post(f"lots/{lot_id}/registrations", json={"accept_terms": True}))

        def bid(amount_fen: int) -> httpx.Response:
            key = {"Idempotency-Key": f"{subject}-{amount_fen:08d}"}
            return answered(lambda: bidder.post(f"lots/{lot_id}/bids", json={"amount_fen": amount_fen}, headers=key))

        yield bid


def kill_and_wait_for_another(command: Command, name: str) -> None:
    before = command.started()[name]
    os.kill(before[-1], signal.SIGKILL)
    until(lambda: len(command.started()[name]) > len(before), f"another {name}")


async def roles_connected(data_dir: Path) -> set[str]:
    """As whom the processes of a house are connected to its database."""
    with embedded.joined(data_dir) as (_, url):
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg://auction_app@", "postgresql://auction@"))
        found = await connection.fetch(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'auction' AND pid <> pg_backend_pid()"
        )
        await connection.close()
    return {row["usename"] for row in found}


def test_it_takes_bids_replaces_what_is_killed_and_drains(tmp_path):
    port = free_port()
    with served(tmp_path, port, "--workers", "2") as command:
        assert answered(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz")).json()["ready"]
        assert f"http://127.0.0.1:{port}" in command.said
        assert asyncio.run(roles_connected(tmp_path / "var")) == {"auction_app"}
        lot_id = open_a_lot(port)
        with bidding(port, lot_id, "alice") as alice:
            assert alice(100).status_code == 201
        for name in ("http 1", "http 2", "worker"):
            kill_and_wait_for_another(command, name)
        with bidding(port, lot_id, "bob") as bob:
            taken = bob(200)
        assert taken.status_code in {200, 201}, taken.text
        assert "SIGKILL" in {event["status"] for event in command.events("process_died")}

        command.process.send_signal(signal.SIGTERM)
        assert command.ended() == 0, command.output()
        pids = [pid for each in command.started().values() for pid in each]
        assert len(pids) >= 6
        assert [pid for pid in pids if is_running(pid)] == []
        # the archive was brought up to what was accepted before the worker left
        assert command.events("workers_stopped")
        assert not (tmp_path / "var" / "ledger.json").exists(), "the embedded ledger still runs"


def test_killed_servers_are_restarted_and_every_process_goes_on(tmp_path):
    port = free_port()
    with served(tmp_path, port) as command:
        lot_id = open_a_lot(port)
        with bidding(port, lot_id, "alice") as alice:
            assert alice(100).status_code == 201
        processes = dict(command.started())
        for number, name in enumerate(RESTARTED, start=1):
            os.kill(pid_of_server(tmp_path / "var", name), signal.SIGKILL)
            until_server_started(command, name)
            with bidding(port, lot_id, f"after-{name}") as bidder:
                taken = bidder(100 + 100 * number)
            assert taken.status_code in {200, 201}, taken.text
            until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").json()["ready"], "readiness")
        # the same processes as before, and what was accepted before is still there
        assert command.started() == processes
        assert all(is_running(pid) for each in processes.values() for pid in each)
        bids = httpx.get(f"http://127.0.0.1:{port}/api/v1/lots/{lot_id}").json()
        assert (bids["price_fen"], bids["bids"]) == (100 + 100 * len(RESTARTED), 1 + len(RESTARTED))
        assert [event["name"] for event in command.events("server_died")] == list(RESTARTED)

        command.process.send_signal(signal.SIGTERM)
        assert command.ended() == 0, command.output()
        assert command.events("workers_stopped")
    assert not (tmp_path / "var" / "ledger.json").exists(), "the embedded ledger still runs"
    assert not (tmp_path / "var" / "books.json").exists(), "the embedded books still run"


def until_server_started(command: Command, name: str) -> None:
    until(lambda: name in {event["name"] for event in command.events("server_started")}, f"another {name}")


def pid_of_server(data_dir: Path, name: str) -> int:
    with embedded.running(data_dir) as servers:
        found = servers.ledger if name == "ledger" else servers.books
        assert found is not None
        assert not found.started
        return found.pid


def test_killing_the_supervisor_leaves_nothing(tmp_path):
    port = free_port()
    try:
        with served(tmp_path, port) as command:
            assert set(command.started()) == {"http 1", "live 1", "worker"}
            pids = [pid for each in command.started().values() for pid in each]
            command.process.kill()
            command.ended()
            until(lambda: not any(map(is_running, pids)), "the end of every process")
            # they were users of the servers as well; the last to leave stopped them
            until(lambda: not (tmp_path / "var" / "ledger.json").exists(), "the end of the embedded ledger")
            until(lambda: not (tmp_path / "var" / "books.json").exists(), "the end of the embedded books")
    finally:
        take_down_servers(tmp_path / "var")


def test_a_worker_alone_listens_nowhere(tmp_path):
    with served_worker(tmp_path) as command:
        until(lambda: command.events("workers_started"), "a worker")
        assert list(command.started()) == ["worker"]
        assert "http" not in command.said
        command.process.send_signal(signal.SIGINT)
        assert command.ended() == 0, command.output()


def served_worker(folder: Path):
    return served(folder, free_port(), "--role", "worker")


def refusal(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str, **settings: str) -> str:
    """The one sentence with which `auction serve` refuses to start, in this process, before it starts any other."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    said = auction("serve", *words)
    assert (said.code, said.out) == (1, "")
    assert not (folder / "var").exists(), "servers were started for nothing"
    (sentence,) = said.err.splitlines()
    return sentence


@pytest.mark.parametrize("words, option", [((), "--port"), (("--role", "live"), "--live-port")], ids=["http", "live"])
def test_a_port_in_use_is_one_sentence(tmp_path, monkeypatch, words, option):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sentence = refusal(tmp_path, monkeypatch, *words, option, str(port), **NEEDED)
    assert f"port {port} on 127.0.0.1 " in sentence
    assert option in sentence


def test_a_database_of_a_newer_version_is_not_served(tmp_path, valkey_url, books_url):
    asyncio.run(set_revision(books_url, "9999_from_the_future"))
    settings = NEEDED | {"AUCTION_REDIS_URL": valkey_url, "AUCTION_DATABASE_URL": books_url}
    ports = ("--port", str(free_port()), "--live-port", str(free_port()))
    with commanded(tmp_path, "serve", *ports, **settings) as command:
        assert command.ended() == 1
    (sentence,) = command.complained.strip().splitlines()
    assert "cannot be migrated" in sentence
    assert "9999_from_the_future" in sentence


async def set_revision(url: str, revision: str) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
    finally:
        await connection.close()


def test_without_a_secret_nothing_is_served(tmp_path, monkeypatch):
    assert "AUCTION_SECRET_KEY must be set" in refusal(tmp_path, monkeypatch, "--port", str(free_port()))


@pytest.mark.parametrize("words", [(), ("--role", "http"), ("--role", "worker")], ids=["all", "http", "worker"])
@pytest.mark.parametrize(
    "named, sentence",
    [
        ({}, f"AUCTION_PAYMENT_PROVIDER must be set to one of {', '.join(PROVIDERS)}"),
        (
            {"AUCTION_PAYMENT_PROVIDER": "paypal"},
            f"AUCTION_PAYMENT_PROVIDER must be one of {', '.join(PROVIDERS)}, got 'paypal'",
        ),
    ],
    ids=["none", "unknown"],
)
def test_without_a_payment_provider_that_there_is_nothing_is_served(tmp_path, monkeypatch, words, named, sentence):
    ports = ("--port", str(free_port()), "--live-port", str(free_port()))
    assert sentence in refusal(tmp_path, monkeypatch, *words, *ports, AUCTION_SECRET_KEY="s" * 40, **named)


def test_live_gateways_alone_need_no_books_are_replaced_when_killed_and_drain(tmp_path):
    with served(tmp_path, free_port(), "--role", "live", "--gateways", "2") as command:
        assert set(command.started()) == {"live 1", "live 2"}
        kill_and_wait_for_another(command, "live 1")
        (address,) = re.findall(r"ws://(127\.0\.0\.1:\d+)", command.said)
        assert answered(lambda: httpx.get(f"http://{address}/healthz", trust_env=False)).json() == {"status": "alive"}
        command.process.send_signal(signal.SIGTERM)
        assert command.ended() == 0, command.output()
    assert not (tmp_path / "var" / "books").exists()
