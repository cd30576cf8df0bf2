"""Makes a backup while the auction goes on: the database, the ledger's files and the signing keys, in one folder.

The database is dumped as of a snapshot, and the ledger's files are taken after that snapshot: what is put back is thus
a ledger that holds all that the database holds. Everything is written under another name, and renamed when it is
complete and on disk, so that a backup that was broken off is never taken for one.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from auction.backups import database_dump
from auction.backups.errors import BackupError, from_os_error
from auction.backups.manifest import (
    BOOKS_FILE,
    FORMAT,
    LEDGER_FOLDER,
    PAYMENTS_FOLDER,
    SECRET_FILE,
    LotHead,
    Manifest,
    private_file,
    record_files,
    write_manifest,
)
from auction.books import snapshots
from auction.books.unit_of_work import Books
from auction.domain.ledger_layout import LAYOUT
from auction.ledger.append_only_files import AppendOnlyFiles, FilesOutOfReach, OpenFile, open_files
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.server_settings import read_server_settings
from auction.payments.sandbox import FILE_NAME, copy_file
from auction.signing.key_files import key_files

COPY_BYTES = 1 << 20
AOF_FOLDER, AOF_NAME = "appendonlydir", "appendonly.aof"
"""The embedded server's `appenddirname` and `appendfilename`."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up: the database by its address, the ledger, the secret, and directories."""

    books: Books
    database_url: str
    ledger: BidLedger
    secret: str = field(repr=False)
    data_dir: Path
    signing_keys: Path
    """The directory of the keys that sign receipts and published records."""
    programs: Path | None
    """The directory of pg_dump; None: the wheel's."""


async def create_backup(source: Source, target: Path) -> Manifest:
    """Make a backup in a new folder. Raises BackupError, EmbeddedError, LedgerAway, BooksAway."""
    with _draft_of(target) as draft:
        return await _fill(source, draft, time.time_ns() // 1_000_000)


@contextmanager
def _draft_of(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` at the end of the block, and is removed where that fails."""
    if target.exists() or target.is_symlink():
        raise BackupError(f"{target} is there already, and a backup is never written over: name a new folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp: mode 0700
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.unfinished-", dir=target.parent))
        try:
            yield draft
            if target.exists():
                raise BackupError(f"{target} was made by somebody else meanwhile, and is never written over")
            draft.rename(target)
            _to_disk(target.parent)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise from_os_error(target, error) from error


async def _fill(source: Source, draft: Path, started_ms: int) -> Manifest:
    with ExitStack() as held:
        async with source.books.reading() as tx:
            found = await snapshots.contents(tx)
            if found.revision is None or found.lineage is None:
                raise BackupError("this database was never used with a ledger: there is nothing to back up")
            snapshot = await snapshots.export_snapshot(tx)
            # after the snapshot, so that the ledger is never older than the database
            files, left_out = await _open_ledger_files(source.ledger, held)
            info = (await read_server_settings(source.ledger.redis)).info
            dumping = asyncio.create_task(
                database_dump.dump(source.database_url, draft / BOOKS_FILE, snapshot=snapshot, programs=source.programs)
            )
            try:
                if files is not None:
                    await asyncio.to_thread(_copy_ledger, files, draft / LEDGER_FOLDER)
                await dumping
            finally:
                dumping.cancel()
                await asyncio.gather(dumping, return_exceptions=True)
    await asyncio.to_thread(_copy_others, source, draft)
    manifest = Manifest(
        format=FORMAT,
        made_at_ms=started_ms,
        auction_version=version("flash-auction"),
        revision=found.revision,
        books_version=found.server_version,
        ledger_version=_server_version(info),
        ledger_id=found.lineage,
        shards=source.ledger.keys.shards,
        layout=LAYOUT,
        ledger_left_out=left_out,
        lots={lot_id: LotHead(head.epoch, head.last_seq, head.chain) for lot_id, head in sorted(found.heads.items())},
        files=await asyncio.to_thread(record_files, draft),
    )
    await asyncio.to_thread(_finish, draft, manifest)
    return manifest


async def _open_ledger_files(ledger: BidLedger, held: ExitStack) -> tuple[AppendOnlyFiles | None, str | None]:
    try:
        return held.enter_context(await open_files(ledger.redis)), None
    except FilesOutOfReach as error:
        return None, str(error)


def _copy_ledger(files: AppendOnlyFiles, folder: Path) -> None:
    """Copy the files under the names by which the embedded server looks for them."""
    folder.mkdir(mode=0o700)
    inside = folder / AOF_FOLDER
    inside.mkdir(mode=0o700)
    for one in files.files:
        target = inside / one.path.name.replace(files.name, AOF_NAME, 1)
        if not (one.is_final and _link(one, target)):
            _copy(one, target)
    with private_file(inside / f"{AOF_NAME}.manifest") as file:
        file.write(files.manifest.replace(f"file {files.name}.".encode(), f"file {AOF_NAME}.".encode()))


def _link(one: OpenFile, target: Path) -> bool:
    """Make a hard link to the file that is open; false where that is not possible."""
    try:
        target.hardlink_to(one.path)
        if os.path.samestat(target.stat(), os.fstat(one.file.fileno())):
            return True
        target.unlink()
    except OSError:
        pass  # another file system, another owner, or removed by a rewrite since
    return False


def _copy(one: OpenFile, target: Path) -> None:
    left = one.bytes_
    with private_file(target) as copy:
        one.file.seek(0)
        while left and (chunk := one.file.read(min(left, COPY_BYTES))):
            copy.write(chunk)
            left -= len(chunk)
    if left:
        raise BackupError(f"{one.path} became shorter while it was copied: try again")


def _copy_others(source: Source, draft: Path) -> None:
    key = draft / SECRET_FILE
    key.parent.mkdir(mode=0o700)
    with private_file(key) as file:
        file.write(f"{source.secret}\n".encode())
    for path in key_files(source.signing_keys):
        with private_file(key.parent / path.name) as file:
            file.write(path.read_bytes())
    if (source.data_dir / FILE_NAME).exists():
        # the sandbox stands in for a provider, who would not lose its record with ours
        (draft / PAYMENTS_FOLDER).mkdir(mode=0o700)
        copy_file(source.data_dir / FILE_NAME, draft / PAYMENTS_FOLDER / FILE_NAME)


def _finish(draft: Path, manifest: Manifest) -> None:
    write_manifest(draft, manifest)
    for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
        _to_disk(folder)


def _server_version(info: Mapping[str, Any]) -> str:
    if "valkey_version" in info:
        return f"valkey {info['valkey_version']}"
    return f"redis {info.get('redis_version', 'unknown')}"


def _to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
