"""What the house relies on, in sentences that hold for the sandbox and for Stripe alike."""

import asyncio
import itertools
import os

import pytest

from auction.domain.states import OperationKind
from auction.payments.gateway import GatewayAway, OperationReused, PaymentGateway, ReplyStatus
from auction.payments.sandbox import SandboxGateway
from auction.payments.stripe import StripeGateway

# the library hands its form to httpx in a way that httpx is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

_numbers = itertools.count(1)
CARDS = {
    "sandbox": {"ok": "sandbox-ok:4242", "declines": "sandbox-declines"},
    "stripe": {"ok": "pm_card_visa", "declines": "pm_card_chargeCustomerFail"},
}


@pytest.fixture(params=["sandbox", "stripe"])
def gateway(request: pytest.FixtureRequest) -> PaymentGateway:
    found: PaymentGateway = request.getfixturevalue("sandbox" if request.param == "sandbox" else "stripe_gateway")
    return found


def fresh(word: str) -> str:
    return f"{word}-{os.getpid()}-{next(_numbers)}"


async def held(gateway: PaymentGateway, amount_fen: int = 10_000, payer: str = "bidder-1"):
    card = CARDS[gateway.provider]["ok"]
    return await gateway.hold(fresh("hold"), amount_fen=amount_fen, payment_method=card, payer=payer)


async def charged(gateway: PaymentGateway, amount_fen: int = 10_000):
    card = CARDS[gateway.provider]["ok"]
    return await gateway.charge(fresh("charge"), amount_fen=amount_fen, payment_method=card, payer="bidder-1")


async def test_a_hold_says_its_amount_its_card_and_until_when(gateway: PaymentGateway) -> None:
    reply = await held(gateway)
    assert reply.status is ReplyStatus.SUCCEEDED
    assert reply.amount_fen == 10_000
    assert reply.ref
    assert reply.instrument
    assert reply.expires_at_ms is not None


async def test_the_same_card_is_known_again_in_another_hand(gateway: PaymentGateway) -> None:
    first, second = await held(gateway, payer="bidder-1"), await held(gateway, payer="bidder-2")
    assert first.ref != second.ref
    assert first.instrument == second.instrument


async def test_a_declined_hold_has_failed_with_the_banks_code(gateway: PaymentGateway) -> None:
    card = CARDS[gateway.provider]["declines"]
    reply = await gateway.hold(fresh("hold"), amount_fen=10_000, payment_method=card, payer="bidder-1")
    assert reply.status is ReplyStatus.FAILED
    assert reply.failure == "card_declined"


async def test_a_declined_charge_has_failed_with_the_banks_code(gateway: PaymentGateway) -> None:
    card = CARDS[gateway.provider]["declines"]
    reply = await gateway.charge(fresh("charge"), amount_fen=10_000, payment_method=card, payer="bidder-1")
    assert reply.failure == "card_declined"


async def test_an_unknown_payment_method_fails(gateway: PaymentGateway) -> None:
    reply = await gateway.hold(fresh("hold"), amount_fen=10_000, payment_method="pm_nowhere", payer="bidder-1")
    assert reply.status is ReplyStatus.FAILED


async def test_the_same_operation_again_is_the_same_hold(gateway: PaymentGateway) -> None:
    operation_id, card = fresh("hold"), CARDS[gateway.provider]["ok"]
    first, second = [
        await gateway.hold(operation_id, amount_fen=10_000, payment_method=card, payer="bidder-1") for _ in range(2)
    ]
    assert first == second


async def test_an_operation_id_used_for_something_else_is_refused(gateway: PaymentGateway) -> None:
    operation_id, card = fresh("hold"), CARDS[gateway.provider]["ok"]
    await gateway.hold(operation_id, amount_fen=10_000, payment_method=card, payer="bidder-1")
    with pytest.raises(OperationReused):
        await gateway.hold(operation_id, amount_fen=20_000, payment_method=card, payer="bidder-1")


async def test_a_hold_is_captured_in_part_and_only_once(gateway: PaymentGateway) -> None:
    hold = await held(gateway)
    operation_id = fresh("capture")
    capture = await gateway.capture(operation_id, ref=hold.ref, amount_fen=4_000)
    assert (capture.status, capture.ref, capture.amount_fen) == (ReplyStatus.SUCCEEDED, hold.ref, 4_000)
    assert await gateway.capture(operation_id, ref=hold.ref, amount_fen=4_000) == capture
    again = await gateway.capture(fresh("capture"), ref=hold.ref, amount_fen=1_000)
    assert again.failure == "already_captured"


async def test_a_captured_hold_is_not_released(gateway: PaymentGateway) -> None:
    hold = await held(gateway)
    await gateway.capture(fresh("capture"), ref=hold.ref, amount_fen=10_000)
    assert (await gateway.release(fresh("release"), ref=hold.ref)).failure == "already_captured"


async def test_a_released_hold_is_not_captured_and_may_be_released_again(gateway: PaymentGateway) -> None:
    hold = await held(gateway)
    released = await gateway.release(fresh("release"), ref=hold.ref)
    assert (released.status, released.amount_fen) == (ReplyStatus.SUCCEEDED, 10_000)
    assert (await gateway.release(fresh("release"), ref=hold.ref)).status is ReplyStatus.SUCCEEDED
    assert (await gateway.capture(fresh("capture"), ref=hold.ref, amount_fen=1)).failure == "already_released"


async def test_more_than_is_held_is_not_captured(gateway: PaymentGateway) -> None:
    hold = await held(gateway)
    reply = await gateway.capture(fresh("capture"), ref=hold.ref, amount_fen=10_001)
    assert reply.status is ReplyStatus.FAILED
    assert (await gateway.capture(fresh("capture"), ref=hold.ref, amount_fen=10_000)).status is ReplyStatus.SUCCEEDED


async def test_what_the_sandbox_does_not_have_is_not_found(sandbox: SandboxGateway) -> None:
    assert (await sandbox.capture(fresh("capture"), ref="sbh_nowhere", amount_fen=1)).failure == "not_found"
    assert (await sandbox.release(fresh("release"), ref="sbh_nowhere")).failure == "not_found"
    assert (await sandbox.refund(fresh("refund"), ref="sbh_nowhere", amount_fen=1)).failure == "not_found"
    assert await sandbox.look_up(fresh("charge"), OperationKind.CHARGE, "sbc_nowhere") is None


async def test_what_stripe_does_not_show_under_this_key_is_not_said_to_be_absent(stripe_gateway: StripeGateway) -> None:
    # Stripe deletes no payment that it has told us of: the key is of another account
    for asked in (
        stripe_gateway.capture(fresh("capture"), ref="pi_nowhere", amount_fen=1),
        stripe_gateway.release(fresh("release"), ref="pi_nowhere"),
        stripe_gateway.refund(fresh("refund"), ref="pi_nowhere", amount_fen=1),
        stripe_gateway.look_up(fresh("charge"), OperationKind.CHARGE, "pi_nowhere"),
        stripe_gateway.look_up(fresh("refund"), OperationKind.REFUND, "pi_nowhere"),
    ):
        with pytest.raises(GatewayAway, match="another account"):
            await asked


async def test_a_charge_is_refunded_in_parts(gateway: PaymentGateway) -> None:
    charge = await charged(gateway)
    operation_id = fresh("refund")
    first = await gateway.refund(operation_id, ref=charge.ref, amount_fen=4_000)
    assert (first.status, first.amount_fen) == (ReplyStatus.SUCCEEDED, 4_000)
    assert await gateway.refund(operation_id, ref=charge.ref, amount_fen=4_000) == first
    second = await gateway.refund(fresh("refund"), ref=charge.ref, amount_fen=6_000)
    assert second.status is ReplyStatus.SUCCEEDED
    assert second.ref != first.ref


async def test_what_became_of_an_operation_can_be_asked(gateway: PaymentGateway) -> None:
    operation_id, card = fresh("hold"), CARDS[gateway.provider]["ok"]
    hold = await gateway.hold(operation_id, amount_fen=10_000, payment_method=card, payer="bidder-1")
    assert await gateway.look_up(operation_id, OperationKind.HOLD, hold.ref) == hold
    assert await gateway.look_up(operation_id, OperationKind.HOLD, None) == hold
    capture_id, refund_id = fresh("capture"), fresh("refund")
    assert await gateway.look_up(capture_id, OperationKind.CAPTURE, hold.ref) is None
    capture = await gateway.capture(capture_id, ref=hold.ref, amount_fen=4_000)
    assert await gateway.look_up(capture_id, OperationKind.CAPTURE, hold.ref) == capture
    assert await gateway.look_up(fresh("capture"), OperationKind.CAPTURE, hold.ref) is None
    assert await gateway.look_up(refund_id, OperationKind.REFUND, hold.ref) is None
    refund = await gateway.refund(refund_id, ref=hold.ref, amount_fen=1_000)
    assert await gateway.look_up(refund_id, OperationKind.REFUND, hold.ref) == refund


async def test_the_outcome_of_a_release_can_be_asked(gateway: PaymentGateway) -> None:
    hold, operation_id = await held(gateway), fresh("release")
    assert await gateway.look_up(operation_id, OperationKind.RELEASE, hold.ref) is None
    reply = await gateway.release(operation_id, ref=hold.ref)
    assert await gateway.look_up(operation_id, OperationKind.RELEASE, hold.ref) == reply


async def test_an_operation_that_nobody_asked_for_is_unknown(gateway: PaymentGateway) -> None:
    assert await gateway.look_up(fresh("hold"), OperationKind.HOLD, None) is None


@pytest.mark.parametrize("amount_fen", [0, -1, 10**13 + 1, True, 1.5])
async def test_what_is_no_amount_is_never_asked_for(gateway: PaymentGateway, amount_fen: object) -> None:
    with pytest.raises(ValueError, match="no amount"):
        await gateway.hold(fresh("hold"), amount_fen=amount_fen, payment_method="sandbox-ok", payer="bidder-1")  # type: ignore[arg-type]


@pytest.mark.parametrize("operation_id", ["", "two words", "句", "x" * 121])
async def test_an_operation_id_is_visible_ascii(gateway: PaymentGateway, operation_id: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        await gateway.release(operation_id, ref="pi_nowhere")


async def test_holds_in_parallel_do_not_disturb_each_other(gateway: PaymentGateway) -> None:
    replies = await asyncio.gather(*(held(gateway, amount_fen=100 + number) for number in range(10)))
    assert sorted(reply.amount_fen or 0 for reply in replies) == [100 + number for number in range(10)]


async def test_keys_and_secrets_are_not_in_its_name(gateway: PaymentGateway) -> None:
    assert "whsec" not in repr(gateway)
    assert "sk_test" not in repr(gateway)
