"""`auction scenario no-show`: the same seed gives the same results, along the published prices."""

import json
import random
import re
import signal
from collections import Counter
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from auction.demo.fixtures import LIST_PRICE_FEN, RECORD_FEN, YUAN
from auction.domain.accounts import JournalAccount
from auction.scenarios.no_show import BALANCE_TIMES, NoShow, terms_of
from auction.scenarios.price_path import (
    FIRST_MINUTE_MS,
    FOUR_HOURS_MS,
    LAUNCH_DAY,
    RECORD_BIDS,
    SIXTEEN_MINUTES_MS,
    bidder_profiles,
    planned_bids,
)
from auction.scenarios.report import print_report
from tests.cli.commands import auction
from tests.cli.processes import commanded, is_running, until

FEW = ("--bids", "300")


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


def test_a_winner_who_pays_by_three_transfers_gets_the_car_and_the_bank_agrees_to_the_fen(tmp_path):
    (run,) = scenario(tmp_path, "--pays")["runs"]
    told = run["transfers"]
    assert len(told["received"]) == 3
    assert sum(one["amount_fen"] for one in told["received"]) == RECORD_FEN - 100 * YUAN
    assert told["returned_fen"] == 50_000 * YUAN
    assert told["bank_fen"] == told["journal_fen"] == run["balances"]["end"]["bank_cash"] == RECORD_FEN - 100 * YUAN
    assert (run["bought"]["price_fen"], run["seller_fen"], run["forfeited_fen"]) == (RECORD_FEN, RECORD_FEN, 0)
    assert run["breaches"] == []
    assert run["money"]["held"] == run["money"]["rules"] > 10


@pytest.mark.slow
def test_the_same_seed_gives_the_same_results(both, tmp_path):
    (alone,) = scenario(tmp_path, "--preset", "guarded-flash")["runs"]
    assert alone | {"seconds": 0} == both["runs"][1] | {"seconds": 0}


@pytest.mark.slow
def test_people_read_it_on_a_terminal_of_80_columns(tmp_path):
    with commanded(tmp_path, "scenario", "no-show", "--bids", "200", "--preset", "jd-flash", COLUMNS="80") as command:
        assert command.ended() == 0, command.output()
    assert "Traceback" not in command.output()
    for words in ("78,193,399 to paddle 1", "The journal under jd-flash"):
        assert words in command.said
    assert "rules of money hold" in command.said
    assert max(map(cell_len, command.said.splitlines())) <= 80


def test_no_word_is_lost_on_80_columns_however_long_the_amounts_and_more_columns_are_used():
    results = [NoShow(preset, terms_of(preset)) for preset in ("jd-flash", "guarded-flash")]
    for result in results:
        result.balances = {when: dict.fromkeys(JournalAccount, -RECORD_FEN - 95) for when in BALANCE_TIMES}
    narrow, wide = report_on(results, columns=80), report_on(results, columns=200)
    assert max(map(cell_len, narrow.splitlines())) <= 80 < max(map(cell_len, wide.splitlines()))
    assert words_of(narrow) == words_of(wide)
    assert "-78,193,399.95" in narrow


def report_on(results: list[NoShow], *, columns: int) -> str:
    """The report as it is printed on a terminal of so many columns."""
    output = StringIO()
    print_report(Console(file=output, width=columns, soft_wrap=True), results, seed=1)
    return output.getvalue()


def words_of(report: str) -> Counter[str]:
    """The words of a report, without lines and borders."""
    return Counter(re.findall(r"[^\s─-╿]+", report))


def test_sigterm_in_the_middle_leaves_no_server_and_no_data(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with commanded(tmp_path, "scenario", "no-show", TMPDIR=str(temporary)) as command:
        (pid_file,) = until(lambda: list(temporary.glob("*/books/pgdata/postmaster.pid")), "the database server")
        pid = int(until(pid_file.read_text, "its process id").split()[0])
        command.process.send_signal(signal.SIGTERM)
        assert command.ended() != 0
    assert "Traceback" not in command.output()
    assert not is_running(pid)
    assert not list(temporary.iterdir())


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
