"""The journal. Triggers of the migration refuse every change and deletion, and the commit of an unbalanced entry."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Named,
    SmallInteger,
    Table,
    TypedColumns,
    UniqueConstraint,
    text,
)

from auction.books.tables.base import EnumText, Id, metadata, one_of
from auction.domain.accounts import JournalAccount
from auction.domain.states import CauseKind


class JournalEntryColumns(TypedColumns):
    """One balanced movement of money; `key` says what moved, so it cannot be posted twice."""

    key = Column(Id, primary_key=True)
    entry_id = Column(BigInteger, Identity(always=True), nullable=False)
    kind = Column(Id, nullable=False)
    lot_id = Column(Id, nullable=False)
    cause: Named[CauseKind] = Column(EnumText(CauseKind), nullable=False)
    cause_ref = Column(Id, nullable=False)
    """Which lot event, gateway call, act of staff or bidder, or deadline it was."""
    at_ms = Column(BigInteger, nullable=False)
    posted_by = Column(BigInteger, nullable=False, server_default=text("((pg_current_xact_id())::text)::bigint"))
    """The transaction that posted it, by which pages are read."""


journal_entries = Table(
    "journal_entries",
    metadata,
    JournalEntryColumns,
    UniqueConstraint("entry_id"),
    CheckConstraint(one_of("cause", *CauseKind), name="cause"),
    Index("ix_journal_entries_lot", "lot_id", "entry_id"),
    Index("ix_journal_entries_posted", "posted_by", "entry_id"),
)


class JournalLineColumns(TypedColumns):
    """One side of an entry: debit above 0, credit below."""

    key = Column(Id, primary_key=True)
    number = Column(SmallInteger, primary_key=True)
    account: Named[JournalAccount] = Column(EnumText(JournalAccount), nullable=False)
    bidder_id: Named[str | None] = Column(Id)
    amount_fen = Column(BigInteger, nullable=False)


journal_lines = Table(
    "journal_lines",
    metadata,
    JournalLineColumns,
    ForeignKeyConstraint(["key"], ["journal_entries.key"]),
    CheckConstraint(one_of("account", *JournalAccount), name="account"),
    CheckConstraint("amount_fen <> 0", name="amount_fen"),
    Index("ix_journal_lines_account", "account", "key"),
)
