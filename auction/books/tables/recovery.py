"""What is kept against a loss of the ledger: acknowledged marks, frozen and restored lots, claims, entries set aside.

Like the archive's, these tables have no foreign keys: they store what the ledger said, even of lots unknown here.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    LargeBinary,
    Named,
    SmallInteger,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    text,
)

from auction.books.tables.base import NOW_MS, EnumText, Id, amount, metadata, one_of
from auction.domain.events import FreezeCause
from auction.domain.states import ClaimStatus


class AcknowledgedMarkColumns(TypedColumns):
    """The newest entry of a lot that any process has acknowledged to a bidder, member of staff or watcher."""

    lot_id = Column(Id, primary_key=True)
    epoch = Column(BigInteger, nullable=False)
    seq = Column(BigInteger, nullable=False)
    chain = Column(Id, nullable=False)
    noted_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


acknowledged_marks = Table("acknowledged_marks", metadata, AcknowledgedMarkColumns)


class FrozenLotColumns(TypedColumns):
    """A lot whose record in the ledger is not sound, from when that was found until it was restored."""

    lot_id = Column(Id, primary_key=True)
    found_at_ms = Column(BigInteger, primary_key=True, server_default=NOW_MS)
    cause = Column(Id, nullable=False)
    detail = Column(Text, nullable=False)
    archived_seq = Column(BigInteger, nullable=False)
    """The last seq of the archived record, which the lot is restored from; 0: nothing is archived."""
    entered_at_ms: Named[int | None] = Column(BigInteger)
    """When the ledger was told to stop the lot; None: it has not answered yet."""
    restored_at_ms: Named[int | None] = Column(BigInteger)


frozen_lots = Table(
    "frozen_lots",
    metadata,
    FrozenLotColumns,
    CheckConstraint(one_of("cause", *FreezeCause), name="cause"),
    Index("uq_frozen_lots_lot_id", "lot_id", unique=True, postgresql_where=text("restored_at_ms IS NULL")),
)


class EntrySetAsideColumns(TypedColumns):
    """A stream entry that does not belong to the archived record: of a frozen lot, or damaged.

    `packed` is the entry's packed events; where it could not be decoded, a readable copy of its fields, in UTF-8.
    """

    shard = Column(SmallInteger, primary_key=True, autoincrement=False)
    stream_id = Column(Id, primary_key=True)
    chain = Column(Id, primary_key=True)
    """Two lineages may use one stream id."""
    lot_id = Column(Id, nullable=False)
    """Empty where the entry does not say it."""
    epoch = Column(BigInteger, nullable=False)
    first_seq = Column(BigInteger, nullable=False)
    last_seq = Column(BigInteger, nullable=False)
    at_ms = Column(BigInteger, nullable=False)
    packed = Column(LargeBinary, nullable=False)


entries_set_aside = Table(
    "entries_set_aside",
    metadata,
    EntrySetAsideColumns,
    Index("ix_entries_set_aside_lot_id_first_seq", "lot_id", "first_seq"),
)


class RestoredLotColumns(TypedColumns):
    """A `restored` event: where a lot's record goes on after a loss, what was lost, and what staff decided about it.

    Until they have, a result of the lot is not settled.
    """

    lot_id = Column(Id, primary_key=True)
    seq = Column(BigInteger, primary_key=True, autoincrement=False)
    epoch = Column(BigInteger, nullable=False)
    at_ms = Column(BigInteger, nullable=False)
    archived_seq = Column(BigInteger, nullable=False)
    """The last seq before it."""
    lost_to_seq = Column(BigInteger, nullable=False)
    """The last seq that was acknowledged and is lost; 0: none is known."""
    decided_at_ms: Named[int | None] = Column(BigInteger)
    decided_by: Named[str | None] = Column(Text)
    reason: Named[str | None] = Column(Text)


restored_lots = Table(
    "restored_lots",
    metadata,
    RestoredLotColumns,
    Index("ix_restored_lots_undecided", "lot_id", postgresql_where=text("decided_at_ms IS NULL")),
)


class BidClaimColumns(TypedColumns):
    """A bidder's claim that a bid was accepted and lost, proved by its receipt."""

    claim_id = Column(BigInteger, Identity(always=True), primary_key=True)
    lot_id = Column(Id, nullable=False)
    seq = Column(BigInteger, nullable=False)
    bidder_id = Column(Id, nullable=False)
    amount_fen = Column(BigInteger, nullable=False)
    at_ms = Column(BigInteger, nullable=False)
    """When the bid was accepted."""
    receipt = Column(Text, nullable=False)
    claimed_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    status: Named[ClaimStatus] = Column(
        EnumText(ClaimStatus), nullable=False, server_default=text(f"'{ClaimStatus.OPEN}'")
    )
    decided_at_ms: Named[int | None] = Column(BigInteger)
    decided_by: Named[str | None] = Column(Text)
    reason: Named[str | None] = Column(Text)


bid_claims = Table(
    "bid_claims",
    metadata,
    BidClaimColumns,
    CheckConstraint(one_of("status", *ClaimStatus), name="status"),
    amount("amount_fen"),
    UniqueConstraint("lot_id", "seq", "bidder_id", "receipt", name="uq_bid_claims_receipt"),
)
