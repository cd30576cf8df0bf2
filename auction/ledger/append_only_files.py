"""Finds the files that a ledger's server has written, as one consistent set, while it goes on. Off the bid's way.

Used by `auction backup`. A server rewrites its files now and then: it begins a new one, writes what it holds to
another, and removes those that stood. All files of one manifest are opened here, which keeps what is in them whatever
the server does, and the set is taken only if that manifest was in force before and after the server said how much it
had written. Nothing of the server's settings is changed, so that a backup that is killed leaves nothing behind.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from auction.ledger.connection import ledger_errors

ATTEMPTS_MAX = 50
"""A rewrite takes two short moments: of so many attempts one is outside of them."""
RETRY_S = 0.1


class FilesOutOfReach(Exception):
    """The server's files cannot be read by this process; the text is the reason."""


class _RewriteUnderWay(Exception):
    """The server replaced files meanwhile."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file of the set, open for reading."""

    path: Path
    file: BinaryIO
    bytes_: int
    """How much of it belongs to the set: the last one may grow meanwhile."""
    is_final: bool
    """Whether the server never writes to it again, so that a hard link is a copy."""


class AppendOnlyFiles:
    """The files of one consistent set: whole commands only, with everything that was answered before it was taken.

    `name` is how their names begin, `manifest` the list of them as the server reads it. To be used in a `with` block.
    """

    def __init__(self, name: str, manifest: bytes, files: Sequence[OpenFile], held: ExitStack) -> None:
        self.name = name
        self.manifest = manifest
        self.files = files
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()


async def open_files(redis: "Redis") -> AppendOnlyFiles:
    """Open the files of the server as they are now. Raises FilesOutOfReach, LedgerAway."""
    folder, name = await _place(redis)
    for _ in range(ATTEMPTS_MAX):
        held = ExitStack()
        try:
            return await _open_once(redis, folder, name, held)
        except _RewriteUnderWay:
            held.close()
            await asyncio.sleep(RETRY_S)
        except OSError as error:
            held.close()
            raise FilesOutOfReach(
                f"the files of the ledger's server, in {folder} on its machine, cannot be read here ({error.strerror})"
            ) from error
        except BaseException:
            held.close()
            raise
    raise FilesOutOfReach(f"the ledger's server kept rewriting its files in {folder}: try again")


async def _place(redis: "Redis") -> tuple[Path, str]:
    """The folder of the server's files, and how their names begin."""
    found: dict[str, str] = {}
    command: Any = redis.execute_command
    with ledger_errors():
        try:
            for pattern in ("dir", "append*"):
                # the client gives text, even where other replies are bytes
                found |= await command("CONFIG GET", pattern)
        except ResponseError as error:
            raise FilesOutOfReach(f"the ledger's server does not say where its files are ({error})") from error
    if found.get("appendonly") != "yes" or not found.get("appenddirname"):
        raise FilesOutOfReach("the ledger's server writes no append-only files as Redis 7 and Valkey do")
    return Path(found["dir"]) / found["appenddirname"], found["appendfilename"]


async def _open_once(redis: "Redis", folder: Path, name: str, held: ExitStack) -> AppendOnlyFiles:
    listing = folder / f"{name}.manifest"
    manifest = _read(listing)
    paths = [folder / listed for listed in files_listed(manifest)]
    try:
        files = [held.enter_context(path.open("rb")) for path in paths]
    except FileNotFoundError as error:
        raise _RewriteUnderWay from error
    with ledger_errors():
        written: Any = await redis.info("persistence")
    if _read(listing) != manifest:
        raise _RewriteUnderWay
    sizes = [os.fstat(file.fileno()).st_size for file in files]
    # a server counts what it has written and answered, and writes whole commands before it counts them; the empty base
    # that it began with is not counted until the first rewrite or restart
    uncounted = sizes[0] if int(written["aof_base_size"]) == 0 and ".base." in paths[0].name else 0
    last = int(written["aof_current_size"]) + uncounted - sum(sizes[:-1])
    if written.get("aof_last_write_status") != "ok" or not _ends_command(files[-1], last, sizes[-1]):
        raise FilesOutOfReach(f"the files in {folder} are not what the ledger's server says that it has written")
    sizes[-1] = last
    found = [
        OpenFile(path, file, size, is_final=path != paths[-1])
        for path, file, size in zip(paths, files, sizes, strict=True)
    ]
    return AppendOnlyFiles(name, manifest, found, held)


def _ends_command(file: BinaryIO, at: int, size: int) -> bool:
    """Whether a command ends at that byte of a file, and another one, a note or nothing follows it."""
    if not 0 <= at <= size:
        return False
    file.seek(max(0, at - 2))
    return file.read(min(2, at)) in {b"", b"\r\n"} and file.read(1) in {b"", b"*", b"#"}


def _read(path: Path) -> bytes:
    return path.read_bytes()


def files_listed(manifest: bytes) -> list[str]:
    """The names of the files in a server's manifest that make up its data, in the order in which they are read."""
    names: dict[str, list[str]] = {"b": [], "i": []}
    for line in manifest.decode().splitlines():
        words = line.split(" ")
        facts = dict(zip(words[::2], words[1::2], strict=False))
        # others are history: replaced by a rewrite, and about to be removed
        names.get(facts["type"], []).append(facts["file"])
    return names["b"] + names["i"]
