"""`auction scenario no-show`: the same seed gives the same results, along the published prices."""

import json
import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from auction.demo.fixtures import LIST_PRICE_FEN, RECORD_FEN, YUAN
from auction.scenarios.price_path import (
    FIRST_MINUTE_MS,
    FOUR_HOURS_MS,
    LAUNCH_DAY,
    RECORD_BIDS,
    SIXTEEN_MINUTES_MS,
    bidder_profiles,
    planned_bids,
)
from tests.cli.commands import auction
from tests.cli.processes import commanded

FEW = ("--bids", "500")


def scenario(folder: Path, *words: str) -> dict[str, Any]:
    """What the scenario prints as JSON; it must have come to a good end and left nothing behind."""
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    with commanded(folder, "scenario", "no-show", "--json", *FEW, *words, TMPDIR=str(temporary)) as command:
        assert command.ended() == 0, command.output()
        found: dict[str, Any] = json.loads(command.said)
    assert not list(temporary.iterdir())
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The scenario under both presets."""
    return scenario(tmp_path_factory.mktemp("both"))


def test_every_rule_holds_and_the_deposit_is_shared_out_to_the_last_fen(both):
    assert set(both) == {"scenario", "seed", "bids", "runs"}
    assert [run["preset"] for run in both["runs"]] == ["jd-flash", "guarded-flash"]
    for run in both["runs"]:
        assert run["breaches"] == []
        assert run["money"]["held"] == run["money"]["rules"] > 10
        assert not any(run["balances"]["end"].get(name, 0) for name in ("forfeit_suspense", "deposits_held"))
        parts = run["waterfall"]
        shared_fen = sum(parts[name] for name in ("cost_fen", "gap_fen", "commission_fen", "rest_fen"))
        assert shared_fen == run["forfeited_fen"]


def test_a_cheap_deposit_leaves_the_seller_with_the_list_price_and_100_yuan(both):
    cheap = both["runs"][0]
    assert cheap["price_after_first_minute_fen"] > 800_000 * YUAN
    assert cheap["price_after_sixteen_minutes_fen"] > 10_000_000 * YUAN
    assert cheap["hammer_price_fen"] == RECORD_FEN
    assert cheap["forfeited_fen"] == 100 * YUAN
    assert cheap["resold"]["price_fen"] == LIST_PRICE_FEN
    assert cheap["resold"]["defaulter"] == "bidder-barred"
    assert cheap["seller_fen"] == LIST_PRICE_FEN + 100 * YUAN
    assert cheap["claim_fen"] == 0
    assert cheap["claim_under_shortfall_fen"] == 78_103_399 * YUAN


def test_bidding_power_and_review_stop_the_path_and_a_runner_up_takes_the_car(both):
    guarded = both["runs"][1]
    assert guarded["stopped_at_ms"] is not None
    assert guarded["reviews"][0]["price_fen"] >= 5 * LIST_PRICE_FEN
    assert guarded["refused_bids"]["over-limit"] > 0
    assert guarded["top_ups"] > 0
    assert guarded["hammer_price_fen"] < 1_000_000 * YUAN
    # a twentieth of what the winner's limit allows, at the least
    assert guarded["forfeited_fen"] * 20 >= guarded["hammer_price_fen"]
    (offer,) = guarded["offers"]
    assert offer["status"] == "accepted"
    assert offer["price_fen"] <= offer["own_bid_fen"]
    assert guarded["bought"]["source"] == "offer"
    assert guarded["seller_fen"] >= offer["price_fen"]


def test_the_same_seed_gives_the_same_results(both, tmp_path):
    (alone,) = scenario(tmp_path, "--preset", "guarded-flash")["runs"]
    assert alone | {"seconds": 0} == both["runs"][1] | {"seconds": 0}


def test_people_read_it_side_by_side_on_a_terminal_of_80_columns_without_losing_a_word(tmp_path):
    shown = {}
    for columns in (80, 200):
        with commanded(tmp_path, "scenario", "no-show", *FEW, COLUMNS=str(columns)) as command:
            assert command.ended() == 0, command.output()
        assert "Traceback" not in command.output()
        shown[columns] = command.said
    for words in ("jd-flash", "guarded-flash", "78,193,399 to paddle 1", "forfeit suspense"):
        assert words in shown[80]
    assert shown[80].count("rules of money hold") == 2
    assert max(map(cell_len, shown[80].splitlines())) <= 80
    assert max(map(cell_len, shown[200].splitlines())) > 80
    assert words_of(shown[80]) == words_of(shown[200])


def words_of(shown: str) -> Counter[str]:
    """The words of a report without its lines and borders, and without how many seconds it took."""
    without_seconds = re.sub(r"[\d.]+\s+s\b", "", shown)
    return Counter(re.findall(r"[^\s─-╿]+", without_seconds))


@pytest.mark.parametrize(
    "preset, sentence",
    [
        ("jd-flush", "jd-flush"),
        ("ebay-proxy", "proxy bidding"),
    ],
)
def test_a_preset_that_does_not_fit_is_refused_in_one_sentence(preset, sentence):
    said = auction("scenario", "no-show", "--preset", preset)
    assert said.code == 1
    assert sentence in said.err
    assert not said.out


def test_the_path_has_the_published_marks_and_as_many_bids_as_were_counted():
    plan = planned_bids(LAUNCH_DAY, RECORD_BIDS, random.Random(1))
    assert len(plan) == RECORD_BIDS
    assert plan[0].amount_fen == 1 * YUAN
    assert (plan[-1].at_ms, plan[-1].amount_fen) == (FOUR_HOURS_MS, RECORD_FEN)
    amounts = [one.amount_fen for one in plan]
    assert all(before < after for before, after in pairwise(amounts))
    assert max(one.amount_fen for one in plan if one.at_ms <= FIRST_MINUTE_MS) > 800_000 * YUAN
    assert max(one.amount_fen for one in plan if one.at_ms <= SIXTEEN_MINUTES_MS) > 10_000_000 * YUAN


def test_another_seed_makes_other_bids():
    one, other = (planned_bids(LAUNCH_DAY, 500, random.Random(seed)) for seed in (1, 2))
    assert one != other


def test_only_one_of_the_bidders_does_not_mean_to_pay():
    profiles = bidder_profiles("x", random.Random(1))
    assert len({profile.bidder_id for profile in profiles}) == len(profiles)
    assert [profile.is_defaulter for profile in profiles].count(True) == 1
