"""Wrong requests of bidders and of payment providers about money: each is its own problem, and nothing moves."""

import hashlib
import hmac
from typing import Any

import httpx
import pytest

from auction.domain.money import FEN_MAX
from auction.domain.states import OperationKind
from auction.payments.gateway import Notice, Reply, ReplyStatus
from auction.payments.sandbox.notices import HEADER, encode_notice, signed_headers
from auction.services.context import AppContext
from auction.services.registration.hold_intents import hold_id
from tests.api.conftest import Asker, new_key, signed
from tests.api.money_snapshot import money_of, nothing_moves
from tests.settlement.conftest import DAY_MS, NOTICE_SECRET, YUAN, Stage

CASCADE = {"settlement": {"payment_window_ms": DAY_MS, "cascade": {"depth": 1, "price": "own_bid"}}}
LADDER = {
    "deposit": {
        "policy": "ladder",
        "bands": [
            {"deposit_fen": 10_000, "limit_fen": 1_000_000},
            {"deposit_fen": 100_000, "limit_fen": 10_000_000},
            {"deposit_fen": 1_000_000, "limit_fen": None},
        ],
    }
}


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


def keyed(bidder: str = "ann", key: str | None = None) -> dict[str, str]:
    return {**signed(bidder), "Idempotency-Key": key or new_key()}


async def pay(asker: Asker, lot_id: str, *, bidder: str = "ann", key: str | None = None, **body: str) -> httpx.Response:
    return await asker.post(f"/me/awards/a-{lot_id}-1/payment", body or None, keyed(bidder, key))


async def top_up(
    asker: Asker, lot_id: str, amount_fen: object, *, bidder: str = "ann", key: str | None = None, **more: str
) -> httpx.Response:
    return await asker.post(f"/lots/{lot_id}/deposits", {"amount_fen": amount_fen, **more}, keyed(bidder, key))


async def answer_offer(asker: Asker, lot_id: str, answer: str, *, bidder: str = "bob") -> httpx.Response:
    return await asker.post(f"/me/offers/o-{lot_id}-1/{answer}", headers=signed(bidder))


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return problem


# --- paying -----------------------------------------------------------------------------------------------------------


async def test_anothers_award_is_an_award_that_there_is_not(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    async with nothing_moves(stage):
        for bidder in ("bob", "ghost"):
            told = refused(await pay(asker, lot_id, bidder=bidder), 404, "award-unknown")["detail"]
            refused(await asker.post(f"/me/awards/a-{lot_id}-1/refuse", headers=signed(bidder)), 404, "award-unknown")
            centre = {"delivery_centre": "Beijing"}
            answer = await asker.post(f"/me/awards/a-{lot_id}-1/handover", centre, signed(bidder))
            refused(answer, 404, "award-unknown")
            assert "ann" not in told
        refused(await pay(asker, "no-such-lot"), 404, "award-unknown")
        assert (await asker.post(f"/me/awards/{'x' * 101}/payment", headers=keyed())).status_code == 404


@pytest.mark.parametrize(
    "key, code",
    [
        (None, "idempotency-key-missing"),
        ("", "idempotency-key-invalid"),
        ("7-chars", "idempotency-key-invalid"),
        ("x" * 65, "idempotency-key-invalid"),
        ("with a space", "idempotency-key-invalid"),
        (b"with-\xc3\xa9-in-it", "idempotency-key-invalid"),
    ],
)
async def test_a_payment_or_top_up_needs_a_key_of_its_own(stage: Stage, asker: Asker, key: Any, code: str) -> None:
    sold, running = await stage.sold_lot([("ann", 1_000)]), await stage.open_lot(LADDER)
    await stage.register(running, "ann")
    headers: Any = signed() if key is None else {**signed(), "Idempotency-Key": key}
    async with nothing_moves(stage):
        refused(await asker.post(f"/me/awards/a-{sold}-1/payment", headers=headers), 422, code)
        refused(await asker.post(f"/lots/{running}/deposits", {"amount_fen": 90_000}, headers), 422, code)


@pytest.mark.parametrize(
    "body",
    [
        {"payment_method": ""},
        {"payment_method": "with a space"},
        {"payment_method": "x" * 201},
        {"payment_method": 7},
        {"amount_fen": 1},
        {"payment_method": "sandbox-ok", "price_fen": 1},
        [],
        "sandbox-ok",
    ],
)
async def test_a_payment_of_another_form_is_refused_and_no_amount_may_be_named(
    stage: Stage, asker: Asker, body: object
) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    async with nothing_moves(stage):
        assert (await asker.post(f"/me/awards/a-{lot_id}-1/payment", body, keyed())).status_code == 422


async def test_a_payment_under_the_same_key_is_charged_once_and_under_another_it_is_too_late_for_it(
    stage: Stage, asker: Asker
) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    first = await pay(asker, lot_id, key="pay-key-1")
    assert (first.status_code, first.json()["status"], first.json()["due_fen"]) == (200, "paid", 0)

    async with nothing_moves(stage):
        again = await pay(asker, lot_id, key="pay-key-1")
        assert (again.status_code, again.json()) == (200, first.json())
        problem = refused(await pay(asker, lot_id, key="pay-key-2"), 409, "wrong-state")
        assert problem["state"] == "paid"
    assert (await stage.gateway.movements()).charged_fen == 900 * YUAN


async def test_a_payment_after_the_time_for_it_is_refused_before_the_default_and_after_it(
    stage: Stage, asker: Asker
) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    stage.clock.forward(DAY_MS)
    async with nothing_moves(stage):
        problem = refused(await pay(asker, lot_id), 409, "payment-late")
        assert problem["default_at_ms"] == problem["now_ms"] == stage.clock.ms

    await stage.settle()
    async with nothing_moves(stage):
        assert refused(await pay(asker, lot_id), 409, "wrong-state")["state"] == "defaulted"


async def test_a_payment_a_moment_before_the_end_of_its_time_is_taken(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    stage.clock.forward(DAY_MS - 1)
    assert (await pay(asker, lot_id)).status_code == 200


@pytest.mark.parametrize(
    "method, failure",
    [
        ("sandbox-declines", "card_declined"),
        ("sandbox-insufficient", "insufficient_funds"),
        ("no-such-card", "not_found"),
    ],
)
async def test_a_declined_payment_moves_nothing_and_another_card_may_pay(
    stage: Stage, asker: Asker, method: str, failure: str
) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    async with nothing_moves(stage, "journal_entries", "deposits", "awards", "settlements"):
        answer = await pay(asker, lot_id, key="pay-key-1", payment_method=method)
        assert refused(answer, 409, "payment-declined")["failure"] == failure
        # the key has had its answer, whatever card comes with it
        refused(await pay(asker, lot_id, key="pay-key-1", payment_method="sandbox-ok"), 409, "payment-declined")

    assert (await pay(asker, lot_id, key="pay-key-2", payment_method="sandbox-ok")).status_code == 200


async def test_while_a_payment_is_under_way_no_other_is_begun(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    first = await pay(asker, lot_id, key="pay-key-1", payment_method="sandbox-slow")
    assert (first.status_code, first.json()["status"]) == (202, "due")
    assert first.json()["payment_under_way"] is True

    async with nothing_moves(stage, "journal_entries", "deposits", "awards", "settlements"):
        refused(await pay(asker, lot_id, key="pay-key-2"), 409, "payment-pending")
        refused(await asker.post(f"/me/awards/a-{lot_id}-1/refuse", headers=signed()), 409, "payment-pending")
        assert (await pay(asker, lot_id, key="pay-key-1")).status_code == 202

    await stage.pass_time(5_000)
    assert (await pay(asker, lot_id, key="pay-key-1")).json()["status"] == "paid"
    assert (await stage.gateway.movements()).charged_fen == 900 * YUAN


async def test_an_answer_that_got_lost_is_said_to_be_and_the_same_key_finds_what_became_of_it(
    stage: Stage, asker: Asker
) -> None:
    sold, running = await stage.sold_lot([("ann", 1_000)]), await stage.open_lot(LADDER)
    lost = "sandbox-no-answer"

    answer = await pay(asker, sold, key="pay-key-1", payment_method=lost)
    assert refused(answer, 503, "payments-away")["retry_after_s"] == 5
    assert answer.headers["retry-after"] == "5"
    refused(await pay(asker, sold, key="pay-key-2"), 409, "payment-pending")
    assert (await pay(asker, sold, key="pay-key-1")).json()["status"] == "paid"

    refused(await asker.register(running, "ann", payment_method=lost), 503, "payments-away")
    refused(await asker.bid(running, 100), 409, "not-registered")
    assert (await asker.register(running, "ann", payment_method=lost)).status_code == 201
    refused(await top_up(asker, running, 90_000, key="top-up-1", payment_method=lost), 503, "payments-away")
    assert (await top_up(asker, running, 90_000, key="top-up-1")).json()["held_fen"] == 100_000

    moved = await stage.gateway.movements()
    assert (moved.charged_fen, moved.captured_fen, moved.held_fen) == (900 * YUAN, 10_000, 100_000)


async def test_an_award_is_refused_once_and_then_it_cannot_be_paid(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    path = f"/me/awards/a-{lot_id}-1/refuse"
    assert (await asker.post(path, {"reason": "a slip"}, signed())).json()["status"] == "defaulted"
    await stage.settle()

    async with nothing_moves(stage):
        refused(await asker.post(path, headers=signed()), 409, "wrong-state")
        refused(await pay(asker, lot_id), 409, "wrong-state")
        assert (await asker.post(path, {"reason": "x"}, signed())).status_code == 422


# --- the handover -----------------------------------------------------------------------------------------------------


async def test_a_delivery_centre_is_one_of_the_houses_and_chosen_after_paying(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    path = f"/me/awards/a-{lot_id}-1/handover"
    async with nothing_moves(stage):
        refused(await asker.post(path, {"delivery_centre": "Beijing"}, signed()), 409, "wrong-state")

    await stage.pay(lot_id)
    async with nothing_moves(stage):
        problem = refused(
            await asker.post(path, {"delivery_centre": "Atlantis"}, signed()), 422, "delivery-centre-unknown"
        )
        assert "Wuhan" in problem["delivery_centres"]
        for wrong in ({}, {"delivery_centre": ""}, {"delivery_centre": "x" * 101}, {"delivery_centre": None}):
            assert (await asker.post(path, wrong, signed())).status_code == 422
    assert (await asker.post(path, {"delivery_centre": "Wuhan"}, signed())).json()["delivery_centre"] == "Wuhan"


# --- offers -----------------------------------------------------------------------------------------------------------


async def offered_lot(stage: Stage) -> str:
    """Ann did not pay; bob, who bid 900 yuan, is offered the lot."""
    lot_id = await stage.sold_lot([("bob", 900), ("ann", 1_000)], CASCADE)
    await stage.pass_time(DAY_MS)
    assert await stage.state(lot_id) == "offered"
    return lot_id


async def test_an_offer_that_is_accepted_twice_makes_one_award(stage: Stage, asker: Asker) -> None:
    lot_id = await offered_lot(stage)
    first = await answer_offer(asker, lot_id, "accept")
    assert (first.status_code, first.json()["price_fen"], first.json()["source"]) == (200, 900 * YUAN, "offer")

    async with nothing_moves(stage):
        again = await answer_offer(asker, lot_id, "accept")
        assert (again.status_code, again.json()) == (200, first.json())
        assert refused(await answer_offer(asker, lot_id, "decline"), 409, "offer-over")["offer_status"] == "accepted"


async def test_an_offer_that_is_declined_cannot_be_accepted_any_more(stage: Stage, asker: Asker) -> None:
    lot_id = await offered_lot(stage)
    assert (await answer_offer(asker, lot_id, "decline")).json()["status"] == "declined"
    await stage.settle()

    async with nothing_moves(stage):
        assert (await answer_offer(asker, lot_id, "decline")).json()["status"] == "declined"
        assert refused(await answer_offer(asker, lot_id, "accept"), 409, "offer-over")["offer_status"] == "declined"


async def test_an_offer_is_over_at_its_end_whether_or_not_anybody_has_noticed(stage: Stage, asker: Asker) -> None:
    lot_id = await offered_lot(stage)
    stage.clock.forward(DAY_MS)
    async with nothing_moves(stage):
        for answer in ("accept", "decline"):
            problem = refused(await answer_offer(asker, lot_id, answer), 409, "offer-over")
            assert (problem["offer_status"], problem["expires_at_ms"]) == ("lapsed", stage.clock.ms)

    await stage.settle()
    async with nothing_moves(stage):
        assert refused(await answer_offer(asker, lot_id, "accept"), 409, "offer-over")["offer_status"] == "lapsed"


async def test_anothers_offer_is_an_offer_that_there_is_not(stage: Stage, asker: Asker) -> None:
    lot_id = await offered_lot(stage)
    async with nothing_moves(stage):
        for bidder in ("ann", "cho"):
            for answer in ("accept", "decline"):
                refused(await answer_offer(asker, lot_id, answer, bidder=bidder), 404, "offer-unknown")
        refused(await answer_offer(asker, "no-such-lot", "accept"), 404, "offer-unknown")


# --- deposits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount_fen", [0, -1, -(10**13), FEN_MAX + 1, 10**30, 1.5, 1e3, "100", True, None, [100], {"fen": 100}]
)
async def test_a_deposit_is_a_whole_number_of_fen_that_there_can_be(
    stage: Stage, asker: Asker, amount_fen: object
) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann")
    async with nothing_moves(stage):
        assert (await top_up(asker, lot_id, amount_fen)).status_code == 422
        if amount_fen is not None:
            assert (await asker.register(lot_id, "bob", deposit_fen=amount_fen)).status_code == 422


async def test_a_top_up_is_refused_where_it_makes_no_sense(stage: Stage, asker: Asker) -> None:
    flat, ladder = await stage.open_lot(), await stage.open_lot(LADDER)
    for lot_id in (flat, ladder):
        await stage.register(lot_id, "ann")
    async with nothing_moves(stage):
        refused(await top_up(asker, flat, 1), 409, "deposit-not-needed")
        refused(await top_up(asker, ladder, 1, bidder="bob"), 409, "not-registered")
        refused(await top_up(asker, "no-such-lot", 1), 404, "lot-unknown")
        problem = refused(await top_up(asker, ladder, FEN_MAX), 409, "deposit-too-high")
        assert problem["maximum_fen"] == FEN_MAX - 10_000

    await stage.close(ladder)
    async with nothing_moves(stage):
        refused(await top_up(asker, ladder, 1), 409, "registration-closed")


async def test_a_top_up_under_the_same_key_is_held_once_and_for_its_first_amount_only(
    stage: Stage, asker: Asker
) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann")
    first = await top_up(asker, lot_id, 90_000, key="top-up-1")
    assert (first.status_code, first.json()["limit_fen"], first.json()["held_fen"]) == (201, 10_000_000, 100_000)

    async with nothing_moves(stage):
        again = await top_up(asker, lot_id, 90_000, key="top-up-1")
        assert (again.status_code, again.json()) == (200, first.json())
        assert refused(await top_up(asker, lot_id, 90_001, key="top-up-1"), 409, "key-reused")["amount_fen"] == 90_000


async def test_a_declined_top_up_raises_nothing(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann")
    async with nothing_moves(stage, "journal_entries", "registrations", "awards"):
        answer = await top_up(asker, lot_id, 90_000, key="top-up-1", payment_method="sandbox-declines")
        assert refused(answer, 409, "deposit-declined")["failure"] == "card_declined"
        refused(await top_up(asker, lot_id, 90_000, key="top-up-1"), 409, "deposit-declined")
    told = await stage.context.ledger.power(lot_id, "ann")
    assert told is not None
    assert told.limit_fen == 1_000_000


async def test_nobody_is_registered_by_a_deposit_that_is_declined_and_another_card_may_register(
    stage: Stage, asker: Asker
) -> None:
    lot_id = await stage.open_lot()
    async with nothing_moves(stage, "journal_entries", "registrations"):
        for _ in range(2):
            answer = await asker.register(lot_id, "ann", payment_method="sandbox-declines")
            assert refused(answer, 409, "deposit-declined")["amount_fen"] == 10_000
        refused(await asker.register(lot_id, "ann", deposit_fen=9_999), 409, "deposit-too-low")
        assert await stage.context.ledger.power(lot_id, "ann") is None
        refused(await asker.bid(lot_id, 100), 409, "not-registered")

    assert (await asker.register(lot_id, "ann")).status_code == 201
    async with nothing_moves(stage):
        assert (await asker.register(lot_id, "ann", payment_method="sandbox-declines")).status_code == 200


async def test_a_deposit_that_is_not_decided_yet_admits_nobody_until_it_is(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.open_lot()
    waiting = await asker.register(lot_id, "ann", payment_method="sandbox-slow")
    assert waiting.status_code == 202
    refused(await asker.bid(lot_id, 100), 409, "not-registered")
    again = await asker.register(lot_id, "ann", payment_method="sandbox-slow")
    assert (again.status_code, again.json()) == (202, waiting.json())

    await stage.pass_time(5_000)
    assert (await asker.register(lot_id, "ann")).status_code == 200
    assert (await asker.bid(lot_id, 100)).status_code == 201
    assert (await stage.gateway.movements()).held_fen == 10_000


async def test_whoever_is_barred_puts_nothing_down(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    await stage.pass_time(DAY_MS)
    relisted = (await stage.detail(lot_id)).row.settlement.relisted_as
    assert relisted is not None
    await asker.ops(f"/lots/{relisted}/open", {"duration_ms": 3_600_000})
    async with nothing_moves(stage):
        assert "until_ms" not in refused(await asker.register(relisted, "ann"), 409, "bidder-barred")

    twice = await stage.open_lot()
    await stage.register(twice, "ann", deposit_fen=15_000)
    await stage.bid(twice, "ann", 500)
    await stage.close(twice)
    await stage.pass_time(DAY_MS)
    third = await stage.open_lot()
    async with nothing_moves(stage):
        assert refused(await asker.register(third, "ann"), 409, "bidder-barred")["until_ms"] > stage.clock.ms


async def test_whoever_has_defaulted_once_puts_down_half_as_much_again(stage: Stage, asker: Asker) -> None:
    await stage.sold_lot([("ann", 1_000)])
    await stage.pass_time(DAY_MS)
    lot_id = await stage.open_lot()
    async with nothing_moves(stage):
        problem = refused(await asker.register(lot_id, "ann", deposit_fen=14_999), 409, "deposit-too-low")
        assert problem["minimum_fen"] == 15_000
    assert (await asker.register(lot_id, "ann")).json()["deposit"]["held_fen"] == 15_000


# --- notices of the provider ------------------------------------------------------------------------------------------


async def pending_deposit(stage: Stage) -> tuple[str, Notice]:
    """A deposit that the provider has not decided on, and the notice that it is held."""
    lot_id = await stage.open_lot()
    asked = await stage.register(lot_id, "ann", payment_method="sandbox-slow")
    assert asked.deposit is not None
    operation_id = hold_id(asked.deposit)
    known = await stage.gateway.look_up(operation_id, OperationKind.HOLD)
    assert known is not None
    held = Reply(ReplyStatus.SUCCEEDED, known.ref, instrument="card", amount_fen=10_000)
    return lot_id, Notice("n-1", operation_id, OperationKind.HOLD, known.ref, held)


async def post_notice(asker: Asker, body: bytes, headers: dict[str, str], provider: str = "sandbox") -> httpx.Response:
    return await asker.http.post(f"/api/v1/payments/webhooks/{provider}", content=body, headers=headers)


def mark(body: bytes, secret: str, at_s: int) -> str:
    digest = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


async def test_a_notice_that_does_not_prove_itself_changes_nothing(stage: Stage, asker: Asker) -> None:
    _, notice = await pending_deposit(stage)
    body, now_s = encode_notice(notice), stage.clock.ms // 1000
    good = signed_headers(body, NOTICE_SECRET, now_s)
    json = {"Content-Type": "application/json"}
    raised = body.replace(b"10000", b"90000")
    assert raised != body
    wrong: list[tuple[bytes, dict[str, str]]] = [
        (body, json),
        (body, {**json, HEADER: ""}),
        (body, {**json, HEADER: "t=1,v1=00"}),
        (body, {**json, HEADER: good[HEADER].upper()}),
        (body, signed_headers(body, "another secret", now_s)),
        (raised, good),
        (body + b" ", good),
        (body, signed_headers(body, NOTICE_SECRET, now_s - 301)),
        (body, signed_headers(body, NOTICE_SECRET, now_s + 302)),
        (body, {**json, HEADER: mark(body, NOTICE_SECRET, now_s).replace(f"t={now_s}", f"t={now_s + 1}")}),
        (b"{}", signed_headers(b"{}", NOTICE_SECRET, now_s)),
        (b"not json", signed_headers(b"not json", NOTICE_SECRET, now_s)),
        (b"", signed_headers(b"", NOTICE_SECRET, now_s)),
    ]
    async with nothing_moves(stage):
        for given, headers in wrong:
            answer = await post_notice(asker, given, headers)
            assert 400 <= answer.status_code < 500, (given, headers, answer.text)
            assert NOTICE_SECRET not in answer.text
        refused(await post_notice(asker, *wrong[4]), 401, "notice-refused")
        refused(await post_notice(asker, body, good, "stripe"), 404, "provider-unknown")
        refused(await post_notice(asker, body, good, "ghost"), 404, "provider-unknown")
        large = body + b" " * 300_000
        refused(await post_notice(asker, large, signed_headers(large, NOTICE_SECRET, now_s)), 413, "payload-too-large")
        assert (await asker.http.get("/api/v1/payments/webhooks/sandbox")).status_code == 405


async def test_a_notice_of_something_that_is_not_ours_is_taken_for_what_it_is(stage: Stage, asker: Asker) -> None:
    _, notice = await pending_deposit(stage)
    elsewhere = Notice("n-2", "hold-elsewhere", OperationKind.HOLD, "sbh_elsewhere", notice.reply)
    nameless = Notice("n-3", None, OperationKind.REFUND, "sbr_elsewhere", notice.reply)
    async with nothing_moves(stage):
        for one in (elsewhere, nameless):
            body = encode_notice(one)
            answer = await post_notice(asker, body, signed_headers(body, NOTICE_SECRET, stage.clock.ms / 1000))
            assert (answer.status_code, answer.json()) == (200, {"taken": False})


async def test_a_genuine_notice_counts_once_however_often_it_comes(stage: Stage, asker: Asker) -> None:
    lot_id, _ = await pending_deposit(stage)
    stage.clock.forward(5_000)
    (due,) = await stage.gateway.due_notices(10)
    assert (await post_notice(asker, due.body, due.headers)).json() == {"taken": True}
    after = await money_of(stage)
    assert (await asker.register(lot_id, "ann")).status_code == 200

    for _ in range(3):
        assert (await post_notice(asker, due.body, due.headers)).json() == {"taken": True}
    assert await money_of(stage) == after

    # nobody bids, and the deposit goes back: that it was held once is old news then
    await stage.close(lot_id)
    async with nothing_moves(stage):
        assert (await post_notice(asker, due.body, due.headers)).json() == {"taken": True}
    assert (await stage.deposits(lot_id))[0].status == "released"
