"""What a provider takes at once: parts of a sum, and rests that are too small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain import waiver_entries
from auction.domain.charge_limits import UNLIMITED, ChargeLimits
from auction.domain.money import FEN_MAX
from tests.unit.examples import by_rule

STRIPE = ChargeLimits(500, 99_999_999)


def parts(limits: ChargeLimits, sum_fen: int) -> list[int]:
    """The charges of a sum, one after the other."""
    made: list[int] = []
    while sum(made) < sum_fen:
        made.append(limits.first_part_fen(sum_fen - sum(made)))
    return made


@pytest.mark.parametrize(
    "sum_fen, charges",
    [
        (500, [500]),
        (99_999_999, [99_999_999]),
        (100_000_000, [99_999_500, 500]),
        (100_000_499, [99_999_999, 500]),
        (200_000_000, [99_999_999, 99_999_501, 500]),
    ],
)
def test_a_sum_is_split_so_that_no_rest_is_too_small(sum_fen: int, charges: list[int]) -> None:
    assert parts(STRIPE, sum_fen) == charges
    assert STRIPE.parts(sum_fen) == len(charges)


def test_seventy_eight_million_yuan_take_79_charges() -> None:
    made = parts(STRIPE, 7_819_339_900)
    assert (len(made), made[0], made[-1]) == (79, 99_999_999, 7_819_339_900 - 78 * 99_999_999)
    assert STRIPE.parts(7_819_339_900) == 79


limits = st.tuples(st.integers(1, 10_000), st.integers(2, 1_000)).map(
    lambda pair: ChargeLimits(pair[0], pair[0] * pair[1])
)


@by_rule
@given(limits, st.integers(0, 3_000_000))
def test_parts_add_up_and_each_can_be_charged(limits: ChargeLimits, more_fen: int) -> None:
    sum_fen = limits.min_fen + more_fen % (limits.max_fen * 20)
    made = parts(limits, sum_fen)
    assert sum(made) == sum_fen
    assert all(limits.min_fen <= one <= limits.max_fen for one in made)
    assert len(made) == limits.parts(sum_fen)


@pytest.mark.parametrize(
    "due_fen, secured_fen, charged_fen",
    [
        (10_000, 0, 10_000),
        (10_000, 4_000, 6_000),
        (10_000, 10_000, 0),
        (10_000, 12_000, 0),
        (10_000, 9_501, 500),  # 499 are missing: joined with what the deposit would have paid
        (10_000, 9_500, 500),
        (499, 0, 0),
        (499, 200, 0),
        (0, 0, 0),
    ],
)
def test_a_rest_below_the_least_is_joined_with_the_deposits_part(due_fen, secured_fen, charged_fen) -> None:
    assert STRIPE.sum_to_charge_fen(due_fen, secured_fen) == charged_fen


def test_without_limits_everything_is_one_charge() -> None:
    assert UNLIMITED.first_part_fen(FEN_MAX) == FEN_MAX
    assert UNLIMITED.sum_to_charge_fen(3, 2) == 1
    assert UNLIMITED.parts(FEN_MAX) == 1


@pytest.mark.parametrize("least, most", [(0, 10), (6, 11), (11, 10), (1, 3 * FEN_MAX)])
def test_limits_within_which_a_sum_cannot_be_split_are_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        ChargeLimits(least, most)


def test_what_is_waived_is_the_houses_and_comes_back_to_it_with_the_sale() -> None:
    award = {"award_id": "a-1", "lot_id": "l-1", "bidder_id": "ann", "amount_fen": 7}
    waived, back = waiver_entries.rest_waived(**award), waiver_entries.waiver_reversed(**award)  # type: ignore[arg-type]
    told = [
        (entry.key, [(str(line.account), line.amount_fen, line.bidder_id) for line in entry.lines])
        for entry in (waived, back)
    ]
    assert told == [
        ("rest-waived:a-1", [("rest_waived", 7, None), ("buyer_receivable", -7, "ann")]),
        ("waiver-reversed:a-1", [("refund_payable", 7, "ann"), ("rest_waived", -7, None)]),
    ]
