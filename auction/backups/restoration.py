"""Puts a backup back into a new data directory, or into configured servers with nothing in them.

Off the bid's way; used by `auction restore --from`. Everything is checked before anything is written. Embedded servers
get their data in a folder inside of the data directory, whose parts are moved into place when they are complete: first
the database, last the ledger, since a database without its ledger decides nothing.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from auction.backups.errors import BackupError, from_os_error
from auction.backups.manifest import (
    LEDGER_FOLDER,
    PAYMENTS_FOLDER,
    SECRET_FILE,
    Manifest,
    check_files,
    read_manifest,
)
from auction.books import archive, frozen_lots, snapshots
from auction.books.archive_rows import Fault
from auction.books.unit_of_work import Books
from auction.domain.events import FreezeCause
from auction.domain.ledger_layout import LAYOUT

DRAFT_NAME = ".restoring"
NAMES_MAX = 5
_MOVED_IN_ORDER = ("books", "books.log", LEDGER_FOLDER, "ledger.log")


def read_backup(folder: Path, *, shards: int) -> Manifest:
    """The manifest of a backup, every file of which was checked. Raises BackupError."""
    manifest = read_manifest(folder)
    if manifest.layout != LAYOUT:
        raise BackupError(
            f"{folder} holds a ledger of layout {manifest.layout}, and this version of auction has {LAYOUT}: use "
            f"version {manifest.auction_version}"
        )
    if manifest.shards != shards:
        raise BackupError(f"{folder} holds a ledger of {manifest.shards} shards: set AUCTION_LEDGER_SHARDS to that")
    check_files(folder, manifest)
    return manifest


def secret_of(folder: Path) -> str:
    """The signing key of a backup that was checked."""
    return (folder / SECRET_FILE).read_text("utf-8").strip()


def check_target(data_dir: Path) -> None:
    """Raises BackupError where a data directory is not new or empty, and names what is there."""
    try:
        there = sorted(path.name for path in data_dir.iterdir()) if data_dir.exists() else []
    except OSError as error:
        raise from_os_error(data_dir, error) from error
    if there:
        more = f" and {len(there) - NAMES_MAX} more" if len(there) > NAMES_MAX else ""
        broken_off = f"; {DRAFT_NAME} is of a restoring that was broken off" if DRAFT_NAME in there else ""
        raise BackupError(
            f"{data_dir} is not empty ({', '.join(there[:NAMES_MAX])}{more}{broken_off}): a backup is put back into a "
            "new directory only; set AUCTION_DATA_DIR to one, or move this one away"
        )


async def check_database_is_empty(books: Books) -> None:
    """Raises BackupError where a database has tables, and names some; BooksAway."""
    async with books.reading() as tx:
        tables = await snapshots.tables_there(tx)
    if tables:
        raise BackupError(
            f"the database of AUCTION_DATABASE_URL is not empty ({', '.join(tables)}): a backup is put back into a new "
            "database only"
        )


def put_files(folder: Path, manifest: Manifest, data_dir: Path, *, with_ledger: bool) -> None:
    """Copy the ledger's files (where wanted), the key and the sandbox's file into a data directory's folder."""
    try:
        for name in manifest.files:
            top = Path(name).parts[0]
            if top == LEDGER_FOLDER and not with_ledger:
                continue
            if top in {LEDGER_FOLDER, Path(SECRET_FILE).parts[0]}:
                _copy(folder / name, data_dir / name)
            elif top == PAYMENTS_FOLDER:
                _copy(folder / name, data_dir / Path(name).name)
    except OSError as error:
        raise from_os_error(data_dir, error) from error


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # never a link: the server appends to its files
    shutil.copyfile(source, target)
    target.chmod(0o600)


def move_into_place(draft: Path, data_dir: Path) -> None:
    """Move what was put back from its folder inside of the data directory into that directory; servers are stopped."""
    try:
        names = [path.name for path in draft.iterdir()]
        for name in sorted(names, key=lambda name: _MOVED_IN_ORDER.index(name) if name in _MOVED_IN_ORDER else -1):
            (draft / name).rename(data_dir / name)
        draft.rmdir()
    except OSError as error:
        raise from_os_error(data_dir, error) from error


async def check_contents(books: Books, manifest: Manifest) -> None:
    """Compare a loaded database with what was noted when it was dumped. Raises BackupError."""
    async with books.reading() as tx:
        found = await snapshots.contents(tx)
    heads = {lot_id: (head.epoch, head.last_seq, head.chain) for lot_id, head in found.heads.items()}
    noted = {lot_id: (head.epoch, head.seq, head.chain) for lot_id, head in manifest.lots.items()}
    if (found.revision, found.lineage, heads) != (manifest.revision, manifest.ledger_id, noted):
        differing = sorted(lot_id for lot_id in {*heads, *noted} if heads.get(lot_id) != noted.get(lot_id))
        raise BackupError(
            "the loaded database is not the one that was dumped"
            + (f": the records of {', '.join(differing[:NAMES_MAX])} differ" if differing else "")
        )


async def note_frozen(books: Books, lot_ids: Sequence[str], made_at: str) -> None:
    """Note in the database that these lots are frozen, and why. Raises BooksAway."""
    detail = f"put back from a backup of {made_at}; what was acknowledged after that is lost"
    async with books.transaction() as tx:
        heads = await archive.heads_of(tx, lot_ids)
        faults = {
            lot_id: Fault(FreezeCause.BEHIND, detail, heads[lot_id].last_seq if lot_id in heads else 0)
            for lot_id in lot_ids
        }
        if faults:
            await frozen_lots.add(tx, faults)
            await frozen_lots.explain(tx, lot_ids, detail)
