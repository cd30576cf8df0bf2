"""`auction doctor`: good servers are good; each fault is found, named with advice, and ends with exit code 1."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from redis import Redis
from sqlalchemy import text

from auction.books import frozen_lots, migrate, revision, roles
from auction.books.archive_rows import Fault
from auction.bootstrap import open_context
from auction.console import diagnostics
from auction.domain.events import FreezeCause
from auction.settings import load_settings
from tests.cli.commands import Said, auction

SECRET = "a secret of the command line, long enough"
PERSISTENCE = {
    "appendonly": ("no", "set appendonly to yes"),
    "appendfsync": ("everysec", "set appendfsync to always"),
    "maxmemory-policy": ("allkeys-lru", "set maxmemory-policy to noeviction"),
    "aof-load-truncated": ("yes", "set aof-load-truncated to no"),
    "maxmemory": ("0", "set maxmemory to a limit"),
}


class Usage(NamedTuple):
    """What `shutil.disk_usage` gives."""

    total: int
    used: int
    free: int


@pytest.fixture
def environment(valkey_url: str, books_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's servers: a ledger as in production, books that do not wait for the disk."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUCTION_SECRET_KEY", SECRET)
    monkeypatch.setenv("AUCTION_PAYMENT_PROVIDER", "sandbox")
    monkeypatch.setenv("AUCTION_REDIS_URL", valkey_url)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 0, 2**40))


@pytest.fixture
def ledger(valkey_url: str) -> Iterator["Redis"]:
    """The ledger's server, whose configuration is put back after the test."""
    with Redis.from_url(valkey_url, decode_responses=True) as client:
        before = {name: client.config_get(name)[name] for name in PERSISTENCE}
        yield client
        for name, value in before.items():
            client.config_set(name, value)


def findings(said: Said) -> dict[str, dict[str, str]]:
    """The findings by what they are about."""
    return {finding["about"]: finding for finding in said.json()["findings"]}


def finding(about: str) -> dict[str, str]:
    """One finding of a run that must have failed for it."""
    said = auction("doctor", "--json")
    assert said.code == 1
    assert said.json()["ok"] is False
    return findings(said)[about]


@pytest.mark.usefixtures("environment")
def test_embedded_servers_are_fit_for_a_sale_once_they_are_migrated(monkeypatch):
    for name in ("REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(f"AUCTION_{name}")
    before = auction("doctor", "--json")
    assert before.code == 1
    assert [f["about"] for f in before.json()["findings"] if f["state"] == "bad"] == ["migrations"]
    assert "auction migrate" in findings(before)["migrations"]["advice"]
    assert auction("migrate").code == 0
    after = auction("doctor")
    assert after.code == 0, after
    assert "good  migrations: " in after.out
    assert "bad" not in after.out


@pytest.mark.usefixtures("environment")
def test_what_is_good_is_said_too():
    found = findings(auction("doctor", "--json"))
    good = {about for about, one in found.items() if one["state"] == "good"}
    assert good >= {
        "secret", "ledger", *(f"ledger {name}" for name in PERSISTENCE), "ledger clock",
        "books", "books clock", "migrations", "disk",
    }  # fmt: skip
    assert found["migrations"]["found"] == f"at {revision.head()}"
    assert all(set(one) == {"about", "state", "found", "advice"} for one in found.values())
    assert all(one["advice"] for one in found.values() if one["state"] != "good")


@pytest.mark.usefixtures("environment")
def test_a_role_that_could_rewrite_the_records_is_warned_of_until_it_has_one_of_its_own(books_url, monkeypatch):
    role = findings(auction("doctor", "--json"))["books role"]
    assert (role["state"], role["found"]) == (
        "warn",
        "auction is a superuser: it may rewrite journal, audit log and archive",
    )
    assert "AUCTION_DATABASE_OWNER_URL" in role["advice"]
    roles.grant_to(books_url, "auction_app", create=True)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url.replace("auction@", "auction_app@"))
    monkeypatch.setenv("AUCTION_DATABASE_OWNER_URL", books_url)
    assert auction("migrate").code == 0
    role = findings(auction("doctor", "--json"))["books role"]
    assert (role["state"], role["found"]) == ("good", "auction_app may not change what is written once")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", PERSISTENCE)
def test_a_ledger_that_could_lose_bids_is_bad(ledger, name):
    value, advice = PERSISTENCE[name]
    ledger.config_set(name, value)
    found = finding(f"ledger {name}")
    assert (found["state"], found["found"]) == ("bad", value)
    assert advice in found["advice"]


@pytest.mark.usefixtures("environment")
def test_the_memory_of_the_embedded_ledger_is_a_setting(monkeypatch):
    monkeypatch.delenv("AUCTION_REDIS_URL")
    monkeypatch.setenv("AUCTION_LEDGER_MEMORY_MB", "64")
    found = findings(auction("doctor", "--json"))
    assert found["ledger maxmemory"]["found"] == str(64 * 2**20)
    assert "of 64 MiB" in found["ledger memory"]["found"]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("percent, state", [(60, "good"), (75, "warn"), (95, "bad")])
def test_a_ledger_that_fills_up_is_noticed(ledger, percent, state):
    ledger.config_set("maxmemory", ledger.info("memory")["used_memory"] * 100 // percent)
    found = findings(auction("doctor", "--json"))["ledger memory"]
    assert found["state"] == state
    assert "% used of " in found["found"]


@pytest.mark.usefixtures("environment")
def test_books_that_do_not_wait_for_the_disk_are_bad():
    found = finding("books fsync")
    assert (found["state"], found["found"]) == ("bad", "off")
    assert "set fsync to on" in found["advice"]


@pytest.mark.usefixtures("environment")
def test_books_that_were_never_migrated_are_bad(books_url):
    migrate.downgrade(books_url, migrate.EMPTY)
    found = finding("migrations")
    assert found["state"] == "bad"
    assert revision.head() in found["found"]


@pytest.mark.parametrize(
    "about, variable, address",
    [
        ("ledger", "AUCTION_REDIS_URL", "unix:///nowhere"),
        ("books", "AUCTION_DATABASE_URL", "postgresql://auction@/auction?host=/nowhere"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_server_that_is_not_there_is_bad_and_the_others_are_checked(monkeypatch, about, variable, address):
    monkeypatch.setenv(variable, address)
    found = finding(about)
    assert found["state"] == "bad"
    assert variable in found["advice"]
    assert findings(auction("doctor", "--json"))["disk"]["state"] == "good"


@pytest.mark.usefixtures("environment")
def test_a_missing_secret_is_a_warning(monkeypatch):
    monkeypatch.delenv("AUCTION_SECRET_KEY")
    found = findings(auction("doctor", "--json"))["secret"]
    assert (found["state"], found["found"]) == ("warn", "AUCTION_SECRET_KEY is not set")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    "variables, state, said",
    [
        ({"PAYMENT_PROVIDER": ""}, "warn", "AUCTION_PAYMENT_PROVIDER is not set"),
        ({}, "warn", "sandbox: no real money moves"),
        (
            {
                "PAYMENT_PROVIDER": "stripe",
                "STRIPE_KEY": "sk_1",
                "STRIPE_WEBHOOK_SECRET": "w",
                "STRIPE_PUBLISHABLE_KEY": "pk",
            },
            "good",
            "stripe",
        ),
    ],
)
def test_the_payment_provider_is_named_and_one_that_moves_no_money_is_a_warning(monkeypatch, variables, state, said):
    for name, value in variables.items():
        monkeypatch.setenv(f"AUCTION_{name}", value)
    found = findings(auction("doctor", "--json"))["payments"]
    assert (found["state"], found["found"]) == (state, said)
    assert bool(found["advice"]) == (state != "good")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("free_gib, state", [(0.5, "bad"), (3, "warn"), (50, "good")])
def test_a_full_disk_is_noticed_before_the_ledger_does(monkeypatch, free_gib, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 0, int(free_gib * 2**30)))
    assert findings(auction("doctor", "--json"))["disk"]["state"] == state


@pytest.mark.parametrize(
    "ahead_ms, state", [(-5_000, "bad"), (-1_000, "bad"), (999, "warn"), (-100, "warn"), (99, "good")]
)
def test_clocks_that_differ_are_noticed(ahead_ms, state):
    found = diagnostics._clock("ledger clock", ahead_ms)
    assert found.state == state
    assert f"{ahead_ms:+d} ms" in found.found


@pytest.mark.parametrize(
    "facts, state",
    [
        ({"redis_version": "6.0.16"}, "bad"),
        ({"redis_version": "6.2.0"}, "good"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, "good"),
    ],
)
def test_a_server_that_is_too_old_is_named(facts: dict[str, Any], state: str):
    found = diagnostics._ledger_version(facts)
    assert found.state == state
    assert facts.get("valkey_version", facts["redis_version"]) in found.found


@pytest.mark.usefixtures("environment")
def test_people_are_shown_what_is_bad(ledger):
    ledger.config_set("appendfsync", "everysec")
    said = auction("doctor")
    assert said.code == 1
    assert "bad   ledger appendfsync: everysec" in said.out
    assert "set appendfsync to always" in said.out


@pytest.mark.usefixtures("environment")
def test_what_a_loss_has_stopped_is_named_with_the_command_that_restores_it(valkey_url, books_url):
    async def use_and_stop() -> None:
        settings = load_settings()
        async with open_context(settings) as context:
            fault = Fault(FreezeCause.BEHIND, "it ends before what was acknowledged", 0)
            async with context.books.transaction() as tx:
                await frozen_lots.add(tx, {"launch-001": fault})
                # restored after a loss, and ended since
                await tx.session.execute(text("INSERT INTO restored_lots VALUES ('launch-002', 1000000, 2, 1, 4, 7)"))
                await tx.session.execute(
                    text(
                        "INSERT INTO lot_results VALUES ('launch-002', 'no-bids', NULL, NULL, NULL, 1000002, 2, 'time')"
                    )
                )
            await context.ledger.redis.set(context.ledger.keys.lineage(3), "stopped")

    with Redis.from_url(valkey_url) as client:
        client.flushall()
        asyncio.run(use_and_stop())
        found = findings(auction("doctor", "--json"))
        client.flushall()

    assert (found["ledger shards"]["state"], found["ledger shards"]["found"]) == ("bad", "stopped after a loss: 3")
    assert "auction restore --all" in found["ledger shards"]["advice"]
    assert "auction restore --lot launch-001" in found["lot launch-001"]["advice"]
    assert (found["settlements"]["state"], found["settlements"]["found"]) == (
        "warn",
        "settlements held after a loss: launch-002",
    )
