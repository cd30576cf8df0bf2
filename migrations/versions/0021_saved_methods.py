"""Cards that bidders have saved, and customers of the payment provider."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.execute(
        """
        CREATE TABLE provider_customers (
            provider text COLLATE "C" NOT NULL,
            bidder_id text COLLATE "C" NOT NULL,
            customer text NOT NULL,
            CONSTRAINT pk_provider_customers PRIMARY KEY (provider, bidder_id),
            CONSTRAINT fk_provider_customers_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id),
            CONSTRAINT uq_provider_customers_provider_customer UNIQUE (provider, customer)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE saved_methods (
            method_id text COLLATE "C" NOT NULL,
            bidder_id text COLLATE "C" NOT NULL,
            provider text COLLATE "C" NOT NULL,
            setup_ref text NOT NULL,
            payment_method text NOT NULL,
            brand text NOT NULL,
            last4 text NOT NULL,
            exp_month smallint,
            exp_year smallint,
            saved_at_ms bigint NOT NULL,
            removed_at_ms bigint,
            CONSTRAINT pk_saved_methods PRIMARY KEY (method_id),
            CONSTRAINT fk_saved_methods_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id),
            CONSTRAINT uq_saved_methods_provider_setup_ref UNIQUE (provider, setup_ref)
        )
        """
    )
    op.execute("CREATE INDEX ix_saved_methods_bidder ON saved_methods (bidder_id)")


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE saved_methods")
    op.execute("DROP TABLE provider_customers")
