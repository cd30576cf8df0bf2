"""When a forfeited deposit is divided, and what a void before or after it undoes."""

import pytest

from auction.domain.accounts import JournalAccount
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.services.catalogue import lots
from auction.services.settlement import runner_up_offers, voids
from tests.settlement.acts import cascade, deposit, either_way, money_back_fen, refuse, settlement, void
from tests.settlement.conftest import DAY_MS, HOUR_MS, YUAN, Stage


@either_way
async def test_a_resale_that_is_paid_and_then_void_has_shared_out_nothing(stage: Stage) -> None:
    terms = deposit(1_000) | settlement(default_liability="shortfall")
    lot_id = await stage.sold_lot([("ann", 10_000)], terms)
    await stage.pass_time(DAY_MS)
    resold = await stage.resell(lot_id, [("bob", 4_000)])
    await stage.pay(resold)
    assert (await stage.the_default(lot_id)).status == "collected"
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 0

    with pytest.raises(RequestRefused) as child_first:
        await voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged")
    assert child_first.value.code == ProblemCode.RELISTED_LOT_FIRST
    assert child_first.value.facts == {"lot_id": resold, "state": "paid"}
    await void(stage, resold)
    await void(stage, lot_id)

    assert await money_back_fen(stage) == 0
    for one in (lot_id, resold):
        assert not any((await stage.detail(one)).balances.values())


async def test_what_a_waterfall_did_is_reversed_where_an_unsold_lot_is_void(stage: Stage) -> None:
    terms = deposit(1_000) | settlement(
        default_liability="percent", percent_bps=2_000, when_exhausted="unsold", reauction_cost_fen=100 * YUAN
    )
    lot_id = await stage.sold_lot([("ann", 10_000)], terms)
    await stage.pass_time(DAY_MS)
    await stage.pass_time(30 * DAY_MS)
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 1_000
    await void(stage, lot_id)

    default = await stage.the_default(lot_id)
    assert (default.status, default.seller_owes_fen) == ("returned", 1_000 * YUAN)
    assert await money_back_fen(stage) == 0
    balances = {account: fen for account, fen in (await stage.detail(lot_id)).balances.items() if fen}
    assert balances == {
        JournalAccount.SELLER_RECEIVABLE: 1_000 * YUAN,
        JournalAccount.CASH: -1_000 * YUAN,
    }

    await voids.record_seller_repaid(stage.context, lot_id, actor="olga", reason="bank receipt 7")
    assert not any((await stage.detail(lot_id)).balances.values())
    with pytest.raises(RequestRefused) as again:
        await voids.record_seller_repaid(stage.context, lot_id, actor="olga", reason="bank receipt 7")
    assert again.value.code == ProblemCode.NO_CLAIM


async def test_a_waterfall_waits_while_a_resale_is_on_sale_due_or_paid_though_its_time_is_over(stage: Stage) -> None:
    terms = deposit(1_000) | settlement(default_liability="shortfall", resale_window_ms=3 * DAY_MS)
    lot_id = await stage.sold_lot([("ann", 10_000)], terms)
    await stage.pass_time(DAY_MS)
    relisted = (await stage.detail(lot_id)).row.settlement.relisted_as
    assert relisted is not None
    await lots.open_lot(stage.context, relisted, duration_ms=HOUR_MS, actor="olga")
    await stage.register(relisted, "bob")
    await stage.bid(relisted, "bob", 4_000)
    await stage.archive()
    await stage.pass_time(3 * DAY_MS)
    assert (await stage.the_default(lot_id)).status == "collected", "it is on sale"
    await stage.close(relisted)
    assert (await stage.the_default(lot_id)).status == "collected", "it is due"
    await stage.buy(relisted)

    default = await stage.the_default(lot_id)
    assert (default.status, default.resale_price_fen, default.claim_fen) == ("resolved", 4_000 * YUAN, 5_000 * YUAN)


async def test_an_offer_that_is_open_when_the_time_is_over_still_counts(stage: Stage) -> None:
    # such a window is refused for new lots, and agreed to in old ones
    terms = deposit(1_000) | cascade(depth=1, offer_window_ms=5 * DAY_MS)
    lot_id = await stage.sold_lot([("bob", 7_000), ("ann", 10_000)], terms)
    await stage.shorten_resale_window(lot_id, DAY_MS)
    await refuse(stage, lot_id)
    await stage.pass_time(2 * DAY_MS)
    assert (await stage.the_default(lot_id)).status == "collected"
    await stage.accept(lot_id)
    await stage.buy(lot_id)

    default = await stage.the_default(lot_id)
    assert (default.resale_price_fen, (default.split or {})["gap_fen"]) == (7_000 * YUAN, 1_000 * YUAN)


async def test_a_relisted_lot_whose_draft_was_not_opened_can_be_void_and_the_draft_is_sold_no_more(
    stage: Stage,
) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    await stage.pass_time(DAY_MS)
    relisted = (await stage.detail(lot_id)).row.settlement.relisted_as
    assert relisted is not None
    await void(stage, lot_id)

    assert await stage.state(lot_id) == "void"
    assert await money_back_fen(stage) == 0
    with pytest.raises(WrongState):
        await lots.open_lot(stage.context, relisted, duration_ms=HOUR_MS, actor="olga")


async def test_an_unsold_lot_can_be_void(stage: Stage) -> None:
    lot_id = await stage.sold_lot([])
    await void(stage, lot_id)
    assert await stage.state(lot_id) == "void"


# --- the time to decide -----------------------------------------------------------------------------------------------


async def test_between_a_default_and_the_next_step_staff_decide(stage: Stage) -> None:
    terms = settlement(decision_window_ms=DAY_MS, cascade={"depth": 1, "price": "own_bid", "offer_window_ms": DAY_MS})
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], terms)
    await stage.pass_time(DAY_MS)
    assert await stage.state(lot_id) == "defaulted"
    await stage.pass_time(DAY_MS - 1)
    assert await stage.state(lot_id) == "defaulted"
    await runner_up_offers.extend_decision(
        stage.context, lot_id, by_ms=DAY_MS, actor="olga", reason="the seller is asked"
    )
    await stage.pass_time(DAY_MS - 1)
    assert await stage.state(lot_id) == "defaulted"
    await stage.pass_time(1)
    assert await stage.state(lot_id) == "offered"
    with pytest.raises(WrongState):
        await runner_up_offers.extend_decision(stage.context, lot_id, by_ms=1, actor="olga", reason="too late")


async def test_staff_may_act_before_the_time_to_decide_is_over(stage: Stage) -> None:
    terms = settlement(decision_window_ms=DAY_MS, cascade={"depth": 1, "price": "own_bid", "offer_window_ms": DAY_MS})
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], terms)
    await stage.pass_time(DAY_MS)
    await runner_up_offers.offer_by_staff(stage.context, lot_id, actor="olga")
    assert await stage.state(lot_id) == "offered"
