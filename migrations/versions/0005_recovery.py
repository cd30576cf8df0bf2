"""What is kept against a loss of the ledger: its id, marks of what was acknowledged, frozen lots, entries set aside."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATUSES = ("draft", "scheduled", "open", "paused", "held", "closed", "void")
NOW_MS = "(EXTRACT(epoch FROM now()) * 1000)::bigint"


def allow_statuses(*statuses: str) -> None:
    """Replace the constraint on the status of lots."""
    listed = ", ".join(f"'{status}'" for status in statuses)
    op.execute("ALTER TABLE lots DROP CONSTRAINT ck_lots_status")
    op.execute(f"ALTER TABLE lots ADD CONSTRAINT ck_lots_status CHECK (status IN ({listed}))")


def upgrade() -> None:
    """Add the tables, the ledger's id, and the status `frozen`."""
    op.execute('ALTER TABLE ledger_identity ADD COLUMN lineage text COLLATE "C"')
    allow_statuses("draft", "scheduled", "open", "paused", "held", "frozen", "closed", "void")
    op.execute(
        f"""
        CREATE TABLE acknowledged_marks (
            lot_id text COLLATE "C" NOT NULL CONSTRAINT pk_acknowledged_marks PRIMARY KEY,
            epoch bigint NOT NULL,
            seq bigint NOT NULL,
            chain text COLLATE "C" NOT NULL,
            noted_at_ms bigint NOT NULL DEFAULT {NOW_MS}
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE frozen_lots (
            lot_id text COLLATE "C" NOT NULL,
            found_at_ms bigint NOT NULL DEFAULT {NOW_MS},
            cause text COLLATE "C" NOT NULL,
            detail text NOT NULL,
            archived_seq bigint NOT NULL,
            entered_at_ms bigint,
            restored_at_ms bigint,
            CONSTRAINT pk_frozen_lots PRIMARY KEY (lot_id, found_at_ms),
            CONSTRAINT ck_frozen_lots_cause CHECK (cause IN ('forked', 'incomplete', 'damaged', 'behind'))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX uq_frozen_lots_lot_id ON frozen_lots (lot_id) WHERE restored_at_ms IS NULL")
    op.execute(
        """
        CREATE TABLE entries_set_aside (
            shard smallint NOT NULL,
            stream_id text COLLATE "C" NOT NULL,
            chain text COLLATE "C" NOT NULL,
            lot_id text COLLATE "C" NOT NULL,
            epoch bigint NOT NULL,
            first_seq bigint NOT NULL,
            last_seq bigint NOT NULL,
            at_ms bigint NOT NULL,
            packed bytea NOT NULL,
            CONSTRAINT pk_entries_set_aside PRIMARY KEY (shard, stream_id, chain)
        )
        """
    )
    op.execute("CREATE INDEX ix_entries_set_aside_lot_id_first_seq ON entries_set_aside (lot_id, first_seq)")


def downgrade() -> None:
    """Remove them; frozen lots count as paused."""
    op.execute("DROP TABLE entries_set_aside")
    op.execute("DROP TABLE frozen_lots")
    op.execute("DROP TABLE acknowledged_marks")
    op.execute("UPDATE lots SET status = 'paused' WHERE status = 'frozen'")
    allow_statuses(*STATUSES)
    op.execute("ALTER TABLE ledger_identity DROP COLUMN lineage")
