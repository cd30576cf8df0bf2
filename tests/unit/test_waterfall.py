from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.money import BPS, FEN_MAX, share
from auction.domain.waterfall import (
    ORDER,
    Need,
    Share,
    Split,
    Unmet,
    agreed_gap_fen,
    claim_fen,
    needs,
    share_collected,
    split,
    unmet,
)
from tests.unit.examples import by_rule

YUAN = 100
amounts = st.one_of(st.integers(0, 50), st.integers(0, FEN_MAX))
some_needs = st.builds(Need, amounts, amounts, amounts)
orders = st.sampled_from(list(permutations(ORDER)))
receivers = st.sampled_from(["house", "seller"])


def claim(
    divided: Split, liability, hammer_price_fen: int, percent_bps: int | None = None, claimed_fen: int = 0
) -> int:
    return claim_fen(
        divided,
        liability=liability,
        percent_bps=percent_bps,
        hammer_price_fen=hammer_price_fen,
        claimed_fen=claimed_fen,
    )


def yuan_needs(
    *, hammer: int, resale: int | None, cost: int = 0, commission: int = 0, recovered: int = 0, agreed: int = 0
) -> Need:
    return needs(
        hammer_price_fen=hammer * YUAN,
        resale_price_fen=None if resale is None else resale * YUAN,
        cost_fen=cost * YUAN,
        commission_fen=commission * YUAN,
        recovered_fen=recovered * YUAN,
        agreed_gap_fen=agreed * YUAN,
    )


# --- the vectors of the rules -----------------------------------------------------------------------------------------


def test_a_deposit_smaller_than_the_gap_goes_to_the_seller_whole_and_the_shortfall_is_claimed():
    divided = split(100_000 * YUAN, yuan_needs(hammer=1_552_000, resale=1_204_000))
    assert divided == Split(0, 100_000 * YUAN, 0, 0, "house", 248_000 * YUAN)
    assert claim(divided, "shortfall", 1_552_000 * YUAN) == 248_000 * YUAN


def test_the_walk_away_of_october_2025_recovers_100_yuan_and_claims_nothing_or_all_the_rest():
    divided = split(100 * YUAN, yuan_needs(hammer=78_193_399, resale=89_900))
    assert divided.gap_fen == divided.forfeited_fen == 100 * YUAN
    assert claim(divided, "deposit_only", 78_193_399 * YUAN) == 0
    assert claim(divided, "shortfall", 78_193_399 * YUAN) == 78_103_399 * YUAN


def test_a_deposit_pays_cost_then_gap_then_what_it_can_of_the_commissions():
    need = yuan_needs(hammer=100_000, resale=97_000, cost=1_200, commission=5_000)
    divided = split(5_000 * YUAN, need)
    assert divided == Split(1_200 * YUAN, 3_000 * YUAN, 800 * YUAN, 0, "house", 4_200 * YUAN)
    assert claim(divided, "shortfall", 100_000 * YUAN) == 4_200 * YUAN


def test_cash_comes_before_claims():
    # the winner at 10,000 defaulted with 5,000 forfeited, the runner-up at 8,000 with 50; the lot fetched 5,000
    second = split(50 * YUAN, yuan_needs(hammer=8_000, resale=5_000, commission=300))
    assert (second.gap_fen, claim(second, "shortfall", 8_000 * YUAN)) == (50 * YUAN, 3_250 * YUAN)
    first = split(5_000 * YUAN, yuan_needs(hammer=10_000, resale=5_000, commission=500, recovered=50))
    assert (first.gap_fen, first.commission_fen, first.rest_fen) == (4_950 * YUAN, 50 * YUAN, 0)
    assert claim(first, "shortfall", 10_000 * YUAN) == 450 * YUAN


def test_what_is_claimed_of_a_later_defaulter_is_not_claimed_of_an_earlier_one():
    first = split(100 * YUAN, yuan_needs(hammer=10_000, resale=5_000, recovered=100))
    assert claim(first, "shortfall", 10_000 * YUAN, claimed_fen=2_900 * YUAN) == 1_900 * YUAN
    assert claim(first, "shortfall", 10_000 * YUAN, claimed_fen=9_999 * YUAN) == 0


def test_a_percentage_caps_deposit_and_claim_together():
    agreed = agreed_gap_fen(liability="percent", percent_bps=2_000, hammer_price_fen=100_000 * YUAN)
    unsold = split(10_000 * YUAN, yuan_needs(hammer=100_000, resale=None, agreed=agreed // YUAN))
    assert (unsold.gap_fen, claim(unsold, "percent", 100_000 * YUAN, 2_000)) == (10_000 * YUAN, 10_000 * YUAN)
    large = split(30_000 * YUAN, yuan_needs(hammer=100_000, resale=10_000))
    assert claim(large, "percent", 100_000 * YUAN, 2_000) == 0


@pytest.mark.parametrize("liability, percent_bps", [("deposit_only", None), ("shortfall", None), ("percent", None)])
def test_terms_without_a_percentage_agree_on_no_gap(liability, percent_bps):
    assert agreed_gap_fen(liability=liability, percent_bps=percent_bps, hammer_price_fen=100) == 0


# --- what a default costs ---------------------------------------------------------------------------------------------


def test_without_a_resale_no_gap_is_proven():
    assert yuan_needs(hammer=100_000, resale=None, cost=5, commission=7) == Need(500, 0, 700)


@pytest.mark.parametrize("resale, gap_fen", [(99_999, 100), (100_000, 0), (100_001, 0), (900_000, 0)])
def test_a_resale_at_or_above_the_first_price_leaves_no_gap(resale, gap_fen):
    assert yuan_needs(hammer=100_000, resale=resale).gap_fen == gap_fen


def test_in_a_chain_of_defaults_the_sellers_loss_is_made_good_once():
    # the winner at 100,000 defaulted, then the runner-up who had accepted at 80,000; a third paid 60,000
    second = split(5_000 * YUAN, yuan_needs(hammer=80_000, resale=60_000))
    first = split(90_000 * YUAN, yuan_needs(hammer=100_000, resale=60_000, recovered=second.gap_fen // YUAN))
    assert second.gap_fen == 5_000 * YUAN
    assert first.gap_fen == 35_000 * YUAN
    assert 60_000 * YUAN + second.gap_fen + first.gap_fen == 100_000 * YUAN


def test_more_recovered_than_lost_is_no_gap():
    assert yuan_needs(hammer=100, resale=90, recovered=10).gap_fen == 0
    assert yuan_needs(hammer=100, resale=90, recovered=11).gap_fen == 0
    assert yuan_needs(hammer=100, resale=90, recovered=9).gap_fen == 100
    assert yuan_needs(hammer=100, resale=None, agreed=20, recovered=25).gap_fen == 0
    assert yuan_needs(hammer=100, resale=90, agreed=20).gap_fen == 1_000


def test_nothing_below_0_is_recovered_or_needed():
    with pytest.raises(ValueError, match="not below 0: -100"):
        yuan_needs(hammer=100, resale=90, recovered=-1)
    for wrong in [(-1, 0, 0), (0, -1, 0), (0, 0, -1)]:
        with pytest.raises(ValueError, match="no part of a loss is below 0"):
            Need(*wrong)


# --- dividing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest_to", ["house", "seller"])
def test_what_a_deposit_above_the_price_leaves_goes_to_whom_the_terms_name(rest_to):
    divided = split(150_000, Need(1_000, 100_000, 9_000), rest_to=rest_to)
    assert divided == Split(1_000, 100_000, 9_000, 40_000, rest_to, 0)
    assert claim(divided, "shortfall", 100_000) == 0


@pytest.mark.parametrize(
    "order, parts",
    [
        (("cost", "gap", "commission"), (40, 60, 0)),
        (("cost", "commission", "gap"), (40, 30, 30)),
        (("gap", "cost", "commission"), (30, 70, 0)),
        (("gap", "commission", "cost"), (0, 70, 30)),
        (("commission", "cost", "gap"), (40, 30, 30)),
        (("commission", "gap", "cost"), (0, 70, 30)),
    ],
)
def test_whoever_comes_first_in_the_order_is_paid_first(order, parts):
    divided = split(100, Need(40, 70, 30), order)
    assert (divided.cost_fen, divided.gap_fen, divided.commission_fen) == parts
    assert (divided.rest_fen, divided.unmet_fen) == (0, 40)


def test_without_a_deposit_everything_is_unmet():
    assert split(0, Need(1, 2, 3)) == Split(0, 0, 0, 0, "house", 6)


@pytest.mark.parametrize(
    "order", [(), ("cost", "gap"), ("cost", "gap", "gap"), ("cost", "gap", "rest"), (*ORDER, "rest"), (*ORDER, "cost")]
)
def test_an_order_that_does_not_name_each_step_once_is_no_order(order):
    with pytest.raises(ValueError, match="cost, gap and commission, each once"):
        split(1, Need(0, 0, 0), order)


def test_a_deposit_below_0_is_no_deposit():
    with pytest.raises(ValueError, match="not below 0: -1"):
        split(-1, Need(0, 0, 0))


@by_rule
@given(amounts, some_needs, orders, receivers)
def test_the_parts_sum_to_the_deposit_and_none_is_negative(forfeited, need, order, rest_to):
    divided = split(forfeited, need, order, rest_to)
    parts = (divided.cost_fen, divided.gap_fen, divided.commission_fen, divided.rest_fen)
    assert sum(parts) == divided.forfeited_fen == forfeited
    assert min(*parts, divided.unmet_fen) >= 0


@by_rule
@given(amounts, some_needs, orders, receivers)
def test_nobody_gets_more_than_they_need_and_there_is_a_rest_only_when_all_are_paid(forfeited, need, order, rest_to):
    divided = split(forfeited, need, order, rest_to)
    assert divided.cost_fen <= need.cost_fen
    assert divided.gap_fen <= need.gap_fen
    assert divided.commission_fen <= need.commission_fen
    assert divided.unmet_fen == need.total_fen - (forfeited - divided.rest_fen)
    assert divided.rest_fen == 0 or divided.unmet_fen == 0


@by_rule
@given(amounts, some_needs, orders)
def test_a_step_is_paid_only_after_all_before_it(forfeited, need, order):
    divided = split(forfeited, need, order)
    paid = [getattr(divided, f"{step}_fen") for step in order]
    wanted = [getattr(need, f"{step}_fen") for step in order]
    short = next((place for place, (got, asked) in enumerate(zip(paid, wanted, strict=True)) if got < asked), 3)
    assert not any(paid[short + 1 :])


# --- what stays a claim -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "percent_bps, owed", [(1, 100), (1_000, 100_000), (2_999, 299_900), (3_000, 300_000), (3_001, 300_000)]
)
def test_a_liability_of_a_percentage_claims_what_is_unmet_up_to_that_part_of_the_price(percent_bps, owed):
    divided = split(0, Need(0, 300_000, 0))
    assert claim(divided, "percent", 1_000_000, percent_bps) == owed


def test_the_part_of_the_price_is_rounded_down_to_the_fen():
    assert claim(split(0, Need(0, 999, 0)), "percent", 999, 5_000) == 499


def test_a_liability_of_a_percentage_without_one_is_a_mistake():
    with pytest.raises(ValueError, match="needs percent_bps"):
        claim(split(0, Need(0, 1, 0)), "percent", 1)


@by_rule
@given(amounts, some_needs, st.integers(1, BPS), st.integers(1, FEN_MAX))
def test_a_claim_is_never_more_than_what_is_unmet(forfeited, need, percent_bps, hammer_price):
    divided = split(forfeited, need)
    assert claim(divided, "deposit_only", hammer_price, percent_bps) == 0
    assert claim(divided, "shortfall", hammer_price, percent_bps) == divided.unmet_fen
    part = claim(divided, "percent", hammer_price, percent_bps)
    cap = max(0, share(hammer_price, percent_bps) - forfeited)
    assert part == min(divided.unmet_fen, cap)


# --- what is collected of a claim -------------------------------------------------------------------------------------


def test_what_is_collected_makes_good_its_own_loss_then_earlier_ones_and_never_a_gap_twice():
    need, order = yuan_needs(hammer=8_000, resale=5_000, commission=400), ("cost", "gap", "commission")
    second = unmet(need, split(50 * YUAN, need), loss_fen=3_000 * YUAN)
    first_need = yuan_needs(hammer=10_000, resale=5_000, commission=500, recovered=50)
    first = unmet(first_need, split(5_000 * YUAN, first_need), loss_fen=5_000 * YUAN)
    assert second == Unmet(0, 2_950 * YUAN, 400 * YUAN, 3_000 * YUAN)
    assert first == Unmet(0, 0, 450 * YUAN, 5_000 * YUAN)

    shares = share_collected(3_350 * YUAN, [(second, order), (first, order)], gap_paid_fen=5_000 * YUAN)
    assert shares == [Share(0, 0, 400 * YUAN), Share(0, 0, 450 * YUAN)]
    assert [one.total_fen for one in shares] == [400 * YUAN, 450 * YUAN]
    assert first.after(shares[1]) == Unmet(0, 0, 0, 5_000 * YUAN)

    shares = share_collected(3_000 * YUAN, [(second, order), (first, order)], gap_paid_fen=100 * YUAN)
    assert shares == [Share(0, 2_900 * YUAN, 100 * YUAN), Share(0, 0, 0)]
