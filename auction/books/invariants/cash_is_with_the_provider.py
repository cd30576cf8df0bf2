"""Cash is what the provider took and kept, less refunds and what sellers were paid."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = (
    "Cash is the sum of charges, captures, collected claims and storage fees, less refunds, those paid otherwise "
    "included, what sellers were paid and have not paid back, and what disputes have taken."
)

QUERY = text("""
    WITH moved AS (
        SELECT coalesce(sum(CASE WHEN kind = 'refund' THEN -amount_fen ELSE amount_fen END), 0) AS fen
        FROM payment_operations WHERE kind IN ('charge', 'capture', 'refund') AND status = 'succeeded'
    ), sellers AS (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM journal_lines
        WHERE account = 'cash'
            AND key ~ ('^(seller-paid|seller-repaid|claw-back-repaid|refunded-otherwise'
                || '|claim-collected|storage-fee-paid):')
    ), taken_back AS (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM reversals WHERE status IN ('open', 'lost')
    ), booked AS (
        SELECT coalesce(sum(amount_fen), 0) AS fen FROM journal_lines WHERE account = 'cash'
    )
    SELECT booked.fen::bigint AS booked_fen, (moved.fen + sellers.fen - taken_back.fen)::bigint AS moved_fen
    FROM moved, sellers, booked, taken_back
    WHERE booked.fen <> moved.fen + sellers.fen - taken_back.fen
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"{row['booked_fen']} fen of cash in the journal, {row['moved_fen']} by resolved operations"
        for row in await tx.rows(QUERY)
    ]
