"""Keeps up to date how many shards are stopped, lots frozen and settlements held, for the metrics of one process.

Off the bid's way.
"""

import asyncio
import contextlib

from auction.books import frozen_lots, restored_lots
from auction.books.unit_of_work import Books
from auction.domain.errors import Unavailable
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.server_state import ServerState

CHECK_S = 5.0


class RecoveryWatch:
    """What one process knows of it; None: not known yet. What is known stays while a server is away."""

    def __init__(self) -> None:
        self.shards_stopped: int | None = None
        self.lots_frozen: int | None = None
        self.settlements_held: int | None = None

    async def check(self, ledger: BidLedger, books: Books) -> None:
        """Ask both servers once. Raises LedgerAway, LedgerChanged, BooksAway."""
        async with books.reading() as tx:
            self.lots_frozen = len(await frozen_lots.list_frozen(tx))
            self.settlements_held = len(await restored_lots.held_lots(tx))
        self.shards_stopped = len(await ServerState(ledger.redis, ledger.keys).stopped_shards(ledger.lineage))

    async def run(self, ledger: BidLedger, books: Books) -> None:
        """Ask again and again until cancelled."""
        while True:
            raise_if_cancelled()
            with contextlib.suppress(Unavailable):
                await self.check(ledger, books)
            await asyncio.sleep(CHECK_S)
