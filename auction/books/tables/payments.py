"""Deposits, and the operations requested from the payment provider."""

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

from auction.books.tables.base import NOW_MS, EnumText, Id, amount, metadata, none_of, one_of
from auction.domain.states import (
    UNRESOLVED_OPERATION,
    DepositMethod,
    DepositPolicyKind,
    DepositStatus,
    Disposition,
    OperationKind,
    OperationStatus,
)

DEPOSITING = (DepositPolicyKind.FLAT, DepositPolicyKind.LADDER, DepositPolicyKind.PURSE)
"""Policies under which there is something to deposit."""
DISPOSED = (DepositStatus.RELEASING, DepositStatus.RELEASED, DepositStatus.APPLIED, DepositStatus.FORFEITED)
"""Statuses that only a deposit with a disposition has."""


class DepositColumns(TypedColumns):
    """An amount that a bidder put down for a lot, where it is, and what it is to be used for once that is decided."""

    deposit_id = Column(Id, primary_key=True)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    request_key = Column(Id, nullable=False)
    """What the bidder requested it with: a registration, or the key of a top-up."""
    policy: Named[DepositPolicyKind] = Column(EnumText(DepositPolicyKind), nullable=False)
    method: Named[DepositMethod] = Column(EnumText(DepositMethod), nullable=False)
    amount_fen = Column(BigInteger, nullable=False)
    status: Named[DepositStatus] = Column(
        EnumText(DepositStatus), nullable=False, server_default=text(f"'{DepositStatus.PENDING}'")
    )
    disposition: Named[Disposition | None] = Column(EnumText(Disposition))
    """Decided once; reached when the provider confirms."""
    award_id: Named[str | None] = Column(Id)
    """The award that it pays, or is forfeited for."""
    payment_method = Column(Text, nullable=False)
    provider = Column(Id, nullable=False)
    provider_ref: Named[str | None] = Column(Text)
    instrument: Named[str | None] = Column(Text)
    captured_fen: Named[int | None] = Column(BigInteger)
    """How much of it is cash; null: authorised only."""
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    held_at_ms: Named[int | None] = Column(BigInteger)
    expires_at_ms: Named[int | None] = Column(BigInteger)
    """When the authorisation expires at the provider."""
    ended_at_ms: Named[int | None] = Column(BigInteger)
    reason: Named[str | None] = Column(Id)
    """Why it was declined, released or lost: a `DepositReason`, or the provider's failure code."""
    shared_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of a purse the shares of lots took, each of which is a deposit of its own."""
    part_of: Named[str | None] = Column(Id, ForeignKey("deposits.deposit_id", name="fk_deposits_part_of"))
    """The purse that this share was taken out of; null: it is no share."""


deposits = Table(
    "deposits",
    metadata,
    DepositColumns,
    UniqueConstraint("lot_id", "bidder_id", "request_key"),
    amount("amount_fen"),
    CheckConstraint(one_of("policy", *DEPOSITING), name="policy"),
    CheckConstraint(one_of("method", *DepositMethod), name="method"),
    CheckConstraint(one_of("status", *DepositStatus), name="status"),
    CheckConstraint(one_of("disposition", *Disposition), name="disposition"),
    CheckConstraint("captured_fen BETWEEN 0 AND amount_fen", name="captured_fen"),
    CheckConstraint("shared_fen BETWEEN 0 AND amount_fen", name="shared_fen"),
    CheckConstraint(none_of("status", *DISPOSED) + " OR disposition IS NOT NULL", name="ends_once"),
    Index("ix_deposits_award", "award_id", postgresql_where=text("award_id IS NOT NULL")),
    Index("ix_deposits_bidder", "bidder_id"),
    Index("ix_deposits_part_of", "part_of", postgresql_where=text("part_of IS NOT NULL")),
    Index(
        "ix_deposits_expiring",
        "expires_at_ms",
        postgresql_where=text(f"status = '{DepositStatus.HELD}' AND captured_fen IS NULL"),
    ),
)


class PaymentOperationColumns(TypedColumns):
    """One request to the payment provider: committed before it is sent, resolved when the outcome is known.

    `operation_id` is the provider's idempotency key: sent again, it gets the same answer.
    """

    operation_id = Column(Id, primary_key=True)
    kind: Named[OperationKind] = Column(EnumText(OperationKind), nullable=False)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    deposit_id: Named[str | None] = Column(Id, ForeignKey("deposits.deposit_id"))
    award_id: Named[str | None] = Column(Id)
    provider = Column(Id, nullable=False)
    payment_method = Column(Text, nullable=False)
    target_ref: Named[str | None] = Column(Text)
    """The provider's id of what is captured, released or refunded."""
    amount_fen = Column(BigInteger, nullable=False)
    status: Named[OperationStatus] = Column(
        EnumText(OperationStatus), nullable=False, server_default=text(f"'{OperationStatus.INTENDED}'")
    )
    provider_ref: Named[str | None] = Column(Text)
    failure: Named[str | None] = Column(Text)
    attempts = Column(Integer, nullable=False, server_default=text("0"))
    """How many times it was sent."""
    next_try_at_ms = Column(BigInteger, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    resolved_at_ms: Named[int | None] = Column(BigInteger)
    first_operation_id = Column(Id, nullable=False)
    """The operation that this one repeats under a new id, or the first part of the sum that this one is a part of.

    Its own id where it is the first."""
    attempt_number = Column(Integer, nullable=False)
    """1 for the first operation, 2 for the one that repeats it or is the next part, and so on."""
    abandon_asked_at_ms: Named[int | None] = Column(BigInteger)
    """When staff asked to give it up: since then it is only looked up, and fails once its absence is proven."""
    sum_fen: Named[int | None] = Column(BigInteger)
    """Charges: the sum that this one is a part of, as the provider does not take so much at once; null: it is whole."""
    confirm_by_ms: Named[int | None] = Column(BigInteger)
    """Holds and charges: until when the card's owner is to confirm it with their bank; null: they are not asked."""


payment_operations = Table(
    "payment_operations",
    metadata,
    PaymentOperationColumns,
    amount("amount_fen"),
    CheckConstraint(one_of("kind", *OperationKind), name="kind"),
    CheckConstraint(one_of("status", *OperationStatus), name="status"),
    CheckConstraint("sum_fen > amount_fen", name="sum_fen"),
    CheckConstraint(
        "confirm_by_ms IS NULL OR " + one_of("kind", OperationKind.HOLD, OperationKind.CHARGE), name="confirm_by"
    ),
    Index("ix_payment_operations_lot", "lot_id"),
    Index("ix_payment_operations_deposit", "deposit_id", postgresql_where=text("deposit_id IS NOT NULL")),
    Index("ix_payment_operations_award", "award_id", postgresql_where=text("award_id IS NOT NULL")),
    Index(
        "ix_payment_operations_due", "next_try_at_ms", postgresql_where=text(one_of("status", *UNRESOLVED_OPERATION))
    ),
    Index(
        "ix_payment_operations_unconfirmed",
        "bidder_id",
        postgresql_where=text("confirm_by_ms IS NOT NULL AND " + one_of("status", *UNRESOLVED_OPERATION)),
    ),
    Index("ix_payment_operations_target", "target_ref", postgresql_where=text("target_ref IS NOT NULL")),
    Index("ix_payment_operations_ref", "provider_ref", postgresql_where=text("provider_ref IS NOT NULL")),
)
