"""A provider that forgets idempotency keys after a day, answers a fault and repeats it, and can be searched.

Nothing is taken or paid twice, however late an operation whose answer was lost is taken up again.
"""

from dataclasses import dataclass, field, replace

import pytest

from auction.domain.errors import PaymentsAway
from auction.domain.states import OperationKind
from auction.payments.gateway import GatewayAway, Reply
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement import award_payment
from tests.settlement.acts import charged, void
from tests.settlement.conftest import DAY_MS, HOUR_MS, YUAN, Stage
from tests.settlement.unreliable import Fault, UnreliableGateway

TEN_DAYS = {"settlement": {"payment_window_ms": 10 * DAY_MS}}


@dataclass
class Memory:
    """What the provider remembers of keys, and what it is to do with the next requests."""

    stage: Stage
    kept_ms: int = DAY_MS
    lost_answers: int = 0
    faults: int = 0
    first_at_ms: dict[str, int] = field(default_factory=dict)
    repeats_fault: set[str] = field(default_factory=set)
    done: dict[str, str] = field(default_factory=dict)
    """Operation -> the id under which the sandbox knows the latest request of it."""

    def key(self, operation_id: str) -> str:
        """The id of a request: a new one where the key is forgotten, as if it had never been sent."""
        now_ms = self.stage.clock()
        if now_ms - self.first_at_ms.setdefault(operation_id, now_ms) >= self.kept_ms:
            self.first_at_ms[operation_id] = now_ms
            self.repeats_fault.discard(operation_id)
            self.done[operation_id] = f"{operation_id}~{now_ms}"
        if self.faults:
            self.faults -= 1
            self.repeats_fault.add(operation_id)
        if operation_id in self.repeats_fault:
            raise GatewayAway("HTTP status 500, stored under this key")
        return self.done.setdefault(operation_id, operation_id)

    def answered(self, reply: Reply) -> Reply:
        """The reply, unless its answer is lost."""
        if self.lost_answers:
            self.lost_answers -= 1
            raise GatewayAway("the answer got lost")
        return reply


class ForgetfulGateway(UnreliableGateway):
    """The sandbox behind a provider's memory for keys; `look_up` is its search by our reference."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory.stage.gateway, lambda _: None)
        self._memory = memory

    async def charge(
        self,
        operation_id: str,
        *,
        amount_fen: int,
        payment_method: str,
        payer: str,
        ref: str | None = None,
        on_session: bool = False,
    ) -> Reply:
        key = self._memory.key(operation_id)
        return self._memory.answered(
            await super().charge(key, amount_fen=amount_fen, payment_method=payment_method, payer=payer)
        )

    async def refund(self, operation_id: str, *, ref: str, amount_fen: int) -> Reply:
        key = self._memory.key(operation_id)
        return self._memory.answered(await super().refund(key, ref=ref, amount_fen=amount_fen))


def forgetful(stage: Stage) -> Memory:
    """The provider forgets from now on."""
    memory = Memory(stage)
    stage.context = replace(stage.context, gateway=ForgetfulGateway(memory))
    return memory


def away(stage: Stage) -> None:
    """Nobody hears a call from now on."""
    faults: dict[OperationKind, Fault] = dict.fromkeys(OperationKind, "before")
    stage.context = replace(stage.context, gateway=UnreliableGateway(stage.gateway, faults.get))


async def pay(stage: Stage, lot_id: str, key: str = "pay-key-1") -> None:
    award = await stage.award(lot_id)
    await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key=key)


async def charges(stage: Stage, lot_id: str) -> list[tuple[str, str | None]]:
    found = (await stage.detail(lot_id)).operations
    return [(one.status, one.failure) for one in found if one.kind is OperationKind.CHARGE]


@pytest.mark.parametrize("wait_ms", [HOUR_MS, 25 * HOUR_MS, 3 * DAY_MS])
async def test_a_charge_whose_answer_was_lost_is_taken_once_however_late_it_is_taken_up(
    stage: Stage, wait_ms: int
) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], TEN_DAYS)
    memory = forgetful(stage)
    memory.lost_answers = 1
    with pytest.raises(PaymentsAway):
        await pay(stage, lot_id)
    reached = stage.context
    away(stage)
    stage.clock.forward(wait_ms)
    await perform_due(stage.context)
    stage.context = reached
    await stage.pass_time(HOUR_MS)

    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 5_000 * YUAN


async def test_a_charge_that_never_arrived_is_not_sent_again_once_its_key_may_be_forgotten(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], TEN_DAYS)
    away(stage)
    with pytest.raises(PaymentsAway):
        await pay(stage, lot_id)
    stage.clock.forward(23 * HOUR_MS)
    forgetful(stage)
    await stage.settle()
    assert await charges(stage, lot_id) == [("failed", "abandoned")]
    assert await stage.gateway.balance_fen() == 0

    await pay(stage, lot_id, "pay-key-2")
    await stage.settle()
    assert await stage.state(lot_id) == "paid"


async def test_a_fault_that_is_repeated_under_its_key_ends_with_the_key(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], TEN_DAYS)
    memory = forgetful(stage)
    memory.faults = 1
    with pytest.raises(PaymentsAway):
        await pay(stage, lot_id)
    await stage.pass_time(HOUR_MS)
    assert await charges(stage, lot_id) == [("intended", None)]
    await stage.pass_time(22 * HOUR_MS)
    assert await charges(stage, lot_id) == [("failed", "abandoned")]
    await pay(stage, lot_id, "pay-key-2")
    await stage.settle()
    assert await stage.gateway.balance_fen() == 5_000 * YUAN


@charged
async def test_a_refund_whose_answer_was_lost_is_paid_once(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], TEN_DAYS)
    await pay(stage, lot_id)
    await stage.settle()
    memory = forgetful(stage)
    memory.lost_answers = 2
    await void(stage, lot_id)
    reached = stage.context
    away(stage)
    stage.clock.forward(25 * HOUR_MS)
    await perform_due(stage.context)
    stage.context = reached
    await stage.pass_time(HOUR_MS)

    assert await stage.gateway.balance_fen() == 0
    assert not any((await stage.detail(lot_id)).balances.values())
