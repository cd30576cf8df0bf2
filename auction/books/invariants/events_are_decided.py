"""What a provider told is applied, harmless or an exception, and what was taken back was told."""

from sqlalchemy import text

from auction.books.provider_events import TRIES_MAX
from auction.books.unit_of_work import Transaction

RULE = "Every event of a provider is applied, harmless, or an exception; every dispute was told by one."

UNDECIDED = text("""
    SELECT event_number, provider, event_id, tries FROM provider_events
    WHERE status = 'received' AND tries > :tries_max
    ORDER BY event_number LIMIT 100
""")
UNTOLD = text("""
    SELECT reversal_id FROM reversals
    WHERE NOT EXISTS (
        SELECT FROM provider_events AS told
        WHERE told.provider = reversals.provider AND told.ref = reversals.ref AND told.status = 'applied'
    )
    ORDER BY reversal_id LIMIT 100
""")


async def violations(tx: Transaction) -> list[str]:
    """One sentence for each violation, at most 100 of each kind."""
    undecided = [
        f"event {row['event_id']} of {row['provider']} is not decided after {row['tries']} tries"
        for row in await tx.rows(UNDECIDED.bindparams(tries_max=TRIES_MAX))
    ]
    untold = [f"no event tells of the dispute {row['reversal_id']}" for row in await tx.rows(UNTOLD)]
    return undecided + untold
