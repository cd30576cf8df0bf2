"""A process of the house that does one thing, and is killed with SIGKILL at a stated point of it.

Started by `test_kill_points` through a fork server. Nothing in the house knows of it: the books and the provider that
it is given count what goes through them.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import structlog

from auction.books.unit_of_work import Books, Transaction
from auction.bootstrap import SANDBOX_FILE, open_context
from auction.payments.gateway import Reply
from auction.payments.sandbox import SandboxGateway
from auction.payments.sandbox_file import OperationRequest
from auction.services.context import AppContext
from auction.services.payments import registration_deposits
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement import (
    award_payment,
    awards,
    handover,
    payment_default,
    runner_up_offers,
    voids,
    waterfall,
)
from auction.services.settlement.deadlines import capture_expiring, process_deadlines
from auction.settings import load_settings
from auction.workers.cashier import Cashier
from tests.settlement.conftest import NOTICE_SECRET, SECRET

Moment = Literal["before the call", "after the call", "before the commit", "after the commit"]


@dataclass(frozen=True)
class Point:
    """Where the worker dies: at the n-th call of the provider or commit of the books, before or after it."""

    when: Moment
    nth: int

    def __str__(self) -> str:
        return f"{self.when} {self.nth}"


@dataclass(frozen=True)
class Place:
    """The house that the worker works for, and its time."""

    valkey_url: str
    books_url: str
    data_dir: Path
    deposit_method: str
    now_ms: int


@dataclass
class Fate:
    """Counts what the worker does, and ends it at its point."""

    point: Point | None
    calls: int = 0
    commits: int = 0

    def meet(self, when: Moment, nth: int) -> None:
        """Die here, if it is here; without a word, as in a power cut."""
        if self.point == Point(when, nth):
            os.kill(os.getpid(), signal.SIGKILL)


class CountedBooks(Books):
    """Books whose commits are counted."""

    def __init__(self, books: Books, fate: Fate) -> None:
        super().__init__(books.engine)
        self._fate = fate

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """See `Books.transaction`."""
        async with super().transaction() as tx:
            yield tx
            self._fate.commits += 1
            nth = self._fate.commits
            self._fate.meet("before the commit", nth)
        self._fate.meet("after the commit", nth)


class CountedGateway(SandboxGateway):
    """The sandbox; what is asked of it is counted."""

    fate: Fate

    async def _perform(self, asked: OperationRequest, amount_fen: int | None = None) -> Reply:
        self.fate.calls += 1
        nth = self.fate.calls
        self.fate.meet("before the call", nth)
        reply = await super()._perform(asked, amount_fen)
        self.fate.meet("after the call", nth)
        return reply


async def register_ann(context: AppContext, lot_id: str) -> None:
    """A deposit is held, and its bidder admitted."""
    await registration_deposits.register(context, lot_id, bidder_id="ann", name="Ann")


async def top_up_ann(context: AppContext, lot_id: str) -> None:
    """A deposit is raised, and the limit with it."""
    await registration_deposits.top_up(context, lot_id, bidder_id="ann", amount_fen=90_000, key="top-up-1")


async def pay_as_ann(context: AppContext, lot_id: str) -> None:
    """A charge for the rest of the price, then the deposit."""
    await award_payment.pay_award(context, f"a-{lot_id}-1", bidder_id="ann", key="pay-key-1")


async def pay_as_bob(context: AppContext, lot_id: str) -> None:
    """The resale of a defaulted lot is paid, which the default learns of."""
    await award_payment.pay_award(context, f"a-{lot_id}-1", bidder_id="bob", key="pay-key-1")


async def accept_as_bob(context: AppContext, lot_id: str) -> None:
    """A runner-up takes the lot."""
    await runner_up_offers.accept_offer(context, f"o-{lot_id}-1", bidder_id="bob")


async def decline_as_bob(context: AppContext, lot_id: str) -> None:
    """A runner-up does not want it."""
    await runner_up_offers.decline_offer(context, f"o-{lot_id}-1", bidder_id="bob")


async def refuse_as_ann(context: AppContext, lot_id: str) -> None:
    """A winner will not pay."""
    await award_payment.refuse_award(context, f"a-{lot_id}-1", bidder_id="ann")


async def confirm_handover(context: AppContext, lot_id: str) -> None:
    """Finance sees the lot fetched."""
    await handover.confirm_handover(context, lot_id, actor="fin")


async def void(context: AppContext, lot_id: str) -> None:
    """The second person agrees."""
    await voids.void_settlement(context, lot_id, actor="flo", reason="wrong description")


async def write_off(context: AppContext, lot_id: str) -> None:
    """The second person agrees."""
    await waterfall.write_off(context, lot_id, actor="flo", reason="nothing to be had")


async def deliver_notices(context: AppContext, lot_id: str) -> None:
    """The provider says what became of what was pending."""
    await Cashier(context).deliver_notices()


def by_itself(step: Callable[[AppContext], Awaitable[object]]) -> Callable[[AppContext, str], Awaitable[None]]:
    """A step that the workers take, whatever lot is due."""

    async def taken(context: AppContext, lot_id: str) -> None:
        await step(context)

    return taken


ACTIONS: dict[str, Callable[[AppContext, str], Awaitable[None]]] = {
    "hold": register_ann,
    "top-up": top_up_ann,
    "notice": deliver_notices,
    "award": by_itself(awards.open_settlements),
    "release": by_itself(perform_due),
    "refund": by_itself(perform_due),
    "refund again": by_itself(perform_due),
    "keep": by_itself(capture_expiring),
    "charge": pay_as_ann,
    "default": by_itself(process_deadlines),
    "refusal": refuse_as_ann,
    "capture": by_itself(perform_due),
    "collect": by_itself(payment_default.record_collected),
    "offer": by_itself(process_deadlines),
    "accept": accept_as_bob,
    "decline": decline_as_bob,
    "lapse": by_itself(process_deadlines),
    "relist": by_itself(process_deadlines),
    "resale": pay_as_bob,
    "waterfall": by_itself(waterfall.run_waterfalls),
    "writeoff": write_off,
    "handover": confirm_handover,
    "void": void,
}


@asynccontextmanager
async def counted(context: AppContext, data_dir: Path, now_ms: int, fate: Fate) -> AsyncIterator[AppContext]:
    """The house at that time, with every call and commit of it counted."""
    gateway = CountedGateway(data_dir / SANDBOX_FILE, notice_secret=NOTICE_SECRET, clock_ms=lambda: now_ms)
    gateway.fate = fate
    yield replace(context, books=CountedBooks(context.books, fate), gateway=gateway, clock_ms=lambda: now_ms)
    await gateway.close()


def work_until_killed(place: Place, action: str, lot_id: str, point: Point) -> None:
    """Do one thing and die at the point."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(_work(place, action, lot_id, Fate(point)))


async def _work(place: Place, action: str, lot_id: str, fate: Fate) -> None:
    settings = load_settings(
        redis_url=place.valkey_url,
        database_url=place.books_url,
        secret_key=SECRET,
        data_dir=place.data_dir,
        deposit_method=place.deposit_method,
    )
    async with open_context(settings) as opened:
        await opened.gateway.close()
        async with counted(opened, place.data_dir, place.now_ms, fate) as context:
            await ACTIONS[action](context, lot_id)
