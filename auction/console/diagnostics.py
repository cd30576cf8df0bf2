"""What `auction doctor` looks at, one function a subject; each gives its findings and the advice that helps."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import text

from auction.books import migrate
from auction.books.unit_of_work import Books
from auction.domain.errors import AuctionError
from auction.ledger.connection import connect, ledger_errors
from auction.settings import Settings

LEDGER_VERSION_MIN = (6, 2)
BOOKS_VERSION_MIN = 15
CLOCK_WARN_MS, CLOCK_BAD_MS = 100, 1_000
DISK_WARN_BYTES, DISK_BAD_BYTES = 5 * 2**30, 2**30


class FindingState(StrEnum):
    """How something is."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is about, how it is, what was found, and what to do."""

    about: str
    state: FindingState
    found: str
    advice: str = ""

    def as_mapping(self) -> dict[str, str]:
        """Plain data, for `--json`."""
        return {name: str(value) for name, value in asdict(self).items()}


def check_secret(settings: Settings) -> list[Finding]:
    """Tokens and receipts need a secret."""
    if settings.secret_key is None:
        return [
            Finding(
                "secret",
                FindingState.WARN,
                "AUCTION_SECRET_KEY is not set",
                "serve and token need it: at least 32 characters, the same for every process",
            )
        ]
    return [Finding("secret", FindingState.GOOD, "AUCTION_SECRET_KEY is set")]


def check_ledger(settings: Settings) -> list[Finding]:
    """The ledger's server: version, persistence, memory policy, clock."""
    try:
        info, config, offset_ms = asyncio.run(_ask_ledger(str(settings.redis_url)))
    except AuctionError as error:
        return [Finding("ledger", FindingState.BAD, error.detail, "start the server, or correct AUCTION_REDIS_URL")]
    return [_ledger_version(info), *_persistence(info, config), _clock("ledger clock", offset_ms)]


async def _ask_ledger(url: str) -> tuple[dict[str, Any], dict[str, str], float]:
    redis = connect(url, connections=1)
    try:
        with ledger_errors():
            info: dict[str, Any] = await redis.info()
            before = time.time()
            seconds, microseconds = await redis.time()
            middle = (before + time.time()) / 2
            config: dict[str, str] = {}
            for pattern in ("append*", "maxmemory*", "aof-load-truncated"):
                found: Any = await _config(redis, pattern)
                config |= {key.decode(): value.decode() for key, value in found.items()}
        return info, config, (int(seconds) + int(microseconds) / 1e6 - middle) * 1000
    finally:
        await redis.aclose()


async def _config(redis: Any, pattern: str) -> dict[bytes, bytes]:
    """CONFIG GET as bytes; a hosted server may not allow it, then nothing is known."""
    try:
        flat = await redis.execute_command("CONFIG GET", pattern)
    except Exception as error:
        if "unknown command" in str(error).lower() or "noperm" in str(error).lower():
            return {}
        raise
    return {_bytes(key): _bytes(value) for key, value in flat.items()}


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _ledger_version(info: dict[str, Any]) -> Finding:
    name, version = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    compatible = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if compatible < LEDGER_VERSION_MIN:
        return Finding("ledger", FindingState.BAD, f"{name} {version}", "Redis 6.2, Valkey 7.2 or newer is needed")
    return Finding("ledger", FindingState.GOOD, f"{name} {version}")


def _persistence(info: dict[str, Any], config: dict[str, str]) -> list[Finding]:
    if not config:
        return [
            Finding(
                "ledger persistence",
                FindingState.WARN,
                "the server does not tell its configuration",
                "make sure of appendonly yes, appendfsync always, maxmemory-policy noeviction",
            )
        ]
    wanted = {
        "appendonly": ("yes", "accepted bids would be lost with the server"),
        "appendfsync": ("always", "accepted bids would be lost with the power"),
        "maxmemory-policy": ("noeviction", "the server would drop lots when memory is short"),
        "aof-load-truncated": ("no", "a damaged log would be cut in silence"),
    }
    findings = []
    for name, (value, otherwise) in wanted.items():
        found = config.get(name, "unknown")
        good = found == value
        findings.append(
            Finding(
                f"ledger {name}",
                FindingState.GOOD if good else FindingState.BAD,
                found,
                "" if good else f"set {name} to {value}: {otherwise}",
            )
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        findings.append(Finding("ledger log", FindingState.BAD, "the last write failed", "look at the server's disk"))
    return findings


def check_books(settings: Settings) -> list[Finding]:
    """The books' server: version, durability, clock, migrations."""
    url = str(settings.database_url)
    try:
        facts = asyncio.run(_ask_books(url))
        revision = migrate.current(url)
    except AuctionError as error:
        return [Finding("books", FindingState.BAD, error.detail, "start the server, or correct AUCTION_DATABASE_URL")]
    version = int(facts["server_version_num"]) // 10_000
    old = version < BOOKS_VERSION_MIN
    findings = [
        Finding(
            "books",
            FindingState.BAD if old else FindingState.GOOD,
            f"PostgreSQL {facts['server_version']}",
            f"PostgreSQL {BOOKS_VERSION_MIN} or newer is needed" if old else "",
        ),
        _clock("books clock", float(facts["offset_ms"])),
        _migrations(revision),
    ]
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        off = facts[name] == "off"
        advice = f"set {name} to on: money and archive would be lost with the power" if off else ""
        findings.append(Finding(f"books {name}", FindingState.BAD if off else FindingState.GOOD, facts[name], advice))
    return findings


async def _ask_books(url: str) -> dict[str, str]:
    books = Books.connect(url, connections=1)
    names = ("server_version", "server_version_num", "fsync", "synchronous_commit", "full_page_writes")
    try:
        async with books.reading() as tx:
            facts = {
                name: str(await tx.session.scalar(text("SELECT current_setting(:name)"), {"name": name}))
                for name in names
            }
            before = time.time()
            theirs = await tx.session.scalar(text("SELECT EXTRACT(epoch FROM clock_timestamp())"))
            middle = (before + time.time()) / 2
        return {**facts, "offset_ms": str((float(theirs or 0) - middle) * 1000)}
    finally:
        await books.close()


def _migrations(revision: str | None) -> Finding:
    head = migrate.head()
    if revision == head:
        return Finding("migrations", FindingState.GOOD, f"at {head}")
    return Finding(
        "migrations", FindingState.BAD, f"at {revision or 'none'}, this code expects {head}", "run auction migrate"
    )


def _clock(about: str, offset_ms: float) -> Finding:
    found = f"{offset_ms:+.0f} ms from this machine's"
    if abs(offset_ms) >= CLOCK_BAD_MS:
        return Finding(
            about, FindingState.BAD, found, "synchronise the clocks (chrony, ntpd): lots open and close by the ledger's"
        )
    if abs(offset_ms) >= CLOCK_WARN_MS:
        return Finding(about, FindingState.WARN, found, "synchronise the clocks")
    return Finding(about, FindingState.GOOD, found)


def check_payments(settings: Settings) -> list[Finding]:
    """Who takes the money; the sandbox takes none."""
    if settings.payment_provider == "sandbox":
        return [
            Finding(
                "payments",
                FindingState.WARN,
                "the sandbox: no real money moves",
                "set AUCTION_PAYMENT_PROVIDER=stripe with AUCTION_STRIPE_KEY and AUCTION_STRIPE_WEBHOOK_SECRET",
            )
        ]
    return [Finding("payments", FindingState.GOOD, settings.payment_provider)]


def check_disk(settings: Settings) -> list[Finding]:
    """Room for the logs of embedded servers; a configured server's disk is its own host's matter."""
    place = settings.data_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / 2**30:.1f} GiB free under {_short(place)}"
    if free < DISK_BAD_BYTES:
        return [Finding("disk", FindingState.BAD, found, "make room: a full disk stops the ledger")]
    if free < DISK_WARN_BYTES:
        return [Finding("disk", FindingState.WARN, found, "make room before the sale")]
    return [Finding("disk", FindingState.GOOD, found)]


def _short(place: Path) -> str:
    try:
        return os.path.relpath(place) if place.is_relative_to(Path.cwd()) else str(place)
    except OSError:
        return str(place)


CHECKS: tuple[Callable[[Settings], list[Finding]], ...] = (
    check_secret,
    check_ledger,
    check_books,
    check_payments,
    check_disk,
)
