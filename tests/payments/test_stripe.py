"""Stripe: what is sent, what its answers mean, which of them say nothing, and whose notices are believed."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
import stripe

from auction.domain.provider_event_states import ProviderEventType
from auction.domain.states import OperationKind
from auction.payments.gateway import AnswerRefused, GatewayAway, NoticeRefused, OperationReused, Reply, ReplyStatus
from auction.payments.stripe import StripeGateway
from tests.payments.conftest import NOTICE_SECRET, STRIPE_KEY
from tests.payments.recorded import RESET, Recorded, event, intent, recorded_stripe, refund

# the library hands its form to httpx in a way that httpx is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NOW_S = 1_800_000_000.0
CANCELLED = {"status": "canceled", "cancellation_reason": "requested_by_customer"}
EXPIRED = {"status": "canceled", "cancellation_reason": "expired"}


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with recorded_stripe() as recorded:
        yield recorded


@pytest.fixture
async def gateway(recorded: Recorded) -> AsyncIterator[StripeGateway]:
    gateway = StripeGateway(STRIPE_KEY, webhook_secret=NOTICE_SECRET, api_base=recorded.address, retries=0)
    yield gateway
    await gateway.close()


async def hold(gateway: StripeGateway, payment_method: str = "pm_1") -> Reply:
    return await gateway.hold("hold-1", amount_fen=10_000, payment_method=payment_method, payer="bidder-1")


async def test_a_hold_is_asked_for_by_hand_off_session_and_under_its_operation(
    gateway: StripeGateway, recorded: Recorded
) -> None:
    recorded.answer(200, intent(status="requires_confirmation"))
    recorded.answer(200, intent())
    reply = await hold(gateway, "cus_1:pm_1")
    method, path, form, _ = recorded.asked[0]
    assert (method, path) == ("POST", "/v1/payment_intents")
    # nothing is taken before the object is confirmed by its id
    assert "confirm" not in form
    method, path, confirmed, _ = recorded.asked[1]
    assert (method, path) == ("POST", "/v1/payment_intents/pi_1/confirm")
    assert confirmed["off_session"] == "true"
    assert (
        form.items()
        >= {
            "amount": "10000",
            "currency": "cny",
            "capture_method": "manual",
            "customer": "cus_1",
            "payment_method": "pm_1",
            "metadata[operation]": "hold-1",
            "metadata[payer]": "bidder-1",
        }.items()
    )
    # refused by today's API
    assert not any(key.startswith("payment_method_types") for key in form)
    assert reply == Reply(
        ReplyStatus.SUCCEEDED,
        "pi_1",
        expires_at_ms=1_800_500_000_000,
        instrument="Xt5EWLLDS7FJjR1c",
        amount_fen=10_000,
    )


async def test_a_charge_is_captured_by_itself(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, intent(capture_method="automatic", status="succeeded", amount_received=10_000))
    reply = await gateway.charge("hold-1", amount_fen=10_000, payment_method="pm_1", payer="bidder-1")
    assert recorded.asked[0][2]["capture_method"] == "automatic"
    assert (reply.status, reply.expires_at_ms) == (ReplyStatus.SUCCEEDED, None)


async def test_a_hold_lasts_seven_days_where_stripe_does_not_say(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, intent(latest_charge=None))
    assert (await hold(gateway)).expires_at_ms == (1_800_000_000 + 7 * 86_400) * 1000


@pytest.mark.parametrize(
    "error, failure",
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, "insufficient_funds"),
        ({"code": "card_declined", "decline_code": "generic_decline"}, "card_declined"),
        ({"code": "card_declined", "decline_code": "lost_card"}, "lost_card"),
        ({"code": "expired_card"}, "expired_card"),
        ({"code": "payment_intent_authentication_failure"}, "authentication_failed"),
        ({}, "card_declined"),
    ],
)
async def test_a_decline_says_why(
    gateway: StripeGateway, recorded: Recorded, error: dict[str, Any], failure: str
) -> None:
    recorded.refuse(402, **{"type": "card_error", "payment_intent": {"id": "pi_2"}, **error})
    assert await hold(gateway) == Reply(ReplyStatus.FAILED, "pi_2", failure=failure)


async def test_what_stripe_would_never_take_has_failed(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.refuse(400, code="amount_too_large", param="amount")
    assert (await hold(gateway)).failure == "amount_too_large"


async def test_a_card_that_wants_to_see_its_owner_waits_for_them(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, intent(status="requires_confirmation", latest_charge=None))
    recorded.refuse(402, type="card_error", code="authentication_required", decline_code="authentication_required")
    waits = Reply(ReplyStatus.PENDING, "pi_1", amount_fen=10_000, requires_action=True)
    assert await hold(gateway) == waits
    recorded.answers[-1] = (200, intent(status="requires_action", latest_charge=None))
    assert await gateway.look_up("hold-1", OperationKind.HOLD, "pi_1") == waits


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 502, 503])
async def test_a_fault_of_stripes_says_nothing_of_the_outcome(
    gateway: StripeGateway, recorded: Recorded, status: int
) -> None:
    recorded.refuse(status, message=f"{STRIPE_KEY} is what you sent")
    with pytest.raises(GatewayAway) as caught:
        await hold(gateway)
    assert str(status) in str(caught.value)
    assert STRIPE_KEY not in str(caught.value)


async def test_an_answer_that_is_no_json_says_nothing(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, b"<html>maintenance</html>")
    with pytest.raises(GatewayAway):
        await hold(gateway)


@pytest.mark.parametrize("said", [{}, {"object": "payment_intent"}, intent(currency="usd"), intent(amount=9_999)])
async def test_an_answer_about_something_else_is_not_believed(
    gateway: StripeGateway, recorded: Recorded, said: dict[str, Any]
) -> None:
    recorded.answer(200, said)
    with pytest.raises(AnswerRefused):
        await hold(gateway)


async def test_a_broken_connection_says_nothing(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answers.append(RESET)
    with pytest.raises(GatewayAway):
        await hold(gateway)


async def test_nobody_there_says_nothing() -> None:
    with socket.socket() as taken:
        # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        gateway = StripeGateway(STRIPE_KEY, webhook_secret=NOTICE_SECRET, api_base=address, retries=0)
        with pytest.raises(GatewayAway):
            await hold(gateway)
        await gateway.close()


async def test_no_answer_in_time_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        gateway = StripeGateway(STRIPE_KEY, webhook_secret=NOTICE_SECRET, api_base=address, retries=0, timeout_s=0.2)
        with pytest.raises(GatewayAway):
            await hold(gateway)
        await gateway.close()


async def test_a_second_try_is_made_under_the_same_operation(recorded: Recorded) -> None:
    gateway = StripeGateway(STRIPE_KEY, webhook_secret=NOTICE_SECRET, api_base=recorded.address, retries=1)
    recorded.refuse(503)
    recorded.answer(200, intent())
    assert (await hold(gateway)).status is ReplyStatus.SUCCEEDED
    assert [path for _, path, *_ in recorded.asked] == [
        *["/v1/payment_intents"] * 2,
        "/v1/payment_intents/pi_1/confirm",
    ]
    first, second, _ = [headers["Idempotency-Key"] for *_, headers in recorded.asked]
    assert first == second
    await gateway.close()


async def prepared(gateway: StripeGateway) -> Reply:
    return await gateway.prepare(
        "hold-1", OperationKind.HOLD, amount_fen=10_000, payment_method="pm_1", payer="bidder-1"
    )


async def test_a_prepared_hold_waits_to_be_confirmed(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, intent(status="requires_confirmation"))
    reply = await prepared(gateway)
    assert (reply.status, reply.ref, reply.is_prepared) == (ReplyStatus.PENDING, "pi_1", True)
    looked_up = await gateway.look_up("hold-1", OperationKind.HOLD, "pi_1")
    assert looked_up == reply
    assert [path for _, path, *_ in recorded.asked] == ["/v1/payment_intents", "/v1/payment_intents/pi_1"]


async def confirm(gateway: StripeGateway) -> Reply:
    return await gateway.hold("hold-1", amount_fen=10_000, payment_method="pm_1", payer="bidder-1", ref="pi_1")


@pytest.mark.parametrize("status", [400, 500, 503])
async def test_after_a_fault_the_object_says_whether_it_was_confirmed(
    gateway: StripeGateway, recorded: Recorded, status: int
) -> None:
    recorded.refuse(status, code="payment_intent_unexpected_state")
    recorded.answer(200, intent())
    reply = await confirm(gateway)
    assert (reply.status, reply.ref) == (ReplyStatus.SUCCEEDED, "pi_1")


async def test_a_fault_that_left_the_object_unconfirmed_says_nothing_yet(
    gateway: StripeGateway, recorded: Recorded
) -> None:
    recorded.refuse(500)
    recorded.answer(200, intent(status="requires_confirmation"))
    with pytest.raises(GatewayAway):
        await confirm(gateway)


async def test_a_confirmation_that_stripe_would_never_take_has_failed(
    gateway: StripeGateway, recorded: Recorded
) -> None:
    recorded.refuse(400, code="payment_method_unexpected_state")
    recorded.answer(200, intent(status="requires_confirmation"))
    reply = await confirm(gateway)
    assert (reply.status, reply.ref, reply.failure) == (ReplyStatus.FAILED, "pi_1", "payment_method_unexpected_state")


async def test_an_operation_that_was_another_request_is_refused(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.refuse(400, type="idempotency_error")
    with pytest.raises(OperationReused):
        await hold(gateway)


@pytest.mark.parametrize(
    "now, failure",
    [
        (EXPIRED, "expired"),
        ({"status": "canceled", "cancellation_reason": "automatic"}, "expired"),
        (CANCELLED, "already_released"),
        ({"status": "succeeded", "amount_received": 1}, "already_captured"),
        ({"status": "requires_payment_method"}, "not_ready"),
    ],
)
async def test_a_refused_capture_is_explained_by_the_hold(
    gateway: StripeGateway, recorded: Recorded, now: dict[str, Any], failure: str
) -> None:
    recorded.refuse(400, code="payment_intent_unexpected_state")
    recorded.answer(200, intent(**now))
    assert (await gateway.capture("capture-1", ref="pi_1", amount_fen=4_000)).failure == failure


async def test_too_large_a_capture_is_said_to_be_so(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.refuse(400, param="amount_to_capture")
    recorded.answer(200, intent())
    assert (await gateway.capture("capture-1", ref="pi_1", amount_fen=10_001)).failure == "amount_too_large"


async def test_a_capture_finds_its_outcome_after_stripe_has_forgotten_the_key(
    gateway: StripeGateway, recorded: Recorded
) -> None:
    marks = {"operation": "hold-1", "capture_operation": "capture-1"}
    recorded.refuse(400, code="payment_intent_unexpected_state")
    recorded.answer(200, intent(status="succeeded", amount_received=4_000, metadata=marks))
    reply = await gateway.capture("capture-1", ref="pi_1", amount_fen=4_000)
    assert (reply.status, reply.amount_fen) == (ReplyStatus.SUCCEEDED, 4_000)


async def test_a_release_finds_its_outcome_as_well(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.refuse(400, code="payment_intent_unexpected_state")
    recorded.answer(200, intent(**CANCELLED))
    assert (await gateway.release("release-1", ref="pi_1")).status is ReplyStatus.SUCCEEDED


async def test_a_release_after_the_hold_ran_out_has_failed(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.refuse(400, code="payment_intent_unexpected_state")
    recorded.answer(200, intent(**EXPIRED))
    assert (await gateway.release("release-1", ref="pi_1")).failure == "expired"


async def test_a_refund_finds_its_outcome_as_well(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.refuse(400, code="charge_already_refunded")
    recorded.answer(200, {"object": "list", "data": [refund(status="pending")], "has_more": False})
    reply = await gateway.refund("refund-1", ref="pi_1", amount_fen=4_000)
    assert (reply.status, reply.ref) == (ReplyStatus.PENDING, "re_1")


@pytest.mark.parametrize("error", [{"param": "amount"}, {"code": "charge_already_refunded"}])
async def test_too_large_a_refund_is_said_to_be_so(
    gateway: StripeGateway, recorded: Recorded, error: dict[str, Any]
) -> None:
    recorded.refuse(400, **error)
    recorded.answer(200, {"object": "list", "data": [], "has_more": False})
    assert (await gateway.refund("refund-1", ref="pi_1", amount_fen=4_000)).failure == "amount_too_large"


async def test_a_refund_that_failed_says_why(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, refund(status="failed", failure_reason="expired_or_canceled_card"))
    reply = await gateway.refund("refund-1", ref="pi_1", amount_fen=4_000)
    assert reply.failure == "expired_or_canceled_card"


async def test_a_lapsed_hold_reads_as_expired(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, intent(**EXPIRED))
    reply = await gateway.look_up("hold-1", OperationKind.HOLD, "pi_1")
    assert reply is not None
    assert reply.failure == "expired"


async def test_a_released_hold_still_reads_as_held_once(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, intent(**CANCELLED))
    reply = await gateway.look_up("hold-1", OperationKind.HOLD, "pi_1")
    assert reply is not None
    assert reply.status is ReplyStatus.SUCCEEDED


async def test_a_hold_is_found_by_its_mark_alone(gateway: StripeGateway, recorded: Recorded) -> None:
    recorded.answer(200, {"object": "search_result", "data": [intent()], "has_more": False})
    recorded.answer(200, intent())
    assert await gateway.look_up("hold-1", OperationKind.HOLD, None)
    assert recorded.asked[0][2]["query"] == "metadata['operation']:'hold-1'"


async def test_never_heard_of_it_is_not_said_before_everything_new_was_looked_at(
    gateway: StripeGateway, recorded: Recorded
) -> None:
    recorded.answer(200, {"object": "search_result", "data": [], "has_more": False})
    newest = [intent(id=f"pi_{number}", created=4_000_000_000, metadata={}) for number in range(100)]
    recorded.answer(200, {"object": "list", "data": newest, "has_more": True})
    with pytest.raises(GatewayAway, match="too many"):
        await gateway.look_up("hold-1", OperationKind.HOLD, None)


async def test_a_capture_is_not_looked_up_without_its_hold(gateway: StripeGateway) -> None:
    with pytest.raises(ValueError, match="ref is missing"):
        await gateway.look_up("capture-1", OperationKind.CAPTURE, None)


async def test_keys_are_in_no_log_whatever_its_level(
    gateway: StripeGateway, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    recorded.answer(200, intent())
    with caplog.at_level(logging.DEBUG):
        await hold(gateway)
    assert caplog.records
    assert STRIPE_KEY not in caplog.text
    assert NOTICE_SECRET not in caplog.text
    assert STRIPE_KEY not in repr(vars(gateway))


def signed(body: bytes, secret: str = NOTICE_SECRET, at_s: float = NOW_S) -> dict[str, str]:
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(at_s))
    return {"stripe-signature": header}


CAPTURED = {
    "status": "succeeded",
    "amount_received": 4_000,
    "metadata": {"operation": "hold-1", "capture_operation": "capture-1"},
}
CHARGE = {"capture_method": "automatic"}
DECLINED = {"status": "requires_payment_method", "last_payment_error": {"code": "card_declined"}}


@pytest.mark.parametrize(
    "kind, about, told",
    [
        ("payment_intent.amount_capturable_updated", intent(), ("hold", "hold-1", "pi_1", None)),
        ("payment_intent.succeeded", intent(**CAPTURED), ("capture", "capture-1", "pi_1", None)),
        ("payment_intent.succeeded", intent(status="succeeded", **CHARGE), ("charge", "hold-1", "pi_1", None)),
        ("payment_intent.payment_failed", intent(**DECLINED), ("hold", "hold-1", "pi_1", "card_declined")),
        ("payment_intent.payment_failed", intent(**DECLINED, **CHARGE), ("charge", "hold-1", "pi_1", "card_declined")),
        ("payment_intent.canceled", intent(**CANCELLED), ("release", None, "pi_1", None)),
        ("payment_intent.canceled", intent(**EXPIRED), ("hold", "hold-1", "pi_1", "expired")),
        ("refund.created", refund(), ("refund", "refund-1", "re_1", None)),
        ("refund.failed", refund(status="failed"), ("refund", "refund-1", "re_1", "refund_failed")),
        ("refund.updated", refund(metadata={}), ("refund", None, "re_1", None)),
    ],
)
async def test_an_event_tells_what_an_operation_came_to(
    gateway: StripeGateway, kind: str, about: dict[str, Any], told: tuple[Any, ...]
) -> None:
    body = event(kind, about)
    notice = gateway.read_notice(body, signed(body), NOW_S)
    assert (notice.kind, notice.operation_id, notice.ref, notice.reply.failure) == told


@pytest.mark.parametrize(
    "about", [intent(latest_charge="ch_1"), intent(latest_charge="ch_1", status="succeeded", **CHARGE)]
)
async def test_an_event_that_names_no_card_only_says_that_there_is_something_to_look_up(
    gateway: StripeGateway, about: dict[str, Any]
) -> None:
    word = "succeeded" if about["status"] == "succeeded" else "amount_capturable_updated"
    body = event(f"payment_intent.{word}", about)
    notice = gateway.read_notice(body, signed(body), NOW_S)
    assert (notice.operation_id, notice.reply) == ("hold-1", Reply(ReplyStatus.PENDING, "pi_1", amount_fen=10_000))


@pytest.mark.parametrize(
    "kind, about",
    [
        ("payment_intent.created", intent()),
        ("payment_intent.succeeded", intent(metadata={}, status="succeeded", currency="usd")),
        ("customer.created", {"id": "cus_1", "object": "customer"}),
        ("charge.refunded", {"id": "ch_1", "object": "charge"}),
    ],
)
async def test_an_event_about_nothing_of_ours_is_left_alone(
    gateway: StripeGateway, kind: str, about: dict[str, Any]
) -> None:
    body = event(kind, about)
    assert gateway.read_notice(body, signed(body), NOW_S).type is ProviderEventType.OTHER


async def test_a_forged_event_is_refused(gateway: StripeGateway) -> None:
    body = event("payment_intent.amount_capturable_updated", intent())
    for headers in (signed(body, "whsec_guessed"), signed(body + b" "), {"Stripe-Signature": "t=1,v1=00"}, {}):
        with pytest.raises(NoticeRefused, match="not signed"):
            gateway.read_notice(body, headers, NOW_S)


async def test_an_event_five_minutes_from_now_is_refused(gateway: StripeGateway) -> None:
    body = event("payment_intent.amount_capturable_updated", intent())
    for offset_s in (-300, 300):
        assert gateway.read_notice(body, signed(body), NOW_S + offset_s).type is ProviderEventType.OUTCOME
    for offset_s in (-301, 301):
        with pytest.raises(NoticeRefused, match="300 seconds"):
            gateway.read_notice(body, signed(body), NOW_S + offset_s)


@pytest.mark.parametrize("about", [intent(currency="usd"), refund(currency="eur")])
async def test_an_event_in_another_currency_is_never_applied(gateway: StripeGateway, about: dict[str, Any]) -> None:
    kind = "refund.updated" if about["object"] == "refund" else "payment_intent.amount_capturable_updated"
    body = event(kind, about)
    assert gateway.read_notice(body, signed(body), NOW_S).type is ProviderEventType.OTHER_CURRENCY


def dispute(**more: Any) -> dict[str, Any]:
    told = {"id": "dp_1", "object": "dispute", "payment_intent": "pi_1", "charge": "ch_1", "amount": 10_000}
    return {**told, "currency": "cny", "status": "needs_response", **more}


@pytest.mark.parametrize(
    "kind, about, told",
    [
        ("payment_intent.canceled", intent(**CANCELLED), ("hold-cancelled", "pi_1", None, "hold-1")),
        ("payment_intent.canceled", intent(**EXPIRED), ("hold-expired", "pi_1", None, "hold-1")),
        (
            "payment_intent.succeeded",
            intent(**{**CAPTURED, "metadata": {"operation": "hold-1"}}),
            ("hold-captured", "pi_1", None, "hold-1"),
        ),
        ("payment_intent.succeeded", intent(**CAPTURED), ("outcome", "pi_1", None, "hold-1")),
        ("refund.created", refund(metadata={}, payment_intent="pi_1"), ("refunded", "re_1", "pi_1", None)),
        (
            "refund.failed",
            refund(metadata={}, status="failed", payment_intent={"id": "pi_1"}),
            ("refund-failed", "re_1", "pi_1", None),
        ),
        ("refund.created", refund(metadata={}, status="pending"), ("other", "re_1", "pi_1", None)),
        ("refund.created", refund(), ("outcome", "re_1", "pi_1", None)),
        ("charge.dispute.created", dispute(), ("dispute-opened", "dp_1", "pi_1", None)),
        ("charge.dispute.funds_withdrawn", dispute(), ("dispute-opened", "dp_1", "pi_1", None)),
        ("charge.dispute.created", dispute(status="warning_needs_response"), ("dispute-inquiry", "dp_1", "pi_1", None)),
        ("charge.dispute.closed", dispute(status="won"), ("dispute-won", "dp_1", "pi_1", None)),
        ("charge.dispute.funds_reinstated", dispute(status="won"), ("dispute-won", "dp_1", "pi_1", None)),
        ("charge.dispute.closed", dispute(status="lost"), ("dispute-lost", "dp_1", "pi_1", None)),
        ("charge.dispute.closed", dispute(status="warning_closed"), ("other", "dp_1", None, None)),
        ("charge.dispute.updated", dispute(), ("other", "dp_1", None, None)),
        ("charge.dispute.created", dispute(currency="usd"), ("other-currency", "dp_1", "pi_1", None)),
    ],
)
async def test_what_happens_unasked_is_told_in_neutral_words(
    gateway: StripeGateway, kind: str, about: dict[str, Any], told: tuple[Any, ...]
) -> None:
    body = event(kind, about)
    notice = gateway.read_notice(body, signed(body), NOW_S)
    assert (notice.type, notice.ref, notice.payment_ref, notice.opening_id) == told


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"7", b'{"id": "evt_1"}', b"x" * 300_000])
async def test_a_signed_event_that_cannot_be_read_is_refused(gateway: StripeGateway, body: bytes) -> None:
    with pytest.raises(NoticeRefused):
        gateway.read_notice(body, signed(body), NOW_S)
    with pytest.raises(NoticeRefused):
        gateway.read_notice(b"\xff", signed(body), NOW_S)


async def test_localstripe_tells_of_a_capture_by_a_webhook_we_believe(
    localstripe: str, stripe_gateway: StripeGateway
) -> None:
    arrived: list[tuple[bytes, dict[str, str]]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    endpoint = HTTPServer(("127.0.0.1", 0), Endpoint)
    endpoint.timeout = 10
    address = f"http://127.0.0.1:{endpoint.server_address[1]}/"
    await asyncio.to_thread(
        httpx.post,
        f"{localstripe}/_config/webhooks/ours",
        json={"url": address, "secret": NOTICE_SECRET, "events": ["payment_intent.succeeded"]},
    )
    thread = Thread(target=endpoint.handle_request)
    thread.start()
    reply = await stripe_gateway.hold("told-1", amount_fen=10_000, payment_method="pm_card_visa", payer="bidder-1")
    await stripe_gateway.capture("told-2", ref=reply.ref, amount_fen=4_000)
    await asyncio.to_thread(thread.join)
    endpoint.server_close()
    (body, headers), *_ = arrived
    sent_at_s = float(headers["Stripe-Signature"].partition(",")[0].removeprefix("t="))
    notice = stripe_gateway.read_notice(body, headers, sent_at_s)
    assert (notice.kind, notice.operation_id, notice.ref) == (OperationKind.CAPTURE, "told-2", reply.ref)
    assert notice.reply.amount_fen == 4_000
