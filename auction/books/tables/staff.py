"""Sign-in accounts, their second factors and sessions, tokens taken back, the audit trail of staff, what waits."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from auction.books.tables.base import EMPTY_OBJECT, NOW_MS, EnumText, Id, metadata, one_of
from auction.domain.approval_actions import ApprovalAction


class AccountColumns(TypedColumns):
    """Who may sign in here: their user name (lower case), the subject of their tokens, and a hash of the password."""

    username = Column(Id, primary_key=True)
    subject = Column(Id, nullable=False)
    name = Column(Text, nullable=False)
    role = Column(Id, nullable=False)
    password_hash = Column(Text, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    version = Column(BigInteger, nullable=False, server_default=text("1"))
    """Counts the changes of role and password, and of whether it may sign in."""
    disabled_at_ms: Named[int | None] = Column(BigInteger)
    """Null: it may sign in."""


accounts = Table(
    "accounts",
    metadata,
    AccountColumns,
    UniqueConstraint("subject"),
    CheckConstraint("username = lower(username)", name="username"),
    CheckConstraint(one_of("role", "bidder", "ops", "finance", "auditor"), name="role"),
)


class SecondFactorColumns(TypedColumns):
    """The authenticator of a member of staff: the secret of its codes, encrypted with a key outside of the database."""

    subject = Column(Id, primary_key=True)
    sealed_secret: Named[str | None] = Column(Text)
    """Null: none is enrolled yet."""
    pending_secret: Named[str | None] = Column(Text)
    """Sealed as well: of an authenticator that has not shown its first code."""
    last_step = Column(BigInteger, nullable=False, server_default=text("0"))
    """The time step (30 s) of the last accepted code; none of an earlier step is accepted."""
    recovery_hashes: Named[list[str]] = Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    """SHA-256 in hex of the recovery codes that are left."""
    enrolled_at_ms: Named[int | None] = Column(BigInteger)


second_factors = Table(
    "second_factors",
    metadata,
    SecondFactorColumns,
    CheckConstraint("(sealed_secret IS NULL) = (enrolled_at_ms IS NULL)", name="enrolled"),
)


class SessionColumns(TypedColumns):
    """A sign-in: the id of its tokens, and what is known of where it was made."""

    session_id = Column(Id, primary_key=True)
    subject = Column(Id, nullable=False)
    client = Column(Text, nullable=False)
    """How the browser or program names itself; empty: it does not."""
    address = Column(Text, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False)
    expires_at_s = Column(BigInteger, nullable=False)
    ended_at_ms: Named[int | None] = Column(BigInteger)
    """Null: it goes on until it expires."""
    last_seen_at_ms: Named[int | None] = Column(BigInteger)
    """To the minute or so. Null: when it began."""


sessions = Table("sessions", metadata, SessionColumns, Index("ix_sessions_subject", "subject", "created_at_ms"))


class TokenRevocationColumns(TypedColumns):
    """A token that was taken back, or all of a subject's that were issued until a time; until they would have ended."""

    revocation_id = Column(BigInteger, Identity(always=True), primary_key=True)
    subject = Column(Id, nullable=False)
    token_id: Named[str | None] = Column(Id)
    issued_until_s: Named[int | None] = Column(BigInteger)
    expires_at_s = Column(BigInteger, nullable=False)
    revoked_by = Column(Id, nullable=False)
    at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


token_revocations = Table(
    "token_revocations",
    metadata,
    TokenRevocationColumns,
    CheckConstraint("(token_id IS NULL) <> (issued_until_s IS NULL)", name="what"),
)


class StaffActionColumns(TypedColumns):
    """Who did what, to which lot, and why. A trigger refuses every change and deletion."""

    action_id = Column(BigInteger, Identity(always=True), primary_key=True)
    actor = Column(Id, nullable=False)
    action = Column(Id, nullable=False)
    sale_id: Named[str | None] = Column(Id)
    lot_id: Named[str | None] = Column(Id)
    reason: Named[str | None] = Column(Text)
    details: Named[dict[str, Any]] = Column(JSONB, nullable=False, server_default=EMPTY_OBJECT)
    at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


staff_actions = Table(
    "staff_actions",
    metadata,
    StaffActionColumns,
    Index("ix_staff_actions_lot", "lot_id", "action_id", postgresql_where=text("lot_id IS NOT NULL")),
    Index("ix_staff_actions_actor", "actor", "action_id"),
)


class AuditChainColumns(TypedColumns):
    """The hash chain over the audit log, in an order of its own. A trigger refuses every change and deletion."""

    position = Column(BigInteger, primary_key=True, autoincrement=False)
    action_id = Column(BigInteger, nullable=False, unique=True)
    sha256 = Column(LargeBinary, nullable=False)
    chained_at_ms = Column(BigInteger, nullable=False)


audit_chain = Table(
    "audit_chain",
    metadata,
    AuditChainColumns,
    CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    CheckConstraint("position >= 1", name="position"),
)


class ApprovalColumns(TypedColumns):
    """An act that needs two persons of staff: requested by one, done when another approves."""

    approval_id = Column(BigInteger, Identity(always=True), primary_key=True)
    lot_id: Named[str | None] = Column(Id, ForeignKey("lots.lot_id"))
    """Null: it is about no lot, such as a bank receipt."""
    action: Named[ApprovalAction] = Column(EnumText(ApprovalAction), nullable=False)
    reason = Column(Text, nullable=False)
    asked_by = Column(Id, nullable=False)
    asked_at_ms = Column(BigInteger, nullable=False)
    expires_at_ms = Column(BigInteger, nullable=False)
    agreed_by: Named[str | None] = Column(Id)
    agreed_at_ms: Named[int | None] = Column(BigInteger)
    subject: Named[str | None] = Column(Id)
    """What of the lot it is about, such as an operation; null: the lot."""
    agreed_key: Named[str | None] = Column(Id)
    """The idempotency key of the call that approved it; null: it had none."""
    withdrawn_by: Named[str | None] = Column(Id)
    withdrawn_at_ms: Named[int | None] = Column(BigInteger)
    asked_session: Named[str | None] = Column(Id)
    """The session (token id) from which it was requested; null: not known."""
    asked_device: Named[str | None] = Column(Id)
    """A hash of the browser's cookie; null: no browser."""


approvals = Table(
    "approvals",
    metadata,
    ApprovalColumns,
    CheckConstraint(one_of("action", *ApprovalAction), name="action"),
    CheckConstraint("agreed_by <> asked_by", name="two_persons"),
    Index("ix_approvals_lot", "lot_id"),
)
