"""The clerk: opens and closes lots on time, and sends to the ledger what a crash kept in the database.

Beside the bid's way. The ledger decides by its own clock whether a lot is due; the clerk calls it at the right time.
Several clerks may run: each action changes something once.
"""

import asyncio

import structlog

from auction.domain.errors import LedgerChanged, LedgerFault
from auction.domain.events import CLERK
from auction.domain.lot import LotStatus
from auction.services.catalogue.lots import install_scheduled_lots
from auction.services.context import AppContext
from auction.services.ledger_expiry import KEEP_MS, LOTS_AT_ONCE, expire_ended_lots
from auction.services.recovery.frozen import stop_frozen_lots
from auction.services.registration.power_sync import sync_waiting_powers
from auction.workers.change_watch import ChangeWatch
from auction.workers.retry import run_repeatedly

log = structlog.get_logger()

SLEEP_MS_MAX = 250
"""The longest pause between two checks; a lot scheduled meanwhile is opened at most this late."""
RECONCILE_MS = 500
"""How often the database is searched for what is not in the ledger yet."""
EXPIRE_S = 60.0
"""How often lots that are over are given an end in the ledger."""
DEADLINES_PER_SHARD_MAX = 64


class Clerk:
    """One clerk; `run` until cancelled."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._missed: set[str] = set()
        self._outages: dict[int, int] = {}
        """Shard -> the end of the last outage for which its lots were paused, UTC ms."""
        self._stuck: dict[str, str] = {}
        """Lot -> why it could not be opened or closed, as it was logged."""

    async def run(self) -> None:
        """Meet deadlines and reconcile, independently: an unavailable database delays no opening or closing."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_repeatedly("clerk", "deadlines", self.meet_deadlines))
            reconciling = ChangeWatch(self._context.books, self.reconcile)
            tasks.create_task(run_repeatedly("clerk", "reconciling", reconciling))
            tasks.create_task(run_repeatedly("clerk", "expiring", self.expire))

    async def meet_deadlines(self) -> float:
        """Open and close the lots that are due; returns the seconds to wait before the next check."""
        ledger = self._context.ledger
        deadlines = await ledger.deadlines(per_shard_max=DEADLINES_PER_SHARD_MAX)
        due = [lot_id for at_ms, lot_id in deadlines.upcoming if at_ms <= deadlines.now_ms]
        for (shard, ended_at_ms), lot_ids in deadlines.interrupted.items():
            if self._outages.get(shard) != ended_at_ms:
                # each is asked once: the script pauses those that have to be, so that nobody waits for their end
                self._outages[shard] = ended_at_ms
                due = [*dict.fromkeys([*due, *lot_ids])]
        for lot_id in due:
            await self._open_or_close_or_log(lot_id)
        if len(due) >= DEADLINES_PER_SHARD_MAX:
            return 0.0
        later = [at_ms for at_ms, _ in deadlines.upcoming if at_ms > deadlines.now_ms]
        wait_ms = min(SLEEP_MS_MAX, min(later) - deadlines.now_ms) if later else SLEEP_MS_MAX
        return wait_ms / 1000

    async def reconcile(self) -> float:
        """Send scheduled lots and bidding power that the ledger does not have yet; returns the seconds to wait."""
        await stop_frozen_lots(self._context)
        for lot_id in await install_scheduled_lots(self._context):
            log.warning("lot_entered_late", lot=lot_id)
        synced = await sync_waiting_powers(self._context)
        if synced:
            log.info("bidding_power_synced_late", count=synced)
        return RECONCILE_MS / 1000

    async def expire(self) -> float:
        """Let the ledger drop what is over and archived in time; returns the seconds to wait."""
        expired = await expire_ended_lots(self._context)
        if expired:
            log.info("lots_expire", count=expired, keep_ms=KEEP_MS)
        return 0.0 if expired >= LOTS_AT_ONCE else EXPIRE_S

    async def _open_or_close_or_log(self, lot_id: str) -> None:
        """One lot that the ledger answers with an error, on a stopped shard, or of no sound state, delays no other."""
        try:
            await self._open_or_close(lot_id)
        except (LedgerFault, LedgerChanged, ValueError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            if self._stuck.get(lot_id) != reason:
                self._stuck[lot_id] = reason
                log.error("lot_stuck", lot=lot_id, reason=reason, advice=f"`auction restore --lot {lot_id}`")
        else:
            self._stuck.pop(lot_id, None)

    async def _open_or_close(self, lot_id: str) -> None:
        ledger = self._context.ledger
        lot = await ledger.read(lot_id)
        if lot is None:
            return
        if lot.status is LotStatus.SCHEDULED:
            code, lot = await ledger.open_due(lot_id, by=CLERK)
            if code == "missed" and lot_id not in self._missed:
                self._missed.add(lot_id)
                log.error("lot_opening_missed", lot=lot_id, advice="open it as staff, with a new end")
        else:
            code, lot = await ledger.close_due(lot_id)
        if code == "ok" and lot is not None and lot.status is LotStatus.PAUSED:
            log.error("lot_interrupted", lot=lot_id, remaining_ms=lot.remaining_ms, advice="resume it when bids arrive")
        elif code == "ok" and lot is not None:
            log.info(
                "lot_status_changed",
                lot=lot_id,
                status=str(lot.status),
                seq=lot.seq,
                price_fen=lot.price_fen,
                paddle=lot.leader_paddle,
            )
