"""Real servers, a sandbox provider and a clock set by the test: lots are bid on, closed, archived and settled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from auction.books import deposits
from auction.books.defaults import Default
from auction.books.deposits import Deposit
from auction.books.settlements import Award
from auction.bootstrap import open_context
from auction.domain.accounts import JournalAccount
from auction.domain.bidding import Bid
from auction.domain.terms_reader import merge_terms
from auction.ledger.replies import AcceptedBid
from auction.payments.gateway import DueNotice
from auction.payments.sandbox import FILE_NAME, SandboxGateway
from auction.presets import load_preset
from auction.services.catalogue import lots
from auction.services.context import AppContext
from auction.services.payments import registration_deposits
from auction.services.payments.gateway_calls import perform_due
from auction.services.provider_events.receipt import process_waiting, receive_notice
from auction.services.registration.registrations import RegistrationOutcome
from auction.services.settlement import award_payment, handover, runner_up_offers
from auction.services.settlement.deadlines import settle
from auction.services.settlement.finance_views import SettlementDetail, show_settlement
from auction.services.verification.money_checks import check_money
from auction.settings import load_settings
from auction.workers.archiver import Archiver

SECRET = "a secret of the tests, long enough"
NOTICE_SECRET = "sandbox secret"
YUAN = 100
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TERMS: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 1 * YUAN,
    "increments": [{"from_fen": 0, "step_fen": 1 * YUAN}],
    "deposit": {"policy": "flat", "amount_fen": 100 * YUAN},
    "settlement": {"payment_window_ms": DAY_MS, "when_exhausted": "relist"},
}


@dataclass
class Clock:
    """The time that deadlines are met by, advanced by the test; starts at the machine's."""

    ms: int

    def __call__(self) -> int:
        return self.ms

    def forward(self, ms: int) -> None:
        """Advance the time."""
        self.ms += ms


@dataclass
class Stage:
    """A running context, and what tests of money do with it again and again."""

    context: AppContext
    clock: Clock
    gateway: SandboxGateway
    archiver: Archiver
    paid_otherwise_fen: int = 0
    """What staff paid back in another way: the provider still has it."""
    _numbers: Any = field(default_factory=lambda: count(1))

    async def open_lot(
        self, terms: dict[str, Any] | None = None, *, preset: str | None = None, sale_id: str | None = None
    ) -> str:
        """An open lot under TERMS or a preset, changed by the test's own terms."""
        base = load_preset(preset) if preset else TERMS
        if sale_id is None:
            sale_id = f"sale{next(self._numbers)}"
            await lots.create_sale(self.context, title="A sale", sale_id=sale_id, actor="olga")
        view = await lots.create_lot(
            self.context, sale_id=sale_id, title="No. 001", terms=merge_terms(base, terms or {}), actor="olga"
        )
        lot_id = view.record.lot_id
        await lots.open_lot(self.context, lot_id, duration_ms=HOUR_MS, actor="olga")
        return lot_id

    async def register(self, lot_id: str, bidder: str, **more: Any) -> RegistrationOutcome:
        """Register a bidder, with their deposit held."""
        return await registration_deposits.register(self.context, lot_id, bidder_id=bidder, name=bidder.title(), **more)

    async def bid(self, lot_id: str, bidder: str, yuan: int) -> None:
        """Place a bid that is accepted."""
        key = f"key-{next(self._numbers):08d}"
        (answer,) = await self.context.ledger.place_bids(lot_id, [Bid(bidder, yuan * YUAN, key)])
        assert isinstance(answer, AcceptedBid), answer

    async def close(self, lot_id: str) -> None:
        """Close a lot and do what is due then."""
        await lots.close_lot(self.context, lot_id, reason="the test says so", actor="olga")
        await self.settle()

    async def sold_lot(self, bids: list[tuple[str, int]], terms: dict[str, Any] | None = None, **more: Any) -> str:
        """A closed lot with these bids (bidder, yuan)."""
        lot_id = await self.open_lot(terms, **more)
        for bidder in dict.fromkeys(bidder for bidder, _ in bids):
            await self.register(lot_id, bidder)
        for bidder, yuan in bids:
            await self.bid(lot_id, bidder, yuan)
        await self.close(lot_id)
        return lot_id

    async def archive(self) -> None:
        """Archive what the ledger holds."""
        await self.archiver.catch_up()

    async def settle(self) -> None:
        """Archive, settle and perform payment operations until nothing is due now."""
        for _ in range(30):
            await self.archive()
            done = await settle(self.context)
            done += await perform_due(self.context)
            for notice in await self.gateway.due_notices(100):
                await self.deliver(notice)
                done += 1
            done += await process_waiting(self.context)
            if not done:
                return
        raise AssertionError("there is always something due")

    async def deliver(self, notice: DueNotice) -> None:
        """Record a notice of the provider."""
        await receive_notice(self.context, "sandbox", notice.body, notice.headers)
        await self.gateway.notice_delivered(notice.id)

    async def pass_time(self, ms: int) -> None:
        """Advance the time and do what is due then."""
        self.clock.forward(ms)
        await self.settle()

    async def pay(self, lot_id: str, *, method: str | None = None, key: str = "pay-key-1") -> Award:
        """Pay as the winner."""
        award = await self.award(lot_id)
        paid = await award_payment.pay_award(
            self.context, award.award_id, bidder_id=award.bidder_id, key=key, payment_method=method
        )
        await self.settle()
        return paid

    async def buy(self, lot_id: str) -> None:
        """Pay as the winner, and fetch the lot."""
        paid = await self.pay(lot_id)
        await award_payment.choose_centre(
            self.context, paid.award_id, bidder_id=paid.bidder_id, delivery_centre="Wuhan"
        )
        await handover.confirm_handover(self.context, lot_id, actor="olga")
        await self.settle()

    async def shorten_resale_window(self, lot_id: str, ms: int) -> None:
        """Give a lot terms that were agreed to when such a window was allowed."""
        statement = (
            "UPDATE lots SET terms = jsonb_set(terms, '{settlement,resale_window_ms}', to_jsonb(CAST(:ms AS bigint)))"
        )
        async with self.context.books.transaction() as tx:
            await tx.session.execute(text(f"{statement} WHERE lot_id = :lot_id"), {"ms": ms, "lot_id": lot_id})

    async def accept(self, lot_id: str) -> Award:
        """Accept the open offer as the runner-up."""
        offer = (await self.detail(lot_id)).offers[-1]
        return await runner_up_offers.accept_offer(self.context, offer.offer_id, bidder_id=offer.bidder_id)

    async def resell(self, lot_id: str, bids: list[tuple[str, int]]) -> str:
        """Open the lot that a lot was relisted as, place bids on it, and close it."""
        relisted = (await self.detail(lot_id)).row.settlement.relisted_as
        assert relisted is not None
        await lots.open_lot(self.context, relisted, duration_ms=HOUR_MS, actor="olga")
        for bidder in dict.fromkeys(bidder for bidder, _ in bids):
            await self.register(relisted, bidder)
        for bidder, yuan in bids:
            await self.bid(relisted, bidder, yuan)
        await self.close(relisted)
        return relisted

    async def detail(self, lot_id: str) -> SettlementDetail:
        """Everything about a lot after its close."""
        return await show_settlement(self.context, lot_id)

    async def state(self, lot_id: str) -> str:
        """The state of a lot's settlement."""
        return (await self.detail(lot_id)).row.settlement.state

    async def award(self, lot_id: str) -> Award:
        """The last award of a lot."""
        return (await self.detail(lot_id)).awards[-1]

    async def the_default(self, lot_id: str) -> Default:
        """The only default of a lot."""
        (found,) = (await self.detail(lot_id)).defaults
        return found

    async def deposits(self, lot_id: str, bidder: str | None = None) -> list[Deposit]:
        """A lot's deposits."""
        return [d for d in (await self.detail(lot_id)).deposits if bidder in {None, d.bidder_id}]

    async def deposits_of(self, lot_id: str) -> list[Deposit]:
        """A lot's deposits, while it has no settlement too."""
        async with self.context.books.reading() as tx:
            return await deposits.deposits_of_lot(tx, lot_id)

    async def balance(self, lot_id: str, account: JournalAccount) -> int:
        """An account's balance of a lot in yuan, debit above 0."""
        fen = (await self.detail(lot_id)).balances.get(account, 0)
        assert fen % YUAN == 0
        return fen // YUAN

    async def check(self) -> None:
        """Check every rule of money, and that the provider has the cash in the journal."""
        await check_all(self.context, self.gateway, self.paid_otherwise_fen)


async def check_all(context: AppContext, gateway: SandboxGateway, paid_otherwise_fen: int = 0) -> None:
    """Check every rule of money, and that the provider's record agrees with the journal."""
    broken = {one.name: one.broken for one in await check_money(context) if one.broken}
    assert not broken, broken
    async with context.books.reading() as tx:
        (row,) = await tx.rows(
            text(
                "SELECT coalesce(sum(amount_fen) FILTER (WHERE account = 'cash'), 0) AS cash, "
                "coalesce(-sum(amount_fen) FILTER (WHERE account = 'cash' AND key ~ '^(seller-|claim-c|claw-|storage-)'), 0) AS sellers, "
                "(SELECT count(*) FROM payment_operations WHERE status IN ('intended', 'pending')) AS waiting "
                "FROM journal_lines"
            )
        )
    if not row["waiting"]:
        assert row["cash"] + row["sellers"] == await gateway.balance_fen() - paid_otherwise_fen


@asynccontextmanager
async def open_stage(
    valkey_url: str, books_url: str, data_dir: Path, *, deposit_method: str = "authorisation"
) -> AsyncIterator[Stage]:
    """A stage on an empty ledger and a fresh database; its money is checked at the end."""
    settings = load_settings(
        redis_url=valkey_url,
        database_url=books_url,
        secret_key=SECRET,
        data_dir=data_dir,
        deposit_method=deposit_method,
        payment_provider="sandbox",
    )
    async with open_context(settings) as opened:
        await opened.gateway.close()
        clock = Clock(await opened.ledger.now_ms())
        gateway = SandboxGateway(data_dir / FILE_NAME, notice_secret=NOTICE_SECRET, clock_ms=clock)
        context = replace(opened, gateway=gateway, clock_ms=clock)
        played = Stage(context, clock, gateway, Archiver(context.books, context.stream))
        try:
            yield played
            await played.check()
        finally:
            await gateway.close()


@pytest.fixture
async def stage(
    valkey_url: str, redis: Redis, books_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Stage]:
    """A stage; `deposit_method` may be given as the fixture's parameter. Its money is checked at the end."""
    method = getattr(request, "param", "authorisation")
    async with open_stage(valkey_url, books_url, tmp_path, deposit_method=method) as played:
        yield played
