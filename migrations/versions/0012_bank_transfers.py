"""Bank transfers: what comes in, the awards it pays, what is sent back; each award has a number for its reference."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NEW_ACCOUNTS = ("bank_cash", "unmatched_receipts", "transfers_payable")
NEW_ACTIONS = ("bank-receipt", "send-transfer")
ACCOUNTS = (
    "cash", "deposits_held", "memo_authorised", "memo_authorised_contra", "refund_payable", "buyer_receivable",
    "seller_clearing", "commission_deferred", "commission_income", "seller_payable", "seller_receivable",
    "forfeit_suspense", "forfeiture_income", "shortfall_receivable", "claim_clearing", "reauction_cost",
)  # fmt: skip
ACTIONS = ("void", "default", "writeoff", "refund-otherwise", "collect")
TABLES = (
    """
    CREATE TABLE bank_receipts (
        receipt_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        bank_reference text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        amount_fen bigint NOT NULL,
        value_date text COLLATE "C" NOT NULL,
        payer_name text NOT NULL,
        payer_account text NOT NULL DEFAULT '',
        remittance text NOT NULL DEFAULT '',
        source text NOT NULL DEFAULT '',
        matched_fen bigint NOT NULL DEFAULT 0,
        returned_fen bigint NOT NULL DEFAULT 0,
        entered_by text COLLATE "C" NOT NULL,
        entered_at_ms bigint NOT NULL,
        booked_by text COLLATE "C",
        booked_at_ms bigint,
        CONSTRAINT pk_bank_receipts PRIMARY KEY (receipt_id),
        CONSTRAINT uq_bank_receipts_bank_reference UNIQUE (bank_reference),
        CONSTRAINT ck_bank_receipts_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000),
        CONSTRAINT ck_bank_receipts_status CHECK (status IN ('waiting', 'booked')),
        CONSTRAINT ck_bank_receipts_value_date CHECK (value_date ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
        CONSTRAINT ck_bank_receipts_parts
            CHECK (matched_fen >= 0 AND returned_fen >= 0 AND matched_fen + returned_fen <= amount_fen)
    )
    """,
    """
    CREATE INDEX ix_bank_receipts_open ON bank_receipts (receipt_id)
        WHERE status = 'waiting' OR matched_fen + returned_fen < amount_fen
    """,
    """
    CREATE TABLE receipt_matches (
        receipt_id bigint NOT NULL,
        award_id text COLLATE "C" NOT NULL,
        amount_fen bigint NOT NULL,
        matched_by text COLLATE "C" NOT NULL,
        at_ms bigint NOT NULL,
        CONSTRAINT pk_receipt_matches PRIMARY KEY (receipt_id, award_id),
        CONSTRAINT fk_receipt_matches_bank_receipts FOREIGN KEY (receipt_id) REFERENCES bank_receipts (receipt_id),
        CONSTRAINT fk_receipt_matches_awards FOREIGN KEY (award_id) REFERENCES awards (award_id),
        CONSTRAINT ck_receipt_matches_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000)
    )
    """,
    "CREATE INDEX ix_receipt_matches_award ON receipt_matches (award_id)",
    """
    CREATE TABLE outgoing_transfers (
        transfer_id text COLLATE "C" NOT NULL,
        receipt_id bigint NOT NULL,
        award_id text COLLATE "C",
        lot_id text COLLATE "C" NOT NULL,
        bidder_id text COLLATE "C",
        amount_fen bigint NOT NULL,
        payee_name text NOT NULL,
        payee_account text NOT NULL,
        why text COLLATE "C" NOT NULL,
        reason text,
        status text COLLATE "C" NOT NULL,
        attempts smallint NOT NULL DEFAULT 0,
        asked_by text COLLATE "C" NOT NULL,
        asked_at_ms bigint NOT NULL,
        sent_by text COLLATE "C",
        sent_at_ms bigint,
        bank_reference text COLLATE "C",
        value_date text COLLATE "C",
        failure text,
        resolved_at_ms bigint,
        CONSTRAINT pk_outgoing_transfers PRIMARY KEY (transfer_id),
        CONSTRAINT uq_outgoing_transfers_bank_reference UNIQUE (bank_reference),
        CONSTRAINT fk_outgoing_transfers_bank_receipts FOREIGN KEY (receipt_id) REFERENCES bank_receipts (receipt_id),
        CONSTRAINT fk_outgoing_transfers_awards FOREIGN KEY (award_id) REFERENCES awards (award_id),
        CONSTRAINT ck_outgoing_transfers_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000),
        CONSTRAINT ck_outgoing_transfers_status CHECK (status IN ('asked', 'sent', 'confirmed', 'failed')),
        CONSTRAINT ck_outgoing_transfers_why CHECK (why IN ('default', 'void', 'unmatched')),
        CONSTRAINT ck_outgoing_transfers_confirmed
            CHECK ((status = 'confirmed') = (bank_reference IS NOT NULL AND value_date IS NOT NULL)),
        CONSTRAINT ck_outgoing_transfers_value_date CHECK (value_date ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$')
    )
    """,
    "CREATE INDEX ix_outgoing_transfers_receipt ON outgoing_transfers (receipt_id)",
    "CREATE INDEX ix_outgoing_transfers_award ON outgoing_transfers (award_id) WHERE award_id IS NOT NULL",
    """
    CREATE INDEX ix_outgoing_transfers_open ON outgoing_transfers (asked_at_ms)
        WHERE status IN ('asked', 'sent', 'failed')
    """,
    """
    CREATE TABLE statement_mappings (
        name text NOT NULL,
        columns jsonb NOT NULL,
        changed_by text COLLATE "C" NOT NULL,
        changed_at_ms bigint NOT NULL,
        CONSTRAINT pk_statement_mappings PRIMARY KEY (name)
    )
    """,
)


def allow(table: str, column: str, *values: str) -> None:
    """Replace the constraint on the values of a column."""
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column} CHECK ({column} IN ({listed}))")


def upgrade() -> None:
    """Add them; awards of before are numbered, too."""
    op.execute("ALTER TABLE awards ADD COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY")
    op.execute("ALTER TABLE awards ADD COLUMN transfer_until_ms bigint")
    op.execute("ALTER TABLE awards ADD CONSTRAINT uq_awards_number UNIQUE (number)")
    for statement in TABLES:
        op.execute(statement)
    op.execute("ALTER TABLE approvals ALTER COLUMN lot_id DROP NOT NULL")
    allow("approvals", "action", *ACTIONS, *NEW_ACTIONS)
    allow("journal_lines", "account", *ACCOUNTS, *NEW_ACCOUNTS)


def downgrade() -> None:
    """Remove them; refused by the database where the journal has entries about transfers."""
    allow("journal_lines", "account", *ACCOUNTS)
    op.execute("DELETE FROM approvals WHERE action IN ('bank-receipt', 'send-transfer')")
    allow("approvals", "action", *ACTIONS)
    op.execute("ALTER TABLE approvals ALTER COLUMN lot_id SET NOT NULL")
    for table in ("statement_mappings", "outgoing_transfers", "receipt_matches", "bank_receipts"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE awards DROP COLUMN transfer_until_ms")
    op.execute("ALTER TABLE awards DROP COLUMN number")
