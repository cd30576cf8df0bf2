"""What is owed back in the journal is what refunds that are not confirmed will pay."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "refund_payable is the sum of the refunds that the provider has not confirmed."

QUERY = text("""
    WITH account AS (
        SELECT bidder_id, -sum(amount_fen) AS fen FROM journal_lines
        WHERE account = 'refund_payable' GROUP BY bidder_id
    ), first AS (
        SELECT first_operation_id, bidder_id, max(amount_fen) AS fen,
            bool_or(status = 'succeeded' OR failure IS NOT DISTINCT FROM 'refunded_otherwise') AS done
        FROM payment_operations WHERE kind = 'refund' GROUP BY 1, 2
    ), waiting AS (
        SELECT bidder_id, sum(fen) AS fen FROM first WHERE NOT done GROUP BY bidder_id
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
        f"bidder {row['bidder_id']}: {row['booked_fen']} fen owed back, {row['waiting_fen']} in unconfirmed refunds"
        for row in await tx.rows(QUERY)
    ]
