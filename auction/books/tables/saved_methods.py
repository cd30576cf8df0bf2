"""Cards that bidders have saved at the payment provider, and the customers there whom the house owns."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Named,
    SmallInteger,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

from auction.books.tables.base import Id, metadata


class ProviderCustomerColumns(TypedColumns):
    """A bidder at a payment provider."""

    provider = Column(Id, primary_key=True)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    customer = Column(Text, nullable=False)
    """The provider's id of them."""


provider_customers = Table(
    "provider_customers", metadata, ProviderCustomerColumns, UniqueConstraint("provider", "customer")
)


class SavedMethodColumns(TypedColumns):
    """A card that its owner has saved; the provider has its number, here is what people know it by."""

    method_id = Column(Id, primary_key=True)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    provider = Column(Id, nullable=False)
    setup_ref = Column(Text, nullable=False)
    payment_method = Column(Text, nullable=False)
    """As the provider is told it."""
    brand = Column(Text, nullable=False)
    last4 = Column(Text, nullable=False)
    exp_month: Named[int | None] = Column(SmallInteger)
    exp_year: Named[int | None] = Column(SmallInteger)
    saved_at_ms = Column(BigInteger, nullable=False)
    removed_at_ms: Named[int | None] = Column(BigInteger)


saved_methods = Table(
    "saved_methods",
    metadata,
    SavedMethodColumns,
    UniqueConstraint("provider", "setup_ref"),
    Index("ix_saved_methods_bidder", "bidder_id"),
)
