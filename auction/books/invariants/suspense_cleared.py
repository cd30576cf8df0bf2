"""Forfeited deposits are in suspense until their waterfall has run, and not longer."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "forfeit_suspense is the sum of the forfeited deposits whose waterfall has not run."

QUERY = text("""
    WITH account AS (
        SELECT journal_lines.bidder_id, -sum(journal_lines.amount_fen) AS fen
        FROM journal_lines WHERE account = 'forfeit_suspense' GROUP BY bidder_id
    ), waiting AS (
        SELECT deposits.bidder_id, sum(deposits.captured_fen) AS fen
        FROM deposits JOIN defaults ON defaults.default_id = deposits.award_id
        WHERE deposits.status = 'forfeited' AND defaults.status IN ('collecting', 'collected')
        GROUP BY deposits.bidder_id
    )
    SELECT coalesce(account.bidder_id, waiting.bidder_id) AS bidder_id,
        coalesce(account.fen, 0)::bigint AS booked_fen, coalesce(waiting.fen, 0)::bigint AS waiting_fen
    FROM account FULL JOIN waiting ON waiting.bidder_id = account.bidder_id
    WHERE coalesce(account.fen, 0) <> coalesce(waiting.fen, 0)
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"bidder {row['bidder_id']}: {row['booked_fen']} fen in suspense, {row['waiting_fen']} of unresolved defaults"
        for row in await tx.rows(QUERY)
    ]
