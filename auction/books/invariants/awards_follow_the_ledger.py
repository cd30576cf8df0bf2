"""A lot is awarded to the winner in its closed event, at the price in it."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "The award at the close has the winner and the price of the ledger's closed event."

QUERY = text("""
    SELECT awards.lot_id, awards.bidder_id, awards.price_fen, lot_results.winner_id, lot_results.hammer_price_fen
    FROM awards LEFT JOIN lot_results ON lot_results.lot_id = awards.lot_id
    WHERE awards.source = 'hammer' AND (lot_results.winner_id IS DISTINCT FROM awards.bidder_id
        OR lot_results.hammer_price_fen IS DISTINCT FROM awards.price_fen)
    ORDER BY awards.lot_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        (
            f"lot {row['lot_id']} is awarded to {row['bidder_id']} at {row['price_fen']} fen, "
            f"the ledger named {row['winner_id']} at {row['hammer_price_fen']}"
        )
        for row in await tx.rows(QUERY)
    ]
