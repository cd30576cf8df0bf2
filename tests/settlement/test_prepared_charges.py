"""A provider whose charges are prepared first and then confirmed by their id, as Stripe's are: taken once, however late.

Like Stripe it can be searched by our reference, gets answers lost, and repeats a fault under the key of a request.
"""

from collections import Counter
from dataclasses import replace
from itertools import count

import pytest

from auction.domain.errors import PaymentsAway
from auction.domain.states import OperationKind
from auction.payments.gateway import GatewayAway, Reply, ReplyStatus
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement import award_payment
from auction.services.settlement.payment_corrections import abandon_operation
from tests.settlement.conftest import DAY_MS, HOUR_MS, YUAN, Stage
from tests.settlement.unreliable import UnreliableGateway

TEN_DAYS = {"settlement": {"payment_window_ms": 10 * DAY_MS}}


class PreparingGateway(UnreliableGateway):
    """The sandbox behind two steps. `lost` counts the answers that get lost, by step; `faults` what never arrives."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.gateway, lambda _: None)
        self.lost: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.made: dict[str, tuple[str, int]] = {}
        self.confirmed: set[str] = set()
        self._numbers = count(1)

    def _arrives(self, step: str) -> None:
        if self.faults[step]:
            self.faults[step] -= 1
            raise GatewayAway("HTTP status 500")

    def _answers(self, step: str) -> None:
        if self.lost[step]:
            self.lost[step] -= 1
            raise GatewayAway("the answer got lost")

    async def prepare(
        self, operation_id: str, kind: OperationKind, *, amount_fen: int, payment_method: str, payer: str, attempt: int
    ) -> Reply:
        self._arrives("prepare")
        ref = f"object-{next(self._numbers)}"
        self.made[ref] = (operation_id, amount_fen)
        self._answers("prepare")
        return Reply(ReplyStatus.PENDING, ref, amount_fen=amount_fen, is_prepared=True)

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
        assert ref is not None, "what takes money was stored before"
        assert self.made[ref] == (operation_id, amount_fen)
        self._arrives("confirm")
        self.confirmed.add(ref)
        reply = await self._sandbox.charge(ref, amount_fen=amount_fen, payment_method=payment_method, payer=payer)
        self._answers("confirm")
        return replace(reply, ref=ref)

    async def look_up(self, operation_id: str, kind: OperationKind, ref: str | None) -> Reply | None:
        if kind is not OperationKind.CHARGE:
            return await super().look_up(operation_id, kind, ref)
        found = [ref] if ref else [one for one, (of, _) in self.made.items() if of == operation_id]
        for one in found:
            if one in self.confirmed:
                known = await self._sandbox.look_up(one, kind, None)
                return known and replace(known, ref=one)
        if not found:
            return None
        return Reply(ReplyStatus.PENDING, found[-1], amount_fen=self.made[found[-1]][1], is_prepared=True)


async def paying(stage: Stage) -> tuple[str, PreparingGateway]:
    """A lot that is due, and the provider that will be asked."""
    lot_id = await stage.sold_lot([("ann", 5_000)], TEN_DAYS | {"deposit": {"policy": "none"}})
    gateway = PreparingGateway(stage)
    stage.context = replace(stage.context, gateway=gateway)
    return lot_id, gateway


async def pay(stage: Stage, lot_id: str) -> None:
    award = await stage.award(lot_id)
    await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")


@pytest.mark.parametrize("wait_ms", [HOUR_MS, 25 * HOUR_MS])
@pytest.mark.parametrize("step", ["prepare", "confirm"])
@pytest.mark.parametrize("how", ["lost", "faults"])
async def test_a_charge_is_taken_once_whichever_step_was_cut_off(
    stage: Stage, step: str, how: str, wait_ms: int
) -> None:
    lot_id, gateway = await paying(stage)
    getattr(gateway, how)[step] = 1
    with pytest.raises(PaymentsAway):
        await pay(stage, lot_id)
    await stage.pass_time(wait_ms)
    if (step, how) == ("prepare", "faults") and wait_ms > DAY_MS:
        # it is not known to the provider, and too old to be sent again: it is paid anew
        assert await stage.state(lot_id) == "awarded"
        assert await stage.gateway.balance_fen() == 0
        return
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 5_000 * YUAN
    assert len(gateway.confirmed) == 1


async def test_a_prepared_charge_that_staff_give_up_is_never_confirmed(stage: Stage) -> None:
    lot_id, gateway = await paying(stage)
    gateway.faults["confirm"] = 5
    with pytest.raises(PaymentsAway):
        await pay(stage, lot_id)
    (charge,) = [one for one in (await stage.detail(lot_id)).operations if one.kind is OperationKind.CHARGE]
    assert charge.provider_ref == "object-1"
    await abandon_operation(stage.context, lot_id, charge.operation_id, actor="olga", reason="it hangs")
    stage.clock.forward(HOUR_MS)
    await perform_due(stage.context)
    (charge,) = [one for one in (await stage.detail(lot_id)).operations if one.kind is OperationKind.CHARGE]
    assert (charge.status, charge.failure) == ("failed", "abandoned")
    assert gateway.confirmed == set()
