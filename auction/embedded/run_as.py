"""The user that the embedded PostgreSQL runs as: it refuses root, so under root it runs as another user.

That user often cannot read the data directory or the virtual environment (root's home, pytest's folders), so it is
given one capability: to read past directory permissions. It cannot write past them.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from auction.embedded.errors import EmbeddedError

_USER = "nobody"
_READ_CAPABILITY = "+dac_read_search"
# access(2), by which PostgreSQL finds its own programs, ignores capabilities of other users unless told otherwise
_KEEP_FOR_ACCESS = "+no_setuid_fixup"


def user_for_server(database: Path) -> tuple[int, int] | None:
    """The user and group to run as; None: those of this process. An existing `database` keeps its owner.

    Raises EmbeddedError.
    """
    if os.geteuid() != 0:
        return None
    if database.exists() and database.stat().st_uid != 0:
        return database.stat().st_uid, database.stat().st_gid
    try:
        entry = pwd.getpwnam(_USER)
    except KeyError as error:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and this system has no user {_USER} to run it as: start auction as "
            "another user, or set AUCTION_DATABASE_URL to a server that runs"
        ) from error
    return entry.pw_uid, entry.pw_gid


def command_prefix(owner: tuple[int, int] | None, programs: Path) -> Sequence[str]:
    """The words before a command that run it as `owner`, tried on PostgreSQL's `programs`. Raises EmbeddedError."""
    if owner is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and the program setpriv (of util-linux) that runs it as another user is "
            "not on PATH: install it, start auction as another user, or set AUCTION_DATABASE_URL"
        )
    as_owner = [setpriv, f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups"]
    capabilities = [f"--inh-caps={_READ_CAPABILITY}", f"--ambient-caps={_READ_CAPABILITY}"]
    with_capability = [*as_owner, f"--securebits={_KEEP_FOR_ACCESS}", *capabilities]
    refusal = ""
    # containers may withhold the capability; where everybody can read the paths it is not needed
    for prefix in (with_capability, as_owner):
        # this program looks for its own file in the same way as the server does
        trial = [*prefix, str(programs / "pg_config"), "--bindir"]
        tried = subprocess.run(trial, capture_output=True, check=False, cwd="/")
        if tried.returncode == 0:
            return prefix
        refusal = tried.stderr.decode(errors="replace").strip()
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and what is in {programs} cannot be run as user {owner[0]} ({refusal}): "
        "start auction as another user, or set AUCTION_DATABASE_URL to a server that runs"
    )


def name_of_this_user() -> str:
    """This user's name, by which PostgreSQL's peer authentication knows clients. Raises EmbeddedError."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise EmbeddedError(
            f"user {os.geteuid()} has no name on this system, and PostgreSQL needs one: add the user, start auction as "
            "another, or set AUCTION_DATABASE_URL to a server that runs"
        ) from error
