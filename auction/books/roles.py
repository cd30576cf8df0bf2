"""The database role of the processes that serve, which may not change what is written once.

The owner of the tables migrates them and grants this role what it needs: it is no superuser, owns nothing, and may only
read and add to the journal, the audit log and the archive, so that neither a fault in the code nor a stolen address can
rewrite them or remove the triggers that protect them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, pool, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from auction.books.tables import metadata
from auction.books.unit_of_work import CONNECT_TIMEOUT_S, Books, driver_url, is_unavailable
from auction.domain.errors import BooksAway

WRITTEN_ONCE = frozenset(
    {
        "audit_chain",
        "journal_entries",
        "journal_lines",
        "ledger_entries",
        "lot_chains",
        "receipt_matches",
        "staff_actions",
    }
)
"""Tables whose rows are added and never changed."""
UPDATED_COLUMNS = {"bids": ("voided_by_seq",)}
"""Tables of whose rows only these columns change."""
DELETED_FROM = frozenset({"faults", "second_factors", "sessions", "token_revocations"})
"""Tables from which rows are removed."""
_LOCK_KEY = 0x6175_6374_726F_6C65  # "auctrole": two processes that grant at once would fail


@dataclass(frozen=True, slots=True)
class RolePowers:
    """What the role of an address could do to the records; all false or empty is what serving needs."""

    role: str
    is_superuser: bool
    owned: Sequence[str]
    """Tables that it owns."""
    rewritable: Sequence[str]
    """Tables written once that it may change."""

    @property
    def is_safe(self) -> bool:
        """Whether the records are protected from it."""
        return not (self.is_superuser or self.owned or self.rewritable)


class GrantRefused(Exception):
    """The owner's address does not allow it; the text is one sentence: why, and what to do."""


def role_of(url: str) -> str | None:
    """The role that an address connects as; None where it does not say."""
    return driver_url(url).username


def grant_to(url: str, role: str, *, create: bool = False) -> None:
    """Grant `role` what serving needs and nothing more, at the address of the tables' owner.

    `create`: make the role where there is none, without a password. Raises BooksAway, GrantRefused. Synchronous, for
    commands and starts.
    """
    try:
        asyncio.run(_granted(url, role, create=create))
    except SQLAlchemyError as error:
        raise GrantRefused(_refusal(role, str(error).splitlines()[0])) from error


def _refusal(role: str, reason: str) -> str:
    return (
        f"the role {role} of AUCTION_DATABASE_URL cannot be granted what serving needs ({reason}): create it "
        "(CREATE ROLE ... LOGIN), and let AUCTION_DATABASE_OWNER_URL be the address of the tables' owner"
    )


async def _granted(url: str, role: str, *, create: bool) -> None:
    engine = create_async_engine(driver_url(url), poolclass=pool.NullPool, connect_args={"timeout": CONNECT_TIMEOUT_S})
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_grant, role, create)
    except Exception as error:
        if is_unavailable(error):
            raise BooksAway from error
        raise
    finally:
        await engine.dispose()


def _grant(connection: Connection, role: str, create: bool) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    known = connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = :role"), {"role": role})
    if create and not known:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
    schema = "public"
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}",
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"GRANT SELECT ON alembic_version TO {name}",
    ]
    for table in metadata.sorted_tables:
        statements.append(f"GRANT SELECT, INSERT ON {table.name} TO {name}")
        if columns := UPDATED_COLUMNS.get(table.name):
            statements.append(f"GRANT UPDATE ({', '.join(columns)}) ON {table.name} TO {name}")
        elif table.name not in WRITTEN_ONCE:
            statements.append(f"GRANT UPDATE ON {table.name} TO {name}")
        if table.name in DELETED_FROM:
            statements.append(f"GRANT DELETE ON {table.name} TO {name}")
    for statement in statements:
        connection.execute(text(statement))
    # who owns nothing is warned, not refused
    has_all = text(
        "SELECT bool_and(has_table_privilege(:role, name, 'INSERT')) FROM unnest(CAST(:tables AS text[])) AS name"
    )
    if not connection.scalar(has_all.bindparams(role=role, tables=[table.name for table in metadata.sorted_tables])):
        raise GrantRefused(_refusal(role, "the address is not that of the tables' owner"))


async def read_powers(books: Books) -> RolePowers:
    """What the role of an address may do. Raises BooksAway."""
    tables = [table.name for table in metadata.sorted_tables]
    owned = text(
        "SELECT tablename AS name FROM pg_tables WHERE tableowner = current_user AND tablename = ANY(:tables)"
    ).bindparams(tables=tables)
    rewritable = text(
        "SELECT relname AS name FROM pg_class WHERE relname = ANY(:tables) AND relkind = 'r'"
        " AND has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
    ).bindparams(tables=sorted(WRITTEN_ONCE))
    async with books.reading() as tx:
        who = await tx.returned(
            text("SELECT current_user AS role, rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user")
        )
        owned_tables = [str(row["name"]) for row in await tx.rows(owned)]
        rewritable_tables = [str(row["name"]) for row in await tx.rows(rewritable)]
    return RolePowers(
        role=str(who["role"]),
        is_superuser=bool(who["is_superuser"]),
        owned=sorted(owned_tables),
        rewritable=sorted(rewritable_tables),
    )
