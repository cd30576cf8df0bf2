"""The migration that the database is at, and the one that it should be at.

Without Alembic, which a process that serves has no other use for: loading it takes a fifth of a second.
"""

import functools
from pathlib import Path

from sqlalchemy import text

from auction.books.unit_of_work import Transaction


async def applied_revision(tx: Transaction) -> str | None:
    """The revision of the database; None where it was never migrated."""
    if await tx.session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = await tx.session.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@functools.cache
def head() -> str:
    """The revision that this code expects: migrations follow one another, in files that are named by number."""
    revisions = [path.name.partition("_")[0] for path in (scripts() / "versions").glob("[0-9]*_*.py")]
    if not revisions:
        raise FileNotFoundError(f"no migration in {scripts()}; the installation is incomplete")
    return max(revisions)


def scripts() -> Path:
    """The folder of the migrations: in an installed package it lies inside it, in the tree beside it."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "migrations", package.parent / "migrations"):
        if (place / "env.py").is_file():
            return place
    raise FileNotFoundError(f"no migrations in {package} or beside it; the installation is incomplete")
