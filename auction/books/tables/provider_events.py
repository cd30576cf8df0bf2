"""What payment providers told of, each event once, and the payments that were taken back at a provider."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
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

from auction.books.tables.base import EnumText, Id, amount, metadata, one_of
from auction.domain.provider_event_states import (
    ExceptionReason,
    ProviderEventStatus,
    ProviderEventType,
    ReversalKind,
    ReversalStatus,
)
from auction.domain.states import OperationKind

EXCEPTIONAL = (ProviderEventStatus.OPEN, ProviderEventStatus.CLOSED)
"""Statuses of exceptions."""


class ProviderEventColumns(TypedColumns):
    """A verified event of a provider as it came, what it says in neutral words, and what became of it."""

    event_number = Column(BigInteger, Identity(always=True), primary_key=True)
    provider = Column(Id, nullable=False)
    event_id = Column(Id, nullable=False)
    """The provider's own id of the event."""
    type: Named[ProviderEventType] = Column(EnumText(ProviderEventType), nullable=False)
    kind: Named[OperationKind | None] = Column(EnumText(OperationKind))
    operation_id: Named[str | None] = Column(Id)
    """The operation of ours that it names."""
    opening_id: Named[str | None] = Column(Id)
    """The hold of ours that it is about, where the provider repeats its id."""
    ref = Column(Text, nullable=False)
    """The provider's id of what it is about: a hold, charge, refund or dispute."""
    payment_ref: Named[str | None] = Column(Text)
    """The hold or charge of a refund or dispute."""
    amount_fen: Named[int | None] = Column(BigInteger)
    reply: Named[dict[str, Any]] = Column(JSONB, nullable=False)
    payload = Column(Text, nullable=False)
    digest = Column(Id, nullable=False)
    """SHA-256 of the body, in hex."""
    received_at_ms = Column(BigInteger, nullable=False)
    status: Named[ProviderEventStatus] = Column(EnumText(ProviderEventStatus), nullable=False)
    reason: Named[ExceptionReason | None] = Column(EnumText(ExceptionReason))
    """Of an exception: why it could not be applied."""
    lot_id: Named[str | None] = Column(Id)
    bidder_id: Named[str | None] = Column(Id)
    tries = Column(Integer, nullable=False, server_default=text("0"))
    next_try_at_ms = Column(BigInteger, nullable=False)
    closed_by: Named[str | None] = Column(Id)
    closed_reason: Named[str | None] = Column(Text)
    closed_at_ms: Named[int | None] = Column(BigInteger)


provider_events = Table(
    "provider_events",
    metadata,
    ProviderEventColumns,
    UniqueConstraint("provider", "event_id"),
    CheckConstraint(one_of("type", *ProviderEventType), name="type"),
    CheckConstraint(one_of("status", *ProviderEventStatus), name="status"),
    CheckConstraint(f"({one_of('status', *EXCEPTIONAL)}) = (reason IS NOT NULL)", name="reason"),
    CheckConstraint(
        f"(status = '{ProviderEventStatus.CLOSED}') = (closed_by IS NOT NULL AND closed_reason IS NOT NULL)",
        name="closed",
    ),
    Index("ix_provider_events_ref", "ref"),
    Index(
        "ix_provider_events_due",
        "next_try_at_ms",
        postgresql_where=text(f"status = '{ProviderEventStatus.RECEIVED}'"),
    ),
    Index(
        "ix_provider_events_exceptions",
        "event_number",
        postgresql_where=text(one_of("status", *EXCEPTIONAL)),
    ),
)


class ReversalColumns(TypedColumns):
    """A payment, or a part of one, that the provider took back without the house: a dispute, or a refund."""

    reversal_id = Column(Id, primary_key=True)
    kind: Named[ReversalKind] = Column(EnumText(ReversalKind), nullable=False)
    provider = Column(Id, nullable=False)
    ref = Column(Text, nullable=False)
    """The provider's id of the dispute or refund."""
    operation_id = Column(Id, ForeignKey("payment_operations.operation_id"), nullable=False)
    """The charge or hold that was taken back."""
    deposit_id: Named[str | None] = Column(Id, ForeignKey("deposits.deposit_id"))
    award_id: Named[str | None] = Column(Id)
    """The award that the money had paid."""
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    amount_fen = Column(BigInteger, nullable=False)
    status: Named[ReversalStatus] = Column(EnumText(ReversalStatus), nullable=False)
    clawed_back_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """What the seller was paid for the sale, and has to give back."""
    seller_owes_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of it they have not given back."""
    opened_at_ms = Column(BigInteger, nullable=False)
    decided_at_ms: Named[int | None] = Column(BigInteger)


reversals = Table(
    "reversals",
    metadata,
    ReversalColumns,
    UniqueConstraint("provider", "ref"),
    amount("amount_fen"),
    CheckConstraint(one_of("kind", *ReversalKind), name="kind"),
    CheckConstraint(one_of("status", *ReversalStatus), name="status"),
    CheckConstraint(
        "0 <= seller_owes_fen AND seller_owes_fen <= clawed_back_fen AND clawed_back_fen <= amount_fen",
        name="clawed_back_fen",
    ),
    Index("ix_reversals_award", "award_id", postgresql_where=text("award_id IS NOT NULL")),
    Index("ix_reversals_operation", "operation_id"),
    Index("ix_reversals_bidder", "bidder_id"),
    Index("ix_reversals_lot", "lot_id"),
)
