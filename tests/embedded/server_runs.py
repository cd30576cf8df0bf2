"""What the tests of embedded servers share: talking to a pair of them, and processes that use them and are killed."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis import Redis

from auction.embedded import EmbeddedError, Servers, running

ROOT = Path(__file__).parents[2]


def ask_ledger(servers: Servers, *command: str) -> object:
    """One command to the ledger."""
    with Redis.from_url(servers.redis_url, decode_responses=True) as client:
        return client.execute_command(*command)


def ask_books(servers: Servers, statement: str) -> object:
    """One statement to the books; the first value of its answer."""

    async def ask() -> object:
        connection = await asyncpg.connect(servers.database_url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(ask())).result()


def refusal(data_dir: Path, **wishes: Any) -> str:
    """What is said when the servers of `data_dir` cannot be had."""
    with pytest.raises(EmbeddedError) as caught, running(data_dir, **{"relaxed_books": True, **wishes}):
        pass
    return str(caught.value)


def pids(servers: Servers) -> tuple[int, int]:
    """The two server processes."""
    assert servers.ledger
    assert servers.books
    return servers.ledger.pid, servers.books.pid


def runs(pid: int) -> bool:
    """Whether that process runs; one that is dead and not yet buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def user_process(data_dir: Path, *, words: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Another process that uses the servers of `data_dir`: prints their pids, then stays until its input ends."""
    program = f"""
        import sys
        from pathlib import Path
        from auction import embedded
        try:
            with embedded.running(Path({str(data_dir)!r}), relaxed_books=True) as servers:
                print(servers.ledger.pid, servers.books.pid, flush=True)
                sys.stdin.read()
        except embedded.EmbeddedError as error:
            print(error, flush=True)
            sys.exit(3)
    """
    return subprocess.Popen(
        [*words, sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def said_pids(process: "subprocess.Popen[str]") -> tuple[int, int]:
    """What a user process printed when its servers stood."""
    assert process.stdout
    line = process.stdout.readline()
    ledger, _, books = line.partition(" ")
    assert ledger.isdigit(), line  # or why it cannot have them
    return int(ledger), int(books)


def leave(process: "subprocess.Popen[str]") -> int:
    """End a user process in order; its exit status."""
    process.communicate(timeout=60)
    return process.returncode
