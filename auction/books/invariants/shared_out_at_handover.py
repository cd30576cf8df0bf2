"""A waterfall that counts a resale counts one that was handed over, and so cannot be declared void any more."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "A default names a resale only once that lot is handed over."

QUERY = text("""
    SELECT default_id, resale_lot_id, coalesce(settlements.state, 'not closed') AS state
    FROM defaults LEFT JOIN settlements ON settlements.lot_id = defaults.resale_lot_id
    WHERE resale_lot_id IS NOT NULL AND settlements.state IS DISTINCT FROM 'settled'
    ORDER BY default_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"default {row['default_id']} counts lot {row['resale_lot_id']} as its resale, which is {row['state']}"
        for row in await tx.rows(QUERY)
    ]
