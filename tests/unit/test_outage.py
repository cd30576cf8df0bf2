"""Outages of bidding: when a silence is one, which lots it pauses, and with how much time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.events import Event, Interrupted, Opened, Scheduled
from auction.domain.lot import Lot, LotStatus, apply, close_if_due, resume
from auction.domain.outage import REFRESH_MS, BidActivity, Outage, interrupt_if_due
from auction.domain.proof import LotProof, RuleBroken
from auction.domain.terms import SoftClose
from tests.unit.examples import ENDS, OPENS, bid, by_rule, done, open_lot, scheduled_lot, terms

LIMIT_MS = 2_000
AWAY = Outage(ENDS - 10_000, ENDS - 4_000, ENDS + 2_000)
"""The silence of a lot's last ten seconds, over four seconds before its end."""


def interrupted(lot: Lot, outage: Outage = AWAY, at_ms: int | None = None) -> Lot:
    """The lot after the pause that the outage must cause, found at its end or at `at_ms`."""
    (event,) = interrupt_if_due(lot, outage)
    return apply(lot, event, outage.to_ms if at_ms is None else at_ms)


# --- when a silence is an outage --------------------------------------------------------------------------------------


def test_a_silence_above_the_limit_is_an_outage_that_reaches_as_far_as_it_was_long():
    activity = BidActivity(1_000, LIMIT_MS)
    assert activity.outage_at(1_000 + LIMIT_MS) is None
    assert activity.outage_at(3_001) == Outage(1_000, 3_001, 5_002)


def test_a_sign_ends_the_outage_which_is_remembered():
    activity = BidActivity(1_000, LIMIT_MS).after_sign(4_000)
    assert activity == BidActivity(4_000, LIMIT_MS, Outage(1_000, 4_000, 7_000))
    assert activity.outage_at(4_001) == Outage(1_000, 4_000, 7_000)


def test_signs_within_a_short_time_are_one():
    activity = BidActivity(1_000, LIMIT_MS)
    assert activity.after_sign(1_000 + REFRESH_MS - 1) is activity
    assert activity.after_sign(1_000 + REFRESH_MS) == BidActivity(1_000 + REFRESH_MS, LIMIT_MS)


def test_a_clock_that_was_set_back_is_followed():
    assert BidActivity(1_000_000, LIMIT_MS).outage_at(5) is None
    assert BidActivity(1_000_000, LIMIT_MS).after_sign(5) == BidActivity(5, LIMIT_MS)


def test_an_outage_that_follows_while_lots_are_still_paused_for_the_last_continues_it():
    first = Outage(1_000, 11_000, 21_000)
    assert BidActivity(14_000, LIMIT_MS, first).outage_at(16_500) == Outage(1_000, 16_500, 21_000)
    assert BidActivity(20_000, LIMIT_MS, first).outage_at(23_000) == Outage(1_000, 23_000, 26_000)
    assert BidActivity(22_000, LIMIT_MS, first).outage_at(25_000) == Outage(22_000, 25_000, 28_000)


# --- which lots are paused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outage, left_ms",
    [
        (Outage(ENDS - 5_000, ENDS + 3_000, ENDS + 11_000), 5_000),
        (Outage(ENDS - 1, ENDS + 3_000, ENDS + 6_001), 1),
        (AWAY, 10_000),
        (Outage(ENDS - 6_000, ENDS - 3_000, ENDS), 6_000),
    ],
    ids=["its end fell into it", "in its last millisecond", "it ends soon after", "it ends just as long after"],
)
def test_a_lot_keeps_the_time_it_had_at_the_last_sign(outage, left_ms):
    lot = bid(open_lot(), "ada", 100)
    assert interrupt_if_due(lot, outage) == (Interrupted(left_ms, outage.from_ms, outage.to_ms, outage.until_ms),)
    after = interrupted(lot, outage, at_ms=ENDS + 20_000)
    assert (after.status, after.remaining_ms, after.leader_id) == (LotStatus.PAUSED, left_ms, "ada")
    assert close_if_due(after, ENDS + 20_000) == ()


@pytest.mark.parametrize(
    "outage",
    [
        None,
        Outage(ENDS, ENDS + 3_000, ENDS + 6_000),
        Outage(ENDS - 6_001, ENDS - 3_001, ENDS - 1),
    ],
    ids=["there was none", "it had ended before", "it ends long after"],
)
def test_other_lots_are_not_paused(outage):
    assert interrupt_if_due(open_lot(), outage) == ()


@pytest.mark.parametrize("status", [LotStatus.SCHEDULED, LotStatus.PAUSED, LotStatus.HELD, LotStatus.FROZEN])
def test_only_an_open_lot_is_paused(status):
    assert interrupt_if_due(replace(open_lot(), status=status), AWAY) == ()


def test_a_lot_is_paused_once_and_ends_after_it_was_resumed():
    lot = interrupted(open_lot(of=terms()), at_ms=ENDS - 3_000)
    again_ms = ENDS + 60_000
    lot = done(lot, resume(lot, again_ms, review_above_fen=None, by="li"), again_ms)
    assert lot.ends_at_ms == again_ms + 10_000
    assert interrupt_if_due(lot, replace(AWAY, until_ms=lot.ends_at_ms)) == ()
    assert close_if_due(lot, lot.ends_at_ms)


def test_the_hard_stop_moves_by_the_time_that_was_taken():
    lot = open_lot(terms(soft_close=SoftClose(1_000, 1_000, 5_000)))
    stopped = interrupted(lot, at_ms=ENDS + 1_000)
    lot = done(stopped, resume(stopped, ENDS + 9_000, review_above_fen=None, by="li"), ENDS + 9_000)
    assert (lot.ends_at_ms, lot.hard_stop_at_ms) == (ENDS + 19_000, ENDS + 24_000)


def test_a_lot_that_was_opened_in_the_outage_keeps_what_it_had_then():
    lot = open_lot()
    outage = Outage(OPENS - 50_000, OPENS + 30_000, ENDS + 50_000)
    assert interrupted(lot, outage).remaining_ms == ENDS - OPENS


# --- the record -------------------------------------------------------------------------------------------------------


def _proof(event: Event, at_ms: int) -> LotProof:
    lot = scheduled_lot(terms())
    proof = LotProof(lot.terms)
    proof.fold_entry(1, 1, OPENS - 1000, (Scheduled(lot.terms.sha256(), OPENS, ENDS, 0),))
    proof.fold_entry(1, 2, OPENS, (Opened(ENDS, 0, "clerk"),))
    proof.fold_entry(1, 3, at_ms, (event,))
    return proof


def test_the_record_of_an_interrupted_lot_is_sound_also_where_it_was_found_after_the_end():
    event = Interrupted(10_000, AWAY.from_ms, AWAY.to_ms, AWAY.until_ms)
    assert _proof(event, ENDS + 7).lot.status is LotStatus.PAUSED


def test_the_record_of_an_interrupted_lot_is_sound_where_the_ledgers_clock_was_set_back_after_the_outage():
    event = Interrupted(10_000, AWAY.from_ms, AWAY.to_ms, AWAY.until_ms)
    assert _proof(event, AWAY.to_ms - 1).lot.status is LotStatus.PAUSED


@pytest.mark.parametrize(
    "event, at_ms",
    [
        (Interrupted(10_001, AWAY.from_ms, AWAY.to_ms, AWAY.until_ms), AWAY.to_ms),
        (Interrupted(10_000, AWAY.from_ms, AWAY.to_ms, ENDS - 1), AWAY.to_ms),
        (Interrupted(10_000, AWAY.from_ms, AWAY.from_ms, AWAY.until_ms), AWAY.to_ms),
        (Interrupted(10_000, AWAY.from_ms, AWAY.until_ms + 1, AWAY.until_ms), AWAY.until_ms + 1),
    ],
    ids=["more time", "ends later", "no time", "reaches back"],
)
def test_a_pause_that_no_outage_explains_breaks_the_deadline(event, at_ms):
    with pytest.raises(RuleBroken, match="deadline"):
        _proof(event, at_ms)


@by_rule
@given(
    st.integers(OPENS, ENDS + 10_000),
    st.lists(st.integers(1, 30_000), min_size=1, max_size=12),
    st.integers(1_000, 10_000),
)
def test_whatever_the_silences_a_lot_loses_no_time_in_which_bids_could_not_be_decided(begin_ms, waits_ms, limit_ms):
    """An open lot closes only if its last moments lay within the limit of a sign, and keeps all it had else."""
    lot, activity, now_ms = open_lot(), BidActivity(begin_ms, limit_ms), begin_ms
    for wait_ms in waits_ms:
        now_ms += wait_ms
        sign_before_ms = activity.seen_at_ms
        found = interrupt_if_due(lot, activity.outage_at(now_ms))
        if found:
            assert 0 < found[0].remaining_ms <= ENDS - OPENS
            assert found[0].remaining_ms >= ENDS - max(sign_before_ms, lot.last_at_ms)
            return
        if close_if_due(lot, now_ms):
            assert now_ms - sign_before_ms <= limit_ms or sign_before_ms >= ENDS
            return
        activity = activity.after_sign(now_ms)
