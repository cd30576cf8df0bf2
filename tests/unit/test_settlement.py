from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.events import BidPlaced
from auction.domain.money import FEN_MAX
from auction.domain.settlement import (
    DAY_MS,
    BestBid,
    BidderPolicy,
    barred_until_ms,
    counted_deposit_fen,
    floor_fen,
    identity_limit_fen,
    offer_price_fen,
    required_deposit_fen,
    runners_up,
)
from auction.domain.states import ALLOWED, SettlementState
from auction.domain.terms import Cascade, Increment, SettlementTerms, Terms
from tests.unit.examples import any_terms, bids_only, by_rule, proxy_terms, run, terms

YUAN = 100
PADDLES = {name: number for number, name in enumerate("ABCDE", start=1)}
Bids = list[tuple[int, BidPlaced]]


def placed(*bids: tuple[str, int], step: int = 1) -> Bids:
    """Standing bids, in fen, with seqs from 3 on."""
    return [
        (3 + place * step, BidPlaced(name, PADDLES[name], amount, f"key-{place:04d}", amount, 1, 0))
        for place, (name, amount) in enumerate(bids)
    ]


def in_yuan(*bids: tuple[str, int]) -> Bids:
    return placed(*((name, amount * YUAN) for name, amount in bids))


def cascading(plain: Terms, **cascade: Any) -> Terms:
    return replace(plain, settlement=SettlementTerms(cascade=Cascade(depth=3, **cascade)))


CLEAN = cascading(terms(start_price_fen=100 * YUAN, increments=(Increment(0, 100 * YUAN),)))
OWN_BID = cascading(terms(start_price_fen=100 * YUAN, increments=(Increment(0, 100 * YUAN),)), price="own_bid")
VECTOR = in_yuan(("A", 100), ("B", 300), ("C", 5_000), ("A", 6_000))


# --- states -----------------------------------------------------------------------------------------------------------


def test_each_state_allows_what_the_rules_allow_in_it():
    may = {state: {action for action, states in ALLOWED.items() if state in states} for state in SettlementState}
    assert may == {
        SettlementState.AWARDED: {"pay", "default", "void"},
        SettlementState.PAID: {"confirm-handover", "void"},
        SettlementState.DEFAULTED: {"offer", "relist", "give-up", "extend", "void"},
        SettlementState.OFFERED: {"accept", "decline", "lapse", "void"},
        SettlementState.SETTLED: set(),
        SettlementState.RELISTED: {"void"},
        SettlementState.UNSOLD: {"offer", "relist", "void"},
        SettlementState.VOID: set(),
    }


# --- runners-up -------------------------------------------------------------------------------------------------------


def names(found: list[BestBid]) -> list[str]:
    return [one.bidder_id for one in found]


def test_runners_up_are_ranked_by_their_best_bid_and_named_once():
    bids = placed(("A", 100), ("B", 200), ("A", 300), ("C", 400), ("B", 500))
    assert runners_up(terms(), bids, ()) == [
        BestBid("B", 2, 500, 7),
        BestBid("C", 3, 400, 6),
        BestBid("A", 1, 300, 5),
    ]


def test_whoever_defaulted_or_is_linked_to_them_is_no_runner_up():
    assert names(runners_up(terms(), VECTOR, {"A"})) == ["C", "B"]
    assert names(runners_up(terms(), VECTOR, ["A", "C", "nobody here"])) == ["B"]
    assert runners_up(terms(), VECTOR, {"A", "B", "C"}) == []
    assert runners_up(terms(), [], ()) == []


def test_of_equal_bids_the_earlier_ranks_first_in_whatever_order_they_are_given():
    bids = placed(("B", 500), ("A", 500), ("C", 500))
    assert names(runners_up(proxy_terms(), bids, ())) == ["B", "A", "C"]
    assert names(runners_up(proxy_terms(), bids[::-1], ())) == ["B", "A", "C"]


def test_a_bidder_counts_from_the_earliest_of_their_equal_best_bids():
    bids = placed(("A", 500), ("B", 500), ("A", 500))
    assert runners_up(proxy_terms(), bids, ()) == [BestBid("A", 1, 500, 3), BestBid("B", 2, 500, 4)]
    assert runners_up(proxy_terms(), bids[::-1], ())[0].seq == 3


def test_a_later_lower_bid_does_not_lower_a_bidder():
    assert runners_up(proxy_terms(), placed(("A", 500), ("A", 400)), ()) == [BestBid("A", 1, 500, 3)]


def test_whoever_stayed_under_the_reserve_is_not_asked():
    reserved = terms(reserve_fen=300)
    assert names(runners_up(reserved, placed(("A", 299), ("B", 300), ("C", 400)), {"C"})) == ["B"]


# --- the price of an offer --------------------------------------------------------------------------------------------


def test_an_offer_at_the_own_bid_is_the_runners_up_best_bid():
    assert offer_price_fen(OWN_BID, VECTOR, to="C", without={"A"}) == 5_000 * YUAN


def test_a_clean_offer_is_the_price_the_others_make_without_the_defaulter():
    assert offer_price_fen(CLEAN, VECTOR, to="C", without={"A"}) == 400 * YUAN


def test_a_runner_up_who_declined_makes_the_lot_cheaper_for_nobody():
    bids = in_yuan(("B", 3), ("D", 900), ("C", 1_000), ("A", 5_000))
    clean = cascading(terms(start_price_fen=1 * YUAN, increments=(Increment(0, 1 * YUAN),)))
    assert [offer_price_fen(clean, bids, to=to, without={"A"}) for to in "CDB"] == [901 * YUAN, 900 * YUAN, 3 * YUAN]


def test_a_runner_up_who_defaulted_too_makes_no_price():
    assert offer_price_fen(CLEAN, VECTOR, to="B", without={"A", "C"}) == 100 * YUAN
    assert offer_price_fen(OWN_BID, VECTOR, to="B", without={"A", "C"}) == 300 * YUAN


def test_each_defaulter_brings_the_clean_price_to_what_is_left():
    bids = in_yuan(("A", 100), ("B", 900), ("C", 2_000), ("D", 5_000), ("E", 90_000))
    ranked = ["E", "D", "C", "B"]
    prices = [offer_price_fen(CLEAN, bids, to=to, without=set(ranked[:place])) for place, to in enumerate(ranked)]
    assert prices == [5_100 * YUAN, 2_100 * YUAN, 1_000 * YUAN, 200 * YUAN]


def test_a_clean_price_is_read_in_the_order_of_the_ledger():
    assert offer_price_fen(CLEAN, VECTOR[::-1], to="C", without={"A"}) == 400 * YUAN


def test_a_runner_up_who_raised_themselves_does_not_pay_for_it():
    bids = in_yuan(("B", 300), ("C", 400), ("C", 5_000), ("C", 7_000), ("A", 8_000))
    assert offer_price_fen(CLEAN, bids, to="C", without={"A"}) == 400 * YUAN
    assert offer_price_fen(OWN_BID, bids, to="C", without={"A"}) == 7_000 * YUAN


def test_in_a_proxy_lot_the_clean_price_is_that_of_the_other_maxima():
    plain = cascading(proxy_terms())
    bids = placed(("A", 900), ("B", 2_000), ("C", 5_000))
    assert offer_price_fen(plain, bids, to="B", without={"C"}) == 1_000
    assert offer_price_fen(cascading(proxy_terms(), price="own_bid"), bids, to="B", without={"C"}) == 2_000


def test_of_equal_maxima_the_earlier_is_offered_the_lot_at_their_maximum():
    bids = placed(("B", 500), ("C", 500), ("A", 900))
    assert offer_price_fen(cascading(proxy_terms()), bids, to="B", without={"A"}) == 500


def test_a_clean_price_never_falls_under_a_reserve_that_the_runner_up_reached():
    reserved = cascading(terms(reserve_fen=3_000))
    bids = placed(("B", 300), ("C", 5_000), ("A", 6_000))
    assert offer_price_fen(reserved, bids, to="C", without={"A"}) == 3_000


@pytest.mark.parametrize("plain", [CLEAN, OWN_BID])
def test_an_offer_to_one_without_a_bid_is_a_mistake(plain):
    with pytest.raises(ValueError, match="A has no bid without those of A"):
        offer_price_fen(plain, VECTOR, to="A", without={"A"})
    with pytest.raises(ValueError, match="E has no bid without those of nobody"):
        offer_price_fen(plain, VECTOR, to="E", without=())


@by_rule
@given(any_terms(), bids_only)
def test_each_in_turn_is_offered_the_lot_at_no_more_than_their_own_bid_and_no_more_than_the_one_before(some, course):
    played = run(some, course)
    bids = [(seq, event) for seq, (event, _) in enumerate(played.events, start=3) if isinstance(event, BidPlaced)]
    ranked = runners_up(some, bids, ())
    clean, own = cascading(some), cascading(some, price="own_bid")
    highest: int = FEN_MAX
    for place, one in enumerate(ranked):
        without = {before.bidder_id for before in ranked[:place]}
        price = offer_price_fen(clean, bids, to=one.bidder_id, without=without)
        declined = offer_price_fen(clean, bids, to=one.bidder_id, without=())
        assert price <= declined <= one.amount_fen
        assert some.start_price_fen <= price <= one.amount_fen <= highest
        assert price >= (some.reserve_fen or 0)
        assert offer_price_fen(own, bids, to=one.bidder_id, without=without) == one.amount_fen
        highest = one.amount_fen


# --- the floor --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "percent, amount, hammer, floor",
    [
        (0, None, 1_000, 0),
        (50, None, 1_000, 500),
        (50, None, 1_001, 501),
        (1, None, 1, 1),
        (100, None, 1_001, 1_001),
        (0, 700, 1_000, 700),
        (50, 499, 1_000, 500),
        (50, 501, 1_000, 501),
    ],
)
def test_the_floor_is_a_part_of_the_hammer_price_rounded_up_or_an_amount_whichever_is_higher(
    percent, amount, hammer, floor
):
    assert floor_fen(cascading(terms(), floor_percent=percent, floor_fen=amount), hammer) == floor


# --- what the house remembers -----------------------------------------------------------------------------------------

RULES = BidderPolicy()


def test_the_house_asks_half_as_much_again_and_bars_for_180_days_from_the_second_default():
    assert (RULES.multiplier_percent, RULES.bar_after, RULES.bar_ms) == (150, 2, 180 * DAY_MS)
    assert RULES.identity_limits == ()


@pytest.mark.parametrize(
    "least, defaults, required", [(100, 0, 100), (100, 1, 150), (100, 2, 150), (101, 1, 152), (0, 3, 0)]
)
def test_a_deposit_is_multiplied_once_after_a_default_and_rounded_up(least, defaults, required):
    assert required_deposit_fen(least, defaults, RULES) == required


@pytest.mark.parametrize("held, defaults, counted", [(150, 0, 150), (150, 1, 100), (151, 1, 100), (149, 5, 99)])
def test_after_a_default_a_held_deposit_counts_for_less_rounded_down(held, defaults, counted):
    assert counted_deposit_fen(held, defaults, RULES) == counted


@by_rule
@given(st.integers(0, FEN_MAX), st.integers(0, 3), st.integers(100, 1_000))
def test_the_deposit_asked_for_always_counts_for_the_least_that_admits(least, defaults, percent):
    rules = BidderPolicy(multiplier_percent=percent)
    required = required_deposit_fen(least, defaults, rules)
    assert counted_deposit_fen(required, defaults, rules) == least
    assert required == 0 or counted_deposit_fen(required - 1, defaults, rules) < least


@pytest.mark.parametrize(
    "times, until", [((), None), ((5,), None), ((5, 9), 9 + 180 * DAY_MS), ((9, 5, 7), 9 + 180 * DAY_MS)]
)
def test_from_the_second_default_a_bidder_is_barred_for_a_time_after_the_latest(times, until):
    assert barred_until_ms(times, RULES) == until


def test_a_house_may_bar_at_the_first_default_and_for_another_time():
    assert barred_until_ms([5], BidderPolicy(bar_after=1, bar_ms=10)) == 15


@pytest.mark.parametrize("level, limit", [(0, 1_000), (1, 1_000), (2, 5_000), (3, 5_000), (4, 9_000), (5, None)])
def test_a_limit_goes_with_how_well_an_identity_is_known(level, limit):
    rules = BidderPolicy(identity_limits=((4, 9_000), (0, 1_000), (2, 5_000)))
    assert identity_limit_fen(level, rules) == limit


def test_below_the_lowest_level_that_is_named_nobody_may_bid():
    assert identity_limit_fen(0, BidderPolicy(identity_limits=((1, 1_000), (2, 5_000)))) == 0


def test_without_limits_by_identity_nobody_has_one():
    assert identity_limit_fen(0, RULES) is None


@pytest.mark.parametrize(
    "wrong", [{"multiplier_percent": 99}, {"bar_after": 0}, {"bar_ms": -1}, {"multiplier_percent": 0}]
)
def test_rules_that_reward_a_default_are_refused(wrong):
    with pytest.raises(ValueError, match="at least"):
        BidderPolicy(**wrong)
