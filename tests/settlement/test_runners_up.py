"""What runners-up are offered after a default, what secures it, and when a winner has not defaulted yet."""

from contextlib import suppress

from auction.domain.errors import PaymentsAway
from auction.domain.states import OperationKind
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement import award_payment, bidder_views, runner_up_offers
from auction.services.settlement.awards import may_be_offered
from auction.services.settlement.deadlines import settle
from tests.settlement.acts import PURSE, behind_a_bad_line, cascade, deposit, offers, refuse, settlement, statuses
from tests.settlement.conftest import DAY_MS, HOUR_MS, YUAN, Stage
from tests.settlement.unreliable import Fault


async def test_a_free_decline_makes_the_lot_no_cheaper_for_the_next(stage: Stage) -> None:
    terms = cascade(depth=3, price="clean", floor_fen=1 * YUAN)
    lot_id = await stage.sold_lot([("bob", 3), ("dora", 900), ("cleo", 1_000), ("ann", 5_000)], terms)
    await refuse(stage, lot_id)
    await runner_up_offers.decline_offer(stage.context, f"o-{lot_id}-1", bidder_id="cleo")
    await stage.settle()

    assert await offers(stage, lot_id) == [("cleo", 901, "declined"), ("dora", 900, "open")]


async def test_a_runner_up_who_defaulted_makes_no_price_any_more(stage: Stage) -> None:
    terms = cascade(depth=3, price="clean", floor_fen=1 * YUAN)
    lot_id = await stage.sold_lot([("bob", 3), ("dora", 900), ("cleo", 1_000), ("ann", 5_000)], terms)
    await refuse(stage, lot_id)
    await stage.accept(lot_id)
    await refuse(stage, lot_id)

    assert await offers(stage, lot_id) == [("cleo", 901, "accepted"), ("dora", 4, "open")]


# --- who stays secured ------------------------------------------------------------------------------------------------


async def kept(stage: Stage, bidder: str) -> list[bool]:
    """Whether the bidder is told, deposit by deposit, that it is kept for a possible offer."""
    return [one.kept_as_runner_up for one in await bidder_views.deposits_of(stage.context, bidder)]


async def test_a_later_runner_up_stays_secured_however_long_the_earlier_ones_take(stage: Stage) -> None:
    terms = deposit(100) | cascade(depth=2)
    lot_id = await stage.sold_lot([("dora", 200), ("cleo", 300), ("bob", 400), ("ann", 500)], terms)
    assert (await kept(stage, "cleo"), await kept(stage, "dora")) == ([True], [False])
    await refuse(stage, lot_id)
    await stage.pass_time(DAY_MS - HOUR_MS)
    await stage.accept(lot_id)
    await stage.pass_time(DAY_MS)
    assert await offers(stage, lot_id) == [("bob", 400, "accepted"), ("cleo", 300, "open")]
    assert (await statuses(stage, lot_id))["cleo"] == ["held"]
    await stage.pass_time(DAY_MS - HOUR_MS)
    await stage.accept(lot_id)
    assert await kept(stage, "cleo") == [False]
    await stage.pass_time(DAY_MS)

    assert [(one.bidder_id, one.forfeited_fen) for one in (await stage.detail(lot_id)).defaults] == [
        ("ann", 100 * YUAN),
        ("bob", 100 * YUAN),
        ("cleo", 100 * YUAN),
    ]


async def test_a_purse_stays_while_its_bidder_may_still_be_offered_a_lot_of_the_sale(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 4_000), ("ann", 5_000)], PURSE | cascade(depth=1))
    assert await kept(stage, "bob") == [True]
    await stage.pass_time(DAY_MS - HOUR_MS)
    assert await statuses(stage, lot_id) == {"ann": ["held"], "bob": ["held"]}
    await stage.pay(lot_id)
    assert await statuses(stage, lot_id) == {"ann": ["applied", "released"], "bob": ["released"]}


def test_accounts_linked_to_a_runner_up_are_kept_and_do_not_count_for_the_depth() -> None:
    ranked = ["bob", "bill", "wife", "cleo", "dora"]
    linked = {name: {name} for name in (*ranked, "ann")}
    linked["ann"].add("wife")
    linked["bob"].add("bill")
    linked["bill"].add("bob")
    assert may_be_offered(ranked, "ann", linked, depth=1) == ["bob"]
    assert may_be_offered(ranked, "ann", linked, depth=2) == ["bob", "bill", "cleo"]
    assert may_be_offered(ranked, "ann", linked, depth=3) == ["bob", "bill", "cleo", "dora"]
    assert may_be_offered([], "ann", linked, depth=3) == []


# --- the cure period --------------------------------------------------------------------------------------------------


async def capture_fails_late(stage: Stage, terms: dict[str, object]) -> str:
    """Ann pays 4,900 of 5,000 in time; her deposit of 100 cannot be captured, which is known after the deadline."""
    lot_id = await stage.open_lot(deposit(100) | terms)
    await stage.register(lot_id, "ann", payment_method="sandbox-capture-fails")
    await stage.bid(lot_id, "ann", 5_000)
    await stage.close(lot_id)
    award = await stage.award(lot_id)
    faults: dict[OperationKind, Fault] = {OperationKind.CAPTURE: "before"}
    behind_a_bad_line(stage, faults)
    with suppress(PaymentsAway):
        await award_payment.pay_award(
            stage.context, award.award_id, bidder_id="ann", key="pay-key-1", payment_method="sandbox-ok"
        )
    stage.clock.forward(DAY_MS + HOUR_MS)
    await settle(stage.context)
    faults.clear()
    await perform_due(stage.context)
    await stage.settle()
    return lot_id


async def test_a_winner_whose_deposit_the_house_could_not_collect_gets_a_cure_period_once(stage: Stage) -> None:
    lot_id = await capture_fails_late(stage, settlement())
    assert await stage.state(lot_id) == "awarded"
    (own,) = await bidder_views.awards_of(stage.context, "ann")
    assert own.to_pay_fen == 100 * YUAN
    assert own.award.cure_until_ms == stage.clock() + 2 * DAY_MS == own.award.default_at_ms
    await stage.pass_time(2 * DAY_MS - HOUR_MS)
    assert (await stage.pay(lot_id, key="pay-key-2", method="sandbox-ok")).status == "paid"


async def test_after_the_cure_period_the_winner_has_defaulted(stage: Stage) -> None:
    lot_id = await capture_fails_late(stage, settlement(cure_ms=HOUR_MS))
    await stage.pass_time(HOUR_MS - 1)
    assert await stage.state(lot_id) == "awarded"
    await stage.pass_time(1)
    assert await stage.state(lot_id) == "relisted"


async def test_terms_may_give_no_cure_period(stage: Stage) -> None:
    lot_id = await capture_fails_late(stage, settlement(cure_ms=0))
    assert await stage.state(lot_id) == "relisted"
