"""Sales and their lots."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from auction.books.tables.base import NOW_MS, Id, amount, identifier, metadata, one_of
from auction.domain.lot import LotStatus


class SaleColumns(TypedColumns):
    """One launch event."""

    sale_id = Column(Id, primary_key=True)
    title = Column(Text, nullable=False)
    created_by = Column(Id, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    purse_until_ms: Named[int | None] = Column(BigInteger)
    """Until when the ledger keeps the sale's purses; None: they may be bid with."""


sales = Table("sales", metadata, SaleColumns, identifier("sale_id"))


class LotColumns(TypedColumns):
    """What is bid for. Terms are frozen and hashed when the lot is scheduled; from then on the status is archived."""

    lot_id = Column(Id, primary_key=True)
    sale_id = Column(Id, ForeignKey("sales.sale_id"), nullable=False)
    number = Column(Integer, nullable=False)
    title = Column(Text, nullable=False)
    list_price_fen: Named[int | None] = Column(BigInteger)
    preset: Named[str | None] = Column(Text)
    terms: Named[dict[str, Any]] = Column(JSONB, nullable=False)
    terms_sha256: Named[str | None] = Column(Id)
    status = Column(Id, nullable=False, server_default=text("'draft'"))
    opens_at_ms: Named[int | None] = Column(BigInteger)
    closes_at_ms: Named[int | None] = Column(BigInteger)
    created_by = Column(Id, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    relisted_from: Named[str | None] = Column(Id, ForeignKey("lots.lot_id"))
    """The lot that this one replaces because its buyer did not pay."""
    ledger_keys_until_ms: Named[int | None] = Column(BigInteger)
    """Until when the ledger keeps the lot; None: it is not over, or has no end there yet."""


lots = Table(
    "lots",
    metadata,
    LotColumns,
    UniqueConstraint("sale_id", "number"),
    identifier("lot_id"),
    CheckConstraint("number >= 1", name="number"),
    amount("list_price_fen"),
    CheckConstraint("length(terms_sha256) = 64", name="terms_sha256"),
    CheckConstraint(one_of("status", "draft", *LotStatus), name="status"),
    CheckConstraint("closes_at_ms > opens_at_ms", name="schedule"),
    # the clerk and the reconciler look for the few scheduled lots
    Index(
        "ix_lots_ended",
        "lot_id",
        postgresql_where=text("status IN ('closed', 'void') AND ledger_keys_until_ms IS NULL"),
    ),
    Index("ix_lots_scheduled", "lot_id", postgresql_where=text(f"status = '{LotStatus.SCHEDULED}'")),
)
