"""The tables of money: deposits, what the payment provider was asked, the journal, and what follows the hammer.

Same habits as `tables`: amounts in fen, times in UTC ms. The journal and the steps of a settlement are never changed
and never deleted, and an entry that does not balance cannot be committed: triggers of the migration see to both.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
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

from auction.books.tables import NOTHING, NOW_MS, Id, amount, metadata, one_of
from auction.domain.journal import JournalAccount
from auction.domain.settlement import SettlementState

__all__ = ["metadata"]

DEPOSIT_STATUSES = ("pending", "held", "failed", "releasing", "released", "applied", "forfeited", "lapsed")
DISPOSITIONS = ("release", "apply", "forfeit")
AWARD_STATUSES = ("due", "paid", "settled", "defaulted", "void")
LIVE_AWARD = text("status IN ('due', 'paid', 'settled')")
OFFER_STATUSES = ("open", "accepted", "declined", "lapsed", "withdrawn")
DEFAULT_STATUSES = ("collecting", "collected", "resolved", "returned")
OPERATION_KINDS = ("hold", "charge", "capture", "release", "refund")
OPERATION_STATUSES = ("intended", "pending", "succeeded", "failed")
UNRESOLVED = text("status IN ('intended', 'pending')")
CAUSES = ("lot-event", "gateway-call", "staff-action", "bidder-action", "deadline")


class DepositColumns(TypedColumns):
    """One sum a bidder put down for a lot, where it is, and what it is meant for once that is decided."""

    deposit_id = Column(Id, primary_key=True)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    request_key = Column(Id, nullable=False)
    """What the bidder asked with: a registration, or the key of a top-up."""
    policy = Column(Id, nullable=False)
    method = Column(Id, nullable=False)
    """An authorisation at the provider, or a charge."""
    amount_fen = Column(BigInteger, nullable=False)
    status = Column(Id, nullable=False, server_default=text("'pending'"))
    disposition: Named[str | None] = Column(Id)
    """Its one end: decided once, reached when the provider confirms."""
    award_id: Named[str | None] = Column(Id)
    """The award that it pays, or is forfeited for."""
    payment_method = Column(Text, nullable=False)
    provider = Column(Id, nullable=False)
    provider_ref: Named[str | None] = Column(Text)
    instrument: Named[str | None] = Column(Text)
    captured_fen: Named[int | None] = Column(BigInteger)
    """What of it is cash; null: the provider only promises it."""
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    held_at_ms: Named[int | None] = Column(BigInteger)
    expires_at_ms: Named[int | None] = Column(BigInteger)
    """When the provider lets an authorisation go."""
    release_by_ms: Named[int | None] = Column(BigInteger)
    """Until when a runner-up's deposit is kept."""
    ended_at_ms: Named[int | None] = Column(BigInteger)
    reason: Named[str | None] = Column(Id)
    """Why it was declined, let go or lost, as a word."""


deposits = Table(
    "deposits",
    metadata,
    DepositColumns,
    UniqueConstraint("lot_id", "bidder_id", "request_key"),
    amount("amount_fen"),
    CheckConstraint(one_of("policy", "flat", "ladder", "purse"), name="policy"),
    CheckConstraint(one_of("method", "authorisation", "charge"), name="method"),
    CheckConstraint(one_of("status", *DEPOSIT_STATUSES), name="status"),
    CheckConstraint(one_of("disposition", *DISPOSITIONS), name="disposition"),
    CheckConstraint("captured_fen BETWEEN 0 AND amount_fen", name="captured_fen"),
    CheckConstraint(
        "status NOT IN ('releasing', 'released', 'applied', 'forfeited') OR disposition IS NOT NULL", name="ends_once"
    ),
    Index("ix_deposits_award", "award_id", postgresql_where=text("award_id IS NOT NULL")),
    Index("ix_deposits_bidder", "bidder_id"),
    Index("ix_deposits_expiring", "expires_at_ms", postgresql_where=text("status = 'held' AND captured_fen IS NULL")),
)


class PaymentOperationColumns(TypedColumns):
    """One thing asked of the payment provider: committed before it is asked, resolved when the answer is known.

    `operation_id` is the provider's idempotency key: asked again, it answers the same.
    """

    operation_id = Column(Id, primary_key=True)
    kind = Column(Id, nullable=False)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    deposit_id: Named[str | None] = Column(Id, ForeignKey("deposits.deposit_id"))
    award_id: Named[str | None] = Column(Id)
    provider = Column(Id, nullable=False)
    payment_method = Column(Text, nullable=False)
    target_ref: Named[str | None] = Column(Text)
    """The provider's id of what is captured, released or refunded."""
    amount_fen = Column(BigInteger, nullable=False)
    status = Column(Id, nullable=False, server_default=text("'intended'"))
    provider_ref: Named[str | None] = Column(Text)
    failure: Named[str | None] = Column(Text)
    attempts = Column(Integer, nullable=False, server_default=text("0"))
    """How many times the provider was asked for this operation."""
    next_try_at_ms = Column(BigInteger, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    resolved_at_ms: Named[int | None] = Column(BigInteger)
    first_operation_id = Column(Id, nullable=False)
    """The operation that this one repeats under a new id; its own id where it is the first."""
    attempt_number = Column(Integer, nullable=False)
    """1 for the first operation, 2 for the one that repeats it, and so on."""


payment_operations = Table(
    "payment_operations",
    metadata,
    PaymentOperationColumns,
    amount("amount_fen"),
    CheckConstraint(one_of("kind", *OPERATION_KINDS), name="kind"),
    CheckConstraint(one_of("status", *OPERATION_STATUSES), name="status"),
    Index("ix_payment_operations_lot", "lot_id"),
    Index("ix_payment_operations_deposit", "deposit_id", postgresql_where=text("deposit_id IS NOT NULL")),
    Index("ix_payment_operations_award", "award_id", postgresql_where=text("award_id IS NOT NULL")),
    Index("ix_payment_operations_due", "next_try_at_ms", postgresql_where=UNRESOLVED),
    Index("ix_payment_operations_target", "target_ref", postgresql_where=text("target_ref IS NOT NULL")),
    Index("ix_payment_operations_ref", "provider_ref", postgresql_where=text("provider_ref IS NOT NULL")),
)


class JournalEntryColumns(TypedColumns):
    """One movement of money, balanced; `key` says what moved and makes a second writing of it impossible."""

    key = Column(Id, primary_key=True)
    entry_id = Column(BigInteger, Identity(always=True), nullable=False)
    kind = Column(Id, nullable=False)
    lot_id = Column(Id, nullable=False)
    cause = Column(Id, nullable=False)
    cause_ref = Column(Id, nullable=False)
    """Which lot event, gateway call, act of staff or bidder, or deadline brought it about."""
    at_ms = Column(BigInteger, nullable=False)


journal_entries = Table(
    "journal_entries",
    metadata,
    JournalEntryColumns,
    UniqueConstraint("entry_id"),
    CheckConstraint(one_of("cause", *CAUSES), name="cause"),
    Index("ix_journal_entries_lot", "lot_id", "entry_id"),
)


class JournalLineColumns(TypedColumns):
    """One side of an entry: debit above 0, credit below."""

    key = Column(Id, primary_key=True)
    number = Column(SmallInteger, primary_key=True)
    account = Column(Id, nullable=False)
    bidder_id: Named[str | None] = Column(Id)
    amount_fen = Column(BigInteger, nullable=False)


journal_lines = Table(
    "journal_lines",
    metadata,
    JournalLineColumns,
    ForeignKeyConstraint(["key"], ["journal_entries.key"]),
    CheckConstraint(one_of("account", *map(str, JournalAccount)), name="account"),
    CheckConstraint("amount_fen <> 0", name="amount_fen"),
    Index("ix_journal_lines_account", "account", "key"),
)


class SettlementColumns(TypedColumns):
    """Where a lot is after the hammer, and when it moves on by itself."""

    lot_id = Column(Id, ForeignKey("lots.lot_id"), primary_key=True)
    state = Column(Id, nullable=False)
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
    CheckConstraint(one_of("state", *map(str, SettlementState)), name="state"),
    Index("ix_settlements_deadline", "deadline_at_ms", postgresql_where=text("deadline_at_ms IS NOT NULL")),
    Index("ix_settlements_state", "state", "changed_at_ms"),
)


class SettlementStepColumns(TypedColumns):
    """One step of a lot's way from hammer to handover, as people tell it."""

    step_id = Column(BigInteger, Identity(always=True), primary_key=True)
    lot_id = Column(Id, nullable=False)
    step = Column(Id, nullable=False)
    state = Column(Id, nullable=False)
    actor = Column(Id, nullable=False)
    reason: Named[str | None] = Column(Text)
    details: Named[dict[str, Any]] = Column(JSONB, nullable=False, server_default=NOTHING)
    at_ms = Column(BigInteger, nullable=False)


settlement_steps = Table(
    "settlement_steps", metadata, SettlementStepColumns, Index("ix_settlement_steps_lot", "lot_id", "step_id")
)


class AwardColumns(TypedColumns):
    """A winner's duty to pay: by the hammer, or by an offer they accepted."""

    award_id = Column(Id, primary_key=True)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, nullable=False)
    paddle = Column(Integer, nullable=False)
    source = Column(Id, nullable=False)
    price_fen = Column(BigInteger, nullable=False)
    fee_fen = Column(BigInteger, nullable=False)
    received_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """What of price and fee has come in, applied deposits counted."""
    status = Column(Id, nullable=False, server_default=text("'due'"))
    awarded_at_ms = Column(BigInteger, nullable=False)
    pay_by_ms = Column(BigInteger, nullable=False)
    default_at_ms = Column(BigInteger, nullable=False)
    """The end of the grace that follows."""
    paid_at_ms: Named[int | None] = Column(BigInteger)
    delivery_centre: Named[str | None] = Column(Text)
    settled_at_ms: Named[int | None] = Column(BigInteger)


awards = Table(
    "awards",
    metadata,
    AwardColumns,
    amount("price_fen"),
    CheckConstraint("fee_fen BETWEEN 0 AND price_fen", name="fee_fen"),
    CheckConstraint("received_fen BETWEEN 0 AND price_fen + fee_fen", name="received_fen"),
    CheckConstraint(one_of("status", *AWARD_STATUSES), name="status"),
    CheckConstraint(one_of("source", "hammer", "offer"), name="source"),
    CheckConstraint("default_at_ms >= pay_by_ms", name="deadlines"),
    Index("uq_awards_live", "lot_id", unique=True, postgresql_where=LIVE_AWARD),
    Index("ix_awards_lot", "lot_id"),
    Index("ix_awards_bidder", "bidder_id"),
)


class OfferColumns(TypedColumns):
    """A second chance for a runner-up, at a price, until a time; nothing is owed until they accept."""

    offer_id = Column(Id, primary_key=True)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, nullable=False)
    paddle = Column(Integer, nullable=False)
    number = Column(SmallInteger, nullable=False)
    price_fen = Column(BigInteger, nullable=False)
    own_bid_fen = Column(BigInteger, nullable=False)
    status = Column(Id, nullable=False, server_default=text("'open'"))
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
    CheckConstraint(one_of("status", *OFFER_STATUSES), name="status"),
    Index("uq_offers_open", "lot_id", unique=True, postgresql_where=text("status = 'open'")),
    Index("ix_offers_bidder", "bidder_id"),
)


class DefaultColumns(TypedColumns):
    """A winner did not pay: what was forfeited, who was paid from it, and what is still claimed."""

    default_id = Column(Id, primary_key=True)
    """The award's."""
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), nullable=False)
    price_fen = Column(BigInteger, nullable=False)
    fee_fen = Column(BigInteger, nullable=False)
    commission_fen = Column(BigInteger, nullable=False)
    cause = Column(Id, nullable=False)
    status = Column(Id, nullable=False, server_default=text("'collecting'"))
    at_ms = Column(BigInteger, nullable=False)
    resolve_by_ms = Column(BigInteger, nullable=False)
    """When the forfeited deposit is shared out even without a resale."""
    cost_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    forfeited_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    resale_lot_id: Named[str | None] = Column(Id)
    resale_price_fen: Named[int | None] = Column(BigInteger)
    split: Named[dict[str, Any] | None] = Column(JSONB(none_as_null=True))
    gap_met_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """What of the price gap its deposit paid or its claim covers: nobody who defaulted before owes that again."""
    claim_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    written_off = Column(Boolean, nullable=False, server_default=text("false"))
    resolved_at_ms: Named[int | None] = Column(BigInteger)


defaults = Table(
    "defaults",
    metadata,
    DefaultColumns,
    CheckConstraint(one_of("cause", "deadline", "refusal", "staff"), name="cause"),
    CheckConstraint(one_of("status", *DEFAULT_STATUSES), name="status"),
    CheckConstraint("forfeited_fen >= 0 AND claim_fen >= 0 AND cost_fen >= 0", name="amounts"),
    Index("ix_defaults_lot", "lot_id"),
    Index("ix_defaults_bidder", "bidder_id", "at_ms"),
    Index("ix_defaults_unresolved", "resolve_by_ms", postgresql_where=text("status IN ('collecting', 'collected')")),
)


class ApprovalColumns(TypedColumns):
    """An act that two persons of staff must want: asked for by one, done when another agrees."""

    approval_id = Column(BigInteger, Identity(always=True), primary_key=True)
    lot_id = Column(Id, ForeignKey("lots.lot_id"), nullable=False)
    action = Column(Id, nullable=False)
    reason = Column(Text, nullable=False)
    asked_by = Column(Id, nullable=False)
    asked_at_ms = Column(BigInteger, nullable=False)
    expires_at_ms = Column(BigInteger, nullable=False)
    agreed_by: Named[str | None] = Column(Id)
    agreed_at_ms: Named[int | None] = Column(BigInteger)


approvals = Table(
    "approvals",
    metadata,
    ApprovalColumns,
    CheckConstraint(one_of("action", "void", "default", "writeoff"), name="action"),
    CheckConstraint("agreed_by <> asked_by", name="two_persons"),
    Index("ix_approvals_lot", "lot_id"),
)
