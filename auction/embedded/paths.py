"""Where an embedded server lives under the data directory: its folder, log, record, sockets and sign of life."""

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auction.embedded.errors import from_os_error

# sun_path is 108 bytes on Linux and 104 on macOS, the closing zero included
_SOCKET_PATH_BYTES_MAX = 103
_SHORT_PREFIX = "auction-"
LOG_TAIL_LINES = 12


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """The files of one server, `ledger` or `books`. `socket_name` is what the server calls its socket."""

    data_dir: Path
    name: str
    socket_name: str

    @property
    def folder(self) -> Path:
        """What belongs to the server process alone."""
        return self.data_dir / self.name

    @property
    def log(self) -> Path:
        """What the server printed since its last start; the start before that is beside it in `.log.1`."""
        return self.data_dir / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """Where its sockets are; written before each start, removed after each stop."""
        return self.data_dir / f"{self.name}.json"

    @property
    def alive(self) -> Path:
        """The lock file that the server process holds as long as anything of it lives."""
        return self.data_dir / f"{self.name}.alive"

    def sockets(self) -> Path:
        """The folder of the running server's sockets, as recorded at its start."""
        try:
            recorded: dict[str, Any] = json.loads(self.record.read_text("utf-8"))
            return Path(recorded["sockets"])
        except (OSError, ValueError, KeyError, TypeError):
            # a lost or damaged record: most servers have their socket at home
            return self.folder

    def choose_sockets(self, owner: tuple[int, int] | None) -> Path:
        """Record and return a folder for sockets: the server's own, or a short one where its path is no address."""
        self.forget()
        chosen = self.folder
        # a comma parts two folders for PostgreSQL, and two hosts for its clients
        if len(os.fsencode(chosen / self.socket_name)) > _SOCKET_PATH_BYTES_MAX or "," in str(chosen):
            # not TMPDIR, which may be deep as well; the name is new and its mode 0700, so nobody prepared it
            chosen = Path(tempfile.mkdtemp(prefix=_SHORT_PREFIX, dir="/tmp"))
            if owner:
                os.chown(chosen, *owner)
        write_whole(self.record, json.dumps({"sockets": str(chosen)}))
        return chosen

    def forget(self) -> None:
        """Remove what a server that no longer runs left: sockets, the short folder, the record."""
        sockets = self.sockets()
        if sockets != self.folder and sockets.name.startswith(_SHORT_PREFIX):
            shutil.rmtree(sockets, ignore_errors=True)
        for name in (self.socket_name, f"{self.socket_name}.lock"):
            (self.folder / name).unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)

    def log_tail(self) -> str:
        """The last lines that the server printed, indented."""
        try:
            lines = self.log.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return "    (no log)"
        return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:]) or "    (an empty log)"


def make_folder(path: Path, owner: tuple[int, int] | None = None) -> None:
    """Have `path` as a private, really writable folder, or say why not."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # asking for permission says nothing to root, on read-only mounts or on a full disk: try it
        with tempfile.NamedTemporaryFile(dir=path, prefix=".writable-", buffering=0) as probe:
            probe.write(b"?" * 4096)
        if owner and path.stat().st_uid != owner[0]:
            os.chown(path, *owner)
    except OSError as error:
        raise from_os_error(path, error) from error


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one and nothing between."""
    draft = path.with_name(f"{path.name}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        draft.write_text(text, "utf-8")
        draft.chmod(mode)
        draft.replace(path)
    except OSError as error:
        raise from_os_error(path, error) from error
