"""The files of an embedded server in the data directory: its folder, log, socket record, sockets and lock."""

import contextlib
import json
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auction.embedded.errors import from_os_error

# sun_path is 108 bytes on Linux and 104 on macOS, the closing zero included
_SOCKET_PATH_BYTES_MAX = 103
_SHORT_PARENT, _SHORT_PREFIX = Path("/tmp"), "auction-"  # noqa: S108 - folders there are made by mkdtemp
LOG_TAIL_LINES = 12


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """The files of one server, `ledger` or `books`. `socket_name` is the file name that the server gives its socket."""

    data_dir: Path
    name: str
    socket_name: str

    @property
    def folder(self) -> Path:
        """The server's own directory."""
        return self.data_dir / self.name

    @property
    def log(self) -> Path:
        """The server's output since its last start; that of the start before is in `.log.1`."""
        return self.data_dir / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """A JSON file that says where its sockets are; written before each start, removed after each stop."""
        return self.data_dir / f"{self.name}.json"

    @property
    def alive(self) -> Path:
        """The lock file that the server process and its children hold as long as they run."""
        return self.data_dir / f"{self.name}.alive"

    def sockets(self) -> Path:
        """The folder of the running server's sockets, as recorded at its start."""
        try:
            recorded: dict[str, Any] = json.loads(self.record.read_text("utf-8"))
            return Path(recorded["sockets"])
        except (OSError, ValueError, KeyError, TypeError):
            # a lost or damaged record: most servers have their socket in their own folder
            return self.folder

    def choose_sockets(self, owner: tuple[int, int] | None) -> Path:
        """Choose and record a folder for sockets: the server's own, or a short one where its path is too long.

        A server that is started again after it was killed gets the same folder: clients keep its address.
        """
        before = self.sockets()
        self._remove_socket_files()
        chosen = self.folder
        # PostgreSQL reads a comma as the separator of two folders, its clients as that of two hosts
        if len(os.fsencode(chosen / self.socket_name)) > _SOCKET_PATH_BYTES_MAX or "," in str(chosen):
            chosen = before if _is_short(before) and _is_private(before, owner) else _new_short_folder()
            if owner:
                os.chown(chosen, *owner)
        if chosen != before and _is_short(before):
            shutil.rmtree(before, ignore_errors=True)
        write_atomically(self.record, json.dumps({"sockets": str(chosen)}))
        return chosen

    def remove_runtime_files(self) -> None:
        """Remove what a server that no longer runs has left: sockets, the short folder, the record."""
        sockets = self.sockets()
        self._remove_socket_files()
        if _is_short(sockets):
            shutil.rmtree(sockets, ignore_errors=True)
        self.record.unlink(missing_ok=True)

    def _remove_socket_files(self) -> None:
        for folder in {self.folder, self.sockets()}:
            for name in (self.socket_name, f"{self.socket_name}.lock"):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    (folder / name).unlink()

    def log_tail(self) -> str:
        """The last lines that the server printed, indented."""
        try:
            lines = self.log.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return "    (no log)"
        return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:]) or "    (an empty log)"


def _new_short_folder() -> Path:
    """A new folder with mode 0700; not in TMPDIR, whose path may be long as well."""
    return Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX, dir=_SHORT_PARENT))


def _is_short(folder: Path) -> bool:
    return folder.parent == _SHORT_PARENT and folder.name.startswith(_SHORT_PREFIX)


def _is_private(folder: Path, owner: tuple[int, int] | None) -> bool:
    """Whether only this user or `owner` may use the folder; one that was removed meanwhile is created again."""
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        facts = folder.lstat()
    except OSError:
        return False
    owners = {os.geteuid(), owner[0] if owner else os.geteuid()}
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid in owners and not facts.st_mode & 0o077


def make_folder(path: Path, owner: tuple[int, int] | None = None) -> None:
    """Create `path` as a private folder, or check that it is writable. Raises EmbeddedError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # permissions say nothing for root, on read-only mounts or on a full disk: try it
        with tempfile.NamedTemporaryFile(dir=path, prefix=".writable-", buffering=0) as probe:
            probe.write(b"?" * 4096)
        if owner and path.stat().st_uid != owner[0]:
            os.chown(path, *owner)
    except OSError as error:
        raise from_os_error(path, error) from error


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader, or a crash, sees either the old or the new content. Raises EmbeddedError."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        temporary.write_text(text, "utf-8")
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise from_os_error(path, error) from error
