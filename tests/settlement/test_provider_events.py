"""What happens at the provider unasked: holds that end or are captured there, refunds, disputes, and exceptions."""

from typing import Any

import pytest
from sqlalchemy import text

from auction.books import audit
from auction.domain.accounts import JournalAccount
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.domain.provider_event_states import ProviderEventStatus, ProviderEventType
from auction.domain.states import OperationKind
from auction.payments.gateway import Notice, Reply, ReplyStatus
from auction.payments.sandbox.notices import encode_notice, signed_headers
from auction.services.provider_events.exceptions import close_exception, list_exceptions
from auction.services.provider_events.receipt import process_waiting, receive_notice
from auction.services.settlement import award_payment, handover, voids
from tests.settlement.acts import charged, refuse, void
from tests.settlement.conftest import DAY_MS, NOTICE_SECRET, YUAN, Stage

SLOW_MS = 3_000
FEES = {"settlement": {"payment_window_ms": DAY_MS, "buyer_fee_bps": 500, "seller_commission_bps": 300}}


async def events(stage: Stage) -> list[tuple[str, str]]:
    """What was told but the outcomes of our own operations, in order, and what became of it."""
    async with stage.context.books.reading() as tx:
        rows = await tx.rows(
            text("SELECT type, status FROM provider_events WHERE type <> 'outcome' ORDER BY event_number")
        )
    return [(row["type"], row["status"]) for row in rows]


async def told(stage: Stage, notice: Notice) -> bool:
    """Post a notice, as the provider would."""
    body = encode_notice(notice)
    headers = signed_headers(body, NOTICE_SECRET, stage.clock() / 1000)
    return await receive_notice(stage.context, "sandbox", body, headers)


async def bidding(stage: Stage, method: str, terms: dict[str, Any] | None = None) -> str:
    """An open lot that ann leads, whose deposit is on a card of that kind."""
    lot_id = await stage.open_lot(terms or LADDER)
    await stage.register(lot_id, "ann", payment_method=method)
    await stage.bid(lot_id, "ann", 500)
    return lot_id


async def paid(stage: Stage, method: str) -> str:
    """A lot that ann has paid by a card of that kind, 1,050 yuan with the fee, 100 of it by her deposit."""
    lot_id = await stage.sold_lot([("ann", 1_000)], FEES)
    await stage.pay(lot_id, method=method)
    return lot_id


LADDER = {
    "deposit": {"policy": "ladder", "bands": [{"deposit_fen": 100 * YUAN, "limit_fen": 1_000 * YUAN}]},
}


# --- holds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, told_as", [("cancelled", "hold-cancelled"), ("expires", "hold-expired")])
async def test_a_hold_that_ends_at_the_provider_gives_no_bidding_power_any_more(
    stage: Stage, method: str, told_as: str
) -> None:
    lot_id = await bidding(stage, f"sandbox-{method}")
    stage.clock.forward(2 * SLOW_MS)
    for notice in await stage.gateway.due_notices(100):
        await stage.deliver(notice)
    assert (told_as, "applied") in await events(stage)
    (deposit,) = await stage.deposits_of(lot_id)
    assert deposit.status == "lapsed"
    async with stage.context.books.reading() as tx:
        (row,) = await tx.rows(text("SELECT limit_fen, synced_version = power_version AS sent FROM registrations"))
    assert (row["limit_fen"], row["sent"]) == (0, True)


async def test_a_hold_that_is_captured_at_the_provider_is_cash_and_is_refunded_to_who_lost(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    await stage.register(lot_id, "bob", payment_method="sandbox-captured")
    await stage.bid(lot_id, "ann", 500)
    await stage.pass_time(SLOW_MS)
    (bobs,) = [one for one in await stage.deposits_of(lot_id) if one.bidder_id == "bob"]
    assert (bobs.status, bobs.captured_fen) == ("held", 100 * YUAN)
    await stage.check()

    await stage.close(lot_id)
    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "released"
    assert (await stage.gateway.movements()).refunded_fen == 100 * YUAN


async def test_a_hold_that_was_cancelled_there_pays_nothing_and_the_winner_pays_the_rest(stage: Stage) -> None:
    lot_id = await bidding(stage, "sandbox-cancelled")
    await stage.close(lot_id)
    await stage.pass_time(SLOW_MS)
    await stage.pay(lot_id)
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 500 * YUAN


# --- refunds ----------------------------------------------------------------------------------------------------------


@charged
async def test_a_deposit_that_is_refunded_at_the_provider_is_released_and_gives_no_power(stage: Stage) -> None:
    lot_id = await bidding(stage, "sandbox-refunded")
    await stage.pass_time(SLOW_MS)
    (deposit,) = await stage.deposits_of(lot_id)
    assert (deposit.status, deposit.reason) == ("released", "refunded-at-provider")
    assert await events(stage) == [("refunded", "applied")]
    assert await stage.gateway.balance_fen() == 0


async def test_a_part_payment_that_is_refunded_at_the_provider_is_owed_again(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], FEES)
    first = (await stage.award(lot_id)).due_fen
    # the deposit cannot be captured, so the payment alone does not complete the award
    await _uncapturable(stage, lot_id)
    await stage.pay(lot_id, method="sandbox-refunded")
    assert (await stage.award(lot_id)).due_fen == 100 * YUAN
    await stage.pass_time(SLOW_MS)
    assert (await stage.award(lot_id)).due_fen == first
    assert await stage.balance(lot_id, JournalAccount.BUYER_RECEIVABLE) == 1_050


async def _uncapturable(stage: Stage, lot_id: str) -> None:
    async with stage.context.books.reading() as tx:
        (row,) = await tx.rows(text("SELECT provider_ref FROM deposits"))
    ref = row["provider_ref"]

    def fails(file: Any, _: int) -> None:
        file._file.execute("UPDATE payments SET behaviour = 'sandbox-capture-fails' WHERE ref = ?", (ref,))

    await stage.gateway._transact(fails)


async def test_a_refund_of_a_paid_lot_is_the_houses_loss_until_the_lot_is_void(stage: Stage) -> None:
    lot_id = await paid(stage, "sandbox-refunded")
    await stage.pass_time(SLOW_MS)
    assert await events(stage) == [("refunded", "applied")]
    assert await stage.balance(lot_id, JournalAccount.DISPUTE_LOSS) == 950
    await _centre(stage, lot_id)
    with pytest.raises(RequestRefused) as refused:
        await handover.confirm_handover(stage.context, lot_id, actor="olga")
    assert refused.value.code == ProblemCode.PAYMENT_DISPUTED

    await void(stage, lot_id)
    assert await stage.balance(lot_id, JournalAccount.DISPUTE_LOSS) == 0
    assert await stage.gateway.balance_fen() == 0


@charged
async def test_a_refund_by_hand_of_what_is_owed_is_not_paid_again(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    await stage.register(lot_id, "bob", payment_method="sandbox-refund-fails-once")
    await stage.bid(lot_id, "ann", 500)
    await stage.close(lot_id)
    async with stage.context.books.reading() as tx:
        (row,) = await tx.rows(text("SELECT provider_ref AS ref FROM deposits WHERE bidder_id = 'bob'"))

    def by_hand(file: Any, now_ms: int) -> None:
        stage.gateway._events._refund_unasked(file, file.payment(row["ref"]), now_ms)

    await stage.gateway._transact(by_hand)
    await stage.settle()
    await stage.pass_time(DAY_MS)
    (bobs,) = await stage.deposits(lot_id, "bob")
    assert bobs.status == "released"
    assert (await stage.gateway.movements()).refunded_fen == 100 * YUAN


async def _centre(stage: Stage, lot_id: str) -> None:
    award = await stage.award(lot_id)
    await award_payment.choose_centre(stage.context, award.award_id, bidder_id=award.bidder_id, delivery_centre="Wuhan")


# --- disputes ---------------------------------------------------------------------------------------------------------


@charged
@pytest.mark.parametrize("end, status, cash", [("won", "held", 100), ("lost", "lapsed", 0)])
async def test_a_disputed_deposit_gives_no_power_anywhere_until_the_house_has_won(
    stage: Stage, end: str, status: str, cash: int
) -> None:
    other = await stage.open_lot({"deposit": {"policy": "none"}})
    await stage.register(other, "ann")
    lot_id = await bidding(stage, f"sandbox-dispute-{end}")
    await stage.pass_time(SLOW_MS)
    (deposit,) = await stage.deposits_of(lot_id)
    assert deposit.status == "disputed"
    assert await limits(stage) == [0, 0]
    third = await stage.open_lot()
    with pytest.raises(RequestRefused) as barred:
        await stage.register(third, "ann")
    assert barred.value.code == ProblemCode.BIDDER_BARRED
    await stage.check()

    await stage.pass_time(SLOW_MS)
    (deposit,) = await stage.deposits_of(lot_id)
    assert deposit.status == status
    assert await stage.gateway.balance_fen() == cash * YUAN
    assert await limits(stage) == ([0, 0] if end == "lost" else [1_000 * YUAN, None])


async def limits(stage: Stage) -> list[int | None]:
    """The limits of all registrations, those with a limit first; each was sent to the ledger."""
    async with stage.context.books.reading() as tx:
        rows = await tx.rows(
            text("SELECT limit_fen, power_version = synced_version AS sent FROM registrations ORDER BY limit_fen")
        )
    assert all(row["sent"] for row in rows)
    return [row["limit_fen"] for row in rows]


async def test_a_disputed_payment_keeps_the_lot_from_being_handed_over_until_it_is_won(stage: Stage) -> None:
    lot_id = await paid(stage, "sandbox-dispute-won")
    await _centre(stage, lot_id)
    await stage.pass_time(SLOW_MS)
    assert (await stage.detail(lot_id)).row.disputed_fen == 950 * YUAN
    assert await stage.balance(lot_id, JournalAccount.DISPUTE_RECEIVABLE) == 950
    with pytest.raises(RequestRefused) as refused:
        await handover.confirm_handover(stage.context, lot_id, actor="olga")
    assert refused.value.code == ProblemCode.PAYMENT_DISPUTED
    with pytest.raises(RequestRefused):
        await void(stage, lot_id)
    await stage.check()

    await stage.pass_time(SLOW_MS)
    await handover.confirm_handover(stage.context, lot_id, actor="olga")
    assert await stage.state(lot_id) == "settled"


async def test_a_dispute_that_is_lost_before_the_handover_is_not_refunded_again(stage: Stage) -> None:
    lot_id = await paid(stage, "sandbox-dispute-lost")
    await stage.pass_time(2 * SLOW_MS)
    assert await stage.balance(lot_id, JournalAccount.DISPUTE_LOSS) == 950
    await void(stage, lot_id)
    assert await stage.balance(lot_id, JournalAccount.DISPUTE_LOSS) == 0
    # 950 by the dispute, the deposit by a refund
    assert await stage.gateway.balance_fen() == 0


async def test_after_the_handover_the_seller_owes_what_they_got_and_the_house_bears_its_part(stage: Stage) -> None:
    lot_id = await paid(stage, "sandbox-dispute-lost")
    await _centre(stage, lot_id)
    await handover.confirm_handover(stage.context, lot_id, actor="olga")
    await stage.pass_time(2 * SLOW_MS)
    # 950 of 1,050 were taken back; the seller had 970
    assert await stage.balance(lot_id, JournalAccount.SELLER_RECEIVABLE) == 950
    assert (await stage.detail(lot_id)).row.seller_owes_fen == 950 * YUAN
    await stage.check()
    await voids.record_seller_repaid(stage.context, lot_id, actor="olga", reason="bank receipt 12")
    assert await stage.balance(lot_id, JournalAccount.SELLER_RECEIVABLE) == 0
    steps = [step.step for step in (await stage.detail(lot_id)).steps]
    assert steps[-3:] == ["dispute-opened", "dispute-lost", "seller-repaid"]


@charged
async def test_a_deposit_that_is_disputed_over_a_default_is_forfeited_once_the_dispute_is_won(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann", payment_method="sandbox-dispute-won")
    await stage.bid(lot_id, "ann", 500)
    await stage.close(lot_id)
    await stage.pass_time(SLOW_MS)
    await refuse(stage, lot_id)
    assert (await stage.the_default(lot_id)).forfeited_fen == 0
    await stage.pass_time(SLOW_MS)
    (deposit,) = await stage.deposits(lot_id, "ann")
    assert deposit.status == "forfeited"
    assert (await stage.the_default(lot_id)).forfeited_fen == 100 * YUAN


# --- again, out of order, and unknown ---------------------------------------------------------------------------------


async def payment_of(stage: Stage, lot_id: str) -> str:
    (charge,) = [one for one in (await stage.detail(lot_id)).operations if one.kind is OperationKind.CHARGE]
    return str(charge.provider_ref)


def dispute(number: str, told_as: ProviderEventType, payment: str, ref: str = "dp1") -> Notice:
    reply = Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=950 * YUAN)
    return Notice(number, None, None, ref, reply, told_as, payment)


async def test_a_repeated_or_late_event_changes_nothing_and_a_contradiction_is_an_exception(stage: Stage) -> None:
    lot_id = await paid(stage, "sandbox-ok")
    payment = await payment_of(stage, lot_id)
    lost, opened = ProviderEventType.DISPUTE_LOST, ProviderEventType.DISPUTE_OPENED
    for notice in (
        dispute("e1", lost, payment),
        dispute("e1", lost, payment),
        dispute("e2", lost, payment),
        dispute("e3", opened, payment),
        dispute("e4", ProviderEventType.DISPUTE_WON, payment),
    ):
        assert await told(stage, notice)
    assert await events(stage) == [
        ("dispute-lost", "applied"),
        ("dispute-lost", "harmless"),
        ("dispute-opened", "harmless"),
        ("dispute-won", "open"),
    ]
    assert await stage.balance(lot_id, JournalAccount.DISPUTE_LOSS) == 950
    await void(stage, lot_id)
    _, books = stage.gateway, await stage.detail(lot_id)
    assert books.balances.get(JournalAccount.CASH, 0) == 0
    stage.paid_otherwise_fen += 950 * YUAN


async def test_an_event_about_no_payment_of_ours_is_an_exception_that_a_person_closes(stage: Stage) -> None:
    await stage.sold_lot([("ann", 500)])
    assert not await told(stage, dispute("e1", ProviderEventType.DISPUTE_OPENED, "nobody's"))
    assert await list_exceptions(stage.context, statuses=[ProviderEventStatus.OPEN]) == []
    # the answer that tells the payment's ref may have been on its way
    for _ in range(4):
        await stage.pass_time(60_000)
    (found,) = await list_exceptions(stage.context, statuses=[ProviderEventStatus.OPEN])
    assert (found.reason, found.ref, found.amount_fen) == ("unmatched", "dp1", 950 * YUAN)

    closed = await close_exception(stage.context, found.event_number, actor="fin", reason="of another shop")
    assert (closed.status, closed.closed_by) == ("closed", "fin")
    again = await close_exception(stage.context, found.event_number, actor="fin", reason="of another shop")
    assert again == closed
    with pytest.raises(RequestRefused) as late:
        await close_exception(stage.context, found.event_number, actor="eva", reason="mine")
    assert late.value.code == ProblemCode.EXCEPTION_CLOSED
    with pytest.raises(NotFound):
        await close_exception(stage.context, found.event_number + 99, actor="eva", reason="no such")
    async with stage.context.books.reading() as tx:
        (action, *_) = await audit.staff_actions_of(tx)
    assert (action.action, action.actor, action.reason) == ("close-exception", "fin", "of another shop")


@pytest.mark.parametrize(
    "told_as, reason",
    [(ProviderEventType.DISPUTE_INQUIRY, "inquiry"), (ProviderEventType.OTHER_CURRENCY, "other-currency")],
)
async def test_what_only_a_person_can_answer_is_an_exception_at_once(
    stage: Stage, told_as: ProviderEventType, reason: str
) -> None:
    lot_id = await paid(stage, "sandbox-ok")
    await told(stage, dispute("e1", told_as, await payment_of(stage, lot_id)))
    (found,) = await list_exceptions(stage.context, statuses=[ProviderEventStatus.OPEN])
    assert found.reason == reason


async def test_an_event_waits_for_the_outcome_of_what_it_is_about(stage: Stage) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann", payment_method="sandbox-slow")
    (deposit,) = await stage.deposits_of(lot_id)
    assert deposit.status == "pending"
    reply = Reply(ReplyStatus.SUCCEEDED, "h1", amount_fen=100 * YUAN)
    cancelled = ProviderEventType.HOLD_CANCELLED
    opening_id = f"hold-{deposit.deposit_id}"
    await told(stage, Notice("e1", None, OperationKind.RELEASE, "h1", reply, cancelled, opening_id=opening_id))
    assert await events(stage) == [("hold-cancelled", "received")]
    await stage.pass_time(SLOW_MS)
    await stage.pass_time(SLOW_MS)
    assert await process_waiting(stage.context) == 0
    assert await events(stage) == [("hold-cancelled", "applied")]
    (deposit,) = await stage.deposits_of(lot_id)
    assert deposit.status == "lapsed"


async def test_an_event_that_nobody_expected_is_an_exception_and_delays_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot_id = await paid(stage, "sandbox-ok")
    payment = await payment_of(stage, lot_id)

    async def broken(*_: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr("auction.services.provider_events.disputes.apply", broken)
    await told(stage, dispute("e1", ProviderEventType.DISPUTE_OPENED, payment))
    (found,) = await list_exceptions(stage.context, statuses=[ProviderEventStatus.OPEN])
    assert found.reason == "fault"
    assert await stage.balance(lot_id, JournalAccount.DISPUTE_RECEIVABLE) == 0
