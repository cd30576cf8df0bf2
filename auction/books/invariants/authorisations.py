"""The memo accounts are what the provider keeps aside for the house, bidder by bidder."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "memo_authorised is the sum of the deposits that the provider keeps aside."

BROKEN = text("""
    WITH account AS (
        SELECT bidder_id, sum(amount_fen) AS fen FROM journal_lines
        WHERE account = 'memo_authorised' GROUP BY bidder_id
    ), promised AS (
        SELECT bidder_id, sum(amount_fen) AS fen FROM deposits
        WHERE status IN ('held', 'releasing') AND captured_fen IS NULL GROUP BY bidder_id
    )
    SELECT coalesce(account.bidder_id, promised.bidder_id) AS bidder_id,
        coalesce(account.fen, 0)::bigint AS booked_fen, coalesce(promised.fen, 0)::bigint AS promised_fen
    FROM account FULL JOIN promised ON promised.bidder_id = account.bidder_id
    WHERE coalesce(account.fen, 0) <> coalesce(promised.fen, 0)
    ORDER BY 1 LIMIT 100
""")


async def broken(tx: Transaction) -> list[str]:
    """Where the rule does not hold, as sentences."""
    return [
        f"bidder {row['bidder_id']}: {row['booked_fen']} fen in memo_authorised, {row['promised_fen']} kept aside"
        for row in await tx.rows(BROKEN)
    ]
