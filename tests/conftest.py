"""The real servers that the tests run on: one pair a worker process, under a temporary directory.

`valkey_url`, `postgres_url`   addresses, for the whole run
`redis`                        a client on an emptied ledger
`books_url`                    the address of a migrated database with nothing in it
"""

import asyncio
import itertools
import os
import shutil
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import asyncpg
import coverage
import pytest
import structlog
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auction import embedded

Outcome = TypeVar("Outcome")

# no example is judged by how long it took, or took to draw; `make chaos` runs the properties with --hypothesis-profile
settings.register_profile("usual", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("usual"), max_examples=1_000)
settings.load_profile("usual")

# a run in the background of a shell is told to ignore Ctrl-C, and what it starts would be deaf to it as well
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# however busy the machine is: a server that is slow to stop would be stopped so that it loses what relaxed books keep
embedded.process._FIRST_ANSWER_S = embedded.process._STOP_S = 600.0

# on a busy machine any process may be silent for a while: tests of outages say themselves what is one
os.environ.setdefault("AUCTION_OUTAGE_PAUSE_MS", "0")
# a test bids as fast as it likes; those of the bound set it
os.environ.setdefault("AUCTION_BIDS_PER_BIDDER_S", "0")
os.environ.setdefault("AUCTION_BIDS_IN_FLIGHT", "0")
# one person of staff does it; tests of acts of two set it
os.environ.setdefault("AUCTION_TWO_PERSONS", "0")
# and with a password alone; tests of the second factor set it
os.environ.setdefault("AUCTION_SECOND_FACTOR", "0")

# tests of these folders run on every server of the family that is installed here
_ON_EVERY_LEDGER = ("ledger", "model")
# tests of these folders run every branch of the rules and of the ledger; tracing the others as well would show no more,
# and make them half as long again
_MEASURED = ("unit", "ledger", "model", "recovery")
_TEMPLATE = "template_migrated"
_numbers = itertools.count(1)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage in the tests of `_MEASURED` alone."""
    measuring = coverage.Coverage.current()
    if measuring is None or _folder(item.path) in _MEASURED:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


def _folder(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).parts[0]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the ledger's tests on the wheel's Valkey and on the system's Redis; without one, those are skipped."""
    if "valkey_url" in metafunc.fixturenames and _folder(metafunc.definition.path) in _ON_EVERY_LEDGER:
        absent = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server on PATH")
        binaries = [pytest.param(None, id="valkey"), pytest.param("redis-server", id="redis", marks=absent)]
        metafunc.parametrize("valkey_url", binaries, indirect=True, scope="session")


@pytest.fixture(autouse=True)
def own_log_settings() -> Iterator[None]:
    """A test that sets up logging, as a command does, leaves nothing of it to the next one."""
    configure = structlog.configure

    def configure_uncached(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_uncached)
        yield
    structlog.reset_defaults()


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
def kept_engines() -> Iterator[None]:
    """An engine that a test closed is used by the next one that wants the same, since it knows its statements by then.

    Its connections are closed all the same. Working out how statements are written takes a new one half a second.
    """
    from auction.books import unit_of_work
    from auction.books.unit_of_work import Books

    idle: defaultdict[str, list[AsyncEngine]] = defaultdict(list)
    wanted: WeakKeyDictionary[AsyncEngine, str] = WeakKeyDictionary()
    create, close = create_async_engine, Books.close

    def create_or_reuse(url: str, **options: Any) -> AsyncEngine:
        key = f"{url} {options}"
        engine = idle[key].pop() if idle[key] else create(url, **options)
        wanted[engine] = key
        return engine

    async def close_and_keep(books: Books) -> None:
        await close(books)
        if key := wanted.pop(books.engine, None):
            idle[key].append(books.engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit_of_work, "create_async_engine", create_or_reuse)
        patch.setattr(Books, "close", close_and_keep)
        yield


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, kept_engines: None) -> Iterator[str]:
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


@pytest.fixture(scope="session")
def shared_database() -> "SharedDatabase":
    """The database that the tests of this process use one after the other."""
    return SharedDatabase()


@pytest.fixture
def books_url(postgres_url: str, migrated_template: str, shared_database: "SharedDatabase") -> str:
    """The address of a migrated database with nothing in it, and with nobody connected."""
    return _run(shared_database.emptied(postgres_url, migrated_template))


class SharedDatabase:
    """One database for many tests: emptied for the next one, and created again where a test changed more than its rows."""

    _SIZE_BYTES_MAX = 16_000_000
    _NOBODY_ELSE = (
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    _SCHEMA = """
        WITH ours AS (SELECT oid, xmin FROM pg_class WHERE relnamespace = 'public'::regnamespace)
        SELECT count(*) || ':' || sum(xmin::text::bigint) FROM (
            SELECT xmin FROM ours
            UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid IN (SELECT oid FROM ours)
            UNION ALL SELECT xmin FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT xmin FROM pg_trigger
            UNION ALL SELECT xmin FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ) AS catalogue
    """
    """Differs after any change of tables, columns, constraints, triggers or functions, and of the files that hold rows."""
    _SIZE = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    _EMPTY = """
        DO $$
        DECLARE each record;
        BEGIN
            FOR each IN SELECT tablename AS name FROM pg_tables
                WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
                EXECUTE format('DELETE FROM public.%I', each.name);
            END LOOP;
            FOR each IN SELECT sequencename AS name FROM pg_sequences WHERE schemaname = 'public' LOOP
                PERFORM setval(format('public.%I', each.name), 1, false);
            END LOOP;
        END $$
    """

    def __init__(self) -> None:
        self._name = ""
        self._schema: object = None

    async def emptied(self, server: str, template: str) -> str:
        """Its address."""
        if not await self._is_emptied(server):
            if self._name:
                await _execute(server, f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
            self._name = f"books_{os.getpid()}_{next(_numbers)}"
            await _execute(server, f"CREATE DATABASE {self._name} TEMPLATE {template}")
            async with _connected(_database(server, self._name)) as connection:
                self._schema = await self._shape(connection)
        return _database(server, self._name)

    async def _is_emptied(self, server: str) -> bool:
        """Remove its rows; false where it is not there, changed, or grown."""
        if not self._name:
            return False
        try:
            async with _connected(_database(server, self._name)) as connection:
                await connection.execute(self._NOBODY_ELSE)
                if await self._shape(connection) != self._schema:
                    return False
                if await connection.fetchval(self._SIZE) > self._SIZE_BYTES_MAX:
                    return False
                # rows that are never changed, and those that others refer to, have triggers
                await connection.execute("SET session_replication_role = replica")
                await connection.execute(self._EMPTY)
        except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
            return False
        return True

    async def _shape(self, connection: asyncpg.Connection) -> tuple[object, object]:
        revision = await connection.fetchval("SELECT string_agg(version_num, ' ') FROM alembic_version")
        return revision, await connection.fetchval(self._SCHEMA)


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@asynccontextmanager
async def _connected(url: str) -> "AsyncIterator[asyncpg.Connection]":
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://"), timeout=300)
    try:
        yield connection
    finally:
        await connection.close()


async def _execute(url: str, statement: str) -> None:
    async with _connected(url) as connection:
        await connection.execute(statement)


def _run(coroutine: Coroutine[Any, Any, Outcome]) -> Outcome:
    return _aside(lambda: asyncio.run(coroutine))


def _aside(step: Callable[[], Outcome]) -> Outcome:
    """Do a step in a thread of its own: the test's event loop is none of its business."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(step).result()
