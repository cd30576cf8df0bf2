"""A deposit that has ended has one entry in the journal that ends it, and the one of its disposition."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Every deposit ends exactly once, according to its disposition."

QUERY = text("""
    WITH ends AS (
        SELECT deposits.deposit_id, deposits.status, deposits.disposition, deposits.captured_fen,
            (SELECT count(*) FROM journal_entries WHERE key = 'deposit-applied:' || deposit_id) AS applied,
            (SELECT count(*) FROM journal_entries WHERE key = 'deposit-forfeited:' || deposit_id) AS forfeited,
            (SELECT count(*) FROM journal_entries WHERE key = 'authorisation-ended:' || deposit_id) AS ended,
            (SELECT count(*) FROM journal_entries WHERE key = 'refund-owed:refund-' || deposit_id) AS owed,
            (SELECT count(*) FROM journal_entries WHERE key = 'deposit-lost:' || deposit_id) AS lost
        FROM deposits
    )
    SELECT deposit_id, status, disposition, applied, forfeited, ended, owed, lost FROM ends
    WHERE applied + forfeited + ended + owed + lost <> CASE
            WHEN status IN ('applied', 'forfeited', 'released', 'lapsed') THEN 1
            WHEN status = 'releasing' AND captured_fen IS NOT NULL THEN 1
            ELSE 0 END
        OR (applied = 1 AND disposition <> 'apply') OR (forfeited = 1 AND disposition <> 'forfeit')
        OR (owed = 1 AND disposition NOT IN ('release', 'apply'))
    ORDER BY deposit_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        (
            f"deposit {row['deposit_id']} is {row['status']}, to {row['disposition']}: applied {row['applied']}, "
            f"forfeited {row['forfeited']}, authorisation ended {row['ended']}, refund owed {row['owed']} times"
            + (f", lost by a dispute {row['lost']} times" if row["lost"] else "")
        )
        for row in await tx.rows(QUERY)
    ]
