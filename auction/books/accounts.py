"""Stores login accounts: who may sign in, in which role, with which password hash. Off the bid's way."""

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import any_, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, accounts, bidders
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused


@dataclass(frozen=True, slots=True)
class LoginAccount:
    """A person who may sign in; `subject` is the subject of their tokens and never changes."""

    username: str
    subject: str
    name: str
    role: str
    password_hash: str = field(repr=False)
    created_at_ms: int
    version: int = 1
    """Counts the changes of role and password, and of whether it may sign in."""
    disabled_at_ms: int | None = None


async def add_account(
    tx: Transaction, *, username: str, subject: str, name: str, role: str, password_hash: str
) -> LoginAccount:
    """Add an account. Raises RequestRefused(username-taken)."""
    statement = postgresql.insert(accounts).values(
        username=username, subject=subject, name=name, role=role, password_hash=password_hash
    )
    row = await tx.row(statement.on_conflict_do_nothing().returning(*accounts.c))
    if row is None:
        raise username_taken(username)
    return LoginAccount(**row)


def username_taken(username: str) -> RequestRefused:
    """The refusal of a user name that somebody has."""
    return RequestRefused(ProblemCode.USERNAME_TAKEN, f"The user name {username} is taken; choose another.")


async def find_account(tx: Transaction, username: str, *, locked: bool = False) -> LoginAccount | None:
    """The account of that name, or None; `locked` for a change by this transaction."""
    statement = select(accounts).where(accounts.c.username == username)
    row = await tx.row(statement.with_for_update() if locked else statement)
    return None if row is None else LoginAccount(**row)


async def lock_unchanged(tx: Transaction, account: LoginAccount) -> bool:
    """Lock an account against changes until this transaction has ended; False: it has changed since it was read."""
    table = accounts.c
    statement = select(table.username).where(table.username == account.username, table.version == account.version)
    return await tx.row(statement.with_for_update(read=True)) is not None


async def change_role(tx: Transaction, account: LoginAccount, role: str) -> None:
    """Give an account another role. Locked by the caller."""
    await _change(tx, account, role=role)


async def change_password(tx: Transaction, account: LoginAccount, password_hash: str) -> None:
    """Give an account another password. Locked by the caller."""
    await _change(tx, account, password_hash=password_hash)


async def change_disabled(tx: Transaction, account: LoginAccount, disabled_at_ms: int | None) -> None:
    """Disable an account, or None: let it sign in again. Locked by the caller."""
    await _change(tx, account, disabled_at_ms=disabled_at_ms)


async def _change(tx: Transaction, account: LoginAccount, **values: str | int | None) -> None:
    statement = update(accounts).where(accounts.c.username == account.username)
    await tx.session.execute(statement.values(version=accounts.c.version + 1, **values))


async def change_password_hash(tx: Transaction, username: str, password_hash: str) -> None:
    """Replace an account's password hash."""
    await tx.session.execute(
        update(accounts).where(accounts.c.username == username).values(password_hash=password_hash)
    )


async def names_of(tx: Transaction, ids: Collection[str]) -> dict[str, str]:
    """Bidder or staff id -> the name they gave, for the ids that exist."""
    wanted = any_(literal(list(ids), ARRAY(Id)))
    given = select(accounts.c.subject.label("id"), accounts.c.name).where(accounts.c.subject == wanted)
    bidding = select(bidders.c.bidder_id.label("id"), bidders.c.name).where(bidders.c.bidder_id == wanted)
    return {row["id"]: row["name"] for row in await tx.rows(given.union(bidding))}
