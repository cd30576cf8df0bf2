"""A journal entry caused by a gateway call or a provider's event names an operation or event that exists."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Every entry that a gateway call or an event of the provider caused names one that exists."

QUERY = text("""
    SELECT key, cause_ref, CASE cause WHEN 'gateway-call' THEN 'operation' ELSE 'event' END AS kind
    FROM journal_entries
    WHERE (cause = 'gateway-call'
            AND NOT EXISTS (SELECT FROM payment_operations WHERE operation_id = journal_entries.cause_ref))
        OR (cause = 'provider-event'
            AND NOT EXISTS (SELECT FROM provider_events WHERE event_number::text = journal_entries.cause_ref))
    ORDER BY key LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"entry {row['key']} names the {row['kind']} {row['cause_ref']}, which does not exist"
        for row in await tx.rows(QUERY)
    ]
