"""Counts refused bids of each lot by reason over all processes that answer bids, for staff. Off the bid's way.

No bid depends on the counts. Approximate: what a process that is killed has not reported is left out.
"""

from collections.abc import Mapping
from typing import Any

from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import ledger_errors

KEPT_S = 30 * 86_400
"""A lot's counts are removed that long after its last refused bid."""


async def add_refusals(ledger: BidLedger, counts: Mapping[tuple[str, str], int]) -> None:
    """Add numbers of refused bids, by lot and code of the refusal. Raises LedgerAway."""
    pipeline = ledger.redis.pipeline(transaction=False)
    for (lot_id, code), count in counts.items():
        key = ledger.keys.refusals(lot_id)
        pipeline.hincrby(key, code, count)
        pipeline.expire(key, KEPT_S)
    with ledger_errors():
        await pipeline.execute()


async def refusals_of(ledger: BidLedger, lot_id: str) -> dict[str, int]:
    """Code -> number of bids on the lot that were refused with it; most frequent first. Raises LedgerAway."""
    with ledger_errors():
        found: Any = await ledger.redis.hgetall(ledger.keys.refusals(lot_id))
    counts = {code.decode(): int(count) for code, count in found.items()}
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
