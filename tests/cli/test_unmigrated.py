"""Commands on a database that is not migrated: embedded ones migrate it, configured ones are refused in one line."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from auction import embedded
from auction.books import migrate
from tests.cli.commands import auction

SECRET = "a secret of the command line, long enough"
RECORDING = """\
auction_id,item,bid_day,bidder,max_bid_cents,start_price_cents,final_price_cents
1001,palm,0.5,ada,1000,100,100
"""
COMMANDS = {
    "account": ("account", "--username", "clerk", "--role", "ops", "--password-stdin"),
    "token": ("token", "--subject", "ann", "--role", "bidder"),
    "replay": ("replay", "recording.csv"),
    "verify": ("verify", "--all"),
}
"""Commands whose exit code is 0 on empty servers."""
NEED_DATABASE = ("account", "replay", "verify")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUCTION_SECRET_KEY", SECRET)
    monkeypatch.setenv("AUCTION_PAYMENT_PROVIDER", "sandbox")
    (tmp_path / "recording.csv").write_text(RECORDING)


def run(command: str) -> "subprocess.Popen[str]":
    """A command as a process of its own, given a password on its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auction.cli", *COMMANDS[command]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write("a good password\n")
    process.stdin.flush()
    return process


def test_every_command_works_on_fresh_embedded_servers_and_all_at_once():
    """As right after `auction serve &`: whoever comes first migrates, the others wait."""
    with embedded.running(Path("var")):
        processes = {command: run(command) for command in COMMANDS}
        for command, process in processes.items():
            out, err = process.communicate()
            assert process.returncode == 0, (command, out, err)
            assert "Traceback" not in err


def test_a_command_alone_starts_servers_and_migrates_them():
    process = run("account")
    out, err = process.communicate()
    assert process.returncode == 0, (out, err)


@pytest.mark.parametrize("revision", [None, "0001", "9999_from_the_future"])
def test_a_configured_database_at_another_revision_is_one_sentence(
    revision, valkey_url, books_url, monkeypatch, subtests
):
    monkeypatch.setenv("AUCTION_REDIS_URL", valkey_url)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)
    if revision is None:
        migrate.downgrade(books_url, migrate.EMPTY)
    else:
        set_revision(books_url, revision)
    for command in NEED_DATABASE:
        with subtests.test(command):
            monkeypatch.setattr(sys, "stdin", StringIO("a good password\n"))
            said = auction(*COMMANDS[command])
            assert (said.code, said.out) == (1, "")
            (sentence,) = said.err.splitlines()
            assert "AUCTION_DATABASE_URL" in sentence
            if revision == "9999_from_the_future":
                assert revision in sentence
            else:
                assert "run `auction migrate` first" in sentence


def test_migrate_is_what_helps(valkey_url, books_url, monkeypatch):
    monkeypatch.setenv("AUCTION_REDIS_URL", valkey_url)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)
    migrate.downgrade(books_url, migrate.EMPTY)
    with Redis.from_url(valkey_url) as ledger:
        # what other tests left there would be lots of nobody's
        ledger.flushall()
    assert auction("verify", "--all").code == 1
    assert auction("migrate").code == 0
    assert auction("verify", "--all").code == 0


@pytest.mark.parametrize("module", ["auction.workers", "api"])
def test_a_process_started_by_itself_on_an_unmigrated_database_ends_with_one_sentence(
    module, valkey_url, books_url, monkeypatch
):
    monkeypatch.setenv("AUCTION_REDIS_URL", valkey_url)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)
    migrate.downgrade(books_url, migrate.EMPTY)
    words = ("--port", "0") if module == "api" else ()
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run `auction migrate` first" in done.stderr
    assert "Traceback" not in done.stderr


def set_revision(url: str, revision: str) -> None:
    """Write another revision into a migrated database."""

    async def write() -> None:
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
        try:
            await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(write())).result()
