"""Repeated payment operations say what they repeat, and columns take the names of the code.

Until now the id of a repeated operation said both: `refund-d1.3` is the third try of `refund-d1`. Ids stay as they are.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RENAMED = (
    ("deposits", "why", "reason"),
    ("registrations", "power_no", "power_version"),
    ("registrations", "told_no", "synced_version"),
)


def rename_column(table: str, old: str, new: str) -> None:
    """Rename a column, and its NOT NULL constraint where the server keeps one by name (PostgreSQL 18 and later)."""
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_constraint WHERE conname = '{table}_{old}_not_null') THEN
                ALTER TABLE {table} RENAME CONSTRAINT {table}_{old}_not_null TO {table}_{new}_not_null;
            END IF;
        END $$
        """
    )


def upgrade() -> None:
    """Rename the columns and split the ids of repeated operations."""
    for table, old, new in RENAMED:
        rename_column(table, old, new)
    op.execute("ALTER INDEX ix_registrations_to_tell RENAME TO ix_registrations_to_sync")
    op.execute(
        "ALTER TABLE payment_operations "
        'ADD COLUMN first_operation_id text COLLATE "C", ADD COLUMN attempt_number integer'
    )
    op.execute(
        """
        UPDATE payment_operations
        SET first_operation_id = split_part(operation_id, '.', 1),
            attempt_number = COALESCE(NULLIF(split_part(operation_id, '.', 2), '')::integer, 1)
        """
    )
    op.execute(
        "ALTER TABLE payment_operations "
        "ALTER COLUMN first_operation_id SET NOT NULL, ALTER COLUMN attempt_number SET NOT NULL"
    )


def downgrade() -> None:
    """Take the names of revision 0003 again; the ids still say what was repeated."""
    op.execute("ALTER TABLE payment_operations DROP COLUMN first_operation_id, DROP COLUMN attempt_number")
    op.execute("ALTER INDEX ix_registrations_to_sync RENAME TO ix_registrations_to_tell")
    for table, old, new in RENAMED:
        rename_column(table, new, old)
