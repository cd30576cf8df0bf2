from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auction.domain.bidding import (
    Accepted,
    Bid,
    Decision,
    Receipt,
    Refused,
    Repeated,
    decide,
    end_after_bid,
    highest_jump_fen,
    is_off_grid,
)
from auction.domain.errors import RefusalCode
from auction.domain.events import BidPlaced, Closed, Held
from auction.domain.lot import Lot, LotStatus, pause
from auction.domain.money import FEN_MAX
from auction.domain.terms import Bidding, Increment, MaxJump, SoftClose
from auction.domain.terms_reader import read_terms
from auction.presets import load_preset
from tests.unit.examples import (
    ENDS,
    NOW,
    any_terms,
    ask,
    bid,
    bids_only,
    by_rule,
    done,
    moves,
    open_lot,
    proxy_terms,
    run,
    scheduled_lot,
    still_open,
    terms,
)

BIDDING_COURSES = st.lists(moves, max_size=25)


def code_of(decision: Decision) -> RefusalCode:
    assert isinstance(decision, Refused), decision
    return decision.code


def accepted(decision: Decision) -> Accepted:
    assert isinstance(decision, Accepted), decision
    return decision


def receipt(amount_fen: int) -> Receipt:
    return Receipt(
        seq=3,
        amount_fen=amount_fen,
        price_fen=amount_fen,
        minimum_fen=amount_fen + 100,
        leading=True,
        paddle=7,
        ends_at_ms=ENDS,
        at_ms=NOW,
    )


# --- each refusal, with its facts -------------------------------------------------------------------------------------


def test_a_bid_on_no_lot_is_refused():
    assert ask(None, "ada", 100) == Refused(
        RefusalCode.LOT_UNKNOWN, {}, at_seq=0, price_fen=0, minimum_fen=0, ends_at_ms=0, now_ms=NOW
    )


def test_a_bidder_who_was_not_admitted_is_refused():
    decision = decide(open_lot(), None, None, Bid("ada", 100, "key-0001"), NOW)
    assert decision == Refused(RefusalCode.NOT_REGISTERED, {}, 2, 0, 100, ENDS, NOW)


def test_a_key_used_before_for_another_amount_is_refused():
    assert code_of(ask(open_lot(), "ada", 300, first=receipt(200))) is RefusalCode.KEY_REUSED


def test_a_key_used_before_for_the_same_amount_gives_the_first_receipt():
    assert ask(open_lot(), "ada", 200, first=receipt(200)) == Repeated(receipt(200))


def test_a_retry_gets_its_receipt_however_far_the_lot_has_moved_on():
    lot = bid(bid(open_lot(terms(cap_fen=900)), "ada", 200), "bo", 900)
    assert lot.status is LotStatus.CLOSED
    decision = ask(lot, "ada", 200, first=receipt(200), now_ms=ENDS + 1, limit_fen=1)
    assert decision == Repeated(receipt(200))


@pytest.mark.parametrize("status", [status for status in LotStatus if status not in {LotStatus.OPEN, LotStatus.FROZEN}])
def test_a_lot_takes_bids_only_while_it_is_open_and_says_what_it_is(status):
    decision = ask(replace(open_lot(), status=status), "ada", 100)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.LOT_NOT_OPEN, {"status": str(status)})


def test_a_frozen_lot_vouches_for_nothing_not_even_for_a_receipt():
    assert code_of(ask(FROZEN, "ada", 100)) is RefusalCode.LOT_FROZEN
    assert code_of(ask(FROZEN, "ada", 100, first=receipt(100))) is RefusalCode.LOT_FROZEN


def test_the_last_millisecond_is_open_and_the_end_is_not():
    assert isinstance(ask(open_lot(), "ada", 100, now_ms=ENDS - 1), Accepted)
    assert code_of(ask(open_lot(), "ada", 100, now_ms=ENDS)) is RefusalCode.LOT_NOT_OPEN


def test_a_bid_above_the_cap_is_refused_and_the_cap_is_taken():
    lot = open_lot(terms(cap_fen=5_000))
    decision = ask(lot, "ada", 5_001)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.ABOVE_CAP, {"cap_fen": 5_000})
    assert isinstance(ask(lot, "ada", 5_000), Accepted)


def test_the_leader_of_a_direct_lot_cannot_outbid_themselves():
    lot = bid(open_lot(), "ada", 100)
    assert code_of(ask(lot, "ada", 900)) is RefusalCode.ALREADY_LEADING


def test_the_leader_of_a_proxy_lot_may_only_raise_their_maximum():
    lot = bid(open_lot(proxy_terms()), "ada", 500)
    assert code_of(ask(lot, "ada", 500)) is RefusalCode.ALREADY_LEADING
    assert isinstance(ask(lot, "ada", 501), Accepted)


def test_the_first_bid_may_be_the_start_price_and_no_less():
    decision = ask(open_lot(), "ada", 99)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.BID_TOO_LOW, {"minimum_fen": 100})
    assert isinstance(ask(open_lot(), "ada", 100), Accepted)


def test_a_later_bid_must_be_an_increment_above_the_price():
    lot = bid(open_lot(), "ada", 150)
    decision = ask(lot, "bo", 249)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.BID_TOO_LOW, {"minimum_fen": 250})
    assert isinstance(ask(lot, "bo", 250), Accepted)


def test_where_the_cap_is_nearer_than_the_increment_the_cap_is_the_least_bid():
    lot = bid(open_lot(terms(cap_fen=250)), "ada", 200)
    decision = ask(lot, "bo", 249)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.BID_TOO_LOW, {"minimum_fen": 250})
    assert isinstance(ask(lot, "bo", 250), Accepted)


def test_a_bid_off_the_grid_is_refused_with_the_least_that_is_on_it():
    lot = bid(open_lot(terms(on_grid=True)), "ada", 300)
    decision = ask(lot, "bo", 450)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.OFF_GRID, {"minimum_fen": 400})
    assert isinstance(ask(lot, "bo", 500), Accepted)


def test_the_grid_starts_at_the_start_price_and_not_at_nought():
    lot = open_lot(terms(on_grid=True, start_price_fen=130))
    assert code_of(ask(lot, "ada", 200)) is RefusalCode.OFF_GRID
    assert isinstance(ask(lot, "ada", 230), Accepted)


def test_where_the_price_entered_a_wider_band_the_minimum_moves_up_onto_its_grid():
    of = terms(on_grid=True, increments=(Increment(0, 100), Increment(1_000, 300)))
    lot = bid(open_lot(of), "ada", 1_100)
    assert lot.floor_fen() == 1_400
    assert lot.minimum_fen() == 1_600
    assert code_of(ask(lot, "bo", 1_500)) is RefusalCode.OFF_GRID
    assert isinstance(ask(lot, "bo", 1_600), Accepted)


def test_the_cap_is_always_on_the_grid():
    lot = bid(open_lot(terms(on_grid=True, cap_fen=455)), "ada", 300)
    assert code_of(ask(lot, "bo", 450)) is RefusalCode.OFF_GRID
    assert isinstance(ask(lot, "bo", 455), Accepted)


def test_the_minimum_on_the_grid_is_never_above_the_cap():
    lot = bid(open_lot(terms(on_grid=True, cap_fen=455)), "ada", 400)
    assert lot.minimum_fen() == 455


def test_without_a_grid_any_fen_will_do():
    assert not is_off_grid(open_lot(), 101)
    assert is_off_grid(open_lot(terms(on_grid=True)), 101)


def test_a_bid_too_far_above_the_price_is_refused_with_the_highest_that_is_not():
    lot = bid(open_lot(terms(max_jump=MaxJump(steps=10, percent=10))), "ada", 500)
    decision = ask(lot, "bo", 1_501)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.JUMP_TOO_LARGE, {"maximum_fen": 1_500})
    assert isinstance(ask(lot, "bo", 1_500), Accepted)


def test_before_the_first_bid_the_jump_is_counted_from_the_start_price():
    lot = open_lot(terms(max_jump=MaxJump(fen=250)))
    assert highest_jump_fen(lot) == 350
    assert code_of(ask(lot, "ada", 351)) is RefusalCode.JUMP_TOO_LARGE


def test_the_jump_limit_never_forbids_the_minimum():
    of = terms(on_grid=True, increments=(Increment(0, 100), Increment(1_000, 300)), max_jump=MaxJump(steps=1))
    lot = replace(open_lot(of), price_fen=1_100, leader_id="ada", ceiling_fen=1_100, bids=1)
    assert highest_jump_fen(lot) == lot.minimum_fen() == 1_600
    assert isinstance(ask(lot, "bo", 1_600), Accepted)


def test_without_a_jump_limit_a_bid_may_leap():
    assert highest_jump_fen(open_lot()) is None
    assert isinstance(ask(open_lot(), "ada", 10**13), Accepted)


@pytest.mark.parametrize("of", [terms(), proxy_terms()])
def test_a_bid_or_maximum_above_the_bidders_limit_is_refused(of):
    decision = ask(open_lot(of), "ada", 1_001, limit_fen=1_000)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.OVER_LIMIT, {"limit_fen": 1_000})
    assert isinstance(ask(open_lot(of), "ada", 1_000, limit_fen=1_000), Accepted)


def test_a_limit_of_nought_allows_nothing():
    assert code_of(ask(open_lot(), "ada", 100, limit_fen=0)) is RefusalCode.OVER_LIMIT


def test_what_other_lots_take_leaves_less_of_a_purse():
    decision = ask(open_lot(), "ada", 401, purse_fen=1_000, other_shares_fen=600)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.OVER_PURSE, {"available_fen": 400})
    assert isinstance(ask(open_lot(), "ada", 400, purse_fen=1_000, other_shares_fen=600), Accepted)


def test_a_bidder_who_leads_nowhere_has_all_of_their_purse():
    assert isinstance(ask(open_lot(), "ada", 1_000, purse_fen=1_000, held_fen=100), Accepted)
    assert code_of(ask(open_lot(), "ada", 1_001, purse_fen=1_000, held_fen=100)) is RefusalCode.OVER_PURSE


@pytest.mark.parametrize(
    "held, others, available",
    [(100, 68, 96), (100, 34, 198), (100, 0, 300), (100, 100, 0), (100, 134, 0), (0, 0, 0)],
)
def test_what_may_be_bid_is_what_the_shares_of_other_lots_leave(held, others, available):
    """Held 100 at 3x: two lots at 100 take 34 and 34, and 96 are the most for a third."""
    decision = ask(open_lot(), "ada", 1_000, purse_fen=3 * held, held_fen=held, other_shares_fen=others)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.OVER_PURSE, {"available_fen": available})


def test_a_leader_who_raises_their_maximum_does_not_pay_for_it_twice():
    lot = bid(open_lot(proxy_terms()), "ada", 700)
    decision = ask(lot, "ada", 901, purse_fen=1_000, other_shares_fen=100)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.OVER_PURSE, {"available_fen": 900})
    assert isinstance(ask(lot, "ada", 900, purse_fen=1_000, other_shares_fen=100), Accepted)


def test_a_refusal_carries_the_lot_as_the_decision_saw_it():
    lot = bid(open_lot(), "ada", 500)
    assert ask(lot, "bo", 550, now_ms=NOW + 5) == Refused(
        RefusalCode.BID_TOO_LOW,
        {"minimum_fen": 600},
        at_seq=3,
        price_fen=500,
        minimum_fen=600,
        ends_at_ms=ENDS,
        now_ms=NOW + 5,
    )


# --- the order of the checks ------------------------------------------------------------------------------------------

JUMPY = terms(on_grid=True, max_jump=MaxJump(steps=2), cap_fen=9_000)
FROZEN = replace(open_lot(), status=LotStatus.FROZEN)
LED = bid(open_lot(JUMPY), "ada", 300)
AUTO_LED = replace(LED, terms=replace(LED.terms, auto_bids=True))

NEIGHBOURS: list[tuple[RefusalCode, RefusalCode, Decision, Decision]] = [
    (
        RefusalCode.LOT_UNKNOWN,
        RefusalCode.LOT_FROZEN,
        decide(None, None, None, Bid("ada", 100, "key-0001"), NOW),
        decide(FROZEN, None, None, Bid("ada", 100, "key-0001"), NOW),
    ),
    (
        RefusalCode.LOT_FROZEN,
        RefusalCode.NOT_REGISTERED,
        decide(FROZEN, None, None, Bid("ada", 100, "key-0001"), NOW),
        decide(open_lot(), None, None, Bid("ada", 100, "key-0001"), NOW),
    ),
    (
        RefusalCode.NOT_REGISTERED,
        RefusalCode.KEY_REUSED,
        decide(open_lot(), None, receipt(200), Bid("ada", 300, "key-0001"), NOW),
        ask(open_lot(), "ada", 300, first=receipt(200)),
    ),
    (
        RefusalCode.KEY_REUSED,
        RefusalCode.LOT_NOT_OPEN,
        ask(scheduled_lot(terms()), "ada", 300, first=receipt(200)),
        ask(scheduled_lot(terms()), "ada", 300),
    ),
    (
        RefusalCode.LOT_NOT_OPEN,
        RefusalCode.MAXIMA_OFF,
        ask(replace(LED, status=LotStatus.PAUSED), "bo", 9_001, is_maximum=True),
        ask(LED, "bo", 9_001, is_maximum=True),
    ),
    (
        RefusalCode.MAXIMA_OFF,
        RefusalCode.NO_MAXIMUM,
        ask(LED, "bo", 0, is_maximum=True),
        ask(AUTO_LED, "bo", 0, is_maximum=True),
    ),
    # what is withdrawn is above no cap
    (
        RefusalCode.NO_MAXIMUM,
        RefusalCode.ABOVE_CAP,
        ask(AUTO_LED, "ada", 0, is_maximum=True),
        ask(AUTO_LED, "ada", 9_001, is_maximum=True),
    ),
    (RefusalCode.ABOVE_CAP, RefusalCode.ALREADY_LEADING, ask(LED, "ada", 9_001), ask(LED, "ada", 8_900)),
    # a leader's bid, their maximum, and somebody else's bid
    (
        RefusalCode.ALREADY_LEADING,
        RefusalCode.MAXIMUM_TOO_LOW,
        ask(AUTO_LED, "ada", 99),
        ask(AUTO_LED, "ada", 99, is_maximum=True),
    ),
    (
        RefusalCode.MAXIMUM_TOO_LOW,
        RefusalCode.BID_TOO_LOW,
        ask(AUTO_LED, "ada", 99, is_maximum=True),
        ask(AUTO_LED, "bo", 399),
    ),
    (RefusalCode.BID_TOO_LOW, RefusalCode.OFF_GRID, ask(LED, "bo", 399), ask(LED, "bo", 401)),
    (RefusalCode.OFF_GRID, RefusalCode.JUMP_TOO_LARGE, ask(LED, "bo", 601), ask(LED, "bo", 600)),
    (
        RefusalCode.JUMP_TOO_LARGE,
        RefusalCode.OVER_LIMIT,
        ask(LED, "bo", 600, limit_fen=400),
        ask(LED, "bo", 500, limit_fen=400),
    ),
    (
        RefusalCode.OVER_LIMIT,
        RefusalCode.OVER_PURSE,
        ask(LED, "bo", 500, limit_fen=400, purse_fen=400),
        ask(LED, "bo", 500, limit_fen=500, purse_fen=400),
    ),
]


@pytest.mark.parametrize("earlier, later, both_fail, only_the_later_fails", NEIGHBOURS)
def test_where_two_checks_fail_the_earlier_is_the_answer(earlier, later, both_fail, only_the_later_fails):
    assert code_of(both_fail) is earlier
    assert code_of(only_the_later_fails) is later


def test_every_refusal_has_its_place_in_the_order():
    codes = list(RefusalCode)
    assert [(earlier, later) for earlier, later, _, _ in NEIGHBOURS] == list(pairwise(codes))


def test_a_bid_that_fails_every_check_on_an_open_lot_passes_them_one_by_one():
    worst: dict[str, Any] = {"limit_fen": 1, "purse_fen": 1}
    asked = [("ada", 9_001), ("ada", 1), ("bo", 1), ("bo", 7_777), ("bo", 7_000), ("bo", 500)]
    assert [code_of(ask(LED, bidder, amount, **worst)) for bidder, amount in asked] == [
        "above-cap",
        "already-leading",
        "bid-too-low",
        "off-grid",
        "jump-too-large",
        "over-limit",
    ]


# --- direct bidding ---------------------------------------------------------------------------------------------------


def test_an_accepted_direct_bid_is_the_price_and_leads():
    decision = accepted(ask(open_lot(), "ada", 1_234, paddle=12))
    assert decision.events == (BidPlaced("ada", 12, 1_234, "key-0001", 1_234, 1, ENDS),)
    assert decision.receipt == Receipt(
        seq=3,
        amount_fen=1_234,
        price_fen=1_234,
        minimum_fen=1_334,
        leading=True,
        paddle=12,
        ends_at_ms=ENDS,
        at_ms=NOW,
    )


@by_rule
@given(any_terms(Bidding.DIRECT), BIDDING_COURSES)
def test_in_direct_bidding_every_accepted_bid_is_an_increment_above_the_last_or_the_cap(of, course):
    price = 0
    for step, won in run(of, course).accepted:
        least = price + of.step_at(price) if price else of.start_price_fen
        assert won.receipt.price_fen >= least or won.receipt.price_fen == of.cap_fen
        assert won.receipt.price_fen > price
        assert step.after.leader_id == step.bid.bidder_id
        price = won.receipt.price_fen


# --- proxy bidding ----------------------------------------------------------------------------------------------------


def test_the_first_maximum_makes_the_start_price_and_stays_hidden():
    decision = accepted(ask(open_lot(proxy_terms()), "ada", 5_000))
    (placed,) = decision.events
    assert isinstance(placed, BidPlaced)
    assert (placed.amount_fen, placed.price_fen, placed.leading) == (5_000, 100, 1)
    assert (decision.receipt.price_fen, decision.receipt.minimum_fen) == (100, 200)


@pytest.mark.parametrize(
    "maximum, price, leads",
    [
        (200, 300, False),  # the leader stays an increment ahead
        (950, 1_000, False),  # but never above their maximum
        (1_000, 1_000, False),  # equal maxima: the earlier leads
        (1_001, 1_001, True),  # a new leader pays an increment above the old maximum, or their own if that is less
        (1_100, 1_100, True),
        (5_000, 1_100, True),
    ],
)
def test_a_second_maximum_against_one_of_1000(maximum, price, leads):
    lot = bid(open_lot(proxy_terms()), "ada", 1_000)
    decision = accepted(ask(lot, "bo", maximum))
    assert (decision.receipt.price_fen, decision.receipt.leading) == (price, leads)
    after = bid(lot, "bo", maximum)
    assert (after.leader_id, after.ceiling_fen) == (("bo", maximum) if leads else ("ada", 1_000))


def test_a_leader_who_raises_their_maximum_leaves_the_price_where_it_is():
    lot = bid(bid(open_lot(proxy_terms()), "ada", 1_000), "bo", 400)
    raised = bid(lot, "ada", 9_000)
    assert (lot.price_fen, raised.price_fen, raised.ceiling_fen, raised.leader_id) == (500, 500, 9_000, "ada")


def test_a_first_maximum_that_reaches_the_reserve_makes_the_reserve_the_price():
    of = proxy_terms(reserve_fen=2_000)
    assert bid(open_lot(of), "ada", 2_000).price_fen == 2_000
    assert bid(open_lot(of), "ada", 1_999).price_fen == 100


def test_a_raise_that_reaches_the_reserve_makes_the_reserve_the_price():
    lot = bid(open_lot(proxy_terms(reserve_fen=2_000)), "ada", 1_000)
    assert bid(lot, "ada", 1_999).price_fen == 100
    assert bid(lot, "ada", 2_000).price_fen == 2_000


def test_a_new_leader_at_or_above_the_reserve_makes_it_the_price_and_bidding_goes_on_from_there():
    lot = bid(bid(open_lot(proxy_terms(reserve_fen=2_000)), "ada", 1_000), "bo", 3_000)
    assert lot.price_fen == 2_000
    assert bid(lot, "ada", 2_500).price_fen == 2_600


def test_a_price_past_the_reserve_is_left_alone():
    lot = bid(bid(open_lot(proxy_terms(reserve_fen=2_000)), "ada", 2_500), "bo", 3_000)
    assert lot.price_fen == 2_600


@pytest.mark.parametrize(
    "edge, step",
    [
        *[(99, 5), (100, 25), (499, 25), (500, 50), (2_499, 50), (2_500, 100), (9_999, 100), (10_000, 250)],
        *[(24_999, 250), (25_000, 500), (49_999, 500), (50_000, 1_000), (99_999, 1_000), (100_000, 2_500)],
        *[(249_999, 2_500), (250_000, 5_000), (499_999, 5_000), (500_000, 10_000)],
    ],
)
def test_ebays_increment_counts_from_the_lower_maximum_at_every_edge(edge, step):
    lot = bid(open_lot(read_terms(load_preset("ebay-proxy"))), "ada", edge)
    assert bid(lot, "bo", 10**9).price_fen == edge + step
    assert bid(bid(open_lot(lot.terms), "bo", 10**9), "ada", edge).price_fen == edge + step


@by_rule
@given(any_terms(Bidding.PROXY), BIDDING_COURSES)
def test_a_proxy_price_never_falls_and_never_passes_the_leaders_maximum(of, course):
    for step, won in run(of, course).accepted:
        assert won.receipt.price_fen >= max(step.before.price_fen, of.start_price_fen)
        assert won.receipt.price_fen <= step.after.ceiling_fen
        assert step.after.ceiling_fen >= step.before.ceiling_fen


@by_rule
@given(any_terms(Bidding.PROXY), bids_only)
def test_a_proxy_price_lies_between_the_second_maximum_and_an_increment_above_it(of, course):
    of = replace(of, reserve_fen=None)
    maxima: dict[str, int] = {}
    for step, won in run(of, course).accepted:
        maxima[step.bid.bidder_id] = max(step.bid.amount_fen, maxima.get(step.bid.bidder_id, 0))
        assert step.after.ceiling_fen == maxima[step.after.leader_id] == max(maxima.values())
        others = [maximum for name, maximum in maxima.items() if name != step.after.leader_id]
        if not others:
            assert won.receipt.price_fen == of.start_price_fen
            continue
        second = max(others)
        assert second <= won.receipt.price_fen <= min(step.after.ceiling_fen, second + of.step_at(second))


@by_rule
@given(any_terms(Bidding.PROXY), BIDDING_COURSES)
def test_a_reserve_within_the_leaders_maximum_is_met(of, course):
    assume(of.reserve_fen is not None)
    for step, won in run(of, course).accepted:
        assert (won.receipt.price_fen >= of.reserve_fen) == (step.after.ceiling_fen >= of.reserve_fen)


# --- the minimum ------------------------------------------------------------------------------------------------------


@by_rule
@given(any_terms(), BIDDING_COURSES)
def test_the_minimum_is_accepted_from_a_new_bidder_and_a_fen_less_is_not(of, course):
    played = run(of, course)
    assume(still_open(played))
    lot, now = played.lot, played.lot.last_at_ms
    assume(now < lot.ends_at_ms)
    assert isinstance(ask(lot, "new", lot.minimum_fen(), now_ms=now), Accepted)
    less = ask(lot, "new", lot.minimum_fen() - 1, now_ms=now)
    assert code_of(less) in (RefusalCode.BID_TOO_LOW, RefusalCode.OFF_GRID)


@by_rule
@given(any_terms(), BIDDING_COURSES)
def test_a_receipt_and_a_refusal_name_the_minimum_that_holds_after_them(of, course):
    for step in run(of, course).steps:
        if isinstance(step.decision, Accepted):
            assert step.decision.receipt.minimum_fen == step.after.minimum_fen()
        else:
            assert isinstance(step.decision, Refused)
            assert step.decision.minimum_fen == step.before.minimum_fen()
            assert step.after == step.before


@by_rule
@given(any_terms(Bidding.DIRECT), BIDDING_COURSES, st.integers(0, 500))
def test_the_highest_jump_is_accepted_off_the_grid_and_a_fen_more_is_not(of, course, over):
    of = replace(of, on_grid=False, cap_fen=None, max_jump=of.max_jump or MaxJump(fen=40))
    played = run(of, course)
    assume(still_open(played) and played.lot.last_at_ms < played.lot.ends_at_ms)
    lot, highest = played.lot, highest_jump_fen(played.lot)
    assert highest is not None
    assert isinstance(ask(lot, "new", highest, now_ms=lot.last_at_ms), Accepted)
    assert code_of(ask(lot, "new", highest + 1 + over, now_ms=lot.last_at_ms)) is RefusalCode.JUMP_TOO_LARGE


# --- cap, review, soft close ------------------------------------------------------------------------------------------


def test_a_bid_at_the_cap_closes_the_lot_at_once():
    decision = accepted(ask(open_lot(terms(cap_fen=5_000)), "ada", 5_000, paddle=9))
    assert decision.events[1:] == (Closed("sold", 5_000, "ada", 9, "cap", "", ""),)
    lot = bid(open_lot(terms(cap_fen=5_000)), "ada", 5_000)
    assert (lot.status, lot.ends_at_ms, lot.seq) == (LotStatus.CLOSED, NOW, 4)
    assert decision.receipt.seq == 3


def test_a_maximum_at_the_cap_does_not_close_a_proxy_lot_whose_price_is_below():
    lot = bid(open_lot(proxy_terms(cap_fen=5_000)), "ada", 5_000)
    assert (lot.status, lot.price_fen) == (LotStatus.OPEN, 100)
    lot = bid(lot, "bo", 5_000)
    assert (lot.status, lot.price_fen, lot.leader_id) == (LotStatus.CLOSED, 5_000, "ada")


def test_a_price_at_the_review_limit_holds_the_lot_with_its_time_kept():
    of = terms(review_above_fen=1_000)
    assert bid(open_lot(of), "ada", 999).status is LotStatus.OPEN
    decision = accepted(ask(open_lot(of), "ada", 1_000))
    assert decision.events[1:] == (Held(ENDS - NOW),)
    lot = bid(open_lot(of), "ada", 1_000)
    assert (lot.status, lot.remaining_ms, lot.stopped_at_ms) == (LotStatus.HELD, ENDS - NOW, NOW)


def test_a_hidden_maximum_above_the_review_limit_holds_nothing():
    assert bid(open_lot(proxy_terms(review_above_fen=1_000)), "ada", 9_000).status is LotStatus.OPEN


def test_a_bid_at_the_cap_closes_the_lot_even_where_it_would_be_reviewed():
    lot = bid(open_lot(terms(cap_fen=5_000, review_above_fen=1_000)), "ada", 5_000)
    assert lot.status is LotStatus.CLOSED


SOFT = SoftClose(window_ms=5_000, extension_ms=3_000, hard_stop_ms=4_000)


@pytest.mark.parametrize(
    "left_ms, moved_ms",
    [
        (5_001, 0),  # before the window
        (5_000, 0),  # at its edge
        (4_999, 0),  # within, but the end is later than the extension
        (3_000, 0),
        (2_999, 1),
        (1, 2_999),
    ],
)
def test_a_bid_in_the_last_moments_moves_the_end_to_an_extension_after_it(left_ms, moved_ms):
    lot = open_lot(terms(soft_close=SOFT))
    assert bid(lot, "ada", 100, now_ms=ENDS - left_ms).ends_at_ms == ENDS + moved_ms


def test_only_a_bid_with_less_than_the_window_left_moves_the_end():
    lot = open_lot(terms(soft_close=SoftClose(window_ms=1_000, extension_ms=9_000)))
    assert end_after_bid(lot, ENDS - 1_000) == ENDS
    assert end_after_bid(lot, ENDS - 999) == ENDS + 8_001


def test_bids_carry_the_end_no_further_than_the_hard_stop():
    lot = bid(open_lot(terms(soft_close=SOFT)), "ada", 100, now_ms=ENDS - 1)
    assert lot.ends_at_ms == ENDS + 2_999
    lot = bid(lot, "bo", 200, now_ms=ENDS + 2_998)
    assert lot.ends_at_ms == lot.hard_stop_at_ms == ENDS + 4_000
    assert bid(lot, "ada", 300, now_ms=ENDS + 3_999).ends_at_ms == ENDS + 4_000


def test_without_a_hard_stop_late_bids_carry_the_end_on_and_on():
    lot = open_lot(terms(soft_close=replace(SOFT, hard_stop_ms=None)))
    for number in range(50):
        lot = bid(lot, f"bidder-{number % 2}", lot.minimum_fen(), now_ms=lot.ends_at_ms - 1)
    assert lot.ends_at_ms == ENDS + 50 * 2_999


def test_a_proxy_bid_that_does_not_lead_extends_the_lot_too():
    lot = bid(open_lot(proxy_terms(soft_close=SOFT)), "ada", 900)
    assert bid(lot, "bo", 300, now_ms=ENDS - 1).ends_at_ms == ENDS + 2_999


def test_a_refused_bid_does_not_move_the_end():
    decision = ask(open_lot(terms(soft_close=SOFT)), "ada", 99, now_ms=ENDS - 1)
    assert isinstance(decision, Refused)
    assert decision.ends_at_ms == ENDS


def test_a_lot_held_in_its_last_moment_keeps_the_time_its_last_bid_gave_it():
    of = terms(soft_close=SOFT, review_above_fen=100)
    assert bid(open_lot(of), "ada", 100, now_ms=ENDS - 1).remaining_ms == 3_000


@by_rule
@given(any_terms(), BIDDING_COURSES)
def test_no_bid_is_accepted_at_or_after_the_end_in_force_and_none_pulls_the_end_nearer(of, course):
    for step, won in run(of, course).accepted:
        assert won.receipt.at_ms == step.now_ms < step.before.ends_at_ms
        assert won.receipt.ends_at_ms >= step.before.ends_at_ms


@by_rule
@given(any_terms(), BIDDING_COURSES)
def test_no_bid_carries_the_end_past_the_hard_stop(of, course):
    for step, won in run(of, course).accepted:
        if step.before.hard_stop_at_ms:
            assert won.receipt.ends_at_ms <= step.before.hard_stop_at_ms


def test_a_paused_lot_takes_no_bid():
    lot = done(open_lot(), pause(open_lot(), NOW, reason="a look", by="li"))
    assert code_of(ask(lot, "ada", 100)) is RefusalCode.LOT_NOT_OPEN


def test_an_open_lot_is_an_opened_lot():
    lot: Lot = open_lot()
    assert (lot.status, lot.seq, lot.epoch, lot.price_fen, lot.bids) == (LotStatus.OPEN, 2, 1, 0, 0)


# --- the most that a bid may be ---------------------------------------------------------------------------------------


def refused(lot: Lot, bidder: str, amount_fen: int, **admission: Any) -> tuple[RefusalCode, dict[str, int | str]]:
    decision = ask(lot, bidder, amount_fen, **admission)
    assert isinstance(decision, Refused), decision
    return decision.code, decision.facts


@pytest.mark.parametrize("on_grid", [True, False])
def test_the_minimum_never_passes_the_most_that_a_bid_may_be(on_grid):
    lot = bid(open_lot(terms(start_price_fen=7, on_grid=on_grid)), "ada", FEN_MAX - 93)
    assert (lot.floor_fen(), lot.minimum_fen()) == (FEN_MAX, FEN_MAX)
    assert refused(lot, "bo", FEN_MAX - 1) == (RefusalCode.BID_TOO_LOW, {"minimum_fen": FEN_MAX})
    last = bid(lot, "bo", FEN_MAX)
    assert (last.price_fen, last.minimum_fen()) == (FEN_MAX, FEN_MAX)
    # the price is not bid twice
    assert refused(last, "ada", FEN_MAX) == (RefusalCode.BID_TOO_LOW, {"minimum_fen": FEN_MAX})


def test_two_maxima_at_the_most_leave_the_earlier_in_the_lead():
    lot = bid(bid(open_lot(proxy_terms()), "ada", FEN_MAX), "bo", FEN_MAX)
    assert (lot.price_fen, lot.leader_id) == (FEN_MAX, "ada")
    assert refused(lot, "cai", FEN_MAX) == (RefusalCode.BID_TOO_LOW, {"minimum_fen": FEN_MAX})


def test_the_leader_of_a_direct_lot_may_bid_the_cap_which_ends_it():
    of = terms(cap_fen=1_000, on_grid=True, start_price_fen=30)
    lot = bid(open_lot(of), "ada", 530)
    for amount in (630, 999):
        assert refused(lot, "ada", amount)[0] is RefusalCode.ALREADY_LEADING
    ended = bid(lot, "ada", 1_000)
    assert (ended.status, ended.price_fen, ended.leader_id) == (LotStatus.CLOSED, 1_000, "ada")
    # the other rules hold for it
    assert refused(lot, "ada", 1_000, limit_fen=999)[0] is RefusalCode.OVER_LIMIT
    bounded = bid(open_lot(terms(cap_fen=1_000, max_jump=MaxJump(steps=2))), "ada", 300)
    assert refused(bounded, "ada", 1_000)[0] is RefusalCode.JUMP_TOO_LARGE
