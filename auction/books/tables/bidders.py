"""Bidders, what links their accounts, their paddles and their registrations."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Named,
    SmallInteger,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    text,
)

from auction.books.tables.base import NOW_MS, Id, metadata, one_of
from auction.domain.money import FEN_MAX

DOUBLE_EXACT_MAX = 2**53 - 1
"""The ledger counts in doubles; a larger amount would not be exact there."""


class BidderColumns(TypedColumns):
    """A registered person: the subject of their token, and the name they gave."""

    bidder_id = Column(Id, primary_key=True)
    name = Column(Text, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    identity_level = Column(SmallInteger, nullable=False, server_default=text("0"))
    """How far the identity is verified: 0: a name only. Settings may cap the limit by it."""


bidders = Table(
    "bidders", metadata, BidderColumns, CheckConstraint("identity_level BETWEEN 0 AND 9", name="identity_level")
)


class BidderMarkColumns(TypedColumns):
    """What two accounts of one person have in common, hashed: a verified identity, a payment instrument, a device."""

    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    kind = Column(Id, primary_key=True)
    mark = Column(Id, primary_key=True)
    """SHA-256 in hex."""
    seen_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


bidder_marks = Table(
    "bidder_marks",
    metadata,
    BidderMarkColumns,
    CheckConstraint(one_of("kind", "identity", "instrument", "device"), name="kind"),
    CheckConstraint("length(mark) = 64", name="mark"),
    Index("ix_bidder_marks_mark", "kind", "mark"),
)


class BidderBlockColumns(TypedColumns):
    """A bidder whom staff have blocked: they may not register nor bid until the row is gone again."""

    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    reason = Column(Text, nullable=False)
    blocked_by = Column(Id, nullable=False)
    blocked_at_ms = Column(BigInteger, nullable=False)


bidder_blocks = Table("bidder_blocks", metadata, BidderBlockColumns)


class PaddleColumns(TypedColumns):
    """A bidder's number on one sale, from 1 without gaps: the only name the public sees."""

    sale_id = Column(Id, ForeignKey("sales.sale_id"), primary_key=True)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    paddle = Column(Integer, nullable=False)


paddles = Table(
    "paddles",
    metadata,
    PaddleColumns,
    UniqueConstraint("sale_id", "paddle"),
    CheckConstraint("paddle >= 1", name="paddle"),
)


class RegistrationColumns(TypedColumns):
    """A bidder's right to bid on a lot; `admitted_at_ms` is when the ledger admitted them, null until archived."""

    lot_id = Column(Id, ForeignKey("lots.lot_id"), primary_key=True)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    paddle = Column(Integer, nullable=False)
    limit_fen: Named[int | None] = Column(BigInteger)
    purse_fen: Named[int | None] = Column(BigInteger)
    terms_sha256 = Column(Id, nullable=False)
    registered_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    admitted_at_ms: Named[int | None] = Column(BigInteger)
    power_version = Column(Integer, nullable=False, server_default=text("1"))
    """Counts the changes of limit and purse."""
    synced_version = Column(Integer, nullable=False, server_default=text("0"))
    """The last version that was sent to the ledger."""
    held_fen: Named[int | None] = Column(BigInteger)
    """What is held behind the purse; null: there is none."""
    share_fen: Named[int | None] = Column(BigInteger)
    """What an award or an open offer of the lot takes of the purse, 0 once it has ended; null: there was none."""


registrations = Table(
    "registrations",
    metadata,
    RegistrationColumns,
    CheckConstraint("paddle >= 1", name="paddle"),
    CheckConstraint(f"limit_fen BETWEEN 0 AND {FEN_MAX}", name="limit_fen"),
    CheckConstraint(f"purse_fen BETWEEN 0 AND {DOUBLE_EXACT_MAX}", name="purse_fen"),
    CheckConstraint("(held_fen IS NULL) = (purse_fen IS NULL) AND held_fen >= 0", name="held_fen"),
    CheckConstraint("share_fen >= 0", name="share_fen"),
    CheckConstraint("length(terms_sha256) = 64", name="terms_sha256"),
    Index("ix_registrations_bidder", "bidder_id"),
    Index("ix_registrations_not_admitted", "registered_at_ms", postgresql_where=text("admitted_at_ms IS NULL")),
    Index("ix_registrations_shares", "bidder_id", postgresql_where=text("share_fen > 0")),
    Index("ix_registrations_to_sync", "registered_at_ms", postgresql_where=text("synced_version < power_version")),
)
