"""What follows the close of a lot: its settlement and timeline, awards, offers to runners-up, and defaults.

A trigger of the migration refuses every change and deletion of a step in the timeline.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
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
from sqlalchemy.dialects.postgresql import JSONB

from auction.books.tables.base import EMPTY_OBJECT, EnumText, Id, amount, metadata, one_of
from auction.domain.states import (
    LIVE_AWARD,
    UNRESOLVED_DEFAULT,
    AwardSource,
    AwardStatus,
    DefaultCause,
    DefaultStatus,
    OfferStatus,
    SettlementState,
    StepName,
)


class SettlementColumns(TypedColumns):
    """The state of a closed lot, and the deadline at which it moves on by itself."""

    lot_id = Column(Id, ForeignKey("lots.lot_id"), primary_key=True)
    state: Named[SettlementState] = Column(EnumText(SettlementState), nullable=False)
    outcome = Column(Id, nullable=False)
    hammer_price_fen: Named[int | None] = Column(BigInteger)
    deadline_at_ms: Named[int | None] = Column(BigInteger)
    offers_made = Column(SmallInteger, nullable=False, server_default=text("0"))
    relisted_as: Named[str | None] = Column(Id, ForeignKey("lots.lot_id", name="fk_settlements_relisted_as"))
    opened_at_ms = Column(BigInteger, nullable=False)
    changed_at_ms = Column(BigInteger, nullable=False)


settlements = Table(
    "settlements",
    metadata,
    SettlementColumns,
    CheckConstraint(one_of("state", *SettlementState), name="state"),
    Index("ix_settlements_deadline", "deadline_at_ms", postgresql_where=text("deadline_at_ms IS NOT NULL")),
    Index("ix_settlements_state", "state", "changed_at_ms"),
)


class SettlementStepColumns(TypedColumns):
    """One step in a settlement's timeline, and the state it left the settlement in."""

    step_id = Column(BigInteger, Identity(always=True), primary_key=True)
    lot_id = Column(Id, nullable=False)
    step: Named[StepName] = Column(EnumText(StepName), nullable=False)
    state: Named[SettlementState] = Column(EnumText(SettlementState), nullable=False)
    actor = Column(Id, nullable=False)
    reason: Named[str | None] = Column(Text)
    details: Named[dict[str, Any]] = Column(JSONB, nullable=False, server_default=EMPTY_OBJECT)
    at_ms = Column(BigInteger, nullable=False)


settlement_steps = Table(
    "settlement_steps", metadata, SettlementStepColumns, Index("ix_settlement_steps_lot", "lot_id", "step_id")
)


class AwardColumns(TypedColumns):
    """A winner's duty to pay: from the close of the lot, or from an accepted offer."""

    award_id = Column(Id, primary_key=True)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, nullable=False)
    paddle = Column(Integer, nullable=False)
    source: Named[AwardSource] = Column(EnumText(AwardSource), nullable=False)
    price_fen = Column(BigInteger, nullable=False)
    fee_fen = Column(BigInteger, nullable=False)
    received_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of price and fee has been received, applied deposits included."""
    status: Named[AwardStatus] = Column(
        EnumText(AwardStatus), nullable=False, server_default=text(f"'{AwardStatus.DUE}'")
    )
    awarded_at_ms = Column(BigInteger, nullable=False)
    pay_by_ms = Column(BigInteger, nullable=False)
    default_at_ms = Column(BigInteger, nullable=False)
    """The end of the grace that follows `pay_by_ms`."""
    paid_at_ms: Named[int | None] = Column(BigInteger)
    delivery_centre: Named[str | None] = Column(Text)
    settled_at_ms: Named[int | None] = Column(BigInteger)
    cure_until_ms: Named[int | None] = Column(BigInteger)
    """The end of the cure period, which an award gets once: the house failed to collect the deposit that was to pay."""
    number = Column(BigInteger, Identity(always=True), nullable=False)
    """What its payment reference is made of (`auction.domain.payment_reference`)."""
    transfer_until_ms: Named[int | None] = Column(BigInteger)
    """The end of the extension, which an award gets once, while a bank transfer is on its way."""
    waived_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """The rest that the provider could not charge, as it takes no amount so small."""


awards = Table(
    "awards",
    metadata,
    AwardColumns,
    UniqueConstraint("number"),
    amount("price_fen"),
    CheckConstraint("fee_fen BETWEEN 0 AND price_fen", name="fee_fen"),
    CheckConstraint("received_fen BETWEEN 0 AND price_fen + fee_fen", name="received_fen"),
    CheckConstraint("waived_fen BETWEEN 0 AND price_fen + fee_fen - received_fen", name="waived_fen"),
    CheckConstraint(one_of("status", *AwardStatus), name="status"),
    CheckConstraint(one_of("source", *AwardSource), name="source"),
    CheckConstraint("default_at_ms >= pay_by_ms", name="deadlines"),
    Index("uq_awards_live", "lot_id", unique=True, postgresql_where=text(one_of("status", *LIVE_AWARD))),
    Index("ix_awards_lot", "lot_id"),
    Index("ix_awards_bidder", "bidder_id"),
)


class RunnerUpColumns(TypedColumns):
    """A bidder whose deposits stay held, as the lot may still be offered to them after a default."""

    lot_id = Column(Id, ForeignKey("lots.lot_id"), primary_key=True)
    bidder_id = Column(Id, primary_key=True)
    kept_at_ms = Column(BigInteger, nullable=False)
    released_at_ms: Named[int | None] = Column(BigInteger)
    """When it became certain that the lot is not offered to them (again)."""


runners_up = Table(
    "runners_up",
    metadata,
    RunnerUpColumns,
    Index("ix_runners_up_bidder", "bidder_id", postgresql_where=text("released_at_ms IS NULL")),
)


class OfferColumns(TypedColumns):
    """A second chance for a runner-up, at a price, until a time; nothing is owed until it is accepted."""

    offer_id = Column(Id, primary_key=True)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, nullable=False)
    paddle = Column(Integer, nullable=False)
    number = Column(SmallInteger, nullable=False)
    price_fen = Column(BigInteger, nullable=False)
    own_bid_fen = Column(BigInteger, nullable=False)
    status: Named[OfferStatus] = Column(
        EnumText(OfferStatus), nullable=False, server_default=text(f"'{OfferStatus.OPEN}'")
    )
    offered_at_ms = Column(BigInteger, nullable=False)
    expires_at_ms = Column(BigInteger, nullable=False)
    answered_at_ms: Named[int | None] = Column(BigInteger)


offers = Table(
    "offers",
    metadata,
    OfferColumns,
    UniqueConstraint("lot_id", "number"),
    UniqueConstraint("lot_id", "bidder_id"),
    amount("price_fen"),
    amount("own_bid_fen"),
    CheckConstraint(one_of("status", *OfferStatus), name="status"),
    Index("uq_offers_open", "lot_id", unique=True, postgresql_where=text(f"status = '{OfferStatus.OPEN}'")),
    Index("ix_offers_bidder", "bidder_id"),
)


class DefaultColumns(TypedColumns):
    """A winner did not pay: what was forfeited, who was paid from it, and what is still claimed."""

    default_id = Column(Id, primary_key=True)
    """The id of the award."""
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    price_fen = Column(BigInteger, nullable=False)
    fee_fen = Column(BigInteger, nullable=False)
    commission_fen = Column(BigInteger, nullable=False)
    cause: Named[DefaultCause] = Column(EnumText(DefaultCause), nullable=False)
    status: Named[DefaultStatus] = Column(
        EnumText(DefaultStatus), nullable=False, server_default=text(f"'{DefaultStatus.COLLECTING}'")
    )
    at_ms = Column(BigInteger, nullable=False)
    resolve_by_ms = Column(BigInteger, nullable=False)
    """When the waterfall runs even without a resale."""
    cost_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    forfeited_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    resale_lot_id: Named[str | None] = Column(Id)
    resale_price_fen: Named[int | None] = Column(BigInteger)
    split: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    gap_met_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of the price gap its deposit paid or its claim covers; earlier defaulters do not owe that again."""
    claim_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    written_off = Column(Boolean, nullable=False, server_default=text("false"))
    resolved_at_ms: Named[int | None] = Column(BigInteger)
    seller_owes_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """What the seller was paid from a deposit that was given back, and has not paid back."""
    unmet: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    """What of the loss nobody has paid (`auction.domain.waterfall.Unmet`); null: resolved before this was kept."""
    collected_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of the claim was paid."""
    reduced_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of the claim a later defaulter's payments made good."""


defaults = Table(
    "defaults",
    metadata,
    DefaultColumns,
    CheckConstraint(one_of("cause", *DefaultCause), name="cause"),
    CheckConstraint(one_of("status", *DefaultStatus), name="status"),
    CheckConstraint("forfeited_fen >= 0 AND claim_fen >= 0 AND cost_fen >= 0", name="amounts"),
    CheckConstraint(
        "collected_fen >= 0 AND reduced_fen >= 0 AND collected_fen + reduced_fen <= claim_fen", name="claim"
    ),
    Index("ix_defaults_lot", "lot_id"),
    Index("ix_defaults_bidder", "bidder_id", "at_ms"),
    Index("ix_defaults_unresolved", "resolve_by_ms", postgresql_where=text(one_of("status", *UNRESOLVED_DEFAULT))),
)


class ClaimPaymentColumns(TypedColumns):
    """A part of a claim that a defaulter paid, by the reference of its receipt."""

    default_id = Column(Id, ForeignKey("defaults.default_id"), primary_key=True)
    reference = Column(Id, primary_key=True)
    amount_fen = Column(BigInteger, nullable=False)
    gap_fen = Column(BigInteger, nullable=False)
    """How much of it paid the seller's price gap."""
    at_ms = Column(BigInteger, nullable=False)


claim_payments = Table("claim_payments", metadata, ClaimPaymentColumns, amount("amount_fen"))
