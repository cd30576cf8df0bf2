"""Who the embedded PostgreSQL runs as: it refuses root, so root lends it another user.

Data directories and virtual environments often lie where that user may not look (root's home, pytest's folders), so
it gets one privilege along: to walk and read past directory permissions. It cannot write past them.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from auction.embedded.errors import EmbeddedError

_STAND_IN = "nobody"
_PAST_DIRECTORIES = "+dac_read_search"
# access(2), by which PostgreSQL finds its own programs, forgets privileges of all but root unless told otherwise
_EVEN_FOR_ACCESS = "+no_setuid_fixup"


def stand_in_for_root(database: Path) -> tuple[int, int] | None:
    """The user and group to run as: None means this very user. An existing `database` keeps its owner."""
    if os.geteuid() != 0:
        return None
    if database.exists() and database.stat().st_uid != 0:
        return database.stat().st_uid, database.stat().st_gid
    try:
        entry = pwd.getpwnam(_STAND_IN)
    except KeyError as error:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and this system has no user {_STAND_IN} to run it as: start auction as "
            "another user, or set AUCTION_DATABASE_URL to a server that runs"
        ) from error
    return entry.pw_uid, entry.pw_gid


def as_user(owner: tuple[int, int] | None, programs: Path) -> Sequence[str]:
    """The words to put before a command to run it as `owner`, tried on PostgreSQL's `programs`."""
    if owner is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and the program setpriv (of util-linux) that would lend it another user "
            "is not on PATH: install it, start auction as another user, or set AUCTION_DATABASE_URL"
        )
    change = [setpriv, f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups"]
    privilege = [f"--inh-caps={_PAST_DIRECTORIES}", f"--ambient-caps={_PAST_DIRECTORIES}"]
    privileged = [*change, f"--securebits={_EVEN_FOR_ACCESS}", *privilege]
    refusal = ""
    # containers may withhold the privilege; where the paths are open to all it is not needed
    for words in (privileged, change):
        # it looks for itself in the same way as the server does
        trial = [*words, str(programs / "pg_config"), "--bindir"]
        tried = subprocess.run(trial, capture_output=True, check=False, cwd="/")
        if tried.returncode == 0:
            return words
        refusal = tried.stderr.decode(errors="replace").strip()
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and what is in {programs} cannot be run as user {owner[0]} ({refusal}): "
        "start auction as another user, or set AUCTION_DATABASE_URL to a server that runs"
    )


def name_of_this_user() -> str:
    """The name by which the kernel's word about a client is checked."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise EmbeddedError(
            f"user {os.geteuid()} has no name on this system, and PostgreSQL needs one: add the user, start auction as "
            "another, or set AUCTION_DATABASE_URL to a server that runs"
        ) from error
