"""Cards whose banks want their owner (3-D Secure): confirmed, declined, left alone, cancelled; at both providers."""

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from auction.domain.states import OperationKind
from auction.payments.gateway import Confirmation, GatewayAway, PaymentGateway, Reply, ReplyStatus
from auction.payments.sandbox import SandboxGateway
from auction.payments.stripe import StripeGateway
from tests.payments.conftest import NOTICE_SECRET, STRIPE_KEY
from tests.payments.recorded import Recorded, intent, recorded_stripe

# the library hands its form to httpx in a way that httpx is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

AMOUNT_FEN = 10_000
OPENING = [OperationKind.HOLD, OperationKind.CHARGE]
_numbers = itertools.count(1)


def fresh(word: str) -> str:
    return f"{word}-{os.getpid()}-{next(_numbers)}-confirmed"


@dataclass
class House:
    """A provider, a card that its bank confirms, and what its owner does on the provider's page."""

    gateway: PaymentGateway
    card: str
    address: str | None

    async def opened(self, kind: OperationKind, *, on_session: bool = True) -> tuple[str, Reply]:
        operation_id = fresh(kind)
        take = self.gateway.hold if kind is OperationKind.HOLD else self.gateway.charge
        reply = await take(
            operation_id, amount_fen=AMOUNT_FEN, payment_method=self.card, payer="ann", on_session=on_session
        )
        return operation_id, reply

    async def dialog(self, operation_id: str, kind: OperationKind, reply: Reply) -> Confirmation:
        return await self.gateway.open_confirmation(operation_id, kind, ref=reply.ref, payment_method=self.card)

    async def says(self, operation_id: str, kind: OperationKind, reply: Reply, *, confirmed: bool) -> None:
        """The card's owner confirms or declines in the dialog."""
        opened = await self.dialog(operation_id, kind, reply)
        assert opened.reply.requires_action
        if isinstance(self.gateway, SandboxGateway):
            await self.gateway.answer_confirmation(operation_id, confirmed=confirmed)
            return
        form = {"client_secret": opened.client_secret or "", "success": str(confirmed).lower()}
        async with httpx.AsyncClient() as client:
            path = f"{self.address}/v1/payment_intents/{reply.ref}/_authenticate"
            answer = await client.post(path, data=form, headers={"Authorization": f"Bearer {STRIPE_KEY}"})
        assert answer.status_code == 200, answer.text

    async def known(self, operation_id: str, kind: OperationKind, reply: Reply) -> Reply:
        found = await self.gateway.look_up(operation_id, kind, reply.ref)
        assert found is not None
        return found


@pytest.fixture(params=["sandbox", "stripe"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    if request.param == "sandbox":
        sandbox = SandboxGateway(tmp_path / "sandbox.sqlite", notice_secret=NOTICE_SECRET)
        yield House(sandbox, "sandbox-3ds:3155", None)
        await sandbox.close()
        return
    address: str = request.getfixturevalue("localstripe")
    form = {"type": "card", "card[number]": "4000002500003155", "card[exp_month]": "12", "card[exp_year]": "2040",
            "card[cvc]": "123"}  # fmt: skip
    async with httpx.AsyncClient() as client:
        made = await client.post(
            f"{address}/v1/payment_methods", data=form, headers={"Authorization": f"Bearer {STRIPE_KEY}"}
        )
    gateway = StripeGateway(STRIPE_KEY, webhook_secret=NOTICE_SECRET, api_base=address, retries=0)
    yield House(gateway, made.json()["id"], address)
    await gateway.close()


@pytest.mark.parametrize("kind", OPENING)
async def test_what_its_owner_confirms_succeeds(house: House, kind: OperationKind) -> None:
    operation_id, reply = await house.opened(kind)
    assert (reply.status, reply.requires_action, reply.amount_fen) == (ReplyStatus.PENDING, True, AMOUNT_FEN)
    assert await house.known(operation_id, kind, reply) == reply
    await house.says(operation_id, kind, reply, confirmed=True)
    outcome = await house.known(operation_id, kind, reply)
    assert (outcome.status, outcome.ref, outcome.requires_action) == (ReplyStatus.SUCCEEDED, reply.ref, False)
    assert outcome.instrument
    late = await house.gateway.cancel(operation_id, kind, ref=reply.ref)
    if house.gateway.provider == "sandbox" or kind is OperationKind.CHARGE:
        # what has succeeded is not cancelled any more
        assert late == outcome


@pytest.mark.parametrize("kind", OPENING)
async def test_what_its_owner_declines_fails_and_is_not_asked_again(house: House, kind: OperationKind) -> None:
    operation_id, reply = await house.opened(kind)
    await house.says(operation_id, kind, reply, confirmed=False)
    outcome = await house.known(operation_id, kind, reply)
    assert (outcome.status, outcome.failure) == (ReplyStatus.FAILED, "authentication_failed")
    again = await house.dialog(operation_id, kind, reply)
    assert (again.reply.failure, again.client_secret) == ("authentication_failed", None)


@pytest.mark.parametrize("on_session", [True, False])
@pytest.mark.parametrize("kind", OPENING)
async def test_what_nobody_confirms_is_cancelled_and_stays_so(
    house: House, kind: OperationKind, on_session: bool
) -> None:
    operation_id, reply = await house.opened(kind, on_session=on_session)
    assert reply.requires_action
    cancelled = await house.gateway.cancel(operation_id, kind, ref=reply.ref)
    assert (cancelled.status, cancelled.failure) == (ReplyStatus.FAILED, "authentication_missing")
    assert await house.known(operation_id, kind, reply) == cancelled
    assert await house.gateway.cancel(operation_id, kind, ref=reply.ref) == cancelled
    opened = await house.dialog(operation_id, kind, reply)
    assert (opened.reply, opened.client_secret) == (cancelled, None)


@pytest.mark.parametrize("kind", OPENING)
async def test_a_card_that_was_refused_off_session_is_confirmed_by_its_owner_later(
    house: House, kind: OperationKind
) -> None:
    operation_id, reply = await house.opened(kind, on_session=False)
    assert (reply.status, reply.requires_action) == (ReplyStatus.PENDING, True)
    assert await house.known(operation_id, kind, reply) == reply
    await house.says(operation_id, kind, reply, confirmed=True)
    assert (await house.known(operation_id, kind, reply)).status is ReplyStatus.SUCCEEDED


async def test_the_dialogs_secret_does_not_print(house: House) -> None:
    operation_id, reply = await house.opened(OperationKind.CHARGE)
    opened = await house.dialog(operation_id, OperationKind.CHARGE, reply)
    assert (opened.client_secret is None) is (house.gateway.provider == "sandbox")
    assert str(opened.client_secret) not in repr(opened) or opened.client_secret is None


# --- what localstripe does not say ------------------------------------------------------------------------------------


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with recorded_stripe() as recorded:
        yield recorded


@pytest.fixture
async def gateway(recorded: Recorded) -> AsyncIterator[StripeGateway]:
    gateway = StripeGateway(STRIPE_KEY, webhook_secret=NOTICE_SECRET, api_base=recorded.address, retries=0)
    yield gateway
    await gateway.close()


@pytest.mark.parametrize("on_session, flag", [(True, "use_stripe_sdk"), (False, "off_session")])
async def test_stripe_is_told_whether_the_owner_is_there(
    gateway: StripeGateway, recorded: Recorded, on_session: bool, flag: str
) -> None:
    recorded.answer(200, intent())
    await gateway.hold(
        "hold-1", amount_fen=10_000, payment_method="pm_1", payer="ann", ref="pi_1", on_session=on_session
    )
    (_, path, form, _) = recorded.asked[0]
    assert path == "/v1/payment_intents/pi_1/confirm"
    assert {name for name in form if not name.startswith("expand")} == {flag}


async def test_a_hold_that_was_cancelled_in_the_moment_of_its_confirmation_has_failed(
    gateway: StripeGateway, recorded: Recorded
) -> None:
    recorded.answer(200, intent(status="canceled", cancellation_reason="abandoned"))
    reply = await gateway.cancel("hold-1", OperationKind.HOLD, ref="pi_1")
    assert recorded.asked[0][2]["cancellation_reason"] == "abandoned"
    assert (reply.status, reply.failure) == (ReplyStatus.FAILED, "authentication_missing")


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("now, told", [("succeeded", ReplyStatus.SUCCEEDED), ("processing", ReplyStatus.PENDING)])
async def test_a_refused_cancellation_is_explained_by_the_object(
    gateway: StripeGateway, recorded: Recorded, status: int, now: str, told: ReplyStatus
) -> None:
    recorded.refuse(status, code="payment_intent_unexpected_state")
    recorded.answer(200, intent(status=now, capture_method="automatic"))
    reply = await gateway.cancel("charge-1", OperationKind.CHARGE, ref="pi_1")
    assert (reply.status, reply.requires_action) == (told, False)


async def test_a_cancellation_that_never_arrived_says_nothing(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.refuse(503)
    recorded.answer(200, intent(status="requires_action", latest_charge=None))
    with pytest.raises(GatewayAway, match="has not cancelled"):
        await gateway.cancel("charge-1", OperationKind.CHARGE, ref="pi_1")


async def test_a_decline_when_the_owner_comes_later_is_final(gateway: StripeGateway, recorded: Recorded) -> None:
    wanted = {"code": "authentication_required"}
    recorded.answer(200, intent(status="requires_payment_method", latest_charge=None, last_payment_error=wanted))
    recorded.refuse(402, type="card_error", code="card_declined", decline_code="lost_card")
    opened = await gateway.open_confirmation("hold-1", OperationKind.HOLD, ref="pi_1", payment_method="cus_1:pm_1")
    assert (opened.reply.failure, opened.client_secret) == ("lost_card", None)
    assert recorded.asked[1][2]["payment_method"] == "pm_1"


def test_a_reply_reads_the_same_from_an_event_that_was_stored_before() -> None:
    stored: dict[str, Any] = {"status": ReplyStatus.PENDING, "ref": "pi_1"}
    assert Reply(**stored).requires_action is False
