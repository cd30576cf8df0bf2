"""A purse and the shares that lots took of it add up, and what awards and offers stand on is held."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = (
    "A purse is its shares and what is left of it; awards due and open offers stand on what is held, and no others do."
)

QUERY = text("""
    WITH standing AS (
        SELECT lots.sale_id, registrations.bidder_id, sum(registrations.share_fen) AS fen
        FROM registrations JOIN lots ON lots.lot_id = registrations.lot_id
        WHERE registrations.share_fen > 0 GROUP BY 1, 2
    ), purse AS (
        SELECT lots.sale_id, deposits.bidder_id, bool_or(deposits.status IN ('lapsed', 'disputed')) AS has_lapsed,
            coalesce(sum(amount_fen - shared_fen) FILTER (WHERE deposits.status = 'held' AND disposition IS NULL), 0)
                AS fen
        FROM deposits JOIN lots ON lots.lot_id = deposits.lot_id WHERE policy = 'purse' GROUP BY 1, 2
    )
    SELECT 'purse ' || whole.deposit_id || ' has given ' || whole.shared_fen || ' fen, its shares have '
        || coalesce(parts.fen, 0) AS what
    FROM deposits AS whole LEFT JOIN LATERAL (
        SELECT sum(amount_fen) AS fen FROM deposits AS part WHERE part.part_of = whole.deposit_id
    ) AS parts ON true
    WHERE whole.shared_fen <> coalesce(parts.fen, 0)
        OR (whole.status = 'shared') <> (whole.shared_fen = whole.amount_fen AND whole.shared_fen > 0)
    UNION ALL
    SELECT 'share ' || part.deposit_id || ' is not captured, and its purse is'
    FROM deposits AS part JOIN deposits AS whole ON whole.deposit_id = part.part_of
    WHERE part.captured_fen IS NULL AND whole.captured_fen IS NOT NULL
    UNION ALL
    SELECT 'bidder ' || standing.bidder_id || ' has awards and offers that take ' || standing.fen
        || ' fen of a purse of ' || coalesce(purse.fen, 0) || ' on sale ' || standing.sale_id
    FROM standing LEFT JOIN purse ON purse.sale_id = standing.sale_id AND purse.bidder_id = standing.bidder_id
    WHERE standing.fen > coalesce(purse.fen, 0) AND NOT coalesce(purse.has_lapsed, false)
    UNION ALL
    SELECT 'bidder ' || registrations.bidder_id || ' has neither an award nor an offer of lot ' || registrations.lot_id
        || ', which takes ' || registrations.share_fen || ' fen'
    FROM registrations WHERE share_fen > 0 AND NOT EXISTS (
        SELECT FROM awards WHERE awards.lot_id = registrations.lot_id
            AND awards.bidder_id = registrations.bidder_id AND awards.status = 'due'
    ) AND NOT EXISTS (
        SELECT FROM offers WHERE offers.lot_id = registrations.lot_id
            AND offers.bidder_id = registrations.bidder_id AND offers.status = 'open'
    )
    ORDER BY 1 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [str(row["what"]) for row in await tx.rows(QUERY)]
