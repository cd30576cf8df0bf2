"""What staff decide about a loss of the ledger: restored lots, and bidders' claims of lost bids."""

import msgspec
from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NOW_MS = "(EXTRACT(epoch FROM now()) * 1000)::bigint"
SEQ_STEP = 1_000_000
"""A `restored` event has a multiple of this for its seq."""


def upgrade() -> None:
    """Add the tables; the lots that were restored before are noted."""
    op.execute(
        """
        CREATE TABLE restored_lots (
            lot_id text COLLATE "C" NOT NULL,
            seq bigint NOT NULL,
            epoch bigint NOT NULL,
            at_ms bigint NOT NULL,
            archived_seq bigint NOT NULL,
            lost_to_seq bigint NOT NULL,
            decided_at_ms bigint,
            decided_by text,
            reason text,
            CONSTRAINT pk_restored_lots PRIMARY KEY (lot_id, seq)
        )
        """
    )
    op.execute("CREATE INDEX ix_restored_lots_undecided ON restored_lots (lot_id) WHERE decided_at_ms IS NULL")
    op.execute(
        f"""
        CREATE TABLE bid_claims (
            claim_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_bid_claims PRIMARY KEY,
            lot_id text COLLATE "C" NOT NULL,
            seq bigint NOT NULL,
            bidder_id text COLLATE "C" NOT NULL,
            amount_fen bigint NOT NULL,
            at_ms bigint NOT NULL,
            receipt text NOT NULL,
            claimed_at_ms bigint NOT NULL DEFAULT {NOW_MS},
            status text COLLATE "C" NOT NULL DEFAULT 'open',
            decided_at_ms bigint,
            decided_by text,
            reason text,
            CONSTRAINT ck_bid_claims_status CHECK (status IN ('open', 'accepted', 'declined')),
            CONSTRAINT ck_bid_claims_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000),
            CONSTRAINT uq_bid_claims_receipt UNIQUE (lot_id, seq, bidder_id, receipt)
        )
        """
    )
    note_restored_lots()


def note_restored_lots() -> None:
    """Copy what `restored` events say, which are the first ones of their entries."""
    connection = op.get_bind()
    entries = connection.execute(
        text(
            """
            SELECT lot_id, at_ms, packed FROM ledger_entries
            WHERE first_seq % :step = 0
                AND lot_id IN (SELECT lot_id FROM staff_actions WHERE action = 'restore-lot')
            """
        ),
        {"step": SEQ_STEP},
    )
    for lot_id, at_ms, packed in entries.all():
        kind, *fields = msgspec.msgpack.decode(packed)[0]
        if kind == "restored":
            epoch, seq, archived_seq, lost_to_seq = fields[:4]
            connection.execute(
                text("INSERT INTO restored_lots VALUES (:lot_id, :seq, :epoch, :at_ms, :archived_seq, :lost_to_seq)"),
                {
                    "lot_id": lot_id,
                    "seq": seq,
                    "epoch": epoch,
                    "at_ms": at_ms,
                    "archived_seq": archived_seq,
                    "lost_to_seq": lost_to_seq,
                },
            )


def downgrade() -> None:
    """Remove them, with every claim and decision."""
    op.execute("DROP TABLE bid_claims")
    op.execute("DROP TABLE restored_lots")
