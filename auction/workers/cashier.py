"""The cashier: asks the payment provider for what the books intend, and takes in the sandbox's notices.

After the bid's way. What a crash left unasked or unresolved is asked again under its own id; several cashiers may run.
"""

import asyncio

import structlog

from auction.books.unit_of_work import StatementRejected
from auction.payments.gateway import GatewayAway
from auction.payments.sandbox import SandboxGateway
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import perform_due, receive_notice
from auction.workers.retry import run_repeatedly

log = structlog.get_logger()

LOOK_S = 0.2
OPERATIONS_AT_ONCE = 256
NOTICES_AT_ONCE = 64


class Cashier:
    """One cashier of the house; `run` until cancelled."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def run(self) -> None:
        """Ask and take in, side by side."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_repeatedly("cashier", "operations", self.ask))
            if isinstance(self._context.gateway, SandboxGateway):
                tasks.create_task(run_repeatedly("cashier", "notices", self.carry_notices))

    async def ask(self) -> float:
        """Ask for what is due; the seconds until it is worth looking again."""
        return 0.0 if await perform_due(self._context, limit=OPERATIONS_AT_ONCE) else LOOK_S

    async def carry_notices(self) -> float:
        """Bring the sandbox's notices to the house, signature checked like any provider's."""
        gateway = self._context.gateway
        if not isinstance(gateway, SandboxGateway):
            return LOOK_S
        try:
            due = await gateway.due_notices(NOTICES_AT_ONCE)
            for notice in due:
                try:
                    await receive_notice(self._context, gateway.provider, notice.body, notice.headers)
                except (StatementRejected, ValueError, RuntimeError):
                    # it comes again; the others do not wait for it
                    log.exception("notice_not_taken", notice=notice.id)
                    continue
                await gateway.notice_delivered(notice.id)
        except GatewayAway as error:
            log.warning("notices_wait", reason=str(error))
            return LOOK_S
        return 0.0 if len(due) == NOTICES_AT_ONCE else LOOK_S
