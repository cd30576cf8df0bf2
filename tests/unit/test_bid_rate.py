"""How fast one bidder may bid, and how many bids may wait for their answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.errors import TooManyBids
from auction.services.bid_rate import BURST_S, BidRate
from tests.unit.examples import by_rule


class Clock:
    """Seconds, as the test sets them."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def bid(rate: BidRate, bidder_id: str = "ann") -> None:
    """A bid and its answer."""
    rate.enter(bidder_id)
    rate.leave(bidder_id)


def test_a_bidder_has_so_many_bids_without_an_answer_and_others_have_theirs():
    rate = BidRate(in_flight_max=2)
    rate.enter("ann")
    rate.enter("ann")
    with pytest.raises(TooManyBids, match="2 bids of yours wait") as caught:
        rate.enter("ann")
    assert caught.value.facts == {"retry_after_s": 1}
    rate.enter("bob")
    rate.leave("ann")
    rate.enter("ann")


def test_a_bidder_who_waits_may_bid_again():
    clock = Clock()
    rate = BidRate(per_s=5, clock_s=clock)
    for _ in range(5 * BURST_S):
        bid(rate)
    with pytest.raises(TooManyBids, match="5 bids a second"):
        bid(rate)
    bid(rate, "bob")
    clock.now_s += 0.2001
    bid(rate)
    with pytest.raises(TooManyBids):
        bid(rate)
    clock.now_s += BURST_S
    for _ in range(5 * BURST_S):
        bid(rate)


def test_without_bounds_nobody_is_stopped():
    rate = BidRate()
    for _ in range(1_000):
        rate.enter("ann")
        bid(rate)


def test_a_refused_bid_does_not_count():
    rate = BidRate(per_s=1, in_flight_max=1, clock_s=Clock())
    rate.enter("ann")
    for _ in range(10):
        with pytest.raises(TooManyBids, match="wait"):
            rate.enter("ann")
    rate.leave("ann")
    bid(rate)


@by_rule
@given(st.integers(1, 50), st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_over_any_time_no_more_pass_than_the_rate_and_one_burst(per_s: int, waits_s: list[float]) -> None:
    clock = Clock()
    rate, passed = BidRate(per_s=per_s, clock_s=clock), 0
    for wait_s in waits_s:
        clock.now_s += wait_s
        try:
            bid(rate)
        except TooManyBids:
            continue
        passed += 1
    assert passed <= (sum(waits_s) + BURST_S) * per_s + 1
