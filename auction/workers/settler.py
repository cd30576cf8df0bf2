"""The settler: what follows the hammer by itself, from archived results and deadlines. After the bid's way.

Several may run: each transition locks its settlement and finds done what another has done.
"""

from auction.services.context import AppContext
from auction.services.settlement.deadlines import settle
from auction.workers.retry import run_repeatedly

LOOK_S = 0.25
"""How often it looks for what is due when there was nothing."""


class Settler:
    """One settler of the house; `run` until cancelled."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Settle, for ever."""
        await run_repeatedly("settler", "settling", self.settle)

    async def settle(self) -> float:
        """Do what is due; the seconds until it is worth looking again."""
        return 0.0 if await settle(self._context) else LOOK_S
