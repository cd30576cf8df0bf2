"""Dumps the database to a file and loads it again, by PostgreSQL's own programs. Off the bid's way.

Addresses and passwords are given to them in the environment, which other users of the machine cannot read.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from auction.backups.errors import BackupError
from auction.embedded import postgres

_OUTPUT_CHARACTERS_MAX = 800
_ADVICE = (
    "set AUCTION_POSTGRES_PROGRAMS to the directory of PostgreSQL's client programs, of the server's version or newer"
)


def find_program(name: str, programs: Path | None) -> Path:
    """pg_dump or pg_restore: in the configured directory, or from the wheel. Raises BackupError, EmbeddedError."""
    folder = postgres.find_programs() if programs is None else programs
    if (found := shutil.which(folder / name)) is None:
        raise BackupError(f"there is no program {name} in {folder}: {_ADVICE}")
    return Path(found)


async def dump(url: str, target: Path, *, snapshot: str, programs: Path | None) -> None:
    """Write the database, as of an exported snapshot, to a new file. Raises BackupError."""
    program = find_program("pg_dump", programs)
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}")
    await _run(program, *options, url=url)


async def load(url: str, source: Path, *, programs: Path | None) -> None:
    """Load a dump into an empty database, all of it or nothing. Raises BackupError."""
    program = find_program("pg_restore", programs)
    name = _environment(url)["PGDATABASE"]
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", f"--dbname={name}")
    await _run(program, *options, str(source), url=url)


async def _run(program: Path, *words: str, url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        program,
        *words,
        "--no-password",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(url),
        umask=0o077,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        output = said.decode(errors="replace").strip()[-_OUTPUT_CHARACTERS_MAX:]
        if "server version mismatch" in output or "unsupported version" in output:
            raise BackupError(f"{program} is too old for this database: {_ADVICE}. It said:\n{output}")
        raise BackupError(f"{program.name} failed; it said:\n{output}")


def _environment(url: str) -> Mapping[str, str]:
    """This process's environment, with the address of the database in libpq's variables."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    given = {
        "PGHOST": query.get("host") or parts.hostname,
        "PGPORT": query.get("port") or (str(parts.port) if parts.port else None),
        "PGUSER": unquote(parts.username) if parts.username else query.get("user"),
        "PGPASSWORD": unquote(parts.password) if parts.password else query.get("password"),
        "PGDATABASE": unquote(parts.path.strip("/")),
        "PGSSLMODE": query.get("sslmode") or query.get("ssl"),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    return kept | {"LANG": "C.UTF-8"} | {name: value for name, value in given.items() if value}
