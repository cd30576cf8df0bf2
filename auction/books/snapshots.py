"""What a dump of the database is taken from and compared with: an exported snapshot, and where each lot stands in it.

Off the bid's way; used by `auction backup` and `auction restore --from`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, text

from auction.books import archive
from auction.books.archive_rows import Head
from auction.books.ledger_binding import bound_lineage
from auction.books.revision import applied_revision
from auction.books.tables import lots
from auction.books.unit_of_work import Transaction

TABLES_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Contents:
    """What identifies the contents of a database: its migration, its ledger, and the head of each archived lot."""

    revision: str | None
    lineage: str | None
    heads: Mapping[str, Head]
    server_version: str


async def contents(tx: Transaction) -> Contents:
    """What this transaction sees."""
    lot_ids = list(await tx.session.scalars(select(lots.c.lot_id)))
    return Contents(
        revision=await applied_revision(tx),
        lineage=await bound_lineage(tx),
        heads=await archive.heads_of(tx, lot_ids),
        server_version=str(await tx.session.scalar(text("SHOW server_version"))),
    )


async def export_snapshot(tx: Transaction) -> str:
    """The name by which another connection sees what this transaction sees, for as long as it is open."""
    # it waits, idle, for a program that takes as long as it takes
    await tx.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    return str(await tx.session.scalar(text("SELECT pg_export_snapshot()")))


async def tables_there(tx: Transaction) -> list[str]:
    """The names of some tables of this database; empty where it has none."""
    statement = text(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 LIMIT :names"
    )
    return list(await tx.session.scalars(statement, {"names": TABLES_NAMED_MAX}))
