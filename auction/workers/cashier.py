"""The cashier: requests intended operations from the payment provider, and collects notices that it does not post.

After the bid's way. What a crash left unresolved is requested again under the same id; several cashiers may run.
"""

import asyncio

import structlog

from auction.domain.errors import Unavailable
from auction.payments.gateway import GatewayAway, NoticeQueue
from auction.services.context import AppContext
from auction.services.isolation import Stage, record_fault
from auction.services.payments.gateway_calls import perform_due
from auction.services.provider_events.receipt import process_waiting, receive_notice
from auction.workers.change_watch import ChangeWatch
from auction.workers.retry import run_repeatedly

log = structlog.get_logger()

POLL_S = 0.2
"""The wait before it looks again, when nothing was due."""
EVENTS_POLL_S = 2.0
OPERATIONS_AT_ONCE = 256
NOTICES_AT_ONCE = 64


class Cashier:
    """One cashier; `run` until cancelled."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Request operations and deliver notices, concurrently."""
        async with asyncio.TaskGroup() as tasks:
            operations = ChangeWatch(self._context.books, self.perform_operations)
            tasks.create_task(run_repeatedly("cashier", "operations", operations))
            tasks.create_task(run_repeatedly("cashier", "events", self.decide_events))
            if isinstance(self._context.gateway, NoticeQueue):
                tasks.create_task(run_repeatedly("cashier", "notices", self.deliver_notices))

    async def perform_operations(self) -> float:
        """Request the operations that are due; the seconds to wait before the next time. Raises BooksAway."""
        return 0.0 if await perform_due(self._context, limit=OPERATIONS_AT_ONCE) else POLL_S

    async def decide_events(self) -> float:
        """Decide events of the provider that had to wait; the seconds to wait before the next time."""
        return 0.0 if await process_waiting(self._context) else EVENTS_POLL_S

    async def deliver_notices(self) -> float:
        """Deliver queued notices, as other providers do by webhook; the seconds to wait before the next time."""
        gateway = self._context.gateway
        if not isinstance(gateway, NoticeQueue):
            return POLL_S
        try:
            due = await gateway.due_notices(NOTICES_AT_ONCE)
            for notice in due:
                try:
                    await receive_notice(self._context, gateway.provider, notice.body, notice.headers)
                except Unavailable:
                    raise
                except Exception as error:
                    # it is due again later, and delays no other
                    log.exception("notice_not_recorded", notice=notice.id)
                    await record_fault(self._context, Stage.NOTICE, str(notice.id), "", error)
                    continue
                await gateway.notice_delivered(notice.id)
        except GatewayAway as error:
            log.warning("notices_delayed", reason=str(error))
            return POLL_S
        return 0.0 if len(due) == NOTICES_AT_ONCE else POLL_S
