"""Events of payment providers, exceptions among them, and payments that were taken back at a provider."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

DEPOSIT_STATUSES = ("pending", "held", "failed", "releasing", "released", "applied", "forfeited", "lapsed")
CAUSES = ("lot-event", "gateway-call", "staff-action", "bidder-action", "deadline")
ACCOUNTS = (
    "cash", "deposits_held", "memo_authorised", "memo_authorised_contra", "refund_payable", "buyer_receivable",
    "seller_clearing", "commission_deferred", "commission_income", "seller_payable", "seller_receivable",
    "forfeit_suspense", "forfeiture_income", "shortfall_receivable", "claim_clearing", "reauction_cost", "bank_cash",
    "unmatched_receipts", "transfers_payable",
)  # fmt: skip


def listed(values: tuple[str, ...]) -> str:
    """The values as a list in SQL."""
    return ", ".join(f"'{value}'" for value in values)


def allow(table: str, column: str, *values: str) -> None:
    """Replace the constraint on the values of a column."""
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column} CHECK ({column} IN ({listed(values)}))")


def allow_accounts(*accounts: str) -> None:
    """Replace the constraint on accounts; lines of before are not looked at."""
    op.execute("ALTER TABLE journal_lines DROP CONSTRAINT ck_journal_lines_account")
    op.execute(
        "ALTER TABLE journal_lines ADD CONSTRAINT ck_journal_lines_account "
        f"CHECK (account IN ({listed(accounts)})) NOT VALID"
    )


def upgrade() -> None:
    """Add them."""
    allow("deposits", "status", *DEPOSIT_STATUSES, "disputed")
    allow("journal_entries", "cause", *CAUSES, "provider-event")
    allow_accounts(*ACCOUNTS, "dispute_receivable", "dispute_loss")
    op.execute("ALTER TABLE journal_lines VALIDATE CONSTRAINT ck_journal_lines_account")
    op.execute(
        """
        CREATE TABLE provider_events (
            event_number bigint GENERATED ALWAYS AS IDENTITY,
            provider text COLLATE "C" NOT NULL,
            event_id text COLLATE "C" NOT NULL,
            type text COLLATE "C" NOT NULL,
            kind text COLLATE "C",
            operation_id text COLLATE "C",
            opening_id text COLLATE "C",
            ref text NOT NULL,
            payment_ref text,
            amount_fen bigint,
            reply jsonb NOT NULL,
            payload text NOT NULL,
            digest text COLLATE "C" NOT NULL,
            received_at_ms bigint NOT NULL,
            status text COLLATE "C" NOT NULL,
            reason text COLLATE "C",
            lot_id text COLLATE "C",
            bidder_id text COLLATE "C",
            tries integer NOT NULL DEFAULT 0,
            next_try_at_ms bigint NOT NULL,
            closed_by text COLLATE "C",
            closed_reason text,
            closed_at_ms bigint,
            CONSTRAINT pk_provider_events PRIMARY KEY (event_number),
            CONSTRAINT uq_provider_events_provider_event_id UNIQUE (provider, event_id),
            CONSTRAINT ck_provider_events_type CHECK (type IN (
                'outcome', 'hold-cancelled', 'hold-expired', 'hold-captured', 'refunded', 'refund-failed',
                'dispute-inquiry', 'dispute-opened', 'dispute-won', 'dispute-lost', 'other-currency', 'other'
            )),
            CONSTRAINT ck_provider_events_status CHECK (
                status IN ('received', 'applied', 'harmless', 'open', 'closed')
            ),
            CONSTRAINT ck_provider_events_reason CHECK ((status IN ('open', 'closed')) = (reason IS NOT NULL)),
            CONSTRAINT ck_provider_events_closed CHECK (
                (status = 'closed') = (closed_by IS NOT NULL AND closed_reason IS NOT NULL)
            )
        )
        """
    )
    op.execute("CREATE INDEX ix_provider_events_ref ON provider_events (ref)")
    op.execute("CREATE INDEX ix_provider_events_due ON provider_events (next_try_at_ms) WHERE status = 'received'")
    op.execute(
        "CREATE INDEX ix_provider_events_exceptions ON provider_events (event_number) "
        "WHERE status IN ('open', 'closed')"
    )
    op.execute(
        """
        CREATE TABLE reversals (
            reversal_id text COLLATE "C" NOT NULL,
            kind text COLLATE "C" NOT NULL,
            provider text COLLATE "C" NOT NULL,
            ref text NOT NULL,
            operation_id text COLLATE "C" NOT NULL,
            deposit_id text COLLATE "C",
            award_id text COLLATE "C",
            lot_id text COLLATE "C" NOT NULL,
            bidder_id text COLLATE "C" NOT NULL,
            amount_fen bigint NOT NULL,
            status text COLLATE "C" NOT NULL,
            clawed_back_fen bigint NOT NULL DEFAULT 0,
            seller_owes_fen bigint NOT NULL DEFAULT 0,
            opened_at_ms bigint NOT NULL,
            decided_at_ms bigint,
            CONSTRAINT pk_reversals PRIMARY KEY (reversal_id),
            CONSTRAINT uq_reversals_provider_ref UNIQUE (provider, ref),
            CONSTRAINT fk_reversals_payment_operations FOREIGN KEY (operation_id)
                REFERENCES payment_operations (operation_id),
            CONSTRAINT fk_reversals_deposits FOREIGN KEY (deposit_id) REFERENCES deposits (deposit_id),
            CONSTRAINT fk_reversals_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id),
            CONSTRAINT fk_reversals_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id),
            CONSTRAINT ck_reversals_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000),
            CONSTRAINT ck_reversals_kind CHECK (kind IN ('dispute', 'refund')),
            CONSTRAINT ck_reversals_status CHECK (status IN ('open', 'won', 'lost')),
            CONSTRAINT ck_reversals_clawed_back_fen CHECK (
                0 <= seller_owes_fen AND seller_owes_fen <= clawed_back_fen AND clawed_back_fen <= amount_fen
            )
        )
        """
    )
    op.execute("CREATE INDEX ix_reversals_award ON reversals (award_id) WHERE award_id IS NOT NULL")
    op.execute("CREATE INDEX ix_reversals_operation ON reversals (operation_id)")
    op.execute("CREATE INDEX ix_reversals_bidder ON reversals (bidder_id)")
    op.execute("CREATE INDEX ix_reversals_lot ON reversals (lot_id)")


def downgrade() -> None:
    """Remove them; a disputed deposit is held again, and entries name the provider's call as their cause."""
    op.execute("DROP TABLE reversals")
    op.execute("DROP TABLE provider_events")
    op.execute("UPDATE deposits SET status = 'held' WHERE status = 'disputed'")
    op.execute("ALTER TABLE journal_entries DISABLE TRIGGER USER")
    op.execute("UPDATE journal_entries SET cause = 'deadline' WHERE cause = 'provider-event'")
    op.execute("ALTER TABLE journal_entries ENABLE TRIGGER USER")
    allow("journal_entries", "cause", *CAUSES)
    allow_accounts(*ACCOUNTS)
    allow("deposits", "status", *DEPOSIT_STATUSES)
