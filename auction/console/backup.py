"""What `auction backup` and `auction restore --from` do, and how their reports are printed."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from auction.backups import database_dump, restoration
from auction.backups.creation import Source, create_backup
from auction.backups.manifest import BOOKS_FILE, SECRET_FILE, Manifest
from auction.books import acknowledged_marks
from auction.books.unit_of_work import Books
from auction.bootstrap import open_context
from auction.console.output import err, out
from auction.domain.errors import LedgerChanged
from auction.domain.events import FreezeCause
from auction.migration import migrate_database
from auction.servers import running_servers
from auction.services.recovery.frozen import stop_frozen_lots
from auction.settings import Settings
from auction.workers.archiver import Archiver


@dataclass(frozen=True, slots=True)
class PutBack:
    """A backup that was put back, or would be, the lots that are frozen for it, and whether it changed the secret."""

    folder: Path
    manifest: Manifest
    data_dir: Path
    ledger_left_out: str | None
    frozen: Sequence[str]
    has_other_secret: bool
    is_dry_run: bool


# --- auction backup ---------------------------------------------------------------------------------------------------


def create(settings: Settings, target: Path | None) -> tuple[Path, Manifest]:
    """Make a backup of the servers of `settings`, which answer; the folder and what is in it.

    Raises BackupError, EmbeddedError, LedgerAway, BooksAway, SettingsError.
    """
    if target is None:
        # beside the data, on its file system: most of the ledger's files are linked there and take no time
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        target = settings.data_dir.with_name(f"{settings.data_dir.name}-backups") / stamp
    target = target.expanduser().absolute()
    return target, asyncio.run(_create(settings, target))


async def _create(settings: Settings, target: Path) -> Manifest:
    async with open_context(settings, with_payments=False, for_checks=True) as context:
        source = Source(
            books=context.books,
            database_url=str(settings.database_url),
            ledger=context.ledger,
            secret=settings.secret,
            data_dir=settings.data_dir,
            signing_keys=settings.keys_dir,
            programs=settings.postgres_programs,
        )
        return await create_backup(source, target)


def created_as_mapping(target: Path, manifest: Manifest) -> Mapping[str, object]:
    """A new backup as JSON shows it."""
    return {
        "folder": str(target),
        "made_at_ms": manifest.made_at_ms,
        "bytes": _bytes(manifest),
        "files": len(manifest.files),
        "lots": len(manifest.lots),
        "ledger_id": manifest.ledger_id,
        "ledger_left_out": manifest.ledger_left_out,
    }


def print_created(target: Path, manifest: Manifest) -> None:
    """Say where it is, and what is not in it."""
    size = f"{_bytes(manifest) / 1_000_000:.1f} MB"
    out.print(f"Backup of {_utc(manifest)}: {len(manifest.lots)} lots, {size}, in")
    out.print(str(target), markup=False)
    _warn_left_out(manifest.ledger_left_out)
    out.print(
        "It holds the signing key and what bidders have done: keep it where only you can read it, off this machine."
    )


# --- auction restore --from -------------------------------------------------------------------------------------------


def put_back(settings: Settings, folder: Path, *, dry_run: bool) -> PutBack:
    """Put a backup back into the data directory, and into configured servers, with nothing in them.

    Raises BackupError, EmbeddedError, LedgerAway, BooksAway, SettingsError; the data directory is as it was then.
    """
    folder = folder.expanduser().absolute()
    manifest = restoration.read_backup(folder, shards=settings.ledger_shards)
    data_dir = settings.data_dir
    restoration.check_target(data_dir)
    if settings.database_url is not None:
        asyncio.run(_check_database(settings.database_url))
    left_out = manifest.ledger_left_out
    if left_out is None and settings.redis_url is not None:
        left_out = "the files of the server of AUCTION_REDIS_URL cannot be replaced from here"
    secret = restoration.secret_of(folder)
    has_other_secret = settings.secret_key is not None and settings.secret != secret
    report = PutBack(folder, manifest, data_dir, left_out, (), has_other_secret, dry_run)
    if dry_run:
        return report
    database_dump.find_program("pg_restore", settings.postgres_programs)
    was_there = data_dir.exists()
    draft = data_dir / restoration.DRAFT_NAME
    try:
        draft.mkdir(mode=0o700, parents=True)
        restoration.put_files(folder, manifest, draft, with_ledger=left_out is None)
        with running_servers(settings.model_copy(update={"data_dir": draft})) as found:
            frozen = _load(found, report, secret, is_embedded=settings.database_url is None)
        restoration.move_into_place(draft, data_dir)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        if not was_there:
            shutil.rmtree(data_dir, ignore_errors=True)
        raise
    return PutBack(folder, manifest, data_dir, left_out, frozen, has_other_secret, is_dry_run=False)


async def _check_database(url: str) -> None:
    books = Books.connect(url, connections=1)
    try:
        await restoration.check_database_is_empty(books)
    finally:
        await books.close()


def _load(settings: Settings, report: PutBack, secret: str, *, is_embedded: bool) -> Sequence[str]:
    asyncio.run(_load_database(settings, report))
    migrate_database(settings, is_embedded=is_embedded)
    return asyncio.run(_freeze(settings, report.manifest, secret))


async def _load_database(settings: Settings, report: PutBack) -> None:
    url = str(settings.database_owner_url or settings.database_url)
    await database_dump.load(url, report.folder / BOOKS_FILE, programs=settings.postgres_programs)
    books = Books.connect(url, connections=1)
    try:
        await restoration.check_contents(books, report.manifest)
    finally:
        await books.close()


async def _freeze(settings: Settings, manifest: Manifest, secret: str) -> Sequence[str]:
    """Freeze every lot that is not over: what was decided on it after the backup is in no record, and no seq of that
    may be given out again.

    First what the ledger holds beyond the database is archived, last the freezing itself. The lots.
    """
    async with open_context(settings, secret=secret, with_payments=False) as context:
        archiver = Archiver(context.books, context.stream)
        await archiver.catch_up()
        async with context.books.reading() as tx:
            lot_ids = await acknowledged_marks.unfinished_lots(tx)
        for lot_id in lot_ids:
            # a shard without the ledger's files is stopped as a whole
            with contextlib.suppress(LedgerChanged):
                await context.ledger.freeze(lot_id, FreezeCause.BEHIND)
        await archiver.catch_up()
        await restoration.note_frozen(context.books, lot_ids, _utc(manifest))
        await stop_frozen_lots(context)
    return lot_ids


def put_back_as_mapping(report: PutBack) -> Mapping[str, object]:
    """The report as JSON shows it."""
    return {
        "from": str(report.folder),
        "made_at_ms": report.manifest.made_at_ms,
        "data_dir": str(report.data_dir),
        "dry_run": report.is_dry_run,
        "lots": len(report.manifest.lots),
        "lots_frozen": list(report.frozen),
        "ledger_left_out": report.ledger_left_out,
        "secret_key_file": str(report.data_dir / SECRET_FILE),
        "secret_key_differs": report.has_other_secret,
    }


def print_put_back(report: PutBack) -> None:
    """Say what was put back, and what to do next."""
    manifest = report.manifest
    verb = "would be put" if report.is_dry_run else "is"
    out.print(
        f"The backup of {_utc(manifest)} is sound: {len(manifest.lots)} lots, {_bytes(manifest) / 1_000_000:.1f} MB."
    )
    out.print(f"It {verb} back in {report.data_dir}.", markup=False)
    _warn_left_out(report.ledger_left_out)
    if report.is_dry_run:
        out.print("Nothing was changed. Run it again without --dry-run.")
        return
    out.print(f"The signing key is in {report.data_dir / SECRET_FILE}: set AUCTION_SECRET_KEY to it.", markup=False)
    if report.has_other_secret:
        err.print(
            "[bold yellow]warning:[/] AUCTION_SECRET_KEY is another key now: with that one, receipts given before "
            "could not be checked."
        )
    if report.frozen or report.ledger_left_out:
        out.print(f"Lots that were not over, and are frozen now: {len(report.frozen)}.")
        out.print(f"What was acknowledged after {_utc(manifest)} is lost. Go on with: auction restore --all --dry-run")


def _warn_left_out(reason: str | None) -> None:
    if reason is not None:
        err.print("[bold yellow]warning:[/] without the ledger's files: ", end="")
        err.print(f"{reason}. `auction restore --all` rebuilds the ledger from the database.", markup=False)


def _bytes(manifest: Manifest) -> int:
    return sum(file.bytes for file in manifest.files.values())


def _utc(manifest: Manifest) -> str:
    return datetime.fromtimestamp(manifest.made_at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
