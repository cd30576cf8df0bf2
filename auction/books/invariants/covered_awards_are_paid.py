"""An award that payments and collected deposits cover is paid, and no defaulter's award was covered."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "An award that payments and applied deposits cover is paid."

QUERY = text("""
    WITH cash AS (
        SELECT award_id, sum(captured_fen) AS fen, bool_or(captured_fen IS NULL) AS waits FROM deposits
        WHERE status = 'held' AND disposition = 'apply' GROUP BY award_id
    )
    SELECT awards.award_id, awards.price_fen + awards.fee_fen AS total_fen,
        (awards.received_fen + coalesce(cash.fen, 0))::bigint AS covered_fen
    FROM awards LEFT JOIN cash ON cash.award_id = awards.award_id
    WHERE awards.status = 'due' AND NOT coalesce(cash.waits, false)
        AND awards.received_fen + awards.waived_fen + coalesce(cash.fen, 0) >= awards.price_fen + awards.fee_fen
    ORDER BY awards.award_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"award {row['award_id']} of {row['total_fen']} fen is due, {row['covered_fen']} are there"
        for row in await tx.rows(QUERY)
    ]
