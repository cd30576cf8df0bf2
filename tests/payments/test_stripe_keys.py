"""Stripe's memory for keys, by sequence: faults that are stored and repeated, keys that are forgotten, late search."""

import itertools
import os
from typing import Any

import httpx
import pytest

from auction.domain.states import OperationKind
from auction.payments.gateway import GatewayAway, Reply, ReplyStatus
from auction.payments.stripe import StripeGateway
from tests.payments.conftest import STRIPE_KEY

# the library hands its form to httpx in a way that httpx is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

INTENTS = "/v1/payment_intents"
ASKED: dict[str, Any] = {"amount_fen": 10_000, "payment_method": "pm_card_visa", "payer": "bidder-1"}
_numbers = itertools.count(1)


def fresh(word: str) -> str:
    return f"{word}-{os.getpid()}-{next(_numbers)}-keys"


async def teach(address: str, **told: object) -> None:
    async with httpx.AsyncClient() as client:
        (await client.post(f"{address}/_config/taught", json=told)).raise_for_status()


async def intents_of(address: str, operation_id: str) -> list[str]:
    """The status of every object that Stripe has of an operation."""
    async with httpx.AsyncClient(auth=(STRIPE_KEY, "")) as client:
        found = (await client.get(f"{address}{INTENTS}", params={"limit": 1000})).json()["data"]
    return [one["status"] for one in found if one["metadata"].get("operation") == operation_id]


async def again(gateway: StripeGateway, operation_id: str, attempt: int) -> Reply:
    """What the house does from the second attempt on: look up, and only then prepare and hold."""
    known = await gateway.look_up(operation_id, OperationKind.HOLD, None)
    if known is None:
        known = await gateway.prepare(operation_id, OperationKind.HOLD, **ASKED, attempt=attempt)
    return await gateway.hold(operation_id, **ASKED, ref=known.ref) if known.is_prepared else known


async def test_a_fault_that_is_stored_under_the_key_of_a_create_ends_with_the_attempt(
    localstripe: str, stripe_gateway: StripeGateway
) -> None:
    operation_id = fresh("hold")
    await teach(localstripe, fault=INTENTS)
    with pytest.raises(GatewayAway):
        await stripe_gateway.prepare(operation_id, OperationKind.HOLD, **ASKED, attempt=1)
    # under the same key the fault is repeated
    with pytest.raises(GatewayAway):
        await stripe_gateway.prepare(operation_id, OperationKind.HOLD, **ASKED, attempt=1)
    assert (await again(stripe_gateway, operation_id, 2)).status is ReplyStatus.SUCCEEDED
    assert await intents_of(localstripe, operation_id) == ["requires_capture"]


@pytest.mark.parametrize("behind", [0, 1])
async def test_what_was_created_before_a_fault_is_found_and_held_once(
    localstripe: str, stripe_gateway: StripeGateway, behind: int
) -> None:
    operation_id = fresh("hold")
    await teach(localstripe, fault=INTENTS, done=True, search_behind=behind)
    with pytest.raises(GatewayAway):
        await stripe_gateway.prepare(operation_id, OperationKind.HOLD, **ASKED, attempt=1)
    assert (await again(stripe_gateway, operation_id, 2)).status is ReplyStatus.SUCCEEDED
    assert await intents_of(localstripe, operation_id) == ["requires_capture"]
    await teach(localstripe, search_behind=0)


async def test_after_the_key_is_forgotten_what_is_held_is_still_found(
    localstripe: str, stripe_gateway: StripeGateway
) -> None:
    operation_id = fresh("hold")
    hold = await stripe_gateway.hold(operation_id, **ASKED)
    await teach(localstripe, forward_s=25 * 3600)
    assert await again(stripe_gateway, operation_id, 3) == hold
    assert await intents_of(localstripe, operation_id) == ["requires_capture"]


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_capture_or_a_release_whose_answer_was_a_fault_is_done_once(
    localstripe: str, stripe_gateway: StripeGateway, is_done: bool
) -> None:
    for verb in ("capture", "cancel"):
        hold = await stripe_gateway.hold(fresh("hold"), **ASKED)
        operation_id = fresh(verb)
        await teach(localstripe, fault=f"{INTENTS}/{hold.ref}/{verb}", done=is_done)

        async def ask(ref: str = hold.ref, operation_id: str = operation_id, verb: str = verb) -> Reply:
            if verb == "capture":
                return await stripe_gateway.capture(operation_id, ref=ref, amount_fen=4_000)
            return await stripe_gateway.release(operation_id, ref=ref)

        if is_done:
            assert (await ask()).status is ReplyStatus.SUCCEEDED
        else:
            with pytest.raises(GatewayAway):
                await ask()
        # no fault is repeated
        reply = await ask()
        assert (reply.status, reply.amount_fen) == (ReplyStatus.SUCCEEDED, 4_000 if verb == "capture" else 10_000)


async def test_a_refund_that_a_fault_hid_is_paid_once_after_its_key_is_forgotten(
    localstripe: str, stripe_gateway: StripeGateway
) -> None:
    charge = await stripe_gateway.charge(fresh("charge"), **ASKED)
    operation_id = fresh("refund")
    await teach(localstripe, fault="/v1/refunds", done=True)
    with pytest.raises(GatewayAway):
        await stripe_gateway.refund(operation_id, ref=charge.ref, amount_fen=4_000)
    await teach(localstripe, forward_s=25 * 3600)
    known = await stripe_gateway.look_up(operation_id, OperationKind.REFUND, charge.ref)
    assert known is not None
    assert (known.status, known.amount_fen) == (ReplyStatus.SUCCEEDED, 4_000)
