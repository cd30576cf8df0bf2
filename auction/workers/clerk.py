"""The clerk: opens and closes lots on time, and finishes what a crash left half-done between books and ledger.

Beside the bid's way. The ledger decides whether a lot is due, by its own clock; the clerk only asks at the right
moment. Several clerks may run: every action is idempotent in the script.
"""

import asyncio

import structlog

from auction.domain.events import CLERK
from auction.domain.lot import LotStatus
from auction.services.catalogue.lots import install_scheduled_lots
from auction.services.context import AppContext
from auction.services.registration.registrations import sync_waiting_powers
from auction.workers.retry import keep_doing

log = structlog.get_logger()

LOOK_MS_MAX = 250
"""The longest the clerk sleeps: a lot scheduled meanwhile is opened at most this late."""
RECONCILE_MS = 500
"""How often the books are searched for what the ledger has not got yet."""
LOTS_A_LOOK = 64


class Clerk:
    """One clerk of the house; `run` until cancelled."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._missed: set[str] = set()

    async def run(self) -> None:
        """Keep the lots' hours and reconcile, side by side: books that are away delay no opening or closing."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_doing("clerk", "deadlines", self.keep_hours))
            tasks.create_task(keep_doing("clerk", "reconciling", self.reconcile))

    async def keep_hours(self) -> float:
        """Open and close what is due now; the seconds until it is worth looking again."""
        ledger = self._context.ledger
        deadlines = await ledger.deadlines(most=LOTS_A_LOOK)
        due = [lot_id for at_ms, lot_id in deadlines.waiting if at_ms <= deadlines.now_ms]
        for lot_id in due:
            await self._act(lot_id)
        if len(due) >= LOTS_A_LOOK:
            return 0.0
        later = [at_ms for at_ms, _ in deadlines.waiting if at_ms > deadlines.now_ms]
        wait_ms = min(LOOK_MS_MAX, min(later) - deadlines.now_ms) if later else LOOK_MS_MAX
        return wait_ms / 1000

    async def reconcile(self) -> float:
        """Bring to the ledger what the books have committed: scheduled lots, then registrations."""
        for lot_id in await install_scheduled_lots(self._context):
            log.warning("lot_installed_late", lot=lot_id)
        told = await sync_waiting_powers(self._context)
        if told:
            log.info("powers_told_late", count=told)
        return RECONCILE_MS / 1000

    async def _act(self, lot_id: str) -> None:
        ledger = self._context.ledger
        lot = await ledger.read(lot_id)
        if lot is None:
            return
        if lot.status is LotStatus.SCHEDULED:
            code, lot = await ledger.open_due(lot_id, by=CLERK)
            if code == "missed" and lot_id not in self._missed:
                self._missed.add(lot_id)
                log.error("lot_missed_its_hours", lot=lot_id, advice="open it by hand with a new end")
        else:
            code, lot = await ledger.close_due(lot_id)
        if code == "ok" and lot is not None:
            log.info(
                "lot_moved",
                lot=lot_id,
                status=str(lot.status),
                seq=lot.seq,
                price_fen=lot.price_fen,
                paddle=lot.leader_paddle,
            )
