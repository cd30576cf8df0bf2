"""A process that performs one action and is killed with SIGKILL at a given point of it.

Started by `test_kill_points` through a fork server. The code under test is unchanged: the database and the provider that
it is given count commits and calls.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from auction.books import operations
from auction.books.unit_of_work import Books, Transaction
from auction.bootstrap import open_context
from auction.domain.states import OperationKind
from auction.payments.gateway import Reply
from auction.payments.sandbox import FILE_NAME, SandboxGateway
from auction.payments.sandbox.file import OperationRequest
from auction.services.context import AppContext
from auction.services.payments import confirmations, registration_deposits
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement import (
    award_payment,
    awards,
    claim_collection,
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

T = TypeVar("T")
Moment = Literal["before the call", "after the call", "before the commit", "after the commit"]


@dataclass(frozen=True)
class Point:
    """Where the worker is killed: before or after the n-th call of the provider, or commit of the database."""

    when: Moment
    nth: int

    def __str__(self) -> str:
        return f"{self.when} {self.nth}"


@dataclass(frozen=True)
class Deployment:
    """The servers that the worker works on, and its time."""

    valkey_url: str
    books_url: str
    data_dir: Path
    deposit_method: str
    now_ms: int


@dataclass
class KillSwitch:
    """Counts calls and commits, and kills the worker at its point."""

    point: Point | None
    calls: int = 0
    commits: int = 0

    def reached(self, when: Moment, nth: int) -> None:
        """Kill the process if this is the point, as a power cut would."""
        if self.point == Point(when, nth):
            os.kill(os.getpid(), signal.SIGKILL)


class CountedBooks(Books):
    """Books whose commits are counted."""

    def __init__(self, books: Books, kill_switch: KillSwitch) -> None:
        super().__init__(books.engine)
        self._kill_switch = kill_switch

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """See `Books.transaction`."""
        async with super().transaction() as tx:
            yield tx
            self._kill_switch.commits += 1
            nth = self._kill_switch.commits
            self._kill_switch.reached("before the commit", nth)
        self._kill_switch.reached("after the commit", nth)


class CountedGateway(SandboxGateway):
    """The sandbox, with its calls counted."""

    kill_switch: KillSwitch

    async def _perform(self, asked: OperationRequest, amount_fen: int | None = None) -> Reply:
        return await self._counted(super()._perform(asked, amount_fen))

    async def answer_confirmation(self, operation_id: str, *, confirmed: bool) -> None:
        """See `HouseConfirmation`."""
        await self._counted(super().answer_confirmation(operation_id, confirmed=confirmed))

    async def cancel(self, operation_id: str, kind: OperationKind, *, ref: str) -> Reply:
        """See `PaymentGateway`."""
        return await self._counted(super().cancel(operation_id, kind, ref=ref))

    async def _counted(self, call: Awaitable[T]) -> T:
        self.kill_switch.calls += 1
        nth = self.kill_switch.calls
        self.kill_switch.reached("before the call", nth)
        answer = await call
        self.kill_switch.reached("after the call", nth)
        return answer


async def register_ann(context: AppContext, lot_id: str) -> None:
    """Register: a deposit is held and its bidder admitted."""
    await registration_deposits.register(context, lot_id, bidder_id="ann", name="Ann")


async def top_up_ann(context: AppContext, lot_id: str) -> None:
    """Top up: a deposit is raised, and the limit with it."""
    await registration_deposits.top_up(context, lot_id, bidder_id="ann", amount_fen=90_000, key="top-up-1")


async def pay_as_ann(context: AppContext, lot_id: str) -> None:
    """Pay an award: a charge for the rest of the price, then the deposit."""
    await award_payment.pay_award(context, f"a-{lot_id}-1", bidder_id="ann", key="pay-key-1")


async def pay_as_bob(context: AppContext, lot_id: str) -> None:
    """Pay the resale of a defaulted lot."""
    await award_payment.pay_award(context, f"a-{lot_id}-1", bidder_id="bob", key="pay-key-1")


async def confirm_as_ann(context: AppContext, lot_id: str) -> None:
    """Confirm the payment with the card's bank, if it is not confirmed yet."""
    charge = await charge_of_ann(context, lot_id)
    await confirmations.finish_confirmation(context, charge, bidder_id="ann", confirmed=True)


async def cancel_as_ann(context: AppContext, lot_id: str) -> None:
    """Give up a payment that is to be confirmed with the card's bank."""
    await confirmations.cancel_confirmation(context, await charge_of_ann(context, lot_id), bidder_id="ann")


async def charge_of_ann(context: AppContext, lot_id: str) -> str:
    """The id of the charge that pays the first award of a lot."""
    async with context.books.reading() as tx:
        found = await operations.operations_of_award(tx, f"a-{lot_id}-1")
    return found[0].operation_id


async def accept_as_bob(context: AppContext, lot_id: str) -> None:
    """Accept the offer as the runner-up."""
    await runner_up_offers.accept_offer(context, f"o-{lot_id}-1", bidder_id="bob")


async def decline_as_bob(context: AppContext, lot_id: str) -> None:
    """Decline the offer as the runner-up."""
    await runner_up_offers.decline_offer(context, f"o-{lot_id}-1", bidder_id="bob")


async def refuse_as_ann(context: AppContext, lot_id: str) -> None:
    """Refuse to pay as the winner."""
    await award_payment.refuse_award(context, f"a-{lot_id}-1", bidder_id="ann")


async def confirm_handover(context: AppContext, lot_id: str) -> None:
    """Confirm the handover as finance."""
    await handover.confirm_handover(context, lot_id, actor="fin")


async def void(context: AppContext, lot_id: str) -> None:
    """Approve as the second person."""
    await voids.void_settlement(context, lot_id, actor="flo", reason="wrong description")


async def write_off(context: AppContext, lot_id: str) -> None:
    """Approve as the second person."""
    await waterfall.write_off(context, lot_id, actor="flo", reason="nothing to be had")


async def collect_claim(context: AppContext, lot_id: str) -> None:
    """Record that the defaulter has paid a part of the claim."""
    await claim_collection.collect_claim(
        context, lot_id, f"a-{lot_id}-1", amount_fen=10_000, reference="R-1", actor="fin"
    )


async def deliver_notices(context: AppContext, lot_id: str) -> None:
    """Deliver the provider's notices of pending operations."""
    await Cashier(context).deliver_notices()


def of_worker(step: Callable[[AppContext], Awaitable[object]]) -> Callable[[AppContext, str], Awaitable[None]]:
    """An action of a worker, on whatever lot is due."""

    async def taken(context: AppContext, lot_id: str) -> None:
        await step(context)

    return taken


ACTIONS: dict[str, Callable[[AppContext, str], Awaitable[None]]] = {
    "hold": register_ann,
    "top-up": top_up_ann,
    "notice": deliver_notices,
    "award": of_worker(awards.open_settlements),
    "release": of_worker(perform_due),
    "refund": of_worker(perform_due),
    "refund again": of_worker(perform_due),
    "keep": of_worker(capture_expiring),
    "charge": pay_as_ann,
    "confirmation": confirm_as_ann,
    "confirmation cancelled": cancel_as_ann,
    "confirmation missed": of_worker(perform_due),
    "default": of_worker(process_deadlines),
    "refusal": refuse_as_ann,
    "capture": of_worker(perform_due),
    "collect": of_worker(payment_default.record_collected),
    "offer": of_worker(process_deadlines),
    "accept": accept_as_bob,
    "decline": decline_as_bob,
    "lapse": of_worker(process_deadlines),
    "relist": of_worker(process_deadlines),
    "resale": pay_as_bob,
    "resale handed over": confirm_handover,
    "claim paid": collect_claim,
    "waterfall": of_worker(waterfall.run_waterfalls),
    "writeoff": write_off,
    "handover": confirm_handover,
    "void": void,
}


@asynccontextmanager
async def counted(
    context: AppContext, data_dir: Path, now_ms: int, kill_switch: KillSwitch
) -> AsyncIterator[AppContext]:
    """The context at that time, with every call and commit counted."""
    gateway = CountedGateway(data_dir / FILE_NAME, notice_secret=NOTICE_SECRET, clock_ms=lambda: now_ms)
    gateway.kill_switch = kill_switch
    yield replace(context, books=CountedBooks(context.books, kill_switch), gateway=gateway, clock_ms=lambda: now_ms)
    await gateway.close()


def work_until_killed(deployment: Deployment, action: str, lot_id: str, point: Point) -> None:
    """Perform an action and be killed at the point."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(_work(deployment, action, lot_id, KillSwitch(point)))


async def _work(deployment: Deployment, action: str, lot_id: str, kill_switch: KillSwitch) -> None:
    settings = load_settings(
        redis_url=deployment.valkey_url,
        database_url=deployment.books_url,
        secret_key=SECRET,
        data_dir=deployment.data_dir,
        deposit_method=deployment.deposit_method,
        payment_provider="sandbox",
    )
    async with open_context(settings) as opened:
        await opened.gateway.close()
        async with counted(opened, deployment.data_dir, deployment.now_ms, kill_switch) as context:
            await ACTIONS[action](context, lot_id)
