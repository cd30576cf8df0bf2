"""A maximum in direct bidding: what the leader's one bids for them, by examples and over random courses."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.bidding import Accepted, Admission, Bid, Decision, Refused, Repeated, decide
from auction.domain.contradictions import Contradiction, ContradictionCode
from auction.domain.errors import RefusalCode, TermsInvalid
from auction.domain.events import Admitted, BidPlaced, Event, Held, MaximumSet, is_made_key
from auction.domain.lot import Lot, LotStatus, apply, close_if_due, open_when_due, pause, restate, resume, schedule
from auction.domain.money import FEN_MAX
from auction.domain.pricing import leader_maximum_fen
from auction.domain.proof import LotProof, RuleBroken
from auction.domain.terms import MaxJump, SoftClose, Terms
from auction.domain.terms_reader import read_terms
from tests.lot_events import apply_all
from tests.unit.examples import ENDS, NOW, OPENS, any_terms, by_rule, done, open_lot, terms

PADDLES = {"ada": 1, "bo": 2, "cai": 3}
LIMITS = {name: Admission(number) for name, number in PADDLES.items()}


def auto_terms(**fields: Any) -> Terms:
    return terms(auto_bids=True, **fields)


def offer(lot: Lot, bidder: str, amount_fen: int, *, is_maximum: bool = False, **admission: Any) -> Accepted | Refused:
    """The decision on a bid or a maximum."""
    admitted = Admission(**{"paddle": PADDLES[bidder], **admission})
    bid = Bid(bidder, amount_fen, f"key-{bidder}-{lot.seq:03d}", is_maximum)
    decision = decide(lot, admitted, None, bid, NOW, LIMITS.get(lot.leader_id))
    assert not isinstance(decision, Repeated)
    return decision


def after(lot: Lot, *offers: tuple[str, int, bool]) -> Lot:
    """The lot after bids (bidder, amount, is a maximum), whatever became of them."""
    for bidder, amount_fen, is_maximum in offers:
        lot = apply_all(lot, offer(lot, bidder, amount_fen, is_maximum=is_maximum).events, NOW)
    return lot


def led(maximum_fen: int, **fields: Any) -> Lot:
    """A lot that ada leads at 100 with that maximum."""
    return after(open_lot(auto_terms(**fields)), ("ada", maximum_fen, True))


def prices(decision: Decision) -> list[tuple[str, int, int]]:
    """Who bid, at which price, and whether that leads."""
    assert not isinstance(decision, Repeated)
    return [(e.bidder_id, e.price_fen, e.leading) for e in decision.events if isinstance(e, BidPlaced)]


def test_a_first_maximum_bids_the_start_price_and_nobody_sees_more():
    decision = offer(open_lot(auto_terms()), "ada", 5_000, is_maximum=True)
    assert isinstance(decision, Accepted)
    assert decision.events == (BidPlaced("ada", 1, 5_000, "key-ada-002", 100, 1, ENDS),)
    assert (decision.receipt.amount_fen, decision.receipt.price_fen, decision.receipt.leading) == (5_000, 100, True)


def test_a_bid_below_a_maximum_is_answered_by_one_bid_a_step_above_it():
    decision = offer(led(5_000), "bo", 700)
    assert isinstance(decision, Accepted)
    assert prices(decision) == [("bo", 700, 0), ("ada", 800, 1)]
    receipt = decision.receipt
    assert (receipt.price_fen, receipt.leading, receipt.minimum_fen, receipt.seq) == (700, False, 900, 4)
    answer = decision.events[1]
    assert isinstance(answer, BidPlaced)
    assert is_made_key(answer.key)
    assert (answer.amount_fen, answer.paddle) == (5_000, 1)


@pytest.mark.parametrize("amount, answer", [(4_900, 5_000), (4_899, 4_999)])
def test_an_answer_reaches_the_maximum_and_no_further(amount: int, answer: int):
    assert prices(offer(led(5_000), "bo", amount))[1] == ("ada", answer, 1)


@pytest.mark.parametrize("amount", [4_901, 5_000])
def test_a_bid_that_a_maximum_reaches_but_cannot_answer_comes_second(amount: int):
    decision = offer(led(5_000), "bo", amount)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.BID_TOO_LOW, {"minimum_fen": 5_100})
    assert prices(decision) == [("ada", 5_000, 1)]
    assert (decision.price_fen, decision.at_seq) == (5_000, 4)


def test_a_bid_above_a_maximum_leads():
    assert prices(offer(led(5_000), "bo", 5_001)) == [("bo", 5_001, 1)]


@pytest.mark.parametrize(
    "maximum, bids",
    [
        (3_000, [("bo", 3_000, 0), ("ada", 3_100, 1)]),
        (5_050, [("bo", 5_050, 1)]),
        (5_100, [("ada", 5_000, 1), ("bo", 5_100, 1)]),
        (9_000, [("ada", 5_000, 1), ("bo", 5_100, 1)]),
    ],
)
def test_two_maxima_settle_at_the_lower_and_a_step(maximum: int, bids: list[tuple[str, int, int]]):
    decision = offer(led(5_000), "bo", maximum, is_maximum=True)
    assert isinstance(decision, Accepted)
    assert prices(decision) == bids
    assert apply_all(led(5_000), decision.events, NOW).ceiling_fen == (max(maximum, 5000))


def test_of_equal_maxima_the_earlier_wins():
    decision = offer(led(5_000), "bo", 5_000, is_maximum=True)
    assert isinstance(decision, Refused)
    assert (decision.code, prices(decision)) == (RefusalCode.BID_TOO_LOW, [("ada", 5_000, 1)])


def test_a_leader_raises_lowers_and_withdraws_their_maximum_without_a_bid():
    lot = led(5_000)
    for amount, ceiling in [(9_000, 9_000), (100, 100), (400, 400), (0, 100)]:
        decision = offer(lot, "ada", amount, is_maximum=True)
        assert isinstance(decision, Accepted)
        (event,) = decision.events
        assert event == MaximumSet("ada", 1, amount, f"key-ada-{lot.seq:03d}", 100, 1, ENDS)
        lot = apply(lot, event, NOW)
        assert (lot.ceiling_fen, lot.price_fen, lot.bids) == (ceiling, 100, 1)
    assert prices(offer(lot, "bo", 200)) == [("bo", 200, 1)]


@pytest.mark.parametrize(
    "decision, code, facts",
    [
        (offer(open_lot(terms()), "ada", 500, is_maximum=True), RefusalCode.MAXIMA_OFF, {}),
        (offer(led(5_000), "bo", 0, is_maximum=True), RefusalCode.NO_MAXIMUM, {}),
        (offer(led(100), "ada", 0, is_maximum=True), RefusalCode.NO_MAXIMUM, {}),
        (offer(led(5_000, cap_fen=9_000), "ada", 9_001, is_maximum=True), RefusalCode.ABOVE_CAP, {"cap_fen": 9_000}),
        (offer(after(led(500), ("bo", 400, False)), "ada", 499, is_maximum=True), RefusalCode.MAXIMUM_TOO_LOW, None),
        (offer(led(5_000), "ada", 6_000), RefusalCode.ALREADY_LEADING, {}),
        (offer(led(5_000), "bo", 199, is_maximum=True), RefusalCode.BID_TOO_LOW, {"minimum_fen": 200}),
        (offer(led(5_000, on_grid=True), "bo", 450, is_maximum=True), RefusalCode.OFF_GRID, {"minimum_fen": 200}),
        (offer(led(5_000), "ada", 6_000, is_maximum=True, limit_fen=5_500), RefusalCode.OVER_LIMIT, None),
        (offer(led(5_000), "bo", 6_000, is_maximum=True, purse_fen=5_500), RefusalCode.OVER_PURSE, None),
        (
            offer(replace(led(5_000), status=LotStatus.PAUSED), "ada", 0, is_maximum=True),
            RefusalCode.LOT_NOT_OPEN,
            {"status": "paused"},
        ),
    ],
)
def test_a_maximum_is_refused_as_a_bid_is(decision: Decision, code: RefusalCode, facts: dict[str, Any] | None):
    assert isinstance(decision, Refused)
    assert decision.code is code
    assert not decision.events
    if facts is not None:
        assert decision.facts == facts


def test_the_limit_in_force_holds_for_what_a_maximum_bids():
    lot, bid = led(5_000), Bid("bo", 900, "key-0001")
    answered = decide(lot, Admission(2), None, bid, NOW, Admission(1, 1_000))
    beaten = decide(lot, Admission(2), None, replace(bid, amount_fen=1_001), NOW, Admission(1, 1_000))
    assert prices(answered) == [("bo", 900, 0), ("ada", 1_000, 1)]
    assert prices(beaten) == [("bo", 1_001, 1)]


def test_a_maximum_may_lie_above_the_jump_limit_and_bids_within_it():
    lot = led(9_000, max_jump=MaxJump(steps=10))
    higher = offer(lot, "bo", 20_000, is_maximum=True)
    assert prices(higher) == [("bo", 1_100, 0), ("ada", 1_200, 1)]
    reached = led(1_150, max_jump=MaxJump(steps=10))
    assert prices(offer(reached, "bo", 20_000, is_maximum=True)) == [("ada", 1_100, 1), ("bo", 1_200, 1)]


def test_a_bid_and_its_answer_are_both_made_before_the_lot_is_held():
    decision = offer(led(5_000, review_above_fen=700), "bo", 700)
    assert isinstance(decision, Accepted)
    assert [type(event) for event in decision.events] == [BidPlaced, BidPlaced, Held]


def test_a_maximum_that_reaches_the_cap_first_ends_the_lot():
    decision = offer(led(900, cap_fen=900), "bo", 900)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.facts) == (RefusalCode.LOT_NOT_OPEN, {"status": "closed"})
    assert [event.kind for event in decision.events] == ["bid", "closed"]


def test_the_leader_may_still_bid_the_cap():
    decision = offer(led(5_000, cap_fen=9_000), "ada", 9_000)
    assert isinstance(decision, Accepted)
    assert [event.kind for event in decision.events] == ["bid", "closed"]


@pytest.mark.parametrize(
    "bidding, ceiling, own", [("direct", 500, None), ("direct", 501, 501), ("proxy", 500, 500), ("proxy", 900, 900)]
)
def test_a_leader_has_a_maximum_where_it_is_more_than_the_bid(bidding: str, ceiling: int, own: int | None):
    assert leader_maximum_fen(bidding, price_fen=500, ceiling_fen=ceiling) == own


def test_at_the_most_that_a_bid_may_be_a_maximum_bids_once():
    lot = after(open_lot(auto_terms(start_price_fen=FEN_MAX - 50)), ("ada", FEN_MAX, True))
    decision = offer(lot, "bo", FEN_MAX)
    assert isinstance(decision, Refused)
    assert prices(decision) == [("ada", FEN_MAX, 1)]


def test_a_late_bid_and_its_answer_extend_the_lot_once():
    lot = led(5_000, soft_close=SoftClose(window_ms=120_000, extension_ms=90_000))
    decision = offer(lot, "bo", 700)
    assert isinstance(decision, Accepted)
    assert {event.ends_at_ms for event in decision.events if isinstance(event, BidPlaced)} == {NOW + 90_000}


@pytest.mark.parametrize("voided, leading", [(4, ("ada", 500, 5_000)), (5, ("bo", 400, 400))])
def test_a_maximum_goes_with_the_leading_bid_and_stays_where_another_is_voided(voided: int, leading: tuple[Any, ...]):
    lot = after(led(5_000), ("bo", 400, False))
    bids = [(3, BidPlaced("ada", 1, 5_000, "k1", 100, 1, ENDS)), (4, BidPlaced("bo", 2, 400, "k2", 400, 0, ENDS))]
    bids.append((5, BidPlaced("ada", 1, 5_000, "maximum 5 2", 500, 1, ENDS)))
    paused = done(lot, pause(lot, NOW, reason="a look", by="eve"))
    restated = done(paused, restate(paused, bids, voided, reason="a slip", by="eve"))
    assert (restated.leader_id, restated.price_fen, restated.ceiling_fen) == leading


def test_terms_say_that_a_maximum_is_for_direct_bidding_alone():
    data = {"start_price_fen": 100, "increments": [{"from_fen": 0, "step_fen": 1}], "auto_bids": True}
    assert read_terms({**data, "bidding": "direct"}).auto_bids
    with pytest.raises(TermsInvalid) as refused:
        read_terms({**data, "bidding": "proxy"})
    assert refused.value.contradictions == (Contradiction("auto_bids", ContradictionCode.AUTO_BIDS_IN_PROXY, {}),)


def test_terms_without_automatic_bids_keep_the_fingerprint_that_they_had():
    assert terms().sha256() != auto_terms().sha256()
    assert terms().sha256() == "2ef45746096776fc2bf586102066e3b5c99c80ece7a19a4f66e6fe2ad7385582"


# --- random courses ---------------------------------------------------------------------------------------------------

offers = st.lists(
    st.tuples(
        st.sampled_from(sorted(PADDLES)),
        st.one_of(st.integers(-2, 3), st.integers(-20, 400)),
        st.sampled_from([True, True, False]),
        st.integers(0, 15),
    ),
    max_size=25,
)


def play(of: Terms, course: list[tuple[str, int, bool, int]], limits: dict[str, int]) -> tuple[Lot, list[Any]]:
    """Bids and maxima on a lot, each with its decision and the lot before it; everything is proved as it happens."""
    proof, steps, now = LotProof(of), [], OPENS
    admissions = {name: Admission(number, limits.get(name)) for name, number in PADDLES.items()}

    def fold(*events: Event) -> None:
        if events:
            proof.fold_entry(proof.lot.epoch, proof.lot.seq + 1, now, events)

    fold(schedule(of, opens_at_ms=OPENS, ends_at_ms=OPENS + 200))
    fold(*(Admitted(name, one.paddle, limits.get(name, -1), -1) for name, one in admissions.items()))
    fold(*done_events(open_when_due(proof.lot, OPENS, by="the clerk")))
    for number, (bidder, over_fen, is_maximum, wait_ms) in enumerate(course):
        now += wait_ms
        fold(*close_if_due(proof.lot, now))
        if proof.lot.status is LotStatus.HELD:
            fold(*done_events(resume(proof.lot, now, review_above_fen=0, by="eve")))
        lot = proof.lot
        amount = max(0 if is_maximum else 1, lot.minimum_fen() + over_fen)
        bid = Bid(bidder, amount, f"key-{number:04d}", is_maximum)
        decision = decide(lot, admissions[bidder], None, bid, now, admissions.get(lot.leader_id))
        assert isinstance(decision, Accepted | Refused)
        fold(*decision.events)
        steps.append((lot, bid, decision, proof.lot))
    return proof.lot, steps


def done_events(action: Any) -> tuple[Event, ...]:
    assert isinstance(action, tuple)
    return action


auto = any_terms().filter(lambda of: of.bidding == "direct").map(lambda of: replace(of, auto_bids=True))
some_limits = st.dictionaries(st.sampled_from(sorted(PADDLES)), st.integers(1, 900))


@by_rule
@given(auto, offers, some_limits)
def test_at_most_two_bids_follow_from_one_and_each_is_one_that_its_bidder_might_have_made(
    of: Terms, course: list[tuple[str, int, bool, int]], limits: dict[str, int]
):
    for before, _bid, decision, _ in play(of, course, limits)[1]:
        made = [event for event in decision.events if isinstance(event, BidPlaced)]
        assert len(made) <= 2
        lot = before
        for event in decision.events:
            if isinstance(event, BidPlaced):
                plain = replace(lot, terms=replace(of, auto_bids=False, review_above_fen=None), leader_id="")
                limit = Admission(event.paddle, limits.get(event.bidder_id))
                alone = decide(plain, limit, None, Bid(event.bidder_id, event.price_fen, "key"), before.last_at_ms)
                assert isinstance(alone, Accepted), (event, alone)
                assert event.price_fen <= event.amount_fen
            lot = apply(lot, event, before.last_at_ms)


@by_rule
@given(auto, offers)
def test_the_earlier_of_the_highest_amounts_leads(of: Terms, course: list[tuple[str, int, bool, int]]):
    """Without a limit on jumps nobody leads below somebody else's maximum that stands."""
    of = replace(of, max_jump=None)
    for before, bid, decision, lot in play(of, course, {})[1]:
        if isinstance(decision, Refused) or before.leader_id in {"", bid.bidder_id}:
            continue
        if bid.amount_fen <= before.ceiling_fen and not of.on_grid:
            assert lot.leader_id == before.leader_id
        if lot.leader_id != before.leader_id:
            assert bid.amount_fen > before.ceiling_fen or of.on_grid
            assert lot.price_fen <= bid.amount_fen


@by_rule
@given(auto, offers)
def test_whoever_does_not_lead_is_told_so(of: Terms, course: list[tuple[str, int, bool, int]]):
    for _, bid, decision, lot in play(of, course, {})[1]:
        if isinstance(decision, Accepted):
            assert decision.receipt.leading == (lot.leader_id == bid.bidder_id)
            assert decision.receipt.minimum_fen == lot.minimum_fen()


def test_a_bid_that_no_maximum_makes_is_found():
    proof = LotProof(auto_terms())
    for event in (schedule(auto_terms(), opens_at_ms=OPENS, ends_at_ms=ENDS), Admitted("ada", 1, -1, -1)):
        proof.fold_entry(1, proof.lot.seq + 1, OPENS, [event])
    proof.fold_entry(1, 3, OPENS, [Admitted("bo", 2, -1, -1)])
    proof.fold_entry(1, 4, OPENS, done_events(open_when_due(proof.lot, OPENS, by="the clerk")))
    proof.fold_entry(1, 5, NOW, [BidPlaced("ada", 1, 5_000, "k1", 100, 1, ENDS)])
    for price, key in [(900, "maximum 6 2"), (5_000, "maximum 6 1"), (5_000, "maximum 7 2")]:
        forged = BidPlaced("ada", 1, 5_000, key, price, 1, ENDS)
        with pytest.raises(RuleBroken):
            proof.fold_entry(1, 6, NOW, [forged])
    proof.fold_entry(1, 6, NOW, [BidPlaced("ada", 1, 5_000, "maximum 6 2", 5_000, 1, ENDS)])
    assert proof.lot.price_fen == 5_000
    with pytest.raises(RuleBroken):
        # nothing is left of it
        proof.fold_entry(1, 7, NOW, [BidPlaced("ada", 1, 5_000, "maximum 7 2", 5_000, 1, ENDS)])
