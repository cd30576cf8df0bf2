"""What comes in and goes out at the house's bank: receipts, the awards they pay, and transfers sent back."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Named,
    SmallInteger,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from auction.books.tables.base import EnumText, Id, amount, metadata, one_of
from auction.domain.states import OPEN_TRANSFER, ReceiptStatus, ReturnReason, TransferStatus

DATE = "~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'"


class BankReceiptColumns(TypedColumns):
    """A transfer that came in, as the bank's statement tells it; the same bank reference is stored once."""

    receipt_id = Column(BigInteger, Identity(always=True), primary_key=True)
    bank_reference = Column(Id, nullable=False)
    status: Named[ReceiptStatus] = Column(EnumText(ReceiptStatus), nullable=False)
    amount_fen = Column(BigInteger, nullable=False)
    value_date = Column(Id, nullable=False)
    """The day that the bank counts it from, as YYYY-MM-DD."""
    payer_name = Column(Text, nullable=False)
    payer_account = Column(Text, nullable=False, server_default=text("''"))
    remittance = Column(Text, nullable=False, server_default=text("''"))
    source = Column(Text, nullable=False, server_default=text("''"))
    """The name of the statement that it was imported from; empty: it was entered by hand."""
    matched_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of it was matched to awards."""
    returned_fen = Column(BigInteger, nullable=False, server_default=text("0"))
    """How much of it was asked to be returned without having been matched."""
    entered_by = Column(Id, nullable=False)
    entered_at_ms = Column(BigInteger, nullable=False)
    booked_by: Named[str | None] = Column(Id)
    booked_at_ms: Named[int | None] = Column(BigInteger)


bank_receipts = Table(
    "bank_receipts",
    metadata,
    BankReceiptColumns,
    UniqueConstraint("bank_reference"),
    amount("amount_fen"),
    CheckConstraint(one_of("status", *ReceiptStatus), name="status"),
    CheckConstraint(f"value_date {DATE}", name="value_date"),
    CheckConstraint(
        "matched_fen >= 0 AND returned_fen >= 0 AND matched_fen + returned_fen <= amount_fen", name="parts"
    ),
    Index(
        "ix_bank_receipts_open",
        "receipt_id",
        postgresql_where=text("status = 'waiting' OR matched_fen + returned_fen < amount_fen"),
    ),
)


class ReceiptMatchColumns(TypedColumns):
    """A part of a bank receipt that pays an award."""

    receipt_id = Column(BigInteger, ForeignKey("bank_receipts.receipt_id"), primary_key=True)
    award_id = Column(Id, ForeignKey("awards.award_id"), primary_key=True)
    amount_fen = Column(BigInteger, nullable=False)
    matched_by = Column(Id, nullable=False)
    at_ms = Column(BigInteger, nullable=False)


receipt_matches = Table(
    "receipt_matches",
    metadata,
    ReceiptMatchColumns,
    amount("amount_fen"),
    Index("ix_receipt_matches_award", "award_id"),
)


class OutgoingTransferColumns(TypedColumns):
    """A receipt, or a part of it, that is sent back to who paid it."""

    transfer_id = Column(Id, primary_key=True)
    receipt_id = Column(BigInteger, ForeignKey("bank_receipts.receipt_id"), nullable=False)
    award_id: Named[str | None] = Column(Id, ForeignKey("awards.award_id"))
    """The award that it had paid; null: none."""
    lot_id = Column(Id, nullable=False)
    """Of the award; empty where there is none."""
    bidder_id: Named[str | None] = Column(Id)
    amount_fen = Column(BigInteger, nullable=False)
    payee_name = Column(Text, nullable=False)
    payee_account = Column(Text, nullable=False)
    why: Named[ReturnReason] = Column(EnumText(ReturnReason), nullable=False)
    reason: Named[str | None] = Column(Text)
    status: Named[TransferStatus] = Column(EnumText(TransferStatus), nullable=False)
    attempts = Column(SmallInteger, nullable=False, server_default=text("0"))
    """How often it was sent."""
    asked_by = Column(Id, nullable=False)
    asked_at_ms = Column(BigInteger, nullable=False)
    sent_by: Named[str | None] = Column(Id)
    sent_at_ms: Named[int | None] = Column(BigInteger)
    bank_reference: Named[str | None] = Column(Id)
    value_date: Named[str | None] = Column(Id)
    failure: Named[str | None] = Column(Text)
    """What the bank said when it was last refused."""
    resolved_at_ms: Named[int | None] = Column(BigInteger)


outgoing_transfers = Table(
    "outgoing_transfers",
    metadata,
    OutgoingTransferColumns,
    UniqueConstraint("bank_reference"),
    amount("amount_fen"),
    CheckConstraint(one_of("status", *TransferStatus), name="status"),
    CheckConstraint(one_of("why", *ReturnReason), name="why"),
    CheckConstraint(
        "(status = 'confirmed') = (bank_reference IS NOT NULL AND value_date IS NOT NULL)", name="confirmed"
    ),
    CheckConstraint(f"value_date {DATE}", name="value_date"),
    Index("ix_outgoing_transfers_receipt", "receipt_id"),
    Index("ix_outgoing_transfers_award", "award_id", postgresql_where=text("award_id IS NOT NULL")),
    Index("ix_outgoing_transfers_open", "asked_at_ms", postgresql_where=text(one_of("status", *OPEN_TRANSFER))),
)


class StatementMappingColumns(TypedColumns):
    """Which columns of a bank's CSV statement hold what, under a name that finance chose."""

    name = Column(Text, primary_key=True)
    columns: Named[dict[str, Any]] = Column(JSONB, nullable=False)
    changed_by = Column(Id, nullable=False)
    changed_at_ms = Column(BigInteger, nullable=False)


statement_mappings = Table("statement_mappings", metadata, StatementMappingColumns)
