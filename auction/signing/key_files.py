"""The directory of keys: one file a key, made whole or not at all, readable by its owner alone.

`signing-FROM.pem` are the house's (`auction.signing.house_keys`), `session-FROM.key` and `live-FROM.key` those of
tokens (`auction.signing.token_secrets`); FROM is the time from which the key signs (UTC ms). Off the bid's way.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

KEY_FILE = re.compile(r"(?P<kind>signing|session|live)-(?P<from_ms>0|[1-9][0-9]{0,15})\.(?P<form>pem|key)")
_FORMS = {"signing": "pem", "session": "key", "live": "key"}

Fingerprint = tuple[tuple[str, int, int, int], ...]


class KeyFileError(Exception):
    """The directory of keys, or a file in it, cannot be used; the text says which and why."""


def key_path(folder: Path, kind: str, from_ms: int) -> Path:
    """Where the key of a kind that signs from a time is kept."""
    return folder / f"{kind}-{from_ms}.{_FORMS[kind]}"


def keys_of(folder: Path, kind: str) -> list[tuple[int, Path]]:
    """The files of the keys of a kind, with the time from which each signs, oldest first."""
    return sorted(
        (int(found["from_ms"]), path)
        for found, path in _found(folder)
        if found["kind"] == kind and found["form"] == _FORMS[kind]
    )


def key_files(folder: Path) -> list[Path]:
    """The files of all keys of a directory."""
    return sorted(path for _, path in _found(folder))


def fingerprint(folder: Path) -> Fingerprint:
    """What changes whenever a file of a key is added, removed or replaced. Raises OSError."""
    found = []
    for path in key_files(folder):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def write_key(path: Path, text: bytes, *, replace: bool = False) -> None:
    """Store a key under its name, on disk before this returns, with the owner of its directory.

    Raises FileExistsError where there is one of that name that is not to be replaced, and any other OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp: mode 0600
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".key-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(name, owner.st_uid, owner.st_gid)
        if replace:
            Path(name).replace(path)
        else:
            path.hardlink_to(name)
    finally:
        Path(name).unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a directory's names on disk: what a key signs must not outlive it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _found(folder: Path) -> Iterator[tuple[re.Match[str], Path]]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if (found := KEY_FILE.fullmatch(path.name)) is not None:
            yield found, path
