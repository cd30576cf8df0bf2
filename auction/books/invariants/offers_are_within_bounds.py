"""An offer to a runner-up is not above their own bid, nor below the floor of the terms."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Every offer is between the floor of the terms and the runner-up's own bid."

QUERY = text("""
    SELECT offers.offer_id, offers.price_fen, offers.own_bid_fen,
        coalesce((lots.terms#>>'{settlement,cascade,floor_fen}')::bigint, 0) AS floor_fen
    FROM offers JOIN lots ON lots.lot_id = offers.lot_id
    WHERE offers.price_fen > offers.own_bid_fen
        OR offers.price_fen < (lots.terms#>>'{settlement,cascade,floor_fen}')::bigint
    ORDER BY offers.offer_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        (
            f"offer {row['offer_id']} at {row['price_fen']} fen: the floor is {row['floor_fen']}, "
            f"the bid was {row['own_bid_fen']}"
        )
        for row in await tx.rows(QUERY)
    ]
