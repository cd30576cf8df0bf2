"""The memo accounts are what the provider reserves, for each bidder."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "memo_authorised is the sum of the authorised deposits."

QUERY = text("""
    WITH account AS (
        SELECT bidder_id, sum(amount_fen) AS fen FROM journal_lines
        WHERE account = 'memo_authorised' GROUP BY bidder_id
    ), authorised AS (
        SELECT bidder_id, sum(amount_fen - shared_fen) AS fen FROM deposits
        WHERE status IN ('held', 'releasing') AND captured_fen IS NULL GROUP BY bidder_id
    )
    SELECT coalesce(account.bidder_id, authorised.bidder_id) AS bidder_id,
        coalesce(account.fen, 0)::bigint AS booked_fen, coalesce(authorised.fen, 0)::bigint AS authorised_fen
    FROM account FULL JOIN authorised ON authorised.bidder_id = account.bidder_id
    WHERE coalesce(account.fen, 0) <> coalesce(authorised.fen, 0)
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"bidder {row['bidder_id']}: {row['booked_fen']} fen in memo_authorised, {row['authorised_fen']} authorised"
        for row in await tx.rows(QUERY)
    ]
