import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.deposits import (
    PURSE_FEN_MAX,
    DepositBand,
    FlatDeposit,
    LadderDeposit,
    NoDeposit,
    Power,
    PurseDeposit,
    highest_bid_fen,
    share_fen,
)
from auction.domain.money import FEN_MAX
from tests.unit.examples import by_rule

LADDER = LadderDeposit((DepositBand(100, 10_000), DepositBand(1_000, 100_000), DepositBand(5_000, None)))


def test_without_a_deposit_anyone_may_bid_any_amount():
    assert NoDeposit().minimum_fen() == 0
    assert NoDeposit().power(0) == Power(limit_fen=None, purse_fen=None)


def test_a_flat_deposit_admits_without_a_limit():
    flat = FlatDeposit(10_000)
    assert flat.minimum_fen() == 10_000
    assert flat.power(10_000) == Power(limit_fen=None, purse_fen=None)


@pytest.mark.parametrize(
    "held, limit",
    [(0, 0), (99, 0), (100, 10_000), (999, 10_000), (1_000, 100_000), (4_999, 100_000), (5_000, None), (9**9, None)],
)
def test_a_ladder_allows_up_to_the_top_of_the_band_that_is_held(held, limit):
    assert LADDER.power(held) == Power(limit_fen=limit)


def test_the_first_band_of_a_ladder_admits():
    assert LADDER.minimum_fen() == 100


@by_rule
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_topping_up_never_lowers_the_limit(held, more):
    before, after = LADDER.power(held).limit_fen, LADDER.power(held + more).limit_fen
    assert after is None or (before is not None and after >= before)


def test_a_purse_is_the_held_amount_times_its_multiplier():
    purse = PurseDeposit(multiplier=20, amount_fen=500)
    assert purse.minimum_fen() == 500
    assert purse.power(750) == Power(limit_fen=None, purse_fen=15_000, held_fen=750)


def test_no_purse_is_larger_than_the_ledger_can_count_exactly():
    purse = PurseDeposit(multiplier=1_000, amount_fen=1)
    assert purse.power(FEN_MAX).purse_fen == PURSE_FEN_MAX < 2**53
    assert purse.power(FEN_MAX // 2).purse_fen == FEN_MAX // 2 * 1_000


@pytest.mark.parametrize(
    "amount, held, purse, share",
    [(100, 100, 300, 34), (99, 100, 300, 33), (10_000, 1_000, 10_000, 1_000), (10, 1_000, 10_000, 1), (10, 5, 0, 0)],
)
def test_a_lots_share_is_its_part_of_the_purse_rounded_up(amount, held, purse, share):
    assert share_fen(amount, held_fen=held, purse_fen=purse) == share


@by_rule
@given(st.integers(0, FEN_MAX), st.integers(1, FEN_MAX), st.integers(1, PURSE_FEN_MAX))
def test_the_highest_bid_is_the_last_whose_share_fits(left, held, purse):
    highest = highest_bid_fen(left, held_fen=held, purse_fen=purse)
    assert share_fen(highest, held_fen=held, purse_fen=purse) <= left
    assert share_fen(highest + 1, held_fen=held, purse_fen=purse) > left


@pytest.mark.parametrize(
    "policy, data",
    [
        (NoDeposit(), {"policy": "none"}),
        (FlatDeposit(3), {"policy": "flat", "amount_fen": 3}),
        (
            LadderDeposit((DepositBand(1, 2), DepositBand(3, None))),
            {"policy": "ladder", "bands": [{"deposit_fen": 1, "limit_fen": 2}, {"deposit_fen": 3, "limit_fen": None}]},
        ),
        (PurseDeposit(2, 3), {"policy": "purse", "multiplier": 2, "amount_fen": 3}),
    ],
)
def test_policies_are_plain_data_in_the_terms(policy, data):
    assert policy.as_mapping() == data
