"""The whole way from hammer to handover, as domain rules tell it: the vectors, and what else can become of a sale."""

from dataclasses import replace
from typing import Any

import pytest

from auction.books import bidders
from auction.domain.accounts import JournalAccount
from auction.domain.bidding import Bid, Refused
from auction.domain.errors import PaymentsAway, ProblemCode, RefusalCode, RequestRefused
from auction.domain.settlement import BidderPolicy
from auction.domain.states import OperationKind
from auction.services.catalogue import lots
from auction.services.payments import registration_deposits
from auction.services.registration.identity_levels import set_identity
from auction.services.settlement import (
    award_payment,
    handover,
    payment_default,
    relists,
    runner_up_offers,
    voids,
    waterfall,
)
from auction.services.settlement.finance_views import list_settlements
from auction.services.verification.money_checks import check_money
from tests.settlement.acts import (
    LADDER,
    PURSE,
    behind_a_bad_line,
    cascade,
    charged,
    deposit,
    either_way,
    money_back_fen,
    offers,
    refuse,
    settlement,
    statuses,
    void,
)
from tests.settlement.conftest import DAY_MS, HOUR_MS, YUAN, Stage
from tests.settlement.unreliable import Fault

# --- the vectors of the domain rules ----------------------------------------------------------------------------------


async def test_a_shortfall_is_paid_from_the_deposit_and_the_rest_is_claimed(stage: Stage) -> None:
    terms = deposit(100_000) | settlement(default_liability="shortfall")
    lot_id = await stage.sold_lot([("ann", 1_552_000)], terms)
    await stage.pass_time(DAY_MS)
    assert await stage.state(lot_id) == "relisted"

    await stage.buy(await stage.resell(lot_id, [("bob", 1_204_000)]))

    default = await stage.the_default(lot_id)
    assert default.split is not None
    assert (default.split["gap_fen"], default.claim_fen) == (100_000 * YUAN, 248_000 * YUAN)
    assert await stage.balance(lot_id, JournalAccount.FORFEIT_SUSPENSE) == 0


async def test_the_no_show_of_78_million_costs_100_yuan_under_deposit_only(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 78_193_399)], deposit(100) | settlement())
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 89_900)]))

    default = await stage.the_default(lot_id)
    assert (default.forfeited_fen, default.claim_fen) == (100 * YUAN, 0)
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 0


async def test_the_no_show_of_78_million_is_claimed_under_shortfall(stage: Stage) -> None:
    terms = deposit(100) | settlement(default_liability="shortfall")
    lot_id = await stage.sold_lot([("ann", 78_193_399)], terms)
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 89_900)]))

    assert (await stage.the_default(lot_id)).claim_fen == 78_103_399 * YUAN


@either_way
async def test_cost_gap_and_commissions_are_paid_in_this_order_and_the_rest_is_claimed(stage: Stage) -> None:
    terms = deposit(5_000) | settlement(
        default_liability="shortfall",
        reauction_cost_fen=1_200 * YUAN,
        buyer_fee_bps=300,
        seller_commission_bps=200,
    )
    lot_id = await stage.sold_lot([("ann", 100_000)], terms)
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 97_000)]))

    default = await stage.the_default(lot_id)
    assert default.split is not None
    parts = {name: default.split[name] // YUAN for name in ("cost_fen", "gap_fen", "commission_fen", "rest_fen")}
    assert parts == {"cost_fen": 1_200, "gap_fen": 3_000, "commission_fen": 800, "rest_fen": 0}
    assert default.claim_fen == 4_200 * YUAN
    assert await stage.balance(lot_id, JournalAccount.REAUCTION_COST) == -1_200
    assert await stage.balance(lot_id, JournalAccount.COMMISSION_INCOME) == -800
    assert await stage.balance(lot_id, JournalAccount.SELLER_PAYABLE) == 0
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 4_200


@pytest.mark.parametrize("price, yuan", [("own_bid", 5_000), ("clean", 400)])
async def test_a_runner_up_is_asked_their_own_bid_or_the_price_without_the_defaulter(
    stage: Stage, price: str, yuan: int
) -> None:
    terms = {"increments": [{"from_fen": 0, "step_fen": 100 * YUAN}]} | cascade(
        depth=1, price=price, floor_fen=1 * YUAN
    )
    lot_id = await stage.sold_lot([("ann", 100), ("bob", 300), ("cleo", 5_000), ("ann", 6_000)], terms)
    await refuse(stage, lot_id)

    assert await offers(stage, lot_id) == [("cleo", yuan, "open")]
    await stage.accept(lot_id)
    assert (await stage.pay(lot_id)).price_fen == yuan * YUAN
    assert await stage.state(lot_id) == "paid"


# --- who is paid from a forfeited deposit -----------------------------------------------------------------------------


async def test_deposit_and_claim_are_capped_at_the_part_of_the_price_that_the_terms_say(stage: Stage) -> None:
    terms = deposit(1_000) | settlement(default_liability="percent", percent_bps=500)
    lot_id = await stage.sold_lot([("ann", 100_000)], terms)
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 50_000)]))

    assert (await stage.the_default(lot_id)).claim_fen == 4_000 * YUAN


async def test_a_percentage_is_owed_where_nothing_was_sold_and_counts_the_deposit(stage: Stage) -> None:
    terms = deposit(10_000) | settlement(default_liability="percent", percent_bps=2_000, when_exhausted="unsold")
    lot_id = await stage.sold_lot([("ann", 100_000)], terms)
    await stage.pass_time(DAY_MS)
    await stage.pass_time(30 * DAY_MS)

    default = await stage.the_default(lot_id)
    assert (default.forfeited_fen, default.claim_fen) == (10_000 * YUAN, 10_000 * YUAN)


async def test_cash_pays_the_seller_before_a_claim_counts(stage: Stage) -> None:
    bands = [
        {"deposit_fen": 50 * YUAN, "limit_fen": 9_000 * YUAN},
        {"deposit_fen": 5_000 * YUAN, "limit_fen": None},
    ]
    liable = settlement(default_liability="shortfall", buyer_fee_bps=300, cascade={"depth": 1, "price": "own_bid"})
    lot_id = await stage.open_lot({"deposit": {"policy": "ladder", "bands": bands}} | liable)
    await stage.register(lot_id, "ann", deposit_fen=5_000 * YUAN)
    await stage.register(lot_id, "bob")
    await stage.bid(lot_id, "bob", 8_000)
    await stage.bid(lot_id, "ann", 10_000)
    await stage.close(lot_id)
    await refuse(stage, lot_id)
    await stage.accept(lot_id)
    await refuse(stage, lot_id)
    await stage.buy(await stage.resell(lot_id, [("cleo", 5_000)]))

    ann, bob = (await stage.detail(lot_id)).defaults
    assert ann.split is not None
    assert bob.split is not None
    assert (bob.split["gap_fen"], ann.split["gap_fen"]) == (50 * YUAN, 4_950 * YUAN)
    assert (ann.split["commission_fen"], ann.split["rest_fen"]) == (50 * YUAN, 0)
    # the gap of the second and the fees of both; the gap of the first is paid
    assert (bob.claim_fen, ann.claim_fen) == ((2_950 + 240) * YUAN, 250 * YUAN)


async def test_a_resale_above_the_first_price_leaves_no_gap_and_nothing_to_claim(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], settlement(default_liability="shortfall"))
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 1_500)]))

    default = await stage.the_default(lot_id)
    assert default.split is not None
    assert (default.split["gap_fen"], default.split["rest_fen"], default.claim_fen) == (0, 100 * YUAN, 0)
    assert await stage.balance(lot_id, JournalAccount.FORFEITURE_INCOME) == -100


async def test_the_rest_of_a_forfeited_deposit_goes_to_the_seller_where_the_terms_say_so(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], settlement(rest_to="seller"))
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 1_500)]))

    assert await stage.balance(lot_id, JournalAccount.FORFEITURE_INCOME) == 0
    assert await stage.balance(lot_id, JournalAccount.CASH) == 0


async def test_without_a_resale_by_the_deadline_no_gap_is_proven_and_only_the_cost_is_paid(stage: Stage) -> None:
    terms = settlement(default_liability="shortfall", reauction_cost_fen=30 * YUAN, resale_window_ms=3 * DAY_MS)
    lot_id = await stage.sold_lot([("ann", 1_000)], terms)
    await stage.pass_time(DAY_MS)
    await stage.pass_time(3 * DAY_MS - 1)
    assert (await stage.the_default(lot_id)).status == "collected"
    await stage.pass_time(1)

    default = await stage.the_default(lot_id)
    assert default.split is not None
    assert (default.status, default.split["gap_fen"], default.claim_fen) == ("resolved", 0, 0)
    assert await stage.balance(lot_id, JournalAccount.REAUCTION_COST) == -30
    assert await stage.balance(lot_id, JournalAccount.FORFEITURE_INCOME) == -70


async def test_a_claim_that_two_persons_write_off_is_owed_no_more(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)], settlement(default_liability="shortfall"))
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 400)]))
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 500

    assert await waterfall.write_off(stage.context, lot_id, actor="olga", reason="bankrupt") is not None
    with pytest.raises(RequestRefused) as alone:
        await waterfall.write_off(stage.context, lot_id, actor="olga", reason="bankrupt")
    assert alone.value.code == ProblemCode.SAME_PERSON
    assert await waterfall.write_off(stage.context, lot_id, actor="petra", reason="bankrupt") is None
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 0


async def test_two_defaults_before_one_resale_make_the_seller_whole_once_and_pay_one_re_auction(stage: Stage) -> None:
    terms = deposit(1_000) | settlement(
        default_liability="deposit_only",
        reauction_cost_fen=200 * YUAN,
        cascade={"depth": 1, "price": "own_bid", "offer_window_ms": DAY_MS},
    )
    lot_id = await stage.sold_lot([("bob", 9_000), ("ann", 10_000)], terms)
    await refuse(stage, lot_id)
    await stage.accept(lot_id)
    await refuse(stage, lot_id)
    assert await stage.state(lot_id) == "relisted"
    await stage.buy(await stage.resell(lot_id, [("cleo", 8_500)]))

    ann, bob = (await stage.detail(lot_id)).defaults
    assert (ann.bidder_id, bob.bidder_id) == ("ann", "bob")
    assert ann.split is not None
    assert bob.split is not None
    assert (bob.split["cost_fen"], bob.split["gap_fen"]) == (200 * YUAN, 500 * YUAN)
    # 10,000 less 8,500, less what bob's deposit made good
    assert (ann.split["cost_fen"], ann.split["gap_fen"]) == (0, 1_000 * YUAN)
    assert await stage.balance(lot_id, JournalAccount.REAUCTION_COST) == -200


# --- paying -----------------------------------------------------------------------------------------------------------


@either_way
async def test_a_deposit_above_the_price_pays_it_and_the_rest_goes_back(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 30)])
    paid = await stage.pay(lot_id)

    assert (paid.status, paid.received_fen) == ("paid", 30 * YUAN)
    assert await stage.balance(lot_id, JournalAccount.CASH) == 30
    assert await stage.balance(lot_id, JournalAccount.REFUND_PAYABLE) == 0
    assert await money_back_fen(stage) == 30 * YUAN


@either_way
async def test_fees_and_commissions_are_earned_and_the_seller_is_paid_at_the_handover(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 10_000)], settlement(buyer_fee_bps=500, seller_commission_bps=300))
    paid = await stage.pay(lot_id)
    assert paid.total_fen == 10_500 * YUAN
    assert await stage.balance(lot_id, JournalAccount.COMMISSION_INCOME) == 0

    with pytest.raises(RequestRefused) as nowhere:
        await handover.confirm_handover(stage.context, lot_id, actor="olga")
    assert nowhere.value.code == ProblemCode.DELIVERY_CENTRE_MISSING
    await award_payment.choose_centre(stage.context, paid.award_id, bidder_id="ann", delivery_centre="Wuhan")
    await handover.confirm_handover(stage.context, lot_id, actor="olga")

    assert await stage.state(lot_id) == "settled"
    assert await stage.balance(lot_id, JournalAccount.COMMISSION_INCOME) == -800
    assert await stage.balance(lot_id, JournalAccount.CASH) == 800
    for account in (JournalAccount.SELLER_CLEARING, JournalAccount.SELLER_PAYABLE, JournalAccount.COMMISSION_DEFERRED):
        assert await stage.balance(lot_id, account) == 0


async def test_a_slow_payment_is_pending_until_the_provider_says_more_and_stops_the_deadline(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)])
    stage.clock.forward(DAY_MS - 1_000)
    due = await stage.pay(lot_id, method="sandbox-slow")
    assert due.status == "due"
    with pytest.raises(RequestRefused) as twice:
        await stage.pay(lot_id, key="pay-key-2")
    assert twice.value.code == ProblemCode.PAYMENT_PENDING
    stage.clock.forward(1_000)
    await stage.settle()
    assert await stage.state(lot_id) == "awarded"

    await stage.pass_time(2_000)
    assert await stage.state(lot_id) == "paid"


async def test_a_declined_payment_costs_nothing_and_another_card_pays(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)])
    with pytest.raises(RequestRefused) as declined:
        await stage.pay(lot_id, method="sandbox-declines")
    assert declined.value.code == ProblemCode.PAYMENT_DECLINED
    assert await statuses(stage, lot_id) == {"ann": ["held"]}

    assert (await stage.pay(lot_id, key="pay-key-2")).status == "paid"


async def test_a_winner_who_paid_in_time_does_not_default_while_the_house_waits_for_their_deposit(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 5_000)])
    faults: dict[OperationKind, Fault] = {OperationKind.CAPTURE: "before"}
    behind_a_bad_line(stage, faults)
    award = await stage.award(lot_id)
    stage.clock.forward(DAY_MS - 1_000)
    with pytest.raises(PaymentsAway):
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")
    await stage.pass_time(1_000)
    assert await stage.state(lot_id) == "awarded"

    faults.clear()
    await stage.pass_time(HOUR_MS)
    assert await stage.state(lot_id) == "paid"


async def test_where_a_part_of_the_deposit_cannot_be_captured_the_winner_pays_exactly_the_rest(stage: Stage) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann", payment_method="sandbox-capture-fails")
    await registration_deposits.top_up(stage.context, lot_id, bidder_id="ann", amount_fen=1_000 * YUAN, key="top-up-1")
    await stage.bid(lot_id, "ann", 1_500)
    await stage.close(lot_id)

    assert (await stage.pay(lot_id)).status == "due"
    assert (await stage.pay(lot_id, key="pay-key-2")).status == "paid"
    assert await stage.balance(lot_id, JournalAccount.CASH) == 1_500


async def test_a_default_collects_what_can_be_captured_of_a_ladder_of_deposits(stage: Stage) -> None:
    lot_id = await stage.open_lot(LADDER | settlement(when_exhausted="unsold"))
    await stage.register(lot_id, "ann", payment_method="sandbox-capture-fails")
    await registration_deposits.top_up(stage.context, lot_id, bidder_id="ann", amount_fen=1_000 * YUAN, key="top-up-1")
    await stage.bid(lot_id, "ann", 15_000)
    await stage.close(lot_id)
    await stage.pass_time(DAY_MS)

    assert await statuses(stage, lot_id) == {"ann": ["forfeited", "lapsed"]}
    assert (await stage.the_default(lot_id)).forfeited_fen == 1_000 * YUAN


# --- runners-up -------------------------------------------------------------------------------------------------------


async def test_declined_and_lapsed_offers_cost_nothing_and_release_the_deposit(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("dora", 200), ("cleo", 300), ("bob", 400), ("ann", 500)], cascade())
    assert await statuses(stage, lot_id) == {"dora": ["released"], "cleo": ["held"], "bob": ["held"], "ann": ["held"]}
    await refuse(stage, lot_id)
    await runner_up_offers.decline_offer(stage.context, f"o-{lot_id}-1", bidder_id="bob")
    await stage.settle()
    assert await offers(stage, lot_id) == [("bob", 400, "declined"), ("cleo", 300, "open")]
    await stage.pass_time(DAY_MS)

    assert await offers(stage, lot_id) == [("bob", 400, "declined"), ("cleo", 300, "lapsed")]
    assert await stage.state(lot_id) == "relisted"
    released = {"dora": ["released"], "cleo": ["released"], "bob": ["released"], "ann": ["forfeited"]}
    assert await statuses(stage, lot_id) == released
    assert [one.bidder_id for one in (await stage.detail(lot_id)).defaults] == ["ann"]


async def test_an_offer_that_is_over_cannot_be_accepted(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], cascade(depth=1))
    await refuse(stage, lot_id)
    stage.clock.forward(DAY_MS)
    with pytest.raises(RequestRefused) as late:
        await stage.accept(lot_id)
    assert late.value.code == ProblemCode.OFFER_OVER


async def test_a_runner_up_who_accepts_and_does_not_pay_defaults_too(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], cascade(depth=1))
    await refuse(stage, lot_id)
    await stage.accept(lot_id)
    await stage.pass_time(DAY_MS)

    assert await stage.state(lot_id) == "relisted"
    assert await statuses(stage, lot_id) == {"bob": ["forfeited"], "ann": ["forfeited"]}
    assert [(one.bidder_id, one.price_fen) for one in (await stage.detail(lot_id)).defaults] == [
        ("ann", 500 * YUAN),
        ("bob", 400 * YUAN),
    ]


async def test_accounts_linked_to_the_defaulter_are_not_asked(stage: Stage) -> None:
    lot_id = await stage.open_lot(cascade(depth=3))
    for bidder, more in {
        "ann": {"device": "phone", "payment_method": "sandbox-ok:card7"},
        "bob": {"device": "phone"},
        "cleo": {"payment_method": "sandbox-ok:card7"},
        "dora": {},
        "eve": {},
    }.items():
        await stage.register(lot_id, bidder, **more)
    async with stage.context.books.transaction() as tx:
        await bidders.add_links(tx, [(bidder, "identity", "f" * 64) for bidder in ("ann", "dora")])
    for bidder, yuan in [("eve", 100), ("dora", 200), ("cleo", 300), ("bob", 400), ("ann", 500)]:
        await stage.bid(lot_id, bidder, yuan)
    await stage.close(lot_id)
    await refuse(stage, lot_id)

    assert await offers(stage, lot_id) == [("eve", 100, "open")]


async def test_below_the_floor_the_house_relists_instead_of_asking(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 499), ("ann", 1_000)], cascade(floor_percent=50))
    await refuse(stage, lot_id)
    assert await offers(stage, lot_id) == []
    assert await stage.state(lot_id) == "relisted"


async def test_no_more_runners_up_are_asked_than_the_terms_say(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("cleo", 300), ("bob", 400), ("ann", 500)], cascade(depth=1))
    await refuse(stage, lot_id)
    await runner_up_offers.decline_offer(stage.context, f"o-{lot_id}-1", bidder_id="bob")
    await stage.settle()

    assert await offers(stage, lot_id) == [("bob", 400, "declined")]
    assert await stage.state(lot_id) == "relisted"


# --- void -------------------------------------------------------------------------------------------------------------


@either_way
async def test_a_lot_that_is_void_before_it_was_paid_gives_everybody_their_deposit_back(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], cascade(depth=1))
    await void(stage, lot_id)

    assert await stage.state(lot_id) == "void"
    assert await statuses(stage, lot_id) == {"bob": ["released"], "ann": ["released"]}
    assert await money_back_fen(stage) == 0
    assert not any((await stage.detail(lot_id)).balances.values())


@either_way
async def test_a_paid_lot_that_is_void_gives_the_buyer_all_of_it_back(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 500)], settlement(buyer_fee_bps=1_000))
    await stage.pay(lot_id)
    assert await voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged") is not None
    with pytest.raises(RequestRefused) as alone:
        await voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged")
    assert alone.value.code == ProblemCode.SAME_PERSON
    assert await voids.void_settlement(stage.context, lot_id, actor="petra", reason="so it is") is None
    await stage.settle()

    assert await money_back_fen(stage) == 0
    assert not any((await stage.detail(lot_id)).balances.values())


@either_way
async def test_a_paid_lot_whose_deposit_was_above_the_price_is_void_without_a_fen_too_many(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 30)])
    await stage.pay(lot_id)
    await void(stage, lot_id)
    assert await money_back_fen(stage) == 0


@either_way
async def test_a_lot_that_is_void_after_a_default_gives_the_deposit_back_and_forgets_the_default(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], cascade(depth=1))
    await refuse(stage, lot_id)
    await void(stage, lot_id)

    assert [status for _, _, status in await offers(stage, lot_id)] == ["withdrawn"]
    assert await money_back_fen(stage) == 0
    # no default counts: the deposit is what everybody's is
    asked = await stage.register(await stage.open_lot(), "ann")
    assert asked.deposit is not None
    assert asked.deposit.amount_fen == 100 * YUAN


async def test_a_second_person_agrees_to_the_award_that_the_first_meant_and_to_no_later_one(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], cascade(depth=1))
    asked = await payment_default.default_by_staff(stage.context, lot_id, actor="olga", reason="she said no")
    assert asked is not None
    stage.clock.forward(1)
    await refuse(stage, lot_id)
    await stage.accept(lot_id)

    again = await payment_default.default_by_staff(stage.context, lot_id, actor="petra", reason="he said no")
    assert again is not None, "olga never wanted bob to default"
    (row,) = [row for row in (await list_settlements(stage.context)).rows if row.settlement.lot_id == lot_id]
    assert [one.asked_by for one in row.approvals] == ["petra"]


# --- deposits at the provider -----------------------------------------------------------------------------------------


async def test_an_authorisation_that_ran_out_takes_the_bidding_power_and_a_default_collects_nothing(
    stage: Stage,
) -> None:
    lot_id = await stage.open_lot(settlement(when_exhausted="unsold"))
    await stage.register(lot_id, "ann", payment_method="sandbox-expires")
    await stage.bid(lot_id, "ann", 500)
    await stage.register(lot_id, "bob", payment_method="sandbox-expires")
    await stage.pass_time(6_000)

    (refused,) = await stage.context.ledger.place_bids(lot_id, [Bid("bob", 600 * YUAN, "key-of-bob-1")])
    assert isinstance(refused, Refused)
    assert refused.code == RefusalCode.OVER_LIMIT
    await stage.close(lot_id)
    await refuse(stage, lot_id)
    assert await statuses(stage, lot_id) == {"ann": ["lapsed"], "bob": ["lapsed"]}
    default = await stage.the_default(lot_id)
    assert (default.status, default.forfeited_fen) == ("collected", 0)


async def test_a_bidder_whose_flat_deposit_ran_out_may_put_down_another(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann", payment_method="sandbox-expires")
    await stage.pass_time(6_000)

    await registration_deposits.top_up(stage.context, lot_id, bidder_id="ann", amount_fen=100 * YUAN, key="top-up-1")
    await stage.bid(lot_id, "ann", 500)
    with pytest.raises(RequestRefused) as enough:
        await registration_deposits.top_up(
            stage.context, lot_id, bidder_id="ann", amount_fen=100 * YUAN, key="top-up-2"
        )
    assert enough.value.code == ProblemCode.DEPOSIT_NOT_NEEDED


async def test_a_loser_whose_authorisation_ran_out_needs_nobody_to_look(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    await stage.register(lot_id, "bob", payment_method="sandbox-expires")
    await stage.bid(lot_id, "ann", 500)
    stage.clock.forward(6_000)
    await stage.close(lot_id)

    (row,) = (await list_settlements(stage.context)).rows
    assert (await statuses(stage, lot_id))["bob"] == ["released"]
    assert row.stuck == ()


@charged
async def test_a_refund_that_fails_is_asked_for_again_until_it_is_paid(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    await stage.register(lot_id, "bob", payment_method="sandbox-refund-fails-once")
    await stage.bid(lot_id, "ann", 500)
    await stage.close(lot_id)
    assert (await statuses(stage, lot_id))["bob"] == ["releasing"]
    (row,) = (await list_settlements(stage.context)).rows
    assert len(row.stuck) == 1
    await stage.check()

    await stage.pass_time(2_000)
    assert (await statuses(stage, lot_id))["bob"] == ["released"]
    (row,) = (await list_settlements(stage.context)).rows
    assert row.stuck == ()


async def test_a_deposit_that_is_pending_admits_when_the_provider_says_so_and_not_before(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    asked = await stage.register(lot_id, "ann", payment_method="sandbox-slow")
    assert asked.registration is None
    (refused,) = await stage.context.ledger.place_bids(lot_id, [Bid("ann", 500 * YUAN, "key-of-ann-1")])
    assert isinstance(refused, Refused)
    assert refused.code == RefusalCode.NOT_REGISTERED

    await stage.pass_time(3_000)
    await stage.bid(lot_id, "ann", 500)


async def test_a_deposit_that_comes_after_the_hammer_goes_back(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann", payment_method="sandbox-slow")
    await stage.close(lot_id)
    await stage.pass_time(3_000)

    assert await statuses(stage, lot_id) == {"ann": ["released"]}
    assert await money_back_fen(stage) == 0


async def test_after_a_declined_deposit_another_card_admits(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    for method in ("sandbox-declines", "sandbox-insufficient"):
        with pytest.raises(RequestRefused) as declined:
            await stage.register(lot_id, "ann", payment_method=method)
        assert declined.value.code == ProblemCode.DEPOSIT_DECLINED
    asked = await stage.register(lot_id, "ann")

    assert asked.registration is not None
    await stage.bid(lot_id, "ann", 500)
    assert sorted(one.status for one in await stage.deposits_of(lot_id)) == ["failed", "failed", "held"]


# --- bidding power ----------------------------------------------------------------------------------------------------


async def test_topping_up_a_ladder_raises_the_limit_in_the_ledger(stage: Stage) -> None:
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann")
    power = await stage.context.ledger.power(lot_id, "ann")
    assert power is not None
    assert power.limit_fen == 10_000 * YUAN

    await registration_deposits.top_up(stage.context, lot_id, bidder_id="ann", amount_fen=1_000 * YUAN, key="top-up-1")
    again = await registration_deposits.top_up(
        stage.context, lot_id, bidder_id="ann", amount_fen=1_000 * YUAN, key="top-up-1"
    )
    assert not again.created
    power = await stage.context.ledger.power(lot_id, "ann")
    assert power is not None
    assert power.limit_fen == 20_000 * YUAN
    await stage.bid(lot_id, "ann", 15_000)


async def test_a_purse_serves_two_lots_of_a_sale_and_goes_back_after_the_last(stage: Stage) -> None:
    first = await stage.open_lot(PURSE)
    sale_id = first.rpartition("-")[0]
    second = await stage.open_lot(PURSE, sale_id=sale_id)
    for bidder in ("ann", "bob"):
        await stage.register(first, bidder)
        assert (await stage.register(second, bidder)).deposit is None
    await stage.bid(first, "ann", 6_000)
    (refused,) = await stage.context.ledger.place_bids(second, [Bid("ann", 5_000 * YUAN, "key-of-ann-1")])
    assert isinstance(refused, Refused)
    assert refused.code == RefusalCode.OVER_PURSE
    await stage.bid(second, "bob", 5_000)
    await stage.close(first)
    assert await statuses(stage, first) == {"ann": ["held"], "bob": ["held"]}
    assert (await stage.pay(first)).status == "paid"

    await stage.close(second)
    assert (await stage.pay(second)).status == "paid"
    assert await statuses(stage, first) == {"ann": ["applied", "released"], "bob": ["released"]}
    assert await statuses(stage, second) == {"bob": ["applied"]}
    for account in (JournalAccount.BUYER_RECEIVABLE, JournalAccount.DEPOSITS_HELD, JournalAccount.REFUND_PAYABLE):
        assert [await stage.balance(lot_id, account) for lot_id in (first, second)] == [0, 0]


async def test_a_default_on_one_lot_of_a_sale_takes_its_share_of_the_purse_from_the_others(stage: Stage) -> None:
    first = await stage.open_lot(PURSE)
    second = await stage.open_lot(PURSE, sale_id=first.rpartition("-")[0])
    await stage.register(first, "ann")
    await stage.register(second, "ann")
    await stage.bid(first, "ann", 6_000)
    await stage.close(first)
    await refuse(stage, first)

    power = await stage.context.ledger.power(second, "ann")
    assert power is not None
    assert power.purse_fen == 4_000 * YUAN
    assert await statuses(stage, first) == {"ann": ["forfeited", "held"]}


async def test_a_default_raises_the_next_deposit_and_a_second_one_bars(stage: Stage) -> None:
    for defaults, yuan in enumerate((100, 150)):
        lot_id = await stage.open_lot()
        asked = await stage.register(lot_id, "ann")
        assert asked.deposit is not None
        assert asked.deposit.amount_fen == yuan * YUAN, f"after {defaults} defaults"
        await stage.bid(lot_id, "ann", 500)
        await stage.close(lot_id)
        await refuse(stage, lot_id)
    lot_id = await stage.open_lot()
    with pytest.raises(RequestRefused) as barred:
        await stage.register(lot_id, "ann")
    assert barred.value.code == ProblemCode.BIDDER_BARRED

    stage.clock.forward(BidderPolicy().bar_ms)
    asked = await stage.register(lot_id, "ann")
    assert asked.deposit is not None
    assert asked.deposit.amount_fen == 150 * YUAN


@pytest.mark.parametrize("terms", [{}, LADDER], ids=["flat", "ladder"])
async def test_a_default_raises_the_next_deposits_and_leaves_those_that_are_there_their_power(
    stage: Stage, terms: dict[str, Any]
) -> None:
    defaulted = await stage.open_lot()
    other = await stage.open_lot(terms)
    await stage.register(defaulted, "ann")
    await stage.register(other, "ann")
    await stage.bid(defaulted, "ann", 500)
    await stage.close(defaulted)
    stage.clock.forward(1)
    await refuse(stage, defaulted)

    assert {one.name: one.broken for one in await check_money(stage.context) if one.broken} == {}
    await stage.bid(other, "ann", 500)


async def test_after_a_default_a_deposit_counts_for_less(stage: Stage) -> None:
    defaulted = await stage.sold_lot([("ann", 500)])
    await refuse(stage, defaulted)
    stage.clock.forward(1)
    lot_id = await stage.open_lot(LADDER)
    await stage.register(lot_id, "ann", deposit_fen=2_999 * YUAN)
    power = await stage.context.ledger.power(lot_id, "ann")
    assert power is not None
    assert power.limit_fen == 10_000 * YUAN

    await registration_deposits.top_up(stage.context, lot_id, bidder_id="ann", amount_fen=1 * YUAN, key="top-up-1")
    power = await stage.context.ledger.power(lot_id, "ann")
    assert power is not None
    assert power.limit_fen == 20_000 * YUAN


async def test_a_relisted_lot_bars_its_defaulter_and_the_accounts_linked_to_them(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann", device="phone", payment_method="sandbox-ok:card7")
    await stage.bid(lot_id, "ann", 500)
    await stage.close(lot_id)
    await refuse(stage, lot_id)
    relisted = (await stage.detail(lot_id)).row.settlement.relisted_as
    assert relisted is not None
    await lots.open_lot(stage.context, relisted, duration_ms=HOUR_MS, actor="olga")

    # cleo is new, and known as ann's only once the deposit is held
    for bidder, more in {
        "ann": {},
        "bob": {"device": "phone"},
        "cleo": {"payment_method": "sandbox-ok:card7"},
    }.items():
        with pytest.raises(RequestRefused) as barred:
            await stage.register(relisted, bidder, **more)
        assert barred.value.code == ProblemCode.BIDDER_BARRED, bidder
        (refused,) = await stage.context.ledger.place_bids(relisted, [Bid(bidder, 500 * YUAN, f"key-of-{bidder}-1")])
        assert isinstance(refused, Refused)
        assert refused.code == RefusalCode.NOT_REGISTERED
    await stage.settle()
    assert [one.status for one in await stage.deposits_of(relisted)] == ["released"]
    await stage.register(relisted, "dora")


async def test_how_well_a_bidder_is_known_caps_their_limit(stage: Stage) -> None:
    rules = BidderPolicy(identity_limits=((0, 1_000 * YUAN), (1, 50_000 * YUAN)))
    stage.context = replace(stage.context, money=replace(stage.context.money, bidders=rules))
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    for level, limit_fen in ((0, 1_000 * YUAN), (1, 50_000 * YUAN), (2, None), (0, 1_000 * YUAN)):
        await set_identity(stage.context, "ann", level=level, identity_mark=None, actor="olga")
        power = await stage.context.ledger.power(lot_id, "ann")
        assert power is not None
        assert power.limit_fen == limit_fen
        await stage.check()


async def test_staff_relist_at_the_cost_they_name(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("bob", 400), ("ann", 500)], cascade(depth=1))
    await refuse(stage, lot_id)
    await runner_up_offers.decline_offer(stage.context, f"o-{lot_id}-1", bidder_id="bob")
    await relists.relist_by_staff(stage.context, lot_id, actor="olga", cost_fen=40 * YUAN)
    await stage.buy(await stage.resell(lot_id, [("dora", 450)]))

    default = await stage.the_default(lot_id)
    assert default.split is not None
    assert (default.split["cost_fen"], default.split["gap_fen"]) == (40 * YUAN, 50 * YUAN)


async def test_what_two_defaulters_owe_together_is_the_loss_and_no_more(stage: Stage) -> None:
    runners_up = {"depth": 1, "price": "own_bid"}
    terms = deposit(100) | settlement(default_liability="shortfall", cascade=runners_up)
    lot_id = await stage.sold_lot([("bob", 8_000), ("ann", 10_000)], terms)
    await stage.pass_time(DAY_MS)
    await stage.accept(lot_id)
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("cho", 5_000)]))

    by_bidder = {one.bidder_id: one for one in (await stage.detail(lot_id)).defaults}
    assert (by_bidder["bob"].forfeited_fen, by_bidder["bob"].claim_fen) == (100 * YUAN, 2_900 * YUAN)
    assert (by_bidder["ann"].forfeited_fen, by_bidder["ann"].claim_fen) == (100 * YUAN, 1_900 * YUAN)
