from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.bidding import Accepted
from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    CloseCause,
    Closed,
    Event,
    Extended,
    Held,
    LotVoided,
    Opened,
    Paused,
    Rescheduled,
    Resumed,
    Scheduled,
    from_row,
)
from auction.domain.lot import (
    LASTS_MS_MAX,
    Action,
    Lot,
    LotStatus,
    NotAllowed,
    apply,
    close_if_due,
    close_now,
    closed_event,
    extend,
    open_now,
    open_when_due,
    pause,
    reschedule,
    restate,
    resume,
    schedule,
    void,
)
from auction.domain.pricing import LeadingBid, fold_bids, proxy_price
from auction.domain.terms import Bidding, SoftClose, Terms
from tests.lot_events import apply_all, to_row
from tests.unit.examples import (
    ENDS,
    NOW,
    OPENS,
    any_terms,
    bid,
    by_rule,
    done,
    moves,
    open_lot,
    proxy_terms,
    run,
    scheduled_lot,
    terms,
)

HARD = SoftClose(window_ms=1_000, extension_ms=1_000, hard_stop_ms=5_000)
COURSES = st.lists(moves, max_size=25)


def lot_that_is(status: LotStatus, **fields: Any) -> Lot:
    return replace(open_lot(), status=status, **fields)


def paused_lot(of: Terms | None = None) -> Lot:
    lot = open_lot(of)
    return done(lot, pause(lot, NOW, reason="a look", by="li"))


# --- scheduling and opening -------------------------------------------------------------------------------------------


def test_a_lot_before_its_first_event_is_all_noughts():
    lot = Lot(terms())
    assert (lot.status, lot.epoch, lot.leader_id) == (LotStatus.SCHEDULED, 1, "")
    assert (lot.seq, lot.bids, lot.price_fen, lot.ceiling_fen, lot.leader_paddle) == (0, 0, 0, 0, 0)
    assert (lot.opens_at_ms, lot.ends_at_ms, lot.hard_stop_at_ms, lot.last_at_ms) == (0, 0, 0, 0)
    assert (lot.remaining_ms, lot.stopped_at_ms, lot.review_above_fen) == (0, 0, 0)


def test_a_lot_begins_with_its_frozen_terms_and_its_times():
    of = terms(soft_close=HARD, review_above_fen=900)
    first = schedule(of, opens_at_ms=OPENS, ends_at_ms=ENDS)
    assert first == Scheduled(of.sha256(), OPENS, ENDS, ENDS + 5_000)
    assert apply(Lot(of), first, 5) == Lot(
        of,
        seq=1,
        opens_at_ms=OPENS,
        ends_at_ms=ENDS,
        hard_stop_at_ms=ENDS + 5_000,
        review_above_fen=900,
        last_at_ms=5,
    )


@pytest.mark.parametrize("soft", [None, SoftClose(1_000, 1_000, None)])
def test_without_a_limit_to_the_soft_close_there_is_no_hard_stop(soft):
    of = terms(soft_close=soft)
    assert schedule(of, opens_at_ms=OPENS, ends_at_ms=ENDS).hard_stop_at_ms == 0
    assert open_now(scheduled_lot(of), NOW, ends_at_ms=ENDS, by="li") == (Opened(ENDS, 0, "li"),)


def test_a_lot_without_a_review_limit_carries_nought():
    assert scheduled_lot(terms()).review_above_fen == 0


def test_the_clerk_opens_a_lot_at_its_time_and_not_before():
    lot = scheduled_lot(terms(soft_close=HARD))
    assert open_when_due(lot, OPENS - 1, by="clerk") == NotAllowed("not-due", LotStatus.SCHEDULED)
    assert open_when_due(lot, OPENS, by="clerk") == (Opened(ENDS, ENDS + 5_000, "clerk"),)


def test_opening_twice_changes_nothing_the_second_time():
    assert open_when_due(open_lot(), NOW, by="clerk") == ()


@pytest.mark.parametrize("status", [LotStatus.PAUSED, LotStatus.HELD, LotStatus.CLOSED, LotStatus.VOID])
def test_the_clerk_opens_no_lot_that_went_on_in_its_life(status):
    assert open_when_due(lot_that_is(status), NOW, by="clerk") == NotAllowed("wrong-status", status)


def test_a_lot_whose_whole_time_was_missed_waits_for_staff():
    lot = scheduled_lot(terms())
    assert open_when_due(lot, ENDS - 1, by="clerk") == (Opened(ENDS, 0, "clerk"),)
    assert open_when_due(lot, ENDS, by="clerk") == NotAllowed("missed", LotStatus.SCHEDULED)
    assert open_now(lot, ENDS, ends_at_ms=ENDS + 500, by="li") == (Opened(ENDS + 500, 0, "li"),)


def test_staff_open_a_lot_early_until_an_end_in_the_future():
    lot = scheduled_lot(terms(soft_close=HARD))
    assert open_now(lot, NOW, ends_at_ms=NOW, by="li") == NotAllowed("in-the-past", LotStatus.SCHEDULED)
    assert open_now(lot, NOW, ends_at_ms=NOW + 1, by="li") == (Opened(NOW + 1, NOW + 5_001, "li"),)


def test_an_opened_lot_was_opened_when_it_was_and_not_when_it_should_have_been():
    lot = scheduled_lot(terms(soft_close=HARD))
    opened = done(lot, open_now(lot, OPENS - 500, ends_at_ms=ENDS + 7, by="li"), OPENS - 500)
    assert (opened.status, opened.opens_at_ms) == (LotStatus.OPEN, OPENS - 500)
    assert (opened.ends_at_ms, opened.hard_stop_at_ms) == (ENDS + 7, ENDS + 5_007)


def test_a_lot_is_opened_by_staff_once():
    assert open_now(open_lot(), NOW, ends_at_ms=ENDS, by="li") == NotAllowed("wrong-status", LotStatus.OPEN)


# --- pausing, resuming, extending -------------------------------------------------------------------------------------


def test_a_paused_lot_keeps_the_time_it_had_left():
    lot = open_lot()
    assert pause(lot, NOW, reason="a look", by="li") == (Paused(ENDS - NOW, "a look", "li"),)
    paused = paused_lot()
    assert (paused.status, paused.remaining_ms, paused.stopped_at_ms) == (LotStatus.PAUSED, ENDS - NOW, NOW)


def test_a_resumed_lot_ends_and_stops_later_by_the_time_it_stood_still():
    lot = paused_lot(terms(soft_close=HARD))
    resumed = done(lot, resume(lot, NOW + 700, review_above_fen=None, by="li"), NOW + 700)
    assert (resumed.ends_at_ms, resumed.hard_stop_at_ms) == (ENDS + 700, ENDS + 5_700)
    assert (resumed.status, resumed.remaining_ms, resumed.stopped_at_ms) == (LotStatus.OPEN, 0, 0)


def test_a_lot_without_a_hard_stop_gets_none_by_standing_still():
    assert resume(paused_lot(), NOW + 700, review_above_fen=None, by="li") == (Resumed(ENDS + 700, 0, 0, "li"),)


def held_lot() -> Lot:
    lot = bid(open_lot(terms(review_above_fen=1_000)), "ada", 1_500)
    assert lot.status is LotStatus.HELD
    return lot


def test_resuming_a_held_lot_keeps_the_review_limit_so_that_the_next_bid_is_held_again():
    lot = done(held_lot(), resume(held_lot(), NOW, review_above_fen=None, by="li"))
    assert lot.review_above_fen == 1_000
    assert bid(lot, "bo", 1_600).status is LotStatus.HELD


def test_resuming_with_a_higher_review_limit_lets_bidding_go_on_up_to_it():
    lot = done(held_lot(), resume(held_lot(), NOW, review_above_fen=2_000, by="li"))
    lot = bid(lot, "bo", 1_600)
    assert lot.status is LotStatus.OPEN
    assert bid(lot, "ada", 2_000).status is LotStatus.HELD


def test_resuming_with_a_review_limit_of_nought_takes_it_away():
    lot = done(held_lot(), resume(held_lot(), NOW, review_above_fen=0, by="li"))
    assert bid(lot, "bo", 10**12).status is LotStatus.OPEN


def test_a_new_review_limit_must_be_above_the_price():
    refused = NotAllowed("review-limit-too-low", LotStatus.HELD)
    assert resume(held_lot(), NOW, review_above_fen=1_500, by="li") == refused
    assert resume(held_lot(), NOW, review_above_fen=1_501, by="li") == (Resumed(ENDS, 0, 1_501, "li"),)


def extended(lot: Lot, by_ms: int, *, moves_hard_stop: bool = False, now_ms: int = NOW) -> Action:
    return extend(lot, now_ms, by_ms=by_ms, moves_hard_stop=moves_hard_stop, reason="late start", by="li")


def test_staff_move_the_end_and_the_hard_stop_with_it_if_they_say_so():
    lot = open_lot(terms(soft_close=HARD))
    assert extended(lot, 250, moves_hard_stop=True) == (Extended(ENDS + 250, ENDS + 5_250, "late start", "li"),)
    after = done(lot, extended(lot, 250, moves_hard_stop=True))
    assert (after.ends_at_ms, after.hard_stop_at_ms) == (ENDS + 250, ENDS + 5_250)


def test_the_end_goes_up_to_the_hard_stop_and_not_past_it():
    lot = open_lot(terms(soft_close=HARD))
    assert extended(lot, 5_000) == (Extended(ENDS + 5_000, ENDS + 5_000, "late start", "li"),)
    assert extended(lot, 5_001) == NotAllowed("past-hard-stop", LotStatus.OPEN)


def test_extending_a_lot_without_a_hard_stop_gives_it_none():
    for is_moved in (True, False):
        assert extended(open_lot(), 250, moves_hard_stop=is_moved) == (Extended(ENDS + 250, 0, "late start", "li"),)


def test_no_extension_goes_further_than_a_year_from_now():
    most_ms = LASTS_MS_MAX - (ENDS - NOW)
    for lot in (open_lot(), paused_lot()):
        assert isinstance(extended(lot, most_ms), tuple)
        assert extended(lot, most_ms + 1) == NotAllowed("too-far", lot.status)
    # what is left of a paused lot does not get less
    assert extended(paused_lot(), most_ms + 1, now_ms=NOW + 700) == NotAllowed("too-far", LotStatus.PAUSED)
    assert isinstance(extended(open_lot(), most_ms + 700, now_ms=NOW + 700), tuple)


def test_a_paused_lot_that_is_extended_has_as_much_more_time_left():
    lot = paused_lot(terms(soft_close=HARD))
    after = done(lot, extended(lot, 250), NOW + 100)
    assert (after.status, after.remaining_ms, after.ends_at_ms) == (LotStatus.PAUSED, ENDS - NOW + 250, ENDS + 250)
    resumed = done(after, resume(after, NOW + 700, review_above_fen=None, by="li"), NOW + 700)
    assert (resumed.ends_at_ms, resumed.hard_stop_at_ms) == (ENDS + 950, ENDS + 5_700)


# --- rescheduling -----------------------------------------------------------------------------------------------------


def rescheduled(lot: Lot, opens_at_ms: int, ends_at_ms: int, now_ms: int = NOW) -> Action:
    return reschedule(lot, now_ms, opens_at_ms=opens_at_ms, ends_at_ms=ends_at_ms, by="li")


def test_a_scheduled_lot_gets_other_times_and_opens_by_them():
    lot = scheduled_lot(terms(soft_close=HARD))
    after = done(lot, rescheduled(lot, OPENS + 500, ENDS + 900))
    assert (after.opens_at_ms, after.ends_at_ms, after.hard_stop_at_ms) == (OPENS + 500, ENDS + 900, ENDS + 5_900)
    assert open_when_due(after, OPENS + 499, by="clerk") == NotAllowed("not-due", LotStatus.SCHEDULED)
    assert open_when_due(after, OPENS + 500, by="clerk") == (Opened(ENDS + 900, ENDS + 5_900, "clerk"),)


def test_a_lot_whose_time_was_missed_gets_other_times_too():
    lot = scheduled_lot(terms())
    assert open_when_due(lot, ENDS, by="clerk") == NotAllowed("missed", LotStatus.SCHEDULED)
    assert rescheduled(lot, ENDS, ENDS + 9, ENDS) == (Rescheduled(ENDS, ENDS + 9, 0, "li"),)


def test_the_same_times_change_nothing_and_an_end_in_the_past_is_refused():
    lot = scheduled_lot(terms())
    assert rescheduled(lot, OPENS, ENDS) == ()
    assert rescheduled(lot, OPENS, NOW) == NotAllowed("in-the-past", LotStatus.SCHEDULED)


# --- closed_event ----------------------------------------------------------------------------------------------------------


def test_an_open_lot_is_due_to_close_at_its_end_and_not_before():
    assert close_if_due(open_lot(), ENDS - 1) == ()
    assert close_if_due(open_lot(), ENDS) == (Closed("no-bids", 0, "", 0, "time", "", ""),)


@pytest.mark.parametrize("status", [status for status in LotStatus if status is not LotStatus.OPEN])
def test_only_an_open_lot_is_ever_due_to_close(status):
    assert close_if_due(lot_that_is(status), ENDS + 1) == ()


def test_a_lot_closes_once():
    closed = done(open_lot(), close_if_due(open_lot(), ENDS + 7), ENDS + 7)
    assert closed.status is LotStatus.CLOSED
    assert close_if_due(closed, ENDS + 8) == ()


def test_a_lot_closed_late_by_the_clerk_ended_at_its_end():
    assert done(open_lot(), close_if_due(open_lot(), ENDS + 7), ENDS + 7).ends_at_ms == ENDS


def test_a_lot_closed_early_by_staff_ended_then():
    lot = bid(open_lot(), "ada", 500, paddle=3)
    action = close_now(lot, reason="recall", by="li")
    assert action == (Closed("sold", 500, "ada", 3, "staff", "recall", "li"),)
    assert done(lot, action, NOW + 5).ends_at_ms == NOW + 5


@pytest.mark.parametrize("price, outcome", [(1_999, "reserve-unmet"), (2_000, "sold"), (2_001, "sold")])
def test_a_lot_whose_price_is_under_its_reserve_is_not_sold(price, outcome):
    lot = bid(open_lot(terms(reserve_fen=2_000)), "ada", price, paddle=3)
    closed = closed_event(lot, CloseCause.TIME, "", "")
    assert (closed.outcome, closed.price_fen, closed.leader_id, closed.leader_paddle) == (outcome, price, "ada", 3)


def test_a_lot_with_a_reserve_and_no_bid_had_no_bid():
    assert closed_event(open_lot(terms(reserve_fen=2_000)), CloseCause.TIME, "", "").outcome == "no-bids"


def test_a_lot_without_a_reserve_is_sold_at_any_price():
    assert closed_event(bid(open_lot(), "ada", 100), CloseCause.TIME, "", "").outcome == "sold"


@pytest.mark.parametrize("price, met", [(0, False), (1_999, False), (2_000, True)])
def test_a_reserve_is_met_from_its_amount_on(price, met):
    lot = open_lot(terms(reserve_fen=2_000))
    assert (bid(lot, "ada", price) if price else lot).reserve_met is met


def test_without_a_reserve_nothing_is_met_or_unmet():
    assert bid(open_lot(), "ada", 100).reserve_met is None


def test_a_lot_has_an_outcome_from_its_end_on():
    lot = bid(open_lot(terms(reserve_fen=2_000)), "ada", 100)
    assert lot.outcome is None
    assert done(lot, close_now(lot, reason="recall", by="li"), NOW + 5).outcome == "reserve-unmet"
    assert done(lot, void(lot, reason="stolen", by="li"), NOW + 5).outcome == "void"


def test_a_lots_time_never_goes_back():
    lot = bid(open_lot(), "ada", 100, now_ms=NOW)
    assert (lot.now(NOW - 9_000), lot.now(NOW), lot.now(NOW + 1)) == (NOW, NOW, NOW + 1)


# --- statuses ---------------------------------------------------------------------------------------------------------

ACTIONS = [
    ("pause", lambda lot: pause(lot, NOW, reason="r", by="li"), {"open"}),
    ("resume", lambda lot: resume(lot, NOW, review_above_fen=None, by="li"), {"paused", "held"}),
    ("extend", lambda lot: extended(lot, 1), {"open", "paused"}),
    ("close", lambda lot: close_now(lot, reason="r", by="li"), {"open", "paused"}),
    ("reschedule", lambda lot: rescheduled(lot, OPENS, ENDS + 1), {"scheduled"}),
    ("void", lambda lot: void(lot, reason="r", by="li"), {"scheduled", "open", "paused", "held"}),
    ("void a bid", lambda lot: restate(lot, [], 3, reason="r", by="li"), {"paused", "held"}),
    ("open", lambda lot: open_now(lot, NOW, ends_at_ms=ENDS, by="li"), {"scheduled"}),
]


@pytest.mark.parametrize("status", list(LotStatus))
@pytest.mark.parametrize("name, act, allowed", ACTIONS)
def test_what_staff_may_do_depends_on_the_status(name, act, allowed, status):
    action = act(lot_that_is(status))
    if str(status) in allowed:
        assert len(action) == 1
    else:
        assert action == NotAllowed("wrong-status", status)


def test_a_withdrawn_lot_is_void_from_then_on():
    lot = done(open_lot(), void(open_lot(), reason="recall", by="li"), NOW + 5)
    assert (lot.status, lot.ends_at_ms) == (LotStatus.VOID, NOW + 5)
    assert void(open_lot(), reason="recall", by="li") == (LotVoided("recall", "li"),)


# --- voiding a bid ----------------------------------------------------------------------------------------------------


def placed(bidder: str, paddle: int, amount: int) -> BidPlaced:
    return BidPlaced(bidder, paddle, amount, f"key-{amount}", amount, 1, ENDS)


RECORD = [(3, placed("ada", 1, 100)), (4, placed("bo", 2, 300)), (5, placed("ada", 1, 900))]


def record_lot(of: Terms) -> Lot:
    lot = bid(bid(bid(open_lot(of), "ada", 100, paddle=1), "bo", 300, paddle=2), "ada", 900, paddle=1)
    return done(lot, pause(lot, NOW, reason="a look", by="li"))


def test_voiding_the_leading_bid_gives_the_lot_back_to_the_one_before():
    lot = record_lot(terms())
    action = restate(lot, RECORD, 5, reason="fraud", by="li")
    assert action == (BidVoided(5, 300, "bo", 2, 300, "fraud", "li"),)
    after = done(lot, action)
    assert (after.price_fen, after.leader_id, after.leader_paddle, after.ceiling_fen) == (300, "bo", 2, 300)
    assert (after.epoch, after.bids, after.seq) == (2, 2, lot.seq + 1)
    assert after.status is LotStatus.PAUSED


def test_voiding_a_beaten_bid_leaves_price_and_leader_alone_in_direct_bidding():
    assert restate(record_lot(terms()), RECORD, 4, reason="fraud", by="li") == (
        BidVoided(4, 900, "ada", 1, 900, "fraud", "li"),
    )


def test_voiding_a_beaten_maximum_lowers_the_price_it_had_made():
    of = proxy_terms()
    assert record_lot(of).price_fen == 400
    assert restate(record_lot(of), RECORD, 4, reason="fraud", by="li") == (
        BidVoided(4, 100, "ada", 1, 900, "fraud", "li"),
    )


def test_voiding_a_leaders_first_maximum_may_raise_the_price_by_a_step_after_a_tie():
    """Bo's raise did not move the price while Bo led; without Bo's first maximum it has to beat Ada's."""
    of = proxy_terms()
    lot = bid(bid(bid(open_lot(of), "bo", 500, paddle=2), "ada", 500, paddle=1), "bo", 900, paddle=2)
    assert (lot.price_fen, lot.leader_id) == (500, "bo")
    lot = done(lot, pause(lot, NOW, reason="a look", by="li"))
    record = [(3, placed("bo", 2, 500)), (4, placed("ada", 1, 500)), (5, placed("bo", 2, 900))]
    assert restate(lot, record, 3, reason="fraud", by="li") == (BidVoided(3, 600, "bo", 2, 900, "fraud", "li"),)


def test_voiding_the_only_bid_leaves_nobody_leading_and_the_start_price_asked_again():
    lot = bid(open_lot(), "ada", 500)
    lot = done(lot, pause(lot, NOW, reason="a look", by="li"))
    after = done(lot, restate(lot, [(3, placed("ada", 7, 500))], 3, reason="fraud", by="li"))
    assert (after.price_fen, after.leader_id, after.leader_paddle, after.ceiling_fen, after.bids) == (0, "", 0, 0, 0)
    assert after.minimum_fen() == 100
    assert closed_event(after, CloseCause.TIME, "", "").outcome == "no-bids"


# --- standing ---------------------------------------------------------------------------------------------------------


def test_no_bids_stand_for_nothing():
    assert fold_bids(terms(), []) == LeadingBid(0, "", 0, 0)


# 100 from A, 300 from B, 5,000 from C, 6,000 from A, in steps of 100 yuan; A walks away
WALK_AWAY = [placed("a", 1, 10_000), placed("b", 2, 30_000), placed("c", 3, 500_000), placed("a", 1, 600_000)]
WITHOUT_A = [each for each in WALK_AWAY if each.bidder_id != "a"]


def vector_4_terms(bidding: Bidding) -> Terms:
    of = terms(bidding=bidding, start_price_fen=10_000)
    return replace(of, increments=(replace(of.increments[0], step_fen=10_000),))


def test_without_the_defaulter_the_clean_price_is_a_step_above_the_next_bidder():
    """The bids are read as maxima, as in a proxy lot: what C would have had to pay had A never come."""
    clean = fold_bids(vector_4_terms(Bidding.PROXY), WITHOUT_A)
    assert (clean.leader_id, clean.price_fen) == ("c", 40_000)


@pytest.mark.parametrize("bidding", list(Bidding))
def test_the_runner_ups_own_bid_is_what_they_had_committed_to(bidding):
    standing = fold_bids(vector_4_terms(bidding), WITHOUT_A)
    assert (standing.leader_id, standing.leader_paddle, standing.ceiling_fen) == ("c", 3, 500_000)


def test_in_direct_bidding_the_last_standing_bid_is_price_and_leader():
    assert fold_bids(vector_4_terms(Bidding.DIRECT), WALK_AWAY) == LeadingBid(600_000, "a", 1, 600_000)
    assert fold_bids(vector_4_terms(Bidding.DIRECT), WITHOUT_A) == LeadingBid(500_000, "c", 3, 500_000)


def test_a_maximum_that_does_not_lead_counts_towards_the_price_that_stands():
    bids = [placed("ada", 1, 1_000), placed("bo", 2, 400)]
    assert fold_bids(proxy_terms(), bids) == LeadingBid(500, "ada", 1, 1_000)


def test_a_leaders_own_lower_maximum_changes_nothing():
    now = LeadingBid(400, "ada", 1, 900)
    assert proxy_price(proxy_terms(), now, "ada", 900) == (400, False)
    assert proxy_price(proxy_terms(), now, "ada", 901) == (400, True)


def test_a_price_does_not_fall_to_a_maximum_below_it():
    assert proxy_price(proxy_terms(), LeadingBid(700, "ada", 1, 900), "bo", 300) == (700, False)


# --- the fold ---------------------------------------------------------------------------------------------------------


@by_rule
@given(any_terms(), COURSES)
def test_a_fold_of_the_ledgers_rows_is_the_lot(of, course):
    played = run(of, course)
    folded = open_lot(of, ends_at_ms=OPENS + 200)
    for event, at_ms in played.events:
        folded = apply(folded, from_row(to_row(event)), at_ms)
    assert folded == played.lot
    assert folded.seq == 2 + len(played.events)


@by_rule
@given(any_terms(), COURSES)
def test_the_standing_of_the_accepted_bids_is_the_lots(of, course):
    played = run(of, course)
    bids = [event for event, _ in played.events if isinstance(event, BidPlaced)]
    lot = played.lot
    assert fold_bids(of, bids) == LeadingBid(lot.price_fen, lot.leader_id, lot.leader_paddle, lot.ceiling_fen)
    assert lot.bids == len(bids) == len(played.accepted)


@by_rule
@given(any_terms(), COURSES)
def test_each_receipt_carries_the_seq_of_its_bid(of, course):
    played = run(of, course)
    numbered = {2 + n: event for n, (event, _) in enumerate(played.events, start=1)}
    for step, won in played.accepted:
        assert isinstance(won, Accepted)
        event = numbered[won.receipt.seq]
        assert isinstance(event, BidPlaced)
        assert (event.key, event.price_fen, event.ends_at_ms) == (
            step.bid.key,
            won.receipt.price_fen,
            won.receipt.ends_at_ms,
        )


@by_rule
@given(any_terms(), COURSES)
def test_nothing_follows_the_close_and_it_names_the_leader(of, course):
    played = run(of, course)
    closes = [number for number, (event, _) in enumerate(played.events) if isinstance(event, Closed)]
    assert closes in ([], [len(played.events) - 1])
    assert (played.lot.status is LotStatus.CLOSED) == bool(closes)
    if closes:
        event = played.events[-1][0]
        assert isinstance(event, Closed)
        assert (event.price_fen, event.leader_id) == (played.lot.price_fen, played.lot.leader_id)


@by_rule
@given(any_terms(), COURSES, st.data())
def test_a_lot_restated_without_a_bid_stands_as_if_it_had_never_been(of, course, data):
    played = run(of, course)
    record = [(won.receipt.seq, cast(BidPlaced, won.events[0])) for _, won in played.accepted]
    if not record:
        return
    gone = data.draw(st.sampled_from([seq for seq, _ in record]))
    stopped = replace(played.lot, status=LotStatus.PAUSED)
    after = done(stopped, restate(stopped, record, gone, reason="fraud", by="li"))
    kept = [event for seq, event in record if seq != gone]
    assert fold_bids(of, kept) == LeadingBid(after.price_fen, after.leader_id, after.leader_paddle, after.ceiling_fen)
    assert after.ceiling_fen <= played.lot.ceiling_fen
    assert after.leader_id in {event.bidder_id for event in kept} | {""}
    assert (after.bids, after.epoch, after.seq) == (len(kept), played.lot.epoch + 1, played.lot.seq + 1)


def test_an_admission_takes_a_seq_and_changes_nothing_else():
    lot = open_lot()
    after = apply(lot, Admitted("ada", 1, -1, -1), NOW)
    assert after == replace(lot, seq=lot.seq + 1, last_at_ms=NOW)


def test_several_events_of_one_moment_are_applied_in_their_order():
    events: tuple[Event, ...] = (placed("ada", 1, 500), Held(70))
    lot = apply_all(open_lot(), events, NOW)
    assert (lot.status, lot.price_fen, lot.remaining_ms, lot.seq) == (LotStatus.HELD, 500, 70, 4)


def test_a_bid_that_does_not_lead_moves_the_price_and_not_the_leader():
    lot = apply(open_lot(), placed("ada", 1, 500), NOW)
    after = apply(lot, replace(placed("bo", 2, 300), price_fen=510, leading=0), NOW)
    assert (after.price_fen, after.leader_id, after.leader_paddle, after.ceiling_fen) == (510, "ada", 1, 500)


def test_what_is_no_event_of_the_ledger_cannot_be_applied():
    with pytest.raises(AssertionError):
        apply(open_lot(), cast(Event, "sold"), NOW)
