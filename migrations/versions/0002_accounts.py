"""Accounts: sign-in with a password of the house's own.

What the columns mean is told in `auction/books/tables`.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# the transaction's time, UTC ms
NOW_MS = "(EXTRACT(epoch FROM now()) * 1000)::bigint"

ACCOUNTS = f"""
    CREATE TABLE accounts (
        username        text COLLATE "C" NOT NULL,
        subject         text COLLATE "C" NOT NULL,
        name            text NOT NULL,
        role            text COLLATE "C" NOT NULL,
        password_hash   text NOT NULL,
        created_at_ms   bigint NOT NULL DEFAULT {NOW_MS},
        CONSTRAINT pk_accounts PRIMARY KEY (username),
        CONSTRAINT uq_accounts_subject UNIQUE (subject),
        CONSTRAINT ck_accounts_username CHECK (username = lower(username)),
        CONSTRAINT ck_accounts_role CHECK (role IN ('bidder', 'ops', 'finance', 'auditor'))
    )
"""


def upgrade() -> None:
    """Create the accounts."""
    op.execute(ACCOUNTS)


def downgrade() -> None:
    """Remove every account."""
    op.execute("DROP TABLE accounts")
