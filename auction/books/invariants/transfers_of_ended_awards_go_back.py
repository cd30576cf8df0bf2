"""What bank transfers paid of an award that ended in a default or was declared void is on its way back, all of it."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Bank transfers of a defaulted or void award are sent back whole, and those of an award in force are not."

QUERY = text("""
    WITH paid AS (
        SELECT award_id, sum(amount_fen) AS fen FROM receipt_matches GROUP BY award_id
    ), back AS (
        SELECT award_id, sum(amount_fen) AS fen FROM outgoing_transfers WHERE award_id IS NOT NULL GROUP BY award_id
    )
    SELECT awards.award_id, awards.status, coalesce(paid.fen, 0)::bigint AS paid_fen,
        coalesce(back.fen, 0)::bigint AS back_fen
    FROM awards LEFT JOIN paid ON paid.award_id = awards.award_id LEFT JOIN back ON back.award_id = awards.award_id
    WHERE coalesce(back.fen, 0)
        <> CASE WHEN awards.status IN ('defaulted', 'void') THEN coalesce(paid.fen, 0) ELSE 0 END
        OR coalesce(paid.fen, 0) > awards.received_fen
    ORDER BY awards.award_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"award {row['award_id']} is {row['status']}: {row['paid_fen']} fen came by bank transfer, "
        f"{row['back_fen']} are on their way back"
        for row in await tx.rows(QUERY)
    ]
