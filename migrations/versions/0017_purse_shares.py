"""Shares of purses: what each award takes of one, and what is held behind it."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATUSES = ("pending", "held", "failed", "releasing", "released", "applied", "forfeited", "lapsed", "disputed")


def allow_statuses(*statuses: str) -> None:
    """Replace the constraint on the statuses of deposits."""
    listed = ", ".join(f"'{status}'" for status in statuses)
    op.execute("ALTER TABLE deposits DROP CONSTRAINT ck_deposits_status")
    op.execute(f"ALTER TABLE deposits ADD CONSTRAINT ck_deposits_status CHECK (status IN ({listed}))")


def upgrade() -> None:
    """Add them. Purses of sales that go on are sent to the ledger with what is held; awards that are due get shares."""
    op.execute("ALTER TABLE deposits ADD COLUMN shared_fen bigint NOT NULL DEFAULT 0")
    op.execute('ALTER TABLE deposits ADD COLUMN part_of text COLLATE "C"')
    op.execute(
        "ALTER TABLE deposits ADD CONSTRAINT fk_deposits_part_of FOREIGN KEY (part_of) REFERENCES deposits (deposit_id)"
    )
    op.execute("ALTER TABLE deposits ADD CONSTRAINT ck_deposits_shared_fen CHECK (shared_fen BETWEEN 0 AND amount_fen)")
    op.execute("CREATE INDEX ix_deposits_part_of ON deposits (part_of) WHERE part_of IS NOT NULL")
    allow_statuses(*STATUSES, "shared")
    op.execute("ALTER TABLE registrations ADD COLUMN held_fen bigint")
    op.execute("ALTER TABLE registrations ADD COLUMN share_fen bigint")
    op.execute(
        """
        UPDATE registrations SET held_fen = (
            SELECT coalesce(sum(deposits.amount_fen), 0) FROM deposits
            JOIN lots AS others ON others.lot_id = deposits.lot_id AND others.sale_id = lots.sale_id
            WHERE deposits.bidder_id = registrations.bidder_id AND deposits.policy = 'purse'
                AND deposits.status = 'held' AND deposits.disposition IS NULL
        ), power_version = power_version + 1
        FROM lots WHERE lots.lot_id = registrations.lot_id AND registrations.purse_fen IS NOT NULL
        """
    )
    op.execute(
        """
        WITH due AS (
            SELECT awards.lot_id, awards.bidder_id, registrations.held_fen,
                ceil(awards.price_fen / (lots.terms#>>'{deposit,multiplier}')::numeric) AS share_fen,
                sum(ceil(awards.price_fen / (lots.terms#>>'{deposit,multiplier}')::numeric))
                    OVER (PARTITION BY lots.sale_id, awards.bidder_id ORDER BY awards.awarded_at_ms, awards.award_id)
                    AS up_to_fen
            FROM awards
            JOIN lots ON lots.lot_id = awards.lot_id
            JOIN registrations ON registrations.lot_id = awards.lot_id AND registrations.bidder_id = awards.bidder_id
            WHERE awards.status = 'due' AND registrations.held_fen IS NOT NULL
        )
        UPDATE registrations
        SET share_fen = greatest(0, least(due.share_fen, due.held_fen - due.up_to_fen + due.share_fen))
        FROM due WHERE due.lot_id = registrations.lot_id AND due.bidder_id = registrations.bidder_id
        """
    )
    op.execute(
        "ALTER TABLE registrations ADD CONSTRAINT ck_registrations_held_fen "
        "CHECK ((held_fen IS NULL) = (purse_fen IS NULL) AND held_fen >= 0)"
    )
    op.execute("ALTER TABLE registrations ADD CONSTRAINT ck_registrations_share_fen CHECK (share_fen >= 0)")
    op.execute("CREATE INDEX ix_registrations_shares ON registrations (bidder_id) WHERE share_fen > 0")


def downgrade() -> None:
    """Remove them; a purse whose shares were taken out cannot be put together again."""
    op.execute("DROP INDEX ix_registrations_shares")
    op.execute("ALTER TABLE registrations DROP COLUMN share_fen")
    op.execute("ALTER TABLE registrations DROP COLUMN held_fen")
    op.execute("DROP INDEX ix_deposits_part_of")
    op.execute("UPDATE deposits SET status = 'released', disposition = 'release' WHERE status = 'shared'")
    allow_statuses(*STATUSES)
    op.execute("ALTER TABLE deposits DROP COLUMN part_of")
    op.execute("ALTER TABLE deposits DROP COLUMN shared_fen")
