"""The checks of `auction doctor`, one function for each subject; each returns findings with advice."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from auction.books import migrate
from auction.books.ledger_binding import bound_lineage
from auction.books.revision import applied_revision, head
from auction.books.server_status import read_server_status
from auction.books.unit_of_work import Books
from auction.console.database_role import ADVICE, powers_of, sentence_of
from auction.console.output import out
from auction.domain.errors import AuctionError
from auction.embedded.allocator import allocator_of
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect, ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.memory import REFUSE_PERCENT, MemoryLevel, MemoryUse
from auction.ledger.server_settings import ServerSettings, read_server_settings
from auction.payments.registry import PROVIDERS
from auction.services.recovery.report import RecoveryReport, recovery_report
from auction.services.verification.audit_log import AuditVerdict, check_audit_log
from auction.settings import Settings

LEDGER_VERSION_MIN = (6, 2)
BOOKS_VERSION_MIN = 15
CLOCK_WARN_MS, CLOCK_BAD_MS = 100, 1_000
DISK_WARN_BYTES, DISK_BAD_BYTES = 5 * 2**30, 2**30


class FindingState(StrEnum):
    """Whether the thing checked is in order."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing checked: its name, its state, what was found, and what to do where it is not good."""

    about: str
    state: FindingState
    found: str
    advice: str = ""

    def as_mapping(self) -> dict[str, str]:
        """Plain data, for `--json`."""
        return {name: str(value) for name, value in asdict(self).items()}


def check_secret(settings: Settings) -> list[Finding]:
    """The secret that tokens and receipts are signed with."""
    if settings.secret_key is None:
        return [
            Finding(
                "secret",
                FindingState.WARN,
                "AUCTION_SECRET_KEY is not set",
                "serve and token need it: set it to at least 32 characters, the same for every process",
            )
        ]
    return [Finding("secret", FindingState.GOOD, "AUCTION_SECRET_KEY is set")]


def check_ledger(settings: Settings) -> list[Finding]:
    """The ledger's server: version, persistence, memory policy, clock."""
    try:
        found, offset_ms = asyncio.run(_read_ledger(str(settings.redis_url)))
    except AuctionError as error:
        return [Finding("ledger", FindingState.BAD, error.detail, "start the server, or correct AUCTION_REDIS_URL")]
    memory = _memory(MemoryUse.of_info(found.info))
    clock = _clock("ledger clock", offset_ms)
    return [_ledger_version(found.info), *_persistence(found), memory, _allocator(settings, found.info), clock]


async def _read_ledger(url: str) -> tuple[ServerSettings, float]:
    redis = connect(url, connections=1)
    try:
        found = await read_server_settings(redis)
        with ledger_errors():
            before_s = time.time()
            seconds, microseconds = await redis.time()
            middle_s = (before_s + time.time()) / 2
        return found, (int(seconds) + int(microseconds) / 1e6 - middle_s) * 1000
    finally:
        await redis.aclose()


def _ledger_version(info: Mapping[str, Any]) -> Finding:
    name, version = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    compatible = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if compatible < LEDGER_VERSION_MIN:
        return Finding("ledger", FindingState.BAD, f"{name} {version}", "Redis 6.2, Valkey 7.2 or newer is needed")
    return Finding("ledger", FindingState.GOOD, f"{name} {version}")


def _persistence(server: ServerSettings) -> list[Finding]:
    if not server.config:
        wanted = ", ".join(f"{one.name} {one.required}" for one in server.checked())
        advice = f"make sure that it runs with {wanted}; serve then needs AUCTION_ACCEPT_UNSAFE_LEDGER=1"
        return [Finding("ledger persistence", FindingState.WARN, "the server does not allow CONFIG GET", advice)]
    findings = [
        Finding(
            f"ledger {one.name}",
            FindingState.GOOD if one.is_safe else FindingState.BAD,
            "unknown" if one.found is None else one.found,
            one.advice,
        )
        for one in server.checked()
    ]
    if server.info.get("aof_last_write_status", "ok") != "ok":
        findings.append(Finding("ledger log", FindingState.BAD, "the last write failed", "check the server's disk"))
    return findings


def _memory(use: MemoryUse) -> Finding:
    match use.level:
        case MemoryLevel.FULL:
            advice = "new bids are refused: give the server more memory (maxmemory), or end lots"
            return Finding("ledger memory", FindingState.BAD, use.sentence(), advice)
        case MemoryLevel.HIGH:
            advice = f"new bids are refused from {REFUSE_PERCENT:.0f} %: give the server more memory (maxmemory)"
            return Finding("ledger memory", FindingState.WARN, use.sentence(), advice)
        case MemoryLevel.NORMAL:
            return Finding("ledger memory", FindingState.GOOD, use.sentence())


def _allocator(settings: Settings, info: Mapping[str, Any]) -> Finding:
    built_with = str(info.get("mem_allocator", "not told"))
    is_embedded = settings.redis_url is None or settings.redis_url.startswith("unix:")
    found = allocator_of(int(info["process_id"]), built_with) if is_embedded else built_with
    if found != "libc":
        return Finding("ledger allocator", FindingState.GOOD, found)
    advice = "bids cost about a third more than with mimalloc or jemalloc: install cmeel-mimalloc, or another build"
    return Finding("ledger allocator", FindingState.WARN, found, advice)


def check_books(settings: Settings) -> list[Finding]:
    """The database server: version, durability, clock, migrations."""
    url = str(settings.database_url)
    try:
        status = asyncio.run(read_server_status(url))
        revision = migrate.current(url)
        role = _role(settings)
    except AuctionError as error:
        return [Finding("books", FindingState.BAD, error.detail, "start the server, or correct AUCTION_DATABASE_URL")]
    is_old = status.version_num // 10_000 < BOOKS_VERSION_MIN
    findings = [
        Finding(
            "books",
            FindingState.BAD if is_old else FindingState.GOOD,
            f"PostgreSQL {status.version}",
            f"PostgreSQL {BOOKS_VERSION_MIN} or newer is needed" if is_old else "",
        ),
        _clock("books clock", status.clock_offset_ms),
        _migrations(revision),
        *role,
    ]
    for name, value in status.durability.items():
        is_off = value == "off"
        advice = f"set {name} to on: committed money and archive entries would be lost in a power cut" if is_off else ""
        findings.append(Finding(f"books {name}", FindingState.BAD if is_off else FindingState.GOOD, value, advice))
    return findings


def _role(settings: Settings) -> list[Finding]:
    """The role of a configured database; the embedded one is served on with a role of its own."""
    if settings.database_owner_url == settings.database_url:
        return []
    powers = powers_of(str(settings.database_url))
    state = FindingState.GOOD if powers.is_safe else FindingState.WARN
    return [Finding("books role", state, sentence_of(powers), "" if powers.is_safe else ADVICE)]


def _migrations(revision: str | None) -> Finding:
    expected = head()
    if revision == expected:
        return Finding("migrations", FindingState.GOOD, f"at {expected}")
    return Finding(
        "migrations",
        FindingState.BAD,
        f"at {revision or 'none'}, this version needs {expected}",
        "run `auction migrate`",
    )


def _clock(about: str, offset_ms: float) -> Finding:
    found = f"{offset_ms:+.0f} ms from this machine's clock"
    if abs(offset_ms) >= CLOCK_BAD_MS:
        return Finding(
            about,
            FindingState.BAD,
            found,
            "synchronise the clocks (chrony, ntpd): lots open and close by the ledger's clock",
        )
    if abs(offset_ms) >= CLOCK_WARN_MS:
        return Finding(about, FindingState.WARN, found, "synchronise the clocks")
    return Finding(about, FindingState.GOOD, found)


def check_recovery(settings: Settings) -> list[Finding]:
    """What a loss of the ledger has stopped: shards and lots that wait for `auction restore`, settlements for staff."""
    try:
        report = asyncio.run(_read_recovery(settings))
    except AuctionError:
        report = None  # the checks of the servers say what is wrong
    if report is None:
        return []
    findings = []
    if report.shards_stopped:
        found = f"stopped after a loss: {', '.join(map(str, report.shards_stopped))}"
        advice = "no bid on their lots is decided: run `auction restore --all --dry-run`; see docs/operations.md"
        findings.append(Finding("ledger shards", FindingState.BAD, found, advice))
    for one in report.lots:
        found = f"frozen ({one.lot.cause}): {one.lot.detail}"
        advice = f"no bid on it is decided: run `auction restore --lot {one.lot.lot_id} --dry-run`"
        findings.append(Finding(f"lot {one.lot.lot_id}", FindingState.BAD, found, advice))
    held = [one.lot.lot_id for one in report.restored if one.is_held]
    if held:
        found = f"settlements held after a loss: {', '.join(dict.fromkeys(held))}"
        advice = "decide their claims, then release each at /ops; see docs/operations.md"
        findings.append(Finding("settlements", FindingState.WARN, found, advice))
    nothing = "no shard is stopped, no lot is frozen, no settlement is held"
    return findings or [Finding("recovery", FindingState.GOOD, nothing)]


async def _read_recovery(settings: Settings) -> RecoveryReport | None:
    """What is stopped; None where the database is not migrated, or was never used with a ledger."""
    redis = connect(str(settings.redis_url), connections=1)
    books = Books.connect(str(settings.database_url), connections=1)
    try:
        async with books.reading() as tx:
            if await applied_revision(tx) != head():
                return None
            lineage = await bound_lineage(tx)
        if lineage is None:
            return None
        return await recovery_report(BidLedger(redis, KeySpace(settings.ledger_shards), lineage), books)
    finally:
        await redis.aclose()
        await books.close()


def check_audit(settings: Settings) -> list[Finding]:
    """The audit log: every row as it was chained, and none waiting for the worker for long."""
    try:
        verdict = asyncio.run(_read_audit_log(settings))
    except AuctionError:
        verdict = None  # the checks of the servers say what is wrong
    if verdict is None:
        return []
    advice = "compare it with heads that were kept: `auction verify --all --audit-head FILE`; see docs/operations.md"
    state = FindingState.BAD if verdict.broken else FindingState.GOOD
    return [Finding("audit log", state, verdict.sentence(), advice if verdict.broken else "")]


async def _read_audit_log(settings: Settings) -> AuditVerdict | None:
    """What is found in the audit log; None where the database is not migrated."""
    books = Books.connect(str(settings.database_url), connections=1)
    try:
        async with books.reading() as tx:
            if await applied_revision(tx) != head():
                return None
        return await check_audit_log(books)
    finally:
        await books.close()


def check_payments(settings: Settings) -> list[Finding]:
    """The payment provider: it has to be named, and a stand-in moves no money."""
    if settings.payment_provider is None:
        advice = f"serve needs it: set it to one of {', '.join(PROVIDERS)}"
        return [Finding("payments", FindingState.WARN, "AUCTION_PAYMENT_PROVIDER is not set", advice)]
    row = PROVIDERS[settings.payment_provider]
    if row.moves_money:
        return [Finding("payments", FindingState.GOOD, row.name)]
    real = next(other for other in PROVIDERS.values() if other.moves_money)
    variables = " and ".join(f"AUCTION_{name.upper()}" for name in real.required_settings)
    advice = f"set AUCTION_PAYMENT_PROVIDER={real.name} with {variables}"
    return [Finding("payments", FindingState.WARN, f"{row.name}: no real money moves", advice)]


def check_disk(settings: Settings) -> list[Finding]:
    """Free disk space for embedded servers; a configured server's disk is checked on its own host."""
    place = settings.data_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / 2**30:.1f} GiB free at {_short(place)}"
    if free < DISK_BAD_BYTES:
        return [Finding("disk", FindingState.BAD, found, "free disk space: a full disk stops the ledger")]
    if free < DISK_WARN_BYTES:
        return [Finding("disk", FindingState.WARN, found, "free disk space before the sale")]
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
    check_recovery,
    check_audit,
    check_payments,
    check_disk,
)


def run_checks(settings: Settings) -> list[Finding]:
    """The findings of all checks, on servers that answer or not."""
    return [finding for check in CHECKS for finding in check(settings)]


_MARKS = {
    FindingState.GOOD: "[green]good[/]",
    FindingState.WARN: "[yellow]warn[/]",
    FindingState.BAD: "[bold red]bad [/]",
}


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings with their advice, and whether a sale can be held."""
    for finding in findings:
        out.print(f"{_MARKS[finding.state]}  [bold]{finding.about}[/]: ", end="")
        out.print(finding.found, markup=False)
        if finding.advice:
            out.print(f"      {finding.advice}", markup=False)
    bad = sum(finding.state is FindingState.BAD for finding in findings)
    if bad:
        out.print(f"\n[bold red]Not ready for a sale: {bad} of {len(findings)} checks are bad.[/]")
    else:
        out.print("\n[bold green]Ready for a sale.[/]")
