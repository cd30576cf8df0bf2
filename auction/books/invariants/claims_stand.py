"""What defaulters owe in the journal is what is claimed of them."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "shortfall_receivable is what is left of the claims that are not written off."

QUERY = text("""
    WITH account AS (
        SELECT bidder_id, sum(amount_fen) AS fen FROM journal_lines
        WHERE account = 'shortfall_receivable' GROUP BY bidder_id
    ), claimed AS (
        SELECT bidder_id, sum(claim_fen - collected_fen - reduced_fen) AS fen FROM defaults
        WHERE NOT written_off AND status <> 'returned' GROUP BY bidder_id
    )
    SELECT coalesce(account.bidder_id, claimed.bidder_id) AS bidder_id,
        coalesce(account.fen, 0)::bigint AS booked_fen, coalesce(claimed.fen, 0)::bigint AS claimed_fen
    FROM account FULL JOIN claimed ON claimed.bidder_id = account.bidder_id
    WHERE coalesce(account.fen, 0) <> coalesce(claimed.fen, 0)
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"bidder {row['bidder_id']}: {row['booked_fen']} fen in shortfall_receivable, {row['claimed_fen']} claimed"
        for row in await tx.rows(QUERY)
    ]
