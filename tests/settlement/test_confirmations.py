"""Payments and deposits that the card's owner confirms with their bank: confirmed, declined, cancelled, left alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from auction.books import bidders
from auction.books.operations import Operation
from auction.domain.charge_limits import ChargeLimits
from auction.domain.errors import NotFound, PaymentsAway, RequestRefused
from auction.domain.states import FailureCode, OperationKind, StepName
from auction.payments.gateway import GatewayAway, Reply, ReplyStatus
from auction.payments.sandbox import FILE_NAME, SandboxGateway
from auction.services.payments import confirmations
from auction.services.payments.gateway_calls import perform_due, resolve
from auction.services.registration.power_sync import sync_waiting_powers
from auction.services.settlement import award_payment, bidder_views
from auction.services.settlement.finance_views import list_settlements
from auction.services.settlement.payment_corrections import abandon_operation
from tests.settlement.acts import PURSE, either_way, refuse
from tests.settlement.conftest import DAY_MS, NOTICE_SECRET, YUAN, Stage
from tests.settlement.unreliable import UnreliableGateway

CARD = "sandbox-3ds"
MINUTE_MS = 60_000


class FarAway(UnreliableGateway):
    """The sandbox, that cannot be reached when it is to open a confirmation, or to take an answer or a cancellation."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.gateway, lambda _: None)
        for call in ("open_confirmation", "answer_confirmation", "cancel"):
            setattr(self, call, self._away)

    async def _away(self, *_arguments: object, **_named: object) -> None:
        raise GatewayAway("no line")


async def waiting(stage: Stage, bidder: str = "ann") -> Operation:
    (found,) = await confirmations.waiting_confirmations(stage.context, bidder)
    return found


async def says(stage: Stage, one: Operation, *, confirmed: bool) -> Operation:
    """The card's owner confirms or declines on their bank's page."""
    opened = await confirmations.open_confirmation(stage.context, one.operation_id, bidder_id=one.bidder_id)
    assert opened.operation.waits_for_owner
    told = await confirmations.finish_confirmation(
        stage.context, one.operation_id, bidder_id=one.bidder_id, confirmed=confirmed
    )
    await stage.settle()
    return told


async def cancel(stage: Stage, one: Operation) -> Operation:
    told = await confirmations.cancel_confirmation(stage.context, one.operation_id, bidder_id=one.bidder_id)
    await stage.settle()
    return told


async def asked_to_pay(stage: Stage) -> tuple[str, Operation]:
    """A lot for 500 yuan, and the charge of 400 that its winner is to confirm."""
    lot_id = await stage.sold_lot([("ann", 500)])
    assert (await stage.pay(lot_id, method=CARD)).status == "due"
    return lot_id, await waiting(stage)


async def test_a_payment_that_its_owner_confirms_is_paid(stage: Stage) -> None:
    lot_id, charge = await asked_to_pay(stage)
    assert (charge.amount_fen, charge.confirm_by_ms) == (400 * YUAN, stage.clock() + 15 * MINUTE_MS)
    (own,) = await bidder_views.awards_of(stage.context, "ann")
    assert own.unconfirmed == charge
    assert await stage.gateway.balance_fen() == 0
    assert (await says(stage, charge, confirmed=True)).status == "succeeded"
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 500 * YUAN
    assert await confirmations.waiting_confirmations(stage.context, "ann") == []


async def test_what_its_owner_declines_costs_nothing_and_another_card_pays(stage: Stage) -> None:
    lot_id, charge = await asked_to_pay(stage)
    told = await says(stage, charge, confirmed=False)
    assert (told.status, told.failure) == ("failed", "authentication_failed")
    assert await stage.gateway.balance_fen() == 0
    assert (await stage.pay(lot_id, method="sandbox-ok", key="pay-key-2")).status == "paid"


async def test_a_payment_that_nobody_confirms_ends_by_itself_and_blocks_nothing(stage: Stage) -> None:
    lot_id, charge = await asked_to_pay(stage)
    with pytest.raises(RequestRefused) as caught:
        await stage.pay(lot_id, method="sandbox-ok", key="pay-key-2")
    assert caught.value.code == "payment-pending"
    for _ in range(14):
        await stage.pass_time(MINUTE_MS)
        assert (await waiting(stage)).operation_id == charge.operation_id
        assert (await list_settlements(stage.context)).rows[0].stuck == ()
    await stage.pass_time(MINUTE_MS)
    detail = await stage.detail(lot_id)
    (ended,) = [one for one in detail.operations if one.operation_id == charge.operation_id]
    assert (ended.status, ended.failure) == ("failed", "authentication_missing")
    assert detail.steps[-1].step == StepName.PAYMENT_DECLINED
    # what comes of it later is what it was
    late = await confirmations.finish_confirmation(stage.context, charge.operation_id, bidder_id="ann", confirmed=True)
    assert late.failure == "authentication_missing"
    assert (await stage.pay(lot_id, method="sandbox-ok", key="pay-key-2")).status == "paid"


async def test_a_default_waits_for_what_is_to_be_confirmed_and_no_longer(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 500)])
    award = await stage.award(lot_id)
    stage.clock.forward(award.default_at_ms - stage.clock() - MINUTE_MS)
    await stage.pay(lot_id, method=CARD)
    await stage.pass_time(10 * MINUTE_MS)
    assert await stage.state(lot_id) == "awarded"
    await stage.pass_time(10 * MINUTE_MS)
    assert await stage.state(lot_id) != "awarded"


async def test_a_cancelled_confirmation_makes_way_for_another_card_at_once(stage: Stage) -> None:
    lot_id, charge = await asked_to_pay(stage)
    assert (await cancel(stage, charge)).failure == "authentication_missing"
    assert (await cancel(stage, charge)).failure == "authentication_missing"
    assert (await stage.pay(lot_id, method="sandbox-ok", key="pay-key-2")).status == "paid"


async def test_a_cancellation_after_the_bank_has_confirmed_is_a_payment(stage: Stage) -> None:
    lot_id, charge = await asked_to_pay(stage)
    await stage.gateway.answer_confirmation(charge.operation_id, confirmed=True)
    assert (await cancel(stage, charge)).status == "succeeded"
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 500 * YUAN


async def test_a_confirmation_is_its_owners_alone(stage: Stage) -> None:
    _, charge = await asked_to_pay(stage)
    assert await confirmations.waiting_confirmations(stage.context, "bob") == []
    for act in (
        confirmations.open_confirmation, confirmations.finish_confirmation, confirmations.cancel_confirmation,
    ):  # fmt: skip
        with pytest.raises(NotFound) as caught:
            await act(stage.context, charge.operation_id, bidder_id="bob")
        assert caught.value.code == "confirmation-unknown"
    assert (await waiting(stage)).operation_id == charge.operation_id


async def test_a_provider_that_is_away_is_said_to_be_and_asked_again(stage: Stage) -> None:
    lot_id, charge = await asked_to_pay(stage)
    reached = stage.context
    stage.context = replace(reached, gateway=FarAway(stage))
    own = {"bidder_id": "ann"}
    for asked in (
        confirmations.open_confirmation(stage.context, charge.operation_id, **own),
        confirmations.finish_confirmation(stage.context, charge.operation_id, confirmed=True, **own),
        confirmations.cancel_confirmation(stage.context, charge.operation_id, **own),
    ):
        with pytest.raises(PaymentsAway):
            await asked
    stage.context = reached
    await stage.pass_time(MINUTE_MS)
    found = [one for one in (await stage.detail(lot_id)).operations if one.operation_id == charge.operation_id]
    assert [one.failure for one in found] == ["authentication_missing"]


async def test_a_payment_that_staff_give_up_is_cancelled_at_the_provider(stage: Stage) -> None:
    lot_id, charge = await asked_to_pay(stage)
    await abandon_operation(stage.context, lot_id, charge.operation_id, actor="olga", reason="the bidder asks for it")
    await stage.pass_time(3 * MINUTE_MS)
    assert await confirmations.waiting_confirmations(stage.context, "ann") == []
    await refuse(stage, lot_id)
    assert await stage.state(lot_id) == "relisted"


@either_way
async def test_a_deposit_that_its_owner_confirms_admits_them(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    asked = await stage.register(lot_id, "ann", payment_method=CARD)
    assert (asked.registration, asked.deposit and asked.deposit.status) == (None, "pending")
    assert asked.deposit is not None
    hold = await confirmations.unconfirmed_hold(stage.context, asked.deposit)
    assert hold == await waiting(stage)
    (own,) = await bidder_views.deposits_of(stage.context, "ann")
    assert own.unconfirmed == hold
    # asked again, it is the same deposit, whatever card is named
    again = await stage.register(lot_id, "ann", payment_method="sandbox-ok")
    assert again.deposit is not None
    assert again.deposit.deposit_id == asked.deposit.deposit_id
    await says(stage, await waiting(stage), confirmed=True)
    admitted = await stage.register(lot_id, "ann")
    assert admitted.registration is not None
    assert await confirmations.unconfirmed_hold(stage.context, admitted.registration.deposits[0]) is None
    await stage.bid(lot_id, "ann", 500)


@pytest.mark.parametrize("how", ["declined", "cancelled", "left"])
async def test_a_deposit_that_is_not_confirmed_admits_nobody_and_another_card_does(stage: Stage, how: str) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann", payment_method=CARD)
    hold = await waiting(stage)
    match how:
        case "declined":
            await says(stage, hold, confirmed=False)
        case "cancelled":
            await cancel(stage, hold)
        case _:
            await stage.pass_time(15 * MINUTE_MS)
    failure = "authentication_failed" if how == "declined" else "authentication_missing"
    (deposit,) = await stage.deposits_of(lot_id)
    assert (deposit.status, deposit.reason) == ("failed", failure)
    assert (await stage.register(lot_id, "ann", payment_method="sandbox-ok")).registration is not None
    assert (await stage.gateway.movements()).held_fen == 100 * YUAN


async def test_a_renewal_asks_nobody_and_the_old_hold_stays(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann", payment_method=CARD)
    await says(stage, await waiting(stage), confirmed=True)
    await stage.pass_time(5 * DAY_MS + DAY_MS // 2)
    await stage.pass_time(MINUTE_MS)
    assert await confirmations.waiting_confirmations(stage.context, "ann") == []
    (deposit,) = await stage.deposits_of(lot_id)
    assert (deposit.status, deposit.captured_fen) == ("held", None)
    assert (await stage.gateway.movements()).held_fen == 100 * YUAN


async def test_a_later_part_waits_for_its_owner_as_the_first_one_did(stage: Stage, tmp_path: Path) -> None:
    await stage.gateway.close()
    stage.gateway = SandboxGateway(
        tmp_path / FILE_NAME, notice_secret=NOTICE_SECRET, clock_ms=stage.clock,
        limits=ChargeLimits(5 * YUAN, 300 * YUAN),
    )  # fmt: skip
    stage.context = replace(stage.context, gateway=stage.gateway)
    lot_id, first = await asked_to_pay(stage)
    assert first.amount_fen == 300 * YUAN
    await says(stage, first, confirmed=True)
    second = await waiting(stage)
    assert (second.first_operation_id, second.amount_fen) == (first.operation_id, 100 * YUAN)
    await stage.pass_time(15 * MINUTE_MS)
    award = await stage.award(lot_id)
    assert (award.status, award.received_fen) == ("due", 300 * YUAN)
    assert (await stage.pay(lot_id, method="sandbox-ok", key="pay-key-2")).status == "paid"
    assert await stage.gateway.balance_fen() == 500 * YUAN


async def test_a_hold_that_was_cancelled_as_it_was_confirmed_gives_no_power(stage: Stage) -> None:
    lot_id = await stage.open_lot(PURSE)
    await stage.register(lot_id, "ann")
    (deposit,) = await stage.deposits_of(lot_id)
    hold = f"hold-{deposit.deposit_id}"
    ended = Reply(ReplyStatus.FAILED, str(deposit.provider_ref), failure=FailureCode.AUTHENTICATION_MISSING)
    for _ in range(2):
        await resolve(stage.context, hold, ended)
    await sync_waiting_powers(stage.context)
    (deposit,) = await stage.deposits_of(lot_id)
    assert (deposit.status, deposit.reason) == ("lapsed", "authentication_missing")
    await stage.gateway.release("by-the-provider", ref=str(deposit.provider_ref))
    async with stage.context.books.reading() as tx:
        found = await bidders.find_registration(tx, lot_id=lot_id, bidder_id="ann")
    assert found is not None
    assert found.limit_fen == 0


async def test_whoever_takes_up_a_payment_after_a_crash_lets_it_wait_for_its_owner(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 500)])
    award = await stage.award(lot_id)
    await award_payment._intend_payment(
        stage.context, award.award_id, bidder_id="ann", key="pay-key-1", payment_method=CARD
    )
    assert await perform_due(stage.context) == 0
    stage.clock.forward(MINUTE_MS)
    await perform_due(stage.context)
    charge = await waiting(stage)
    assert charge.kind is OperationKind.CHARGE
    await says(stage, charge, confirmed=True)
    assert await stage.state(lot_id) == "paid"
