"""A journal entry caused by a gateway call names an operation that exists."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Every entry that a gateway call caused names an operation that exists."

QUERY = text("""
    SELECT key, cause_ref FROM journal_entries
    WHERE cause = 'gateway-call'
        AND NOT EXISTS (SELECT FROM payment_operations WHERE operation_id = journal_entries.cause_ref)
    ORDER BY key LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"entry {row['key']} names the operation {row['cause_ref']}, which does not exist"
        for row in await tx.rows(QUERY)
    ]
