import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.money import BPS, FEN_MAX, FEN_MIN, is_amount, share, yuan
from tests.unit.examples import by_rule


@pytest.mark.parametrize("amount", [1, 100, 7_819_339_900, 10**13])
def test_whole_fen_within_the_bounds_are_amounts(amount):
    assert is_amount(amount)


@pytest.mark.parametrize("amount", [0, -1, 10**13 + 1, 2**53 + 1, 1.0, 1.5, 1e3, "100", True, None, float("nan"), [1]])
def test_anything_else_is_no_amount(amount):
    assert not is_amount(amount)


def test_the_bounds_are_exact_as_doubles():
    assert (FEN_MIN, FEN_MAX) == (1, 10**13)
    assert float(FEN_MAX) == FEN_MAX
    assert FEN_MAX < 2**53


@pytest.mark.parametrize(
    "amount, bps, expected",
    [(10_000, 500, 500), (999, 1, 0), (9_999, 5_000, 4_999), (FEN_MAX, BPS, FEN_MAX), (7_819_339_900, 0, 0)],
)
def test_a_share_is_rounded_down(amount, bps, expected):
    assert share(amount, bps) == expected


@by_rule
@given(st.integers(0, FEN_MAX), st.integers(0, BPS))
def test_a_share_is_never_more_than_its_part_nor_a_fen_less(amount, bps):
    assert 0 <= amount * bps - share(amount, bps) * BPS < BPS


@pytest.mark.parametrize(
    "amount, text",
    [
        (0, "0.00"),
        (1, "0.01"),
        (100, "1.00"),
        (7_819_339_900, "78,193,399.00"),
        (-5, "-0.05"),
        (-123_456, "-1,234.56"),
        (FEN_MAX, "100,000,000,000.00"),
    ],
)
def test_amounts_are_written_in_yuan_for_people(amount, text):
    assert yuan(amount) == text
