"""The account of disputes is what undecided ones have taken, for each bidder."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "dispute_receivable is the sum of what undecided disputes have taken."

QUERY = text("""
    WITH account AS (
        SELECT bidder_id, sum(amount_fen) AS fen FROM journal_lines
        WHERE account = 'dispute_receivable' GROUP BY bidder_id
    ), undecided AS (
        SELECT bidder_id, sum(amount_fen) AS fen FROM reversals WHERE status = 'open' GROUP BY bidder_id
    )
    SELECT coalesce(account.bidder_id, undecided.bidder_id) AS bidder_id,
        coalesce(account.fen, 0)::bigint AS booked_fen, coalesce(undecided.fen, 0)::bigint AS undecided_fen
    FROM account FULL JOIN undecided ON undecided.bidder_id = account.bidder_id
    WHERE coalesce(account.fen, 0) <> coalesce(undecided.fen, 0)
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"bidder {row['bidder_id']}: {row['booked_fen']} fen in dispute_receivable, {row['undecided_fen']} undecided"
        for row in await tx.rows(QUERY)
    ]
