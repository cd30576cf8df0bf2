"""Counts the bids that one process refuses, and reports them to the ledger's server, where staff read them.

Counting is in the bid's way, one addition a refused bid; reporting is off it.
"""

import asyncio
from collections import Counter

from auction.domain.errors import Unavailable
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.refusal_counts import add_refusals

EVERY_S = 1.0
KINDS_MAX = 20_000
"""Lots and reasons that a process counts while it cannot report them; further ones are left out."""


class RefusalLog:
    """The refused bids of one process since its last report."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, lot_id: str, code: str) -> None:
        """Count one refused bid."""
        if (lot_id, code) in self._counts or len(self._counts) < KINDS_MAX:
            self._counts[lot_id, code] += 1

    async def report(self, ledger: BidLedger) -> None:
        """Report what was counted; while the ledger is away it is kept. Raises LedgerAway."""
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        try:
            await add_refusals(ledger, counts)
        except Unavailable:
            self._counts.update(counts)
            raise

    async def run(self, ledger: BidLedger) -> None:
        """Report again and again until cancelled."""
        while True:
            raise_if_cancelled()
            await asyncio.sleep(EVERY_S)
            try:
                await self.report(ledger)
            except Unavailable:
                continue
