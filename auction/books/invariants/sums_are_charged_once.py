"""A sum that is charged in parts is charged once: one part after the other, and never more than the sum."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "The parts of a payment never come to more than its sum, and only one of them is under way."

QUERY = text("""
    WITH parts AS (
        SELECT first_operation_id, max(sum_fen) AS sum_fen,
            sum(amount_fen) FILTER (WHERE status <> 'failed') AS fen,
            count(*) FILTER (WHERE status IN ('intended', 'pending')) AS open
        FROM payment_operations
        WHERE kind = 'charge' AND first_operation_id IN (
            SELECT first_operation_id FROM payment_operations WHERE sum_fen IS NOT NULL
        )
        GROUP BY first_operation_id
    )
    SELECT first_operation_id, sum_fen, fen::bigint, open FROM parts WHERE fen > sum_fen OR open > 1
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"{row['first_operation_id']} of {row['sum_fen']} fen: {row['fen']} in parts, {row['open']} under way"
        for row in await tx.rows(QUERY)
    ]
