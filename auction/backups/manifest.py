"""The manifest of a backup: what is in it, as of when, and the SHA-256 of every file. Off the bid's way.

It is written last, so that a folder with a manifest is a complete backup, and checked before anything is put back.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from auction.backups.errors import BackupError, from_os_error

MANIFEST_NAME = "manifest.json"
FORMAT = 1
BOOKS_FILE = "books.dump"
LEDGER_FOLDER = "ledger"
SECRET_FILE = "keys/secret_key"  # noqa: S105 - a file's name
PAYMENTS_FOLDER = "payments"
CHUNK_BYTES = 1 << 20


class FileRecord(msgspec.Struct, frozen=True):
    """The size and the digest of one file."""

    bytes: int
    sha256: str


class LotHead(msgspec.Struct, frozen=True):
    """Where a lot's archived record ended, and the ledger's checksum there."""

    epoch: int
    seq: int
    chain: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. `lots` are heads in the database, which the ledger's files hold at least."""

    format: int
    made_at_ms: int
    auction_version: str
    revision: str
    """Of the database's migrations."""
    books_version: str
    ledger_version: str
    ledger_id: str
    shards: int
    layout: str
    ledger_left_out: str | None
    """Why the ledger's files are not in the backup; None: they are."""
    lots: dict[str, LotHead]
    files: dict[str, FileRecord]
    """Path in the backup -> its record, for every file but the manifest."""


def private_file(path: Path) -> BinaryIO:
    """A new file that nobody else may read, open for writing."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Every file in a folder with its digest; each is on disk when this returns."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = _record(path, to_disk=True)
    return found


def _record(path: Path, *, to_disk: bool = False) -> FileRecord:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        if to_disk:
            os.fsync(file.fileno())
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return FileRecord(size, digest.hexdigest())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it into a backup's folder, to the disk."""
    with private_file(folder / MANIFEST_NAME) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a complete backup. Raises BackupError."""
    path = folder / MANIFEST_NAME
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BackupError(
            f"{folder} is not a complete backup: it has no {MANIFEST_NAME}, which is written last"
        ) from error
    except OSError as error:
        raise from_os_error(path, error) from error
    try:
        stated: Any = msgspec.json.decode(content)
        found = stated.get("format") if isinstance(stated, dict) else None
        if found != FORMAT:
            raise BackupError(f"{path} has format {found}, and this version of auction reads format {FORMAT}")
        return msgspec.convert(stated, Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{path} is damaged ({error}): use another backup") from error


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its record. Raises BackupError that names all that differ."""
    wrong = []
    for name, expected in manifest.files.items():
        path = folder / name
        try:
            found = _record(path) if path.resolve().is_relative_to(folder.resolve()) else None
        except OSError as error:
            wrong.append(f"{name} cannot be read ({error.strerror})")
            continue
        if found is None:
            wrong.append(f"{name} lies outside of the backup")
        elif found.bytes != expected.bytes:
            wrong.append(f"{name} has {found.bytes} bytes and must have {expected.bytes}")
        elif found.sha256 != expected.sha256:
            wrong.append(f"{name} has another SHA-256 than was recorded")
    if wrong:
        raise BackupError(f"{folder} is damaged, use another backup: {'; '.join(wrong)}")
