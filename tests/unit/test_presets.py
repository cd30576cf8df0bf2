import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from auction.domain.deposits import FlatDeposit, LadderDeposit, NoDeposit
from auction.domain.errors import NotFound
from auction.domain.money import FEN_MAX
from auction.domain.terms import Bidding, Cascade, Increment, MaxJump, SoftClose, Terms
from auction.domain.terms_reader import MS_MAX, merge_terms, read_terms
from auction.presets import ABOUT, FLOOR_PERCENT, LANGUAGES, REVIEW_TIMES, all_presets, load_preset, preset_names

FIVE_MINUTES = SoftClose(window_ms=300_000, extension_ms=300_000, hard_stop_ms=None)


def preset(name: str) -> Terms:
    return read_terms(load_preset(name))


def written(name: str) -> dict[str, Any]:
    return tomllib.loads(files("auction.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def test_every_file_of_terms_in_the_folder_is_a_preset():
    folder = Path(str(files("auction.presets")))
    assert preset_names() == tuple(sorted(path.stem for path in folder.glob("*.toml")))
    assert {"jd-flash", "guarded-flash", "cn-judicial", "ebay-proxy"} <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_in_every_language_what_it_is(name):
    about = written(name)[ABOUT]
    assert set(about) == {"order", "default_duration_ms", "labels"}
    assert set(about["labels"]) == set(LANGUAGES)
    assert all(set(label) == {"name", "description"} and all(label.values()) for label in about["labels"].values())
    assert 60_000 <= about["default_duration_ms"] <= MS_MAX


def test_presets_are_listed_in_their_order_and_no_two_look_the_same():
    presets = all_presets()
    assert sorted(preset.name for preset in presets) == list(preset_names())
    assert [preset.order for preset in presets] == sorted({preset.order for preset in presets})
    for language in LANGUAGES:
        assert len({preset.labels[language].name for preset in presets}) == len(presets)


def test_the_pages_have_the_languages_that_presets_are_labelled_in():
    texts = files("api") / "web" / "static" / "i18n"
    assert {entry.name.removesuffix(".js") for entry in texts.iterdir()} == set(LANGUAGES)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_sound_terms_as_it_stands(name):
    read_terms(load_preset(name))


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_opens_by_saying_what_it_is_for(name):
    text = files("auction.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}: ")
    assert "override" in text.split("\n\n", maxsplit=1)[0]
    terms = {key: value for key, value in written(name).items() if key not in (ABOUT, REVIEW_TIMES, FLOOR_PERCENT)}
    assert terms == load_preset(name)


@pytest.mark.parametrize("name", preset_names())
def test_a_lots_own_start_price_can_be_laid_over_a_preset(name):
    start = 20_000
    own = {"start_price_fen": start, "reserve_fen": start}
    assert read_terms(merge_terms(load_preset(name), own)).start_price_fen == start


@pytest.mark.parametrize("name", ["jd", "JD-FLASH", "jd-flash.toml", "../presets/jd-flash", "", "__init__.py"])
def test_an_unknown_preset_is_answered_with_those_there_are(name):
    with pytest.raises(NotFound) as caught:
        load_preset(name)
    assert caught.value.code == "preset-unknown"
    assert caught.value.facts == {"preset": name, "known": list(preset_names())}
    assert "jd-flash" in caught.value.detail


def test_jd_flash_is_the_launch_of_october_2025():
    terms = preset("jd-flash")
    assert terms.bidding is Bidding.DIRECT
    assert terms.start_price_fen == 100
    assert terms.increments == (Increment(0, 100),)
    assert terms.deposit == FlatDeposit(10_000)
    assert terms.soft_close == FIVE_MINUTES
    assert terms.settlement.default_liability == "deposit_only"
    assert (terms.max_jump, terms.cap_fen, terms.review_above_fen, terms.reserve_fen) == (None, None, None, None)


def test_guarded_flash_limits_jumps_holds_high_prices_and_asks_two_runners_up():
    terms = preset("guarded-flash")
    assert terms.start_price_fen == preset("jd-flash").start_price_fen
    assert terms.max_jump == MaxJump(steps=10, percent=10)
    assert terms.review_above_fen == 5 * 8_990_000
    assert terms.soft_close == FIVE_MINUTES
    assert (terms.settlement.cascade.depth, terms.settlement.cascade.price) == (2, "clean")
    assert terms.settlement.cascade.floor_fen == 8_990_000 // 2


@pytest.mark.parametrize("list_price, review", [(8_990_000, 44_950_000), (20_000, 100_000), (FEN_MAX // 5, FEN_MAX)])
def test_guarded_flash_holds_bids_from_five_times_the_list_price(list_price, review):
    assert load_preset("guarded-flash", list_price)["review_above_fen"] == review


def test_a_review_limit_from_the_list_price_is_an_amount_and_leaves_the_first_bid_alone():
    for list_price, review in [(FEN_MAX, FEN_MAX), (FEN_MAX // 5 + 1, FEN_MAX), (20, 100), (19, 100), (1, 100)]:
        terms = read_terms(load_preset("guarded-flash", list_price))
        assert (terms.review_above_fen, terms.start_price_fen) == (review, 100)


def test_only_presets_that_say_so_depend_on_the_list_price():
    dependent = {name for name in preset_names() if written(name).keys() & {REVIEW_TIMES, FLOOR_PERCENT}}
    assert {name for name in preset_names() if load_preset(name, 1_000) != load_preset(name)} == dependent


@pytest.mark.parametrize("list_price, floor", [(8_990_000, 4_495_000), (101, 51), (1, 1), (FEN_MAX, FEN_MAX // 2)])
def test_guarded_flash_asks_no_runner_up_under_half_the_list_price_rounded_up(list_price, floor):
    assert read_terms(load_preset("guarded-flash", list_price)).settlement.cascade.floor_fen == floor


def test_a_lots_own_floor_comes_before_the_list_price():
    base = load_preset("guarded-flash", 8_990_000)
    for own in (70_000, None):
        merged = merge_terms(base, {"settlement": {"cascade": {"floor_fen": own}}})
        assert read_terms(merged).settlement.cascade.floor_fen == own


def test_one_lots_list_price_does_not_show_in_the_next_lots_preset():
    load_preset("guarded-flash", 1_000)
    assert preset("guarded-flash").settlement.cascade.floor_fen == 4_495_000


def test_a_lots_own_review_limit_comes_before_the_list_price():
    base = load_preset("guarded-flash", 8_990_000)
    assert read_terms(merge_terms(base, {"review_above_fen": 70_000})).review_above_fen == 70_000
    assert read_terms(merge_terms(base, {"review_above_fen": None})).review_above_fen is None


def test_guarded_flash_asks_five_percent_above_its_two_cheap_bands():
    ladder = preset("guarded-flash").deposit
    assert isinstance(ladder, LadderDeposit)
    bands = [(band.deposit_fen, band.limit_fen) for band in ladder.bands]
    assert bands[:2] == [(10_000, 1_000_000), (100_000, 10_000_000)]
    assert all(limit is not None and deposit * 20 == limit for deposit, limit in bands[2:])
    assert bands[-1][1] == 100_000_000_000


def test_the_walk_away_of_october_2025_would_have_cost_millions_under_guarded_flash():
    ladder = preset("guarded-flash").deposit
    assert isinstance(ladder, LadderDeposit)
    enough = [b.deposit_fen for b in ladder.bands if b.limit_fen is not None and b.limit_fen >= 7_819_339_900]
    assert enough[0] == 500_000_000


def test_cn_judicial_takes_its_deposit_from_the_start_price_and_reserves_no_more():
    terms = preset("cn-judicial")
    assert terms.reserve_fen == terms.start_price_fen
    assert isinstance(terms.deposit, FlatDeposit)
    assert 0.05 <= terms.deposit.amount_fen / terms.start_price_fen <= 0.20
    assert terms.soft_close == FIVE_MINUTES
    assert terms.settlement.cascade.depth == 0
    assert terms.settlement.when_exhausted == "relist"


def test_cn_judicial_pays_costs_then_the_gap_and_gives_the_rest_to_the_debts_the_lot_is_sold_for():
    settlement = preset("cn-judicial").settlement
    assert (settlement.waterfall, settlement.rest_to) == (("cost", "gap", "commission"), "seller")
    assert preset("jd-flash").settlement.rest_to == "house"


def test_ebay_proxy_has_no_deposit_no_soft_close_and_one_second_chance_at_the_own_bid():
    terms = preset("ebay-proxy")
    assert terms.bidding is Bidding.PROXY
    assert terms.deposit == NoDeposit()
    assert terms.soft_close is None
    assert terms.settlement.cascade == Cascade(depth=1, price="own_bid")


@pytest.mark.parametrize(
    "low, high, step",
    [
        (1, 99, 5),
        (100, 499, 25),
        (500, 2_499, 50),
        (2_500, 9_999, 100),
        (10_000, 24_999, 250),
        (25_000, 49_999, 500),
        (50_000, 99_999, 1_000),
        (100_000, 249_999, 2_500),
        (250_000, 499_999, 5_000),
        (500_000, 10**13, 10_000),
    ],
)
def test_ebays_increment_holds_from_edge_to_edge_of_its_band(low, high, step):
    terms = preset("ebay-proxy")
    assert (terms.step_at(low), terms.step_at(high)) == (step, step)
