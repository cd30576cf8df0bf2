"""A forfeited deposit has a rest only where the seller's price gap was paid in cash."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "No deposit leaves a rest while the price gap of its lot has not been paid in cash."

QUERY = text("""
    SELECT one.default_id, one.price_fen - one.resale_price_fen AS gap_fen, paid.fen::bigint AS paid_fen
    FROM defaults AS one CROSS JOIN LATERAL (
        SELECT sum((later.split->>'gap_fen')::bigint) AS fen FROM defaults AS later
        WHERE later.resale_lot_id = one.resale_lot_id AND later.status = 'resolved'
            AND (later.at_ms, later.default_id) >= (one.at_ms, one.default_id)
    ) AS paid
    WHERE one.status = 'resolved' AND (one.split->>'rest_fen')::bigint > 0
        AND paid.fen < one.price_fen - one.resale_price_fen
    ORDER BY one.default_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        (
            f"default {row['default_id']} left a rest, but of a gap of {row['gap_fen']} fen only {row['paid_fen']} "
            "were paid"
        )
        for row in await tx.rows(QUERY)
    ]
