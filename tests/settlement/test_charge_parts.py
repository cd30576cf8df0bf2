"""A provider that takes neither too little nor too much at once: sums in parts, rests that are joined or waived.

Figures in yuan; the provider of most tests takes 5 to 2,000 at once.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from auction.books import operations
from auction.books.bank_receipts import ReceiptFacts
from auction.domain.accounts import JournalAccount
from auction.domain.charge_limits import ChargeLimits
from auction.domain.errors import PaymentsAway, RequestRefused
from auction.domain.states import DefaultCause, OperationKind
from auction.payments.sandbox import FILE_NAME, SandboxGateway
from auction.services.bank.receipts import book_receipt
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement import award_payment, bidder_views
from auction.services.settlement.payment_default import declare_default
from tests.settlement.acts import behind_a_bad_line, charged, deposit, refuse, void
from tests.settlement.conftest import DAY_MS, HOUR_MS, NOTICE_SECRET, YUAN, Stage
from tests.settlement.unreliable import Fault

LIMITS = ChargeLimits(5 * YUAN, 2_000 * YUAN)
NO_DEPOSIT = {"deposit": {"policy": "none"}, "settlement": {"payment_window_ms": DAY_MS}}


@pytest.fixture(autouse=True)
async def limited(stage: Stage, tmp_path: Path) -> None:
    """The provider takes LIMITS at once."""
    await stage.gateway.close()
    stage.gateway = SandboxGateway(
        tmp_path / FILE_NAME, notice_secret=NOTICE_SECRET, clock_ms=stage.clock, limits=LIMITS
    )
    stage.context = replace(stage.context, gateway=stage.gateway)


async def charges(stage: Stage, lot_id: str) -> list[tuple[str, int, str]]:
    """The charges of a lot, sorted: the end of their ids, yuan, status."""
    made = [one for one in (await stage.detail(lot_id)).operations if one.kind is OperationKind.CHARGE and one.award_id]
    return sorted(
        (one.operation_id.removeprefix(one.first_operation_id), one.amount_fen // YUAN, str(one.status)) for one in made
    )


async def transferred(stage: Stage, lot_id: str, fen: int) -> None:
    award = await stage.award(lot_id)
    facts = ReceiptFacts(f"B{fen}", fen, "2025-10-23", "Ann", remittance=award.payment_reference)
    await book_receipt(stage.context, facts, actor="fin")
    await stage.settle()


async def test_a_sum_above_the_most_is_charged_in_parts_each_an_operation_of_its_own(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_100)], deposit(100))
    (own,) = await bidder_views.awards_of(stage.context, "ann")
    assert (own.to_pay_fen, own.charges) == (5_000 * YUAN, 3)

    paid = await stage.pay(lot_id)

    assert await charges(stage, lot_id) == [
        ("", 2_000, "succeeded"), ("-2", 2_000, "succeeded"), ("-3", 1_000, "succeeded"),
    ]  # fmt: skip
    assert (await stage.award(lot_id)).status == "paid"
    assert await stage.gateway.balance_fen() == 5_100 * YUAN
    # the same key again pays nothing again
    again = await award_payment.pay_award(stage.context, paid.award_id, bidder_id="ann", key="pay-key-1")
    assert again.status == "paid"
    assert await stage.gateway.balance_fen() == 5_100 * YUAN


async def test_more_parts_than_a_request_charges_are_charged_by_the_cashier(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 30_000)], NO_DEPOSIT)
    award = await stage.award(lot_id)
    asked = await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")
    assert (asked.status, asked.received_fen) == ("due", 20_000 * YUAN)
    # meanwhile nobody pays twice, nor defaults
    with pytest.raises(RequestRefused) as caught:
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-2")
    assert caught.value.code == "payment-pending"
    await stage.settle()
    assert await stage.state(lot_id) == "paid"
    assert len(await charges(stage, lot_id)) == 15
    assert await stage.gateway.balance_fen() == 30_000 * YUAN


async def test_parts_that_were_charged_before_one_is_declined_are_part_payments(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], NO_DEPOSIT)
    award = await stage.award(lot_id)
    # the card is good for one part, then its bank says no
    await award_payment._intend_payment(
        stage.context, award.award_id, bidder_id="ann", key="pay-key-1", payment_method="sandbox-ok"
    )
    # whoever asked is gone, and the cashier takes it up
    stage.clock.forward(operations.CLAIM_MS)
    await perform_due(stage.context)
    async with stage.context.books.transaction() as tx:
        await _change_card(tx, "sandbox-declines")

    with pytest.raises(RequestRefused) as caught:
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")

    assert caught.value.code == "payment-declined"
    assert caught.value.facts == {"failure": "card_declined", "charged_fen": 2_000 * YUAN}
    assert (await stage.award(lot_id)).received_fen == 2_000 * YUAN
    with pytest.raises(RequestRefused):
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")
    # another card pays the rest
    await stage.pay(lot_id, key="pay-key-2")
    assert await charges(stage, lot_id) == [
        ("", 2_000, "succeeded"), ("", 2_000, "succeeded"), ("-2", 1_000, "succeeded"), ("-2", 2_000, "failed"),
    ]  # fmt: skip
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 5_000 * YUAN


async def _change_card(tx, method: str) -> None:
    await tx.session.execute(
        text("UPDATE payment_operations SET payment_method = :method WHERE status = 'intended'"), {"method": method}
    )


async def test_a_part_payment_is_refunded_where_the_rest_is_never_paid(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], NO_DEPOSIT)
    award = await stage.award(lot_id)
    await award_payment._intend_payment(
        stage.context, award.award_id, bidder_id="ann", key="pay-key-1", payment_method="sandbox-ok"
    )
    # whoever asked is gone, and the cashier takes it up
    stage.clock.forward(operations.CLAIM_MS)
    await perform_due(stage.context)
    async with stage.context.books.transaction() as tx:
        await _change_card(tx, "sandbox-declines")
    await stage.settle()
    await stage.pass_time(2 * DAY_MS)
    assert await stage.state(lot_id) in {"relisted", "defaulted"}
    assert await stage.gateway.balance_fen() == 0


async def test_an_answer_that_is_lost_in_the_middle_charges_no_part_twice(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], NO_DEPOSIT)
    fault: dict[OperationKind, Fault] = {OperationKind.CHARGE: "after"}
    behind_a_bad_line(stage, fault)
    award = await stage.award(lot_id)
    with pytest.raises(PaymentsAway):
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")
    fault.clear()
    await stage.pass_time(HOUR_MS)
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 5_000 * YUAN


async def test_a_transfer_that_comes_between_two_parts_is_not_charged_again(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], NO_DEPOSIT)
    award = await stage.award(lot_id)
    await award_payment._intend_payment(
        stage.context, award.award_id, bidder_id="ann", key="pay-key-1", payment_method="sandbox-ok"
    )
    # whoever asked is gone, and the cashier takes it up
    stage.clock.forward(operations.CLAIM_MS)
    await transferred(stage, lot_id, 2_500 * YUAN)
    assert await charges(stage, lot_id) == [("", 2_000, "succeeded"), ("-2", 500, "succeeded")]
    assert await stage.state(lot_id) == "paid"


@pytest.mark.parametrize("stage", ["authorisation", "charge"], indirect=True)
async def test_a_rest_below_the_least_is_joined_with_what_the_deposit_would_have_paid(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 103)], deposit(100))
    (own,) = await bidder_views.awards_of(stage.context, "ann")
    assert (own.to_pay_fen, own.deposit_fen, own.missing_fen) == (5 * YUAN, 98 * YUAN, 3 * YUAN)
    await stage.pay(lot_id)
    assert await charges(stage, lot_id) == [("", 5, "succeeded")]
    assert await stage.state(lot_id) == "paid"
    # the deposit paid 98 of 100
    assert await stage.gateway.balance_fen() == 103 * YUAN


async def test_a_deposit_is_not_captured_below_the_least(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 2)], deposit(100))
    await stage.pay(lot_id)
    assert await stage.state(lot_id) == "paid"
    captured = [one for one in (await stage.detail(lot_id)).operations if one.kind is OperationKind.CAPTURE]
    assert [one.amount_fen for one in captured] == [5 * YUAN]
    assert await stage.gateway.balance_fen() == 2 * YUAN


async def test_a_rest_of_a_payment_that_cannot_be_charged_is_waived(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], NO_DEPOSIT)
    await transferred(stage, lot_id, 996 * YUAN)
    assert await stage.state(lot_id) == "awarded"
    await stage.pay(lot_id)
    award = await stage.award(lot_id)
    assert (award.status, award.received_fen, award.waived_fen) == ("paid", 996 * YUAN, 4 * YUAN)
    assert await stage.balance(lot_id, JournalAccount.REST_WAIVED) == 4


async def test_at_the_deadline_such_a_rest_is_no_default(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], NO_DEPOSIT)
    await transferred(stage, lot_id, 996 * YUAN)
    await stage.pass_time(2 * DAY_MS)
    assert await stage.state(lot_id) == "paid"


async def test_who_refuses_to_pay_such_a_rest_has_defaulted(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], NO_DEPOSIT)
    await transferred(stage, lot_id, 996 * YUAN)
    await refuse(stage, lot_id)
    assert (await stage.award(lot_id)).status == "defaulted"


async def test_what_was_waived_is_not_refunded_where_the_sale_is_void(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 2_996)], NO_DEPOSIT)
    await transferred(stage, lot_id, 2_992 * YUAN)
    await stage.pay(lot_id)
    await void(stage, lot_id)
    (back,) = [one for one in (await stage.detail(lot_id)).steps if one.step == "rest-waived"]
    assert back.details["amount_fen"] == 4 * YUAN
    balances = (await stage.detail(lot_id)).balances
    assert balances.get(JournalAccount.REST_WAIVED, 0) == 0
    assert balances.get(JournalAccount.REFUND_PAYABLE, 0) == 0
    assert -balances[JournalAccount.TRANSFERS_PAYABLE] == 2_992 * YUAN


async def test_a_price_below_the_least_is_refused_with_the_least(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 3)], NO_DEPOSIT)
    with pytest.raises(RequestRefused) as caught:
        await stage.pay(lot_id)
    assert (caught.value.code, caught.value.facts) == (
        "payment-too-small",
        {"amount_fen": 3 * YUAN, "minimum_fen": 5 * YUAN},
    )
    await transferred(stage, lot_id, 3 * YUAN)
    assert await stage.state(lot_id) == "paid"


@charged
async def test_void_refunds_each_part_by_itself(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_100)], deposit(100))
    await stage.pay(lot_id)
    await void(stage, lot_id)
    refunds = [one for one in (await stage.detail(lot_id)).operations if one.kind is OperationKind.REFUND]
    assert sorted(one.amount_fen // YUAN for one in refunds) == [100, 1_000, 2_000, 2_000]
    assert len({one.operation_id for one in refunds}) == 4
    assert await stage.gateway.balance_fen() == 0


@pytest.mark.parametrize(
    "yuan, code, fact", [(3, "deposit-too-low", "minimum_fen"), (2_001, "deposit-too-high", "maximum_fen")]
)
async def test_a_deposit_that_the_provider_does_not_hold_at_once_is_refused_with_the_bound(
    stage: Stage, yuan: int, code: str, fact: str
) -> None:
    lot_id = await stage.open_lot(deposit(yuan))
    with pytest.raises(RequestRefused) as caught:
        await stage.register(lot_id, "ann")
    bound = LIMITS.min_fen if fact == "minimum_fen" else LIMITS.max_fen
    assert (caught.value.code, caught.value.facts) == (code, {fact: bound})
    assert await stage.deposits_of(lot_id) == []


async def test_nobody_defaults_while_a_part_is_under_way(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)], NO_DEPOSIT)
    award = await stage.award(lot_id)
    await award_payment._intend_payment(
        stage.context, award.award_id, bidder_id="ann", key="pay-key-1", payment_method="sandbox-ok"
    )
    # whoever asked is gone, and the cashier takes it up
    stage.clock.forward(operations.CLAIM_MS)
    await perform_due(stage.context)
    stage.clock.forward(2 * DAY_MS)
    with pytest.raises(RequestRefused) as caught:
        await declare_default(stage.context, lot_id, cause=DefaultCause.DEADLINE)
    assert caught.value.code == "payment-pending"
    await stage.settle()
    assert await stage.state(lot_id) == "paid"
