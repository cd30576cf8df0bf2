"""A house for a scenario: real servers in a directory of its own, a sandbox provider, and a clock moved by hand."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from auction.books.migrate import upgrade
from auction.bootstrap import SANDBOX_FILE, open_context, running_servers
from auction.payments.sandbox import SandboxGateway
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import perform_due, take_notice
from auction.services.settlement.deadlines import settle
from auction.services.settlement.finance_views import SettlementDetail, show_settlement
from auction.settings import Settings, load_settings
from auction.workers.archiver import Archiver

ROUNDS_MAX = 100
"""How many rounds of settling a house may need to come to rest."""
NOTICES_AT_ONCE = 100
SECRET_BYTES = 32


@dataclass
class Clock:
    """The house's time, UTC ms; moved on by hand."""

    ms: int

    def __call__(self) -> int:
        return self.ms


@dataclass(frozen=True)
class ScenarioHarness:
    """The house, its clock and its provider, with what its workers would do between two moves of the clock."""

    context: AppContext
    clock: Clock
    gateway: SandboxGateway
    archiver: Archiver

    async def settle(self) -> None:
        """Archive, settle and pay until nothing is left to do now."""
        for _ in range(ROUNDS_MAX):
            await self.archiver.catch_up()
            done = await settle(self.context)
            done += await perform_due(self.context)
            for notice in await self.gateway.due_notices(NOTICES_AT_ONCE):
                await take_notice(self.context, self.gateway.provider, notice.body, notice.headers)
                await self.gateway.notice_delivered(notice.id)
                done += 1
            if not done:
                return
        raise RuntimeError(f"the house has not come to rest within {ROUNDS_MAX} rounds")

    async def pass_time(self, ms: int) -> None:
        """Move the clock on, and let happen what that brings about."""
        self.clock.ms += ms
        await self.settle()

    async def story(self, lot_id: str) -> SettlementDetail:
        """Everything about a lot after the hammer."""
        return await show_settlement(self.context, lot_id)


@contextmanager
def own_servers() -> Iterator[Settings]:
    """Migrated servers in a temporary directory: whatever this machine is configured for is left alone."""
    with TemporaryDirectory(prefix="auction-scenario-", ignore_cleanup_errors=True) as folder:
        asked = load_settings(
            data_dir=Path(folder),
            redis_url=None,
            database_url=None,
            secret_key=SecretStr(secrets.token_urlsafe(SECRET_BYTES)),
            payment_provider="sandbox",
            deposit_method="authorisation",
            identity_limits="",
        )
        with running_servers(asked) as settings:
            upgrade(str(settings.database_url))
            yield settings


@asynccontextmanager
async def open_harness(settings: Settings) -> AsyncIterator[ScenarioHarness]:
    """A house on these servers whose clock, and whose provider's, stands still until it is moved."""
    async with open_context(settings) as opened:
        await opened.gateway.close()
        clock = Clock(await opened.ledger.now_ms())
        gateway = SandboxGateway(
            settings.data_dir / SANDBOX_FILE, notice_secret=secrets.token_hex(SECRET_BYTES), clock_ms=clock
        )
        context = replace(opened, gateway=gateway, clock_ms=clock)
        try:
            yield ScenarioHarness(context, clock, gateway, Archiver(context.books, context.stream))
        finally:
            await gateway.close()
