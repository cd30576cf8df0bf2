"""Damage to the files of a ledger's server, and what an administrator does about it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from auction.embedded.valkey import find_binary
from tests.ledger.server_process import OwnServer

LOG = "appendonlydir/*.incr.aof"


def log_of(server: OwnServer) -> Path:
    """The file to which a server appends."""
    (log,) = server.folder.glob(LOG)
    return log


def keep_folder(server: OwnServer) -> Path:
    """A copy of a running server's folder, as it is at one moment."""
    copy = Path(tempfile.mkdtemp(prefix="kept-ledger-")) / "folder"
    server.freeze()
    try:
        shutil.copytree(server.folder, copy, ignore=shutil.ignore_patterns("s"))
    finally:
        server.thaw()
    return copy


def put_back(server: OwnServer, kept: Path) -> None:
    """Put a copy in the place of a stopped server's folder."""
    empty(server)
    shutil.copytree(kept, server.folder, dirs_exist_ok=True)
    shutil.rmtree(kept.parent)


def empty(server: OwnServer) -> None:
    """Remove a stopped server's data."""
    for path in server.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".conf":
            path.unlink()


def commands_in(log: Path) -> list[tuple[int, int, bytes]]:
    """The commands of a log: where each begins and ends, and its first word."""
    content, found, at = log.read_bytes(), [], 0
    while at < len(content):
        begin, line_end = at, content.index(b"\r\n", at)
        words, at = [], line_end + 2
        for _ in range(int(content[begin + 1 : line_end])):
            line_end = content.index(b"\r\n", at)
            length = int(content[at + 1 : line_end])
            words.append(content[line_end + 2 : line_end + 2 + length])
            at = line_end + 2 + length + 2
        found.append((begin, at, words[0].upper()))
    return found


def steps_in(log: Path) -> list[tuple[int, int]]:
    """What a log did in one step each: single commands, and those between MULTI and EXEC."""
    found: list[tuple[int, int]] = []
    begun: int | None = None
    for begin, end, word in commands_in(log):
        if word == b"MULTI":
            begun = begin
        elif word == b"EXEC" or begun is None:
            found.append((begin if begun is None else begun, end))
            begun = None
    return found


def cut(log: Path, chance: Random, *, whole_commands: bool) -> None:
    """Cut the last few steps off a log, or cut it within one of them."""
    begin, end = steps_in(log)[-chance.randrange(1, 25)]
    at = begin if whole_commands else chance.randrange(begin + 1, end)
    with log.open("r+b") as file:
        file.truncate(at)


def flip_byte(log: Path, chance: Random) -> None:
    """Change the byte with which a command in the middle begins."""
    commands = commands_in(log)
    begin, _, _ = commands[chance.randrange(len(commands) // 4, 3 * len(commands) // 4)]
    with log.open("r+b") as file:
        file.seek(begin)
        file.write(bytes([ord("*") ^ 1 << chance.randrange(1, 7)]))


def repair(server: OwnServer) -> None:
    """Remove the command in the middle of which a log ends, as `auction serve` advises."""
    checker = server.folder / "valkey-check-aof"
    checker.unlink(missing_ok=True)
    checker.symlink_to(find_binary(None))
    said = subprocess.run([checker, "--fix", log_of(server)], input=b"y\n", capture_output=True, check=False)
    checker.unlink()
    assert said.returncode == 0, said


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Have a folder lie on a disk of that size. PermissionError where this machine does not allow it."""
    said = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False
    )
    if said.returncode:
        raise PermissionError(said.stderr.decode())
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def enlarge_disk(folder: Path, size: str) -> None:
    """Give the disk of a folder another size."""
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
