"""Payments that go wrong at the provider: refunds that come back or keep failing, charges that nobody answers."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from auction.books.operations import Operation
from auction.domain.accounts import JournalAccount
from auction.domain.errors import NotFound, PaymentsAway, ProblemCode, RequestRefused, WrongState
from auction.domain.states import OperationKind
from auction.payments.gateway import Reply, ReplyStatus
from auction.services.settlement import award_payment, payment_corrections
from auction.services.settlement.finance_views import list_settlements
from tests.settlement.acts import charged, refuse, void
from tests.settlement.conftest import DAY_MS, YUAN, Stage
from tests.settlement.unreliable import UnreliableGateway

MINUTE_MS = 60_000
FAILED = Reply(ReplyStatus.FAILED, "", failure="refund_failed")


class CorrectedGateway(UnreliableGateway):
    """The sandbox, whose answers a test replaces; `do` None: it is not even asked."""

    def __init__(self, stage: Stage, refund: Callable[[], Reply | None], *, asks: bool = True) -> None:
        super().__init__(stage.gateway, lambda _: None)
        self._refund = refund
        self._asks = asks

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        answer = self._refund()
        if answer is not None and not self._asks:
            return answer
        reply = await super().refund(operation_id, ref=ref, amount_fen=amount_fen)
        return answer or reply


async def operations_of(stage: Stage, lot_id: str, kind: OperationKind) -> list[Operation]:
    return [one for one in (await stage.detail(lot_id)).operations if one.kind is kind]


async def loser(stage: Stage, method: str = "sandbox-ok") -> str:
    """A sold lot; bob lost, and his deposit was charged by a card of that kind."""
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    await stage.register(lot_id, "bob", payment_method=method)
    await stage.bid(lot_id, "ann", 500)
    return lot_id


# --- refunds ----------------------------------------------------------------------------------------------------------


@charged
async def test_a_refund_that_fails_after_it_succeeded_is_owed_again_and_repeated(stage: Stage) -> None:
    lot_id = await loser(stage, "sandbox-refund-fails-late")
    await stage.close(lot_id)
    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "released"
    assert await stage.balance(lot_id, JournalAccount.CASH) == 100

    stage.clock.forward(3_000)
    for notice in await stage.gateway.due_notices(100):
        await stage.deliver(notice)
    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "releasing"
    assert await stage.balance(lot_id, JournalAccount.CASH) == 200
    assert await stage.balance(lot_id, JournalAccount.REFUND_PAYABLE) == -100
    await stage.check()

    await stage.pass_time(MINUTE_MS)
    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "released"
    assert await stage.balance(lot_id, JournalAccount.CASH) == 100


@charged
async def test_a_refund_is_repeated_for_ever_and_paid_once(stage: Stage) -> None:
    lot_id = await loser(stage)
    failing = True
    gateway = CorrectedGateway(stage, lambda: FAILED if failing else None, asks=False)
    stage.context = replace(stage.context, gateway=gateway)
    await stage.close(lot_id)
    for _ in range(20):
        await stage.pass_time(DAY_MS)
    attempts = await operations_of(stage, lot_id, OperationKind.REFUND)
    assert len({one.operation_id for one in attempts}) == len(attempts) > 15
    (row,) = (await list_settlements(stage.context)).rows
    assert row.stuck

    failing = False
    await stage.pass_time(DAY_MS)
    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "released"
    assert await stage.gateway.balance_fen() == 100 * YUAN


@charged
async def test_before_a_refund_is_repeated_the_last_one_is_looked_up(stage: Stage) -> None:
    lot_id = await loser(stage)
    lies = [FAILED]
    stage.context = replace(stage.context, gateway=CorrectedGateway(stage, lambda: lies.pop() if lies else None))
    await stage.close(lot_id)
    await stage.pass_time(MINUTE_MS)

    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "released"
    assert (await stage.gateway.movements()).refunded_fen == 100 * YUAN


@charged
async def test_two_persons_record_that_a_refund_was_paid_in_another_way(stage: Stage) -> None:
    lot_id = await loser(stage)
    stage.context = replace(stage.context, gateway=CorrectedGateway(stage, lambda: FAILED, asks=False))
    await stage.close(lot_id)
    first = (await operations_of(stage, lot_id, OperationKind.REFUND))[0].operation_id
    record = payment_corrections.record_refund_otherwise
    with pytest.raises(NotFound) as unknown:
        await record(stage.context, lot_id, "refund-of-nobody", actor="olga", reason="by bank, receipt 7")
    assert unknown.value.code == ProblemCode.OPERATION_UNKNOWN
    assert await record(stage.context, lot_id, first, actor="olga", reason="by bank, receipt 7") is not None
    with pytest.raises(RequestRefused) as alone:
        await record(stage.context, lot_id, first, actor="olga", reason="by bank, receipt 7")
    assert alone.value.code == ProblemCode.SAME_PERSON
    assert await record(stage.context, lot_id, first, actor="petra", reason="seen on the statement") is None

    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "released"
    assert await stage.balance(lot_id, JournalAccount.REFUND_PAYABLE) == 0
    attempts = len(await operations_of(stage, lot_id, OperationKind.REFUND))
    await stage.pass_time(30 * DAY_MS)
    assert len(await operations_of(stage, lot_id, OperationKind.REFUND)) == attempts
    with pytest.raises(WrongState):
        await record(stage.context, lot_id, first, actor="olga", reason="again")
    (row,) = (await list_settlements(stage.context)).rows
    assert row.stuck == ()
    # the bank paid what the provider still has
    assert await stage.gateway.balance_fen() == 200 * YUAN
    stage.paid_otherwise_fen += 100 * YUAN


# --- charges without an answer ----------------------------------------------------------------------------------------


async def unanswered(stage: Stage, fault: str) -> tuple[str, str]:
    """A lot whose winner has paid, and the provider has not answered: it has not heard, or its answer was lost."""
    lot_id = await stage.sold_lot([("ann", 500)])
    faults = {OperationKind.CHARGE: fault}
    award = await stage.award(lot_id)
    stage.context = replace(stage.context, gateway=UnreliableGateway(stage.gateway, faults.get))  # type: ignore[arg-type]
    with pytest.raises(PaymentsAway):
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")
    (charge,) = await operations_of(stage, lot_id, OperationKind.CHARGE)
    await payment_corrections.abandon_operation(
        stage.context, lot_id, charge.operation_id, actor="olga", reason="no answer since yesterday"
    )
    faults.clear()
    return lot_id, charge.operation_id


async def test_a_charge_that_is_given_up_fails_once_the_provider_is_known_not_to_have_it(stage: Stage) -> None:
    lot_id, operation_id = await unanswered(stage, "before")
    with pytest.raises(RequestRefused) as waits:
        await refuse(stage, lot_id)
    assert waits.value.code == ProblemCode.PAYMENT_PENDING
    await stage.pass_time(2 * MINUTE_MS)

    (charge,) = await operations_of(stage, lot_id, OperationKind.CHARGE)
    assert (charge.operation_id, charge.status, charge.failure) == (operation_id, "failed", "abandoned")
    assert await stage.gateway.balance_fen() == 0
    await refuse(stage, lot_id)
    assert await stage.state(lot_id) == "relisted"
    with pytest.raises(WrongState):
        await payment_corrections.abandon_operation(stage.context, lot_id, operation_id, actor="olga", reason="again")


async def test_a_charge_that_is_given_up_and_came_through_counts(stage: Stage) -> None:
    lot_id, _ = await unanswered(stage, "after")
    await stage.pass_time(2 * MINUTE_MS)
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 500 * YUAN


async def test_an_operation_is_asked_of_the_provider_that_it_was_made_with(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 500)])

    class Newcomer(UnreliableGateway):
        provider = "newcomer"

    stage.context = replace(stage.context, gateway=Newcomer(stage.gateway, lambda _: None), former_gateways=())
    await void(stage, lot_id)
    (ann,) = await stage.deposits(lot_id, "ann")
    assert ann.status == "releasing"
    stage.context = replace(stage.context, former_gateways=(stage.gateway,))
    await stage.pass_time(MINUTE_MS)
    (ann,) = await stage.deposits(lot_id, "ann")
    assert ann.status == "released"
