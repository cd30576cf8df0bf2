"""The archive of the ledger: its entries, the bids and results in them, and how far each stream is archived.

None of these tables has foreign keys: the archive stores what the ledger says even where the rest of the database
knows less, and a million bids are not checked one by one.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    Named,
    SmallInteger,
    Table,
    TypedColumns,
    UniqueConstraint,
    text,
)

from auction.books.tables.base import Id, amount, metadata, one_of
from auction.domain.events import CloseCause, Outcome
from auction.domain.lot import LotStatus


class LedgerEntryColumns(TypedColumns):
    """One entry of the ledger's stream, as it was written: `packed` is the msgpack array of its events."""

    lot_id = Column(Id, primary_key=True)
    first_seq = Column(BigInteger, primary_key=True)
    last_seq = Column(BigInteger, nullable=False)
    epoch = Column(BigInteger, nullable=False)
    at_ms = Column(BigInteger, nullable=False)
    packed = Column(LargeBinary, nullable=False)
    chain = Column(Id, nullable=False)
    """The ledger's own running checksum, SHA-1 in hex."""
    head = Column(LargeBinary, nullable=False)
    """SHA-256 over every event of the lot up to and including `last_seq` (`auction.books.chain`)."""
    shard = Column(SmallInteger, nullable=False)
    stream_id = Column(Id, nullable=False)


ledger_entries = Table(
    "ledger_entries",
    metadata,
    LedgerEntryColumns,
    CheckConstraint("first_seq >= 1 AND last_seq >= first_seq", name="seqs"),
    CheckConstraint("length(head) = 32", name="head"),
)


class LotChainColumns(TypedColumns):
    """What a lot's chain runs over: version 2 is public lines, with commitments salted from `secret`.

    Written with the lot's first entry; a lot without a row was begun under version 1, whose lines hold every field.
    """

    lot_id = Column(Id, primary_key=True)
    version = Column(SmallInteger, nullable=False)
    secret = Column(LargeBinary, nullable=False)


lot_chains = Table(
    "lot_chains",
    metadata,
    LotChainColumns,
    CheckConstraint("version = 2", name="version"),
    CheckConstraint("length(secret) = 32", name="secret"),
)


class BidColumns(TypedColumns):
    """An accepted bid: its amount, the price it made, whether it led, and the lot's end in force after it."""

    lot_id = Column(Id, primary_key=True)
    seq = Column(BigInteger, primary_key=True)
    epoch = Column(BigInteger, nullable=False)
    bidder_id = Column(Id, nullable=False)
    paddle = Column(Integer, nullable=False)
    amount_fen = Column(BigInteger, nullable=False)
    price_fen = Column(BigInteger, nullable=False)
    leading = Column(Boolean, nullable=False)
    key = Column(Id, nullable=False)
    at_ms = Column(BigInteger, nullable=False)
    ends_at_ms = Column(BigInteger, nullable=False)
    voided_by_seq: Named[int | None] = Column(BigInteger)


# Two indexes and no more: a page of a lot's bids, and each key once. Each further one slows the archive.
bids = Table(
    "bids",
    metadata,
    BidColumns,
    UniqueConstraint("lot_id", "bidder_id", "key"),
    amount("amount_fen"),
    amount("price_fen"),
    CheckConstraint("seq >= 1", name="seq"),
)


class LotResultColumns(TypedColumns):
    """How a lot ended. A winner only where it sold; the price is the last one, also where the reserve was not met."""

    lot_id = Column(Id, primary_key=True)
    outcome = Column(Id, nullable=False)
    hammer_price_fen: Named[int | None] = Column(BigInteger)
    winner_id: Named[str | None] = Column(Id)
    winner_paddle: Named[int | None] = Column(Integer)
    closed_seq = Column(BigInteger, nullable=False)
    closed_at_ms = Column(BigInteger, nullable=False)
    cause = Column(Id, nullable=False)


lot_results = Table(
    "lot_results",
    metadata,
    LotResultColumns,
    CheckConstraint(one_of("outcome", *Outcome, LotStatus.VOID), name="outcome"),
    CheckConstraint(one_of("cause", *CloseCause), name="cause"),
    CheckConstraint(
        "(outcome = 'sold') = (winner_id IS NOT NULL) AND (outcome = 'sold') = (winner_paddle IS NOT NULL)",
        name="winner",
    ),
    CheckConstraint("(outcome IN ('sold', 'reserve-unmet')) = (hammer_price_fen IS NOT NULL)", name="price"),
    amount("hammer_price_fen"),
)


class ArchiveCursorColumns(TypedColumns):
    """How far each shard's stream is archived; changed only in the transaction that archives."""

    shard = Column(SmallInteger, primary_key=True, autoincrement=False)
    stream_id = Column(Id, nullable=False)


archive_cursors = Table("archive_cursors", metadata, ArchiveCursorColumns)


class LedgerIdentityColumns(TypedColumns):
    """Which ledger this database belongs to: one row, written at the first start."""

    one_row = Column(Boolean, primary_key=True, server_default=text("true"))
    shards = Column(SmallInteger, nullable=False)
    layout = Column(Id, nullable=False)
    lineage: Named[str | None] = Column(Id)
    """The id that the ledger was given at its first start; None: bound before ledgers had one."""


ledger_identity = Table(
    "ledger_identity",
    metadata,
    LedgerIdentityColumns,
    CheckConstraint("one_row", name="one_row"),
    CheckConstraint("shards BETWEEN 1 AND 16384", name="shards"),
)
