"""Debits equal credits in every entry, separately in money and in memo accounts."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Every journal entry balances, and money never mixes with memo accounts."

QUERY = text("""
    SELECT key, sum(amount_fen)::bigint AS over_fen,
        coalesce(sum(amount_fen) FILTER (WHERE account LIKE 'memo%'), 0)::bigint AS memo_fen
    FROM journal_lines GROUP BY key
    HAVING sum(amount_fen) <> 0 OR coalesce(sum(amount_fen) FILTER (WHERE account LIKE 'memo%'), 0) <> 0
    UNION ALL
    SELECT key, 0, 0 FROM journal_entries
    WHERE NOT EXISTS (SELECT FROM journal_lines WHERE journal_lines.key = journal_entries.key)
    ORDER BY key LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"entry {row['key']} is {row['over_fen']} fen over, {row['memo_fen']} of it in memo accounts, or has no lines"
        for row in await tx.rows(QUERY)
    ]
