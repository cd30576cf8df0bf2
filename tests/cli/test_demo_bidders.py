import random

from auction.demo.bot_strategies import LEAVE, WAIT, LotView, PathFollower, Sniper, StepBidder
from auction.demo.fixtures import CAR, EARLY, GUARDED, LOTS, RECORD_FEN, WINDOW_MS_MIN, YUAN
from auction.demo.settlement_bots import is_willing_to_pay, news_of
from auction.domain.terms_reader import merge_terms, read_terms
from auction.presets import load_preset


def test_the_path_is_that_of_the_launch_day():
    path = CAR.path
    assert path is not None
    assert path.at(-1) == path.at(0) == 1 * YUAN
    assert path.at(60_000) > 800_000 * YUAN
    assert path.at(90_000) == 10_000_000 * YUAN
    assert path.at(1e9) == RECORD_FEN == 7_819_339_900
    prices = [path.at(at_ms) for at_ms in range(0, 170_000, 500)]
    assert prices == sorted(prices)


def test_a_higher_speed_takes_the_same_path():
    path = CAR.path
    assert path is not None
    assert path.at_speed(10).at(9_000) == path.at(90_000)


def test_the_lots_terms_hold_at_every_speed():
    for lot in LOTS:
        for speed in (0.2, 1, 20):
            terms = read_terms(merge_terms(load_preset(lot.preset), lot.terms_at_speed(speed)))
            assert terms.sha256()


def test_the_guarded_path_passes_the_review_limit():
    limit_fen = read_terms(load_preset(GUARDED.preset)).review_above_fen
    assert GUARDED.path is not None
    assert limit_fen is not None
    assert limit_fen < GUARDED.path.points[-1][1]


def test_a_follower_never_passes_its_ceiling_or_the_path():
    path = CAR.path
    assert path is not None
    chance = random.Random(7)
    for ceiling_fen in (20_000 * YUAN, RECORD_FEN):
        follower = PathFollower(path, ceiling_fen)
        for at_ms in range(0, 200_000, 250):
            view = LotView(seq=1, price_fen=path.at(at_ms) // 2, minimum_fen=path.at(at_ms) // 2 + YUAN)
            amount_fen = follower.next_bid(view, at_ms, chance)
            assert amount_fen in {LEAVE, WAIT} or view.minimum_fen <= amount_fen <= ceiling_fen


def test_a_leader_waits_and_who_is_priced_out_leaves():
    chance = random.Random(7)
    dear = LotView(seq=1, price_fen=900 * YUAN, minimum_fen=910 * YUAN)
    leading = LotView(seq=1, price_fen=900 * YUAN, minimum_fen=910 * YUAN, leading=True)
    assert StepBidder(900 * YUAN).next_bid(dear, 0, chance) == LEAVE
    assert StepBidder(900 * YUAN).next_bid(leading, 0, chance) == WAIT
    assert Sniper(2_000 * YUAN, from_ms=500).next_bid(dear, 499, chance) == WAIT
    assert Sniper(2_000 * YUAN, from_ms=500).next_bid(dear, 500, chance) == 2_000 * YUAN


def test_old_news_does_not_replace_newer():
    view = LotView()
    view.update(seq=5, price_fen=500, minimum_fen=600, leading=True)
    view.update(seq=4, price_fen=400, minimum_fen=500, leading=False)
    assert (view.minimum_fen, view.leading) == (600, True)


def test_a_winner_pays_a_fair_price_or_for_a_deposit_that_hurts():
    list_price_fen = 1_000 * YUAN
    assert is_willing_to_pay(price_fen=2_000 * YUAN, list_price_fen=list_price_fen, deposit_fen=0)
    assert not is_willing_to_pay(price_fen=2_001 * YUAN, list_price_fen=list_price_fen, deposit_fen=100 * YUAN)
    assert is_willing_to_pay(price_fen=2_001 * YUAN, list_price_fen=list_price_fen, deposit_fen=101 * YUAN)
    assert not is_willing_to_pay(price_fen=RECORD_FEN, list_price_fen=CAR.list_price_fen, deposit_fen=100 * YUAN)


def test_the_early_lot_is_over_with_its_offers_before_the_car_closes():
    deadlines = EARLY.deadlines
    assert deadlines is not None
    after_ms = deadlines.pay_ms + deadlines.grace_ms + 2 * deadlines.offer_ms
    assert EARLY.open_ms + after_ms < CAR.open_ms
    settlement = deadlines.terms_at_speed(20)
    assert settlement["payment_window_ms"] == WINDOW_MS_MIN
    assert settlement["cascade"]["depth"] == 2


def test_what_follows_the_hammer_is_news_in_words():
    offered = news_of("x-001", "offered", {"paddle": 3, "price_fen": 12_300})
    assert offered is not None
    assert all(told in offered for told in ("x-001", "paddle 3", "123.00"))
    relisted = news_of("x-001", "relisted", {"relisted_as": "x-002"})
    assert relisted is not None
    assert all(told in relisted for told in ("x-001", "x-002"))
    assert news_of("x-001", "deposit-captured", {"amount_fen": 1}) is None
