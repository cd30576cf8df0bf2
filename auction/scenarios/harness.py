"""What a scenario runs on: servers in a temporary directory, the sandbox provider, and a clock that it advances."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from auction.bootstrap import open_context
from auction.migration import migrated_servers
from auction.payments.sandbox import FILE_NAME, SandboxGateway
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import perform_due
from auction.services.provider_events.receipt import process_waiting, receive_notice
from auction.services.settlement.deadlines import settle
from auction.services.settlement.finance_views import SettlementDetail, show_settlement
from auction.settings import Settings, load_settings
from auction.workers.archiver import Archiver

SETTLE_ROUNDS_MAX = 100
"""After so many rounds with work to do, settling is taken for endless."""
NOTICES_BATCH = 100
SECRET_BYTES = 32


@dataclass
class Clock:
    """The current time, UTC ms, of services and provider; the scenario advances it."""

    ms: int

    def __call__(self) -> int:
        return self.ms


@dataclass(frozen=True)
class ScenarioHarness:
    """The context, its clock and its provider; `settle` does what the workers would do between two times."""

    context: AppContext
    clock: Clock
    gateway: SandboxGateway
    archiver: Archiver

    async def settle(self) -> None:
        """Archive, settle and perform payments until nothing is due at the current time."""
        for _ in range(SETTLE_ROUNDS_MAX):
            await self.archiver.catch_up()
            done = await settle(self.context)
            done += await perform_due(self.context)
            for notice in await self.gateway.due_notices(NOTICES_BATCH):
                await receive_notice(self.context, self.gateway.provider, notice.body, notice.headers)
                await self.gateway.notice_delivered(notice.id)
                done += 1
            done += await process_waiting(self.context)
            if not done:
                return
        raise RuntimeError(f"work is still due after {SETTLE_ROUNDS_MAX} rounds of settling")

    async def pass_time(self, ms: int) -> None:
        """Advance the clock and do everything that is due then."""
        self.clock.ms += ms
        await self.settle()

    async def settlement(self, lot_id: str) -> SettlementDetail:
        """The settlement of a closed lot: its steps, awards, offers and defaults."""
        return await show_settlement(self.context, lot_id)


@contextmanager
def temporary_servers() -> Iterator[Settings]:
    """Migrated embedded servers in a temporary directory, whatever servers are configured. Raises EmbeddedError."""
    with TemporaryDirectory(prefix="auction-scenario-", ignore_cleanup_errors=True) as folder:
        wanted = load_settings(
            data_dir=Path(folder),
            redis_url=None,
            database_url=None,
            secret_key=SecretStr(secrets.token_urlsafe(SECRET_BYTES)),
            payment_provider="sandbox",
            deposit_method="authorisation",
            identity_limits="",
        )
        with migrated_servers(wanted) as settings:
            yield settings


@asynccontextmanager
async def open_harness(settings: Settings) -> AsyncIterator[ScenarioHarness]:
    """Open a context on these servers whose clock, and that of its provider, stands still until it is advanced."""
    async with open_context(settings) as real_time:
        await real_time.gateway.close()
        clock = Clock(await real_time.ledger.now_ms())
        gateway = SandboxGateway(
            settings.data_dir / FILE_NAME, notice_secret=secrets.token_hex(SECRET_BYTES), clock_ms=clock
        )
        context = replace(real_time, gateway=gateway, clock_ms=clock)
        try:
            yield ScenarioHarness(context, clock, gateway, Archiver(context.books, context.stream))
        finally:
            await gateway.close()
