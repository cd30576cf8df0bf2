"""The settler: moves settlements on from archived results and deadlines. After the bid's way.

Several may run: each transition locks its settlement, and repeated it changes nothing.
"""

from auction.services.context import AppContext
from auction.services.settlement.deadlines import settle
from auction.workers.change_watch import ChangeWatch
from auction.workers.retry import run_repeatedly

POLL_S = 0.25
"""The wait before it looks again whether anything was written, when nothing was due."""


class Settler:
    """One settler; `run` until cancelled."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Do what is due, again and again."""
        await run_repeatedly("settler", "settling", ChangeWatch(self._context.books, self.settle))

    async def settle(self) -> float:
        """Do what is due; the seconds to wait before the next time. Raises BooksAway."""
        return 0.0 if await settle(self._context) else POLL_S
