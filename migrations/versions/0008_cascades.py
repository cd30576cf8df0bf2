"""Runners-up whose deposits stay held, cure periods, waterfalls that are reversed, and what sellers then owe."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ACCOUNTS = (
    "cash",
    "deposits_held",
    "memo_authorised",
    "memo_authorised_contra",
    "refund_payable",
    "buyer_receivable",
    "seller_clearing",
    "commission_deferred",
    "commission_income",
    "seller_payable",
    "forfeit_suspense",
    "forfeiture_income",
    "shortfall_receivable",
    "claim_clearing",
    "reauction_cost",
)


def allow_accounts(*accounts: str) -> None:
    """Replace the constraint on the accounts of journal lines; lines that are there stay."""
    listed = ", ".join(f"'{account}'" for account in accounts)
    op.execute("ALTER TABLE journal_lines DROP CONSTRAINT ck_journal_lines_account")
    op.execute(
        f"ALTER TABLE journal_lines ADD CONSTRAINT ck_journal_lines_account CHECK (account IN ({listed})) NOT VALID"
    )


def upgrade() -> None:
    """Add them; deposits that were kept until a time are kept until the cascade ends."""
    op.execute("ALTER TABLE awards ADD COLUMN cure_until_ms bigint")
    op.execute("ALTER TABLE defaults ADD COLUMN seller_owes_fen bigint NOT NULL DEFAULT 0")
    op.execute(
        """
        CREATE TABLE runners_up (
            lot_id text COLLATE "C" NOT NULL,
            bidder_id text COLLATE "C" NOT NULL,
            kept_at_ms bigint NOT NULL,
            released_at_ms bigint,
            CONSTRAINT pk_runners_up PRIMARY KEY (lot_id, bidder_id),
            CONSTRAINT fk_runners_up_lots FOREIGN KEY (lot_id) REFERENCES lots (lot_id)
        )
        """
    )
    op.execute("CREATE INDEX ix_runners_up_bidder ON runners_up (bidder_id) WHERE released_at_ms IS NULL")
    op.execute(
        """
        INSERT INTO runners_up (lot_id, bidder_id, kept_at_ms)
        SELECT DISTINCT other.lot_id, deposits.bidder_id, settlements.opened_at_ms
        FROM deposits
        JOIN lots AS own ON own.lot_id = deposits.lot_id
        JOIN lots AS other ON other.lot_id = own.lot_id OR (deposits.policy = 'purse' AND other.sale_id = own.sale_id)
        JOIN settlements ON settlements.lot_id = other.lot_id
            AND settlements.state IN ('awarded', 'offered', 'defaulted')
        JOIN registrations
            ON registrations.lot_id = other.lot_id AND registrations.bidder_id = deposits.bidder_id
        WHERE deposits.status = 'held' AND deposits.disposition IS NULL AND deposits.release_by_ms IS NOT NULL
            AND NOT EXISTS (
                SELECT FROM awards WHERE awards.lot_id = other.lot_id AND awards.bidder_id = deposits.bidder_id
            )
        """
    )
    op.execute("ALTER TABLE deposits DROP COLUMN release_by_ms")
    op.execute(
        """
        UPDATE defaults SET resale_lot_id = NULL, resale_price_fen = NULL
        WHERE status IN ('collecting', 'collected') AND EXISTS (
            SELECT FROM settlements WHERE settlements.lot_id = defaults.resale_lot_id AND state <> 'settled'
        )
        """
    )
    allow_accounts(*ACCOUNTS[:10], "seller_receivable", *ACCOUNTS[10:])
    op.execute("ALTER TABLE journal_lines VALIDATE CONSTRAINT ck_journal_lines_account")


def downgrade() -> None:
    """Remove them; runners-up are kept for a month at most."""
    allow_accounts(*ACCOUNTS)
    op.execute("ALTER TABLE deposits ADD COLUMN release_by_ms bigint")
    op.execute(
        """
        UPDATE deposits SET release_by_ms = kept_at_ms + 2592000000 FROM runners_up
        WHERE runners_up.lot_id = deposits.lot_id AND runners_up.bidder_id = deposits.bidder_id
            AND released_at_ms IS NULL AND status = 'held' AND disposition IS NULL
        """
    )
    op.execute("DROP TABLE runners_up")
    op.execute("ALTER TABLE defaults DROP COLUMN seller_owes_fen")
    op.execute("ALTER TABLE awards DROP COLUMN cure_until_ms")
