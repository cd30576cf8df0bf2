"""Nothing moves money without a cause that can be looked up."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Every entry that names a gateway call names one of the books' operations."

BROKEN = text("""
    SELECT key, cause_ref FROM journal_entries
    WHERE cause = 'gateway-call'
        AND NOT EXISTS (SELECT FROM payment_operations WHERE operation_id = journal_entries.cause_ref)
    ORDER BY key LIMIT 100
""")


async def broken(tx: Transaction) -> list[str]:
    """Where the rule does not hold, as sentences."""
    return [
        f"entry {row['key']} names the operation {row['cause_ref']}, which there is not"
        for row in await tx.rows(BROKEN)
    ]
