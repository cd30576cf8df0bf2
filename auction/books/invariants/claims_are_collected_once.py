"""What was collected of a claim is the sum of its receipts, and the seller gets no more than their loss."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "What was collected of a claim is the sum of its receipts, and no part of a loss is paid twice."

QUERY = text("""
    SELECT defaults.default_id, collected_fen, coalesce(sum(claim_payments.amount_fen), 0)::bigint AS receipts_fen
    FROM defaults LEFT JOIN claim_payments ON claim_payments.default_id = defaults.default_id
    GROUP BY defaults.default_id
    HAVING collected_fen <> coalesce(sum(claim_payments.amount_fen), 0)
        OR (unmet IS NOT NULL AND least(
            (unmet->>'cost_fen')::bigint, (unmet->>'gap_fen')::bigint, (unmet->>'commission_fen')::bigint) < 0)
    ORDER BY defaults.default_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"of default {row['default_id']} {row['collected_fen']} fen are collected, {row['receipts_fen']} by receipts"
        for row in await tx.rows(QUERY)
    ]
