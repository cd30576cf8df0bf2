"""The account of held deposits is the sum of the held cash deposits, for each bidder."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "deposits_held is the sum of the held cash deposits, disputed ones included."

QUERY = text("""
    WITH account AS (
        SELECT bidder_id, -sum(amount_fen) AS fen FROM journal_lines
        WHERE account = 'deposits_held' GROUP BY bidder_id
    ), held AS (
        SELECT bidder_id, sum(captured_fen - shared_fen) AS fen FROM deposits
        WHERE status IN ('held', 'disputed') AND captured_fen IS NOT NULL GROUP BY bidder_id
    )
    SELECT coalesce(account.bidder_id, held.bidder_id) AS bidder_id,
        coalesce(account.fen, 0)::bigint AS booked_fen, coalesce(held.fen, 0)::bigint AS held_fen
    FROM account FULL JOIN held ON held.bidder_id = account.bidder_id
    WHERE coalesce(account.fen, 0) <> coalesce(held.fen, 0)
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"bidder {row['bidder_id']}: {row['booked_fen']} fen in deposits_held, {row['held_fen']} held"
        for row in await tx.rows(QUERY)
    ]
