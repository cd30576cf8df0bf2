"""Runners-up are kept only while their lot may still be offered."""

from sqlalchemy import text

from auction.books.unit_of_work import Transaction

RULE = "Runners-up are kept while their lot may still be offered, and no longer."

QUERY = text("""
    SELECT runners_up.lot_id, runners_up.bidder_id, settlements.state
    FROM runners_up JOIN settlements ON settlements.lot_id = runners_up.lot_id
    WHERE runners_up.released_at_ms IS NULL AND settlements.state NOT IN ('awarded', 'offered', 'defaulted')
    UNION ALL
    SELECT runners_up.lot_id, runners_up.bidder_id, 'kept, and a deposit is ' || deposits.status
    FROM runners_up JOIN deposits ON deposits.lot_id = runners_up.lot_id AND deposits.bidder_id = runners_up.bidder_id
    WHERE runners_up.released_at_ms IS NULL AND deposits.disposition = 'release'
    ORDER BY 1, 2 LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100."""
    return [
        f"bidder {row['bidder_id']} is kept as a runner-up of lot {row['lot_id']}, which is {row['state']}"
        for row in await tx.rows(QUERY)
    ]
