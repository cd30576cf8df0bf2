"""The books' tables, typed; the migrations build the same ones by hand and a test compares the two.

Amounts are fen, times UTC ms, both BIGINT. Identifiers compare byte by byte (collation "C"): their order means
nothing to people, and the archive's indexes are faster so. What the archive writes (`ledger_entries`, `bids`,
`lot_results`) has no foreign keys: the ledger's word is written down even where the books know less, and a
million bids are not looked up one by one. Drafts and everything staff enter do have them.

What moves money is in `money_tables`.
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
    LargeBinary,
    MetaData,
    Named,
    SmallInteger,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from auction.domain.money import FEN_MAX, FEN_MIN

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
metadata = MetaData(naming_convention=NAMING)

Id = Text(collation="C")
NOW_MS = text("(EXTRACT(epoch FROM now()) * 1000)::bigint")
"""The transaction's time; for what staff and bidders enter. What the ledger says has the ledger's time."""
NOTHING = text("'{}'::jsonb")

PURSE_MAX = 2**53 - 1
"""The ledger counts in doubles; a purse beyond this would not be exact there."""


def one_of(column: str, *words: str) -> str:
    """The condition that a column holds one of these words."""
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def amount(column: str) -> CheckConstraint:
    """That a column holds an amount of money."""
    return CheckConstraint(f"{column} BETWEEN {FEN_MIN} AND {FEN_MAX}", name=column)


def identifier(column: str) -> CheckConstraint:
    """That a column holds an id of a sale or lot."""
    return CheckConstraint(f"{column} ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length({column}) <= 64", name=column)


class SaleColumns(TypedColumns):
    """One launch event."""

    sale_id = Column(Id, primary_key=True)
    title = Column(Text, nullable=False)
    created_by = Column(Id, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


sales = Table("sales", metadata, SaleColumns, identifier("sale_id"))


class LotColumns(TypedColumns):
    """What is bid for. Terms are frozen, and hashed, when the lot is scheduled; from then the status is archived."""

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
    """The lot whose buyer did not pay."""


lots = Table(
    "lots",
    metadata,
    LotColumns,
    UniqueConstraint("sale_id", "number"),
    identifier("lot_id"),
    CheckConstraint("number >= 1", name="number"),
    amount("list_price_fen"),
    CheckConstraint("length(terms_sha256) = 64", name="terms_sha256"),
    CheckConstraint(
        one_of("status", "draft", "scheduled", "open", "paused", "held", "closed", "void"),
        name="status",
    ),
    CheckConstraint("closes_at_ms > opens_at_ms", name="schedule"),
    # the clerk and the reconciler look for what is scheduled among what is mostly over
    Index("ix_lots_scheduled", "lot_id", postgresql_where=text("status = 'scheduled'")),
)


class BidderColumns(TypedColumns):
    """A registered person: the subject of their token, and the name they gave; how well the house knows them."""

    bidder_id = Column(Id, primary_key=True)
    name = Column(Text, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    identity_level = Column(SmallInteger, nullable=False, server_default=text("0"))
    """0: a name only; higher: verified further. The house's rules cap the limit by it."""


bidders = Table(
    "bidders", metadata, BidderColumns, CheckConstraint("identity_level BETWEEN 0 AND 9", name="identity_level")
)


class BidderMarkColumns(TypedColumns):
    """What two accounts of one person have in common, hashed: a verified identity, a payment instrument, a device."""

    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    kind = Column(Id, primary_key=True)
    mark = Column(Id, primary_key=True)
    seen_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


bidder_marks = Table(
    "bidder_marks",
    metadata,
    BidderMarkColumns,
    CheckConstraint(one_of("kind", "identity", "instrument", "device"), name="kind"),
    CheckConstraint("length(mark) = 64", name="mark"),
    Index("ix_bidder_marks_mark", "kind", "mark"),
)


class PaddleColumns(TypedColumns):
    """A bidder's number on one sale, from 1 without a hole: the only name the public sees."""

    sale_id = Column(Id, ForeignKey("sales.sale_id"), primary_key=True)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    paddle = Column(Integer, nullable=False)


paddles = Table(
    "paddles",
    metadata,
    PaddleColumns,
    UniqueConstraint("sale_id", "paddle"),
    CheckConstraint("paddle >= 1", name="paddle"),
)


class RegistrationColumns(TypedColumns):
    """A bidder's right to bid on a lot; `admitted_at_ms` is when the ledger took it, null until that is archived."""

    lot_id = Column(Id, ForeignKey("lots.lot_id"), primary_key=True)
    bidder_id = Column(Id, ForeignKey("bidders.bidder_id"), primary_key=True)
    paddle = Column(Integer, nullable=False)
    limit_fen: Named[int | None] = Column(BigInteger)
    purse_fen: Named[int | None] = Column(BigInteger)
    terms_sha256 = Column(Id, nullable=False)
    registered_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)
    admitted_at_ms: Named[int | None] = Column(BigInteger)
    power_version = Column(Integer, nullable=False, server_default=text("1"))
    """Counts changes of limit and purse."""
    synced_version = Column(Integer, nullable=False, server_default=text("0"))
    """The last change that the ledger was told of."""


registrations = Table(
    "registrations",
    metadata,
    RegistrationColumns,
    CheckConstraint("paddle >= 1", name="paddle"),
    CheckConstraint(f"limit_fen BETWEEN 0 AND {FEN_MAX}", name="limit_fen"),
    CheckConstraint(f"purse_fen BETWEEN 0 AND {PURSE_MAX}", name="purse_fen"),
    CheckConstraint("length(terms_sha256) = 64", name="terms_sha256"),
    Index("ix_registrations_bidder", "bidder_id"),
    Index("ix_registrations_not_admitted", "registered_at_ms", postgresql_where=text("admitted_at_ms IS NULL")),
    Index("ix_registrations_to_sync", "registered_at_ms", postgresql_where=text("synced_version < power_version")),
)


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
    """SHA-256 over every event of the lot up to and with `last_seq` (`auction.books.chain`)."""
    shard = Column(SmallInteger, nullable=False)
    stream_id = Column(Id, nullable=False)


ledger_entries = Table(
    "ledger_entries",
    metadata,
    LedgerEntryColumns,
    CheckConstraint("first_seq >= 1 AND last_seq >= first_seq", name="seqs"),
    CheckConstraint("length(head) = 32", name="head"),
)


class BidColumns(TypedColumns):
    """An accepted bid: what was offered, the price it made, whether it led, and the end in force after it."""

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


# Two indexes and no more: the page of a lot's bids, and once per key. Each further one slows the archive.
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
    CheckConstraint(one_of("outcome", "sold", "no-bids", "reserve-unmet", "void"), name="outcome"),
    CheckConstraint(one_of("cause", "time", "cap", "staff"), name="cause"),
    CheckConstraint(
        "(outcome = 'sold') = (winner_id IS NOT NULL) AND (outcome = 'sold') = (winner_paddle IS NOT NULL)",
        name="winner",
    ),
    CheckConstraint("(outcome IN ('sold', 'reserve-unmet')) = (hammer_price_fen IS NOT NULL)", name="price"),
    amount("hammer_price_fen"),
)


class StaffActionColumns(TypedColumns):
    """Who did what, to which lot, and why. Never changed, never deleted: the database refuses."""

    action_id = Column(BigInteger, Identity(always=True), primary_key=True)
    actor = Column(Id, nullable=False)
    action = Column(Id, nullable=False)
    sale_id: Named[str | None] = Column(Id)
    lot_id: Named[str | None] = Column(Id)
    reason: Named[str | None] = Column(Text)
    details: Named[dict[str, Any]] = Column(JSONB, nullable=False, server_default=NOTHING)
    at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


staff_actions = Table(
    "staff_actions",
    metadata,
    StaffActionColumns,
    Index("ix_staff_actions_lot", "lot_id", "action_id", postgresql_where=text("lot_id IS NOT NULL")),
)


class ArchiveCursorColumns(TypedColumns):
    """How far each shard's stream is written down; changes only together with what was written."""

    shard = Column(SmallInteger, primary_key=True, autoincrement=False)
    stream_id = Column(Id, nullable=False)


archive_cursors = Table("archive_cursors", metadata, ArchiveCursorColumns)


class LedgerIdentityColumns(TypedColumns):
    """Of which ledger these are the books: one row, written at the first start."""

    one_row = Column(Boolean, primary_key=True, server_default=text("true"))
    shards = Column(SmallInteger, nullable=False)
    layout = Column(Id, nullable=False)


ledger_identity = Table(
    "ledger_identity",
    metadata,
    LedgerIdentityColumns,
    CheckConstraint("one_row", name="one_row"),
    CheckConstraint("shards BETWEEN 1 AND 16384", name="shards"),
)


class AccountColumns(TypedColumns):
    """Who may sign in here: the name they give (lower case), whom their tokens speak for, and a password's hash."""

    username = Column(Id, primary_key=True)
    subject = Column(Id, nullable=False)
    name = Column(Text, nullable=False)
    role = Column(Id, nullable=False)
    password_hash = Column(Text, nullable=False)
    created_at_ms = Column(BigInteger, nullable=False, server_default=NOW_MS)


accounts = Table(
    "accounts",
    metadata,
    AccountColumns,
    UniqueConstraint("subject"),
    CheckConstraint("username = lower(username)", name="username"),
    CheckConstraint(one_of("role", "bidder", "ops", "finance", "auditor"), name="role"),
)
