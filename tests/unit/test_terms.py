import json
import re
from typing import Any

import pytest
from hypothesis import given

from auction.domain.contradictions import Contradiction, ContradictionCode
from auction.domain.deposits import DepositBand, FlatDeposit, LadderDeposit, NoDeposit, PurseDeposit
from auction.domain.errors import TermsInvalid
from auction.domain.money import FEN_MAX
from auction.domain.terms import (
    Bidding,
    Cascade,
    Increment,
    MaxJump,
    SettlementTerms,
    SoftClose,
    contradictions,
    terms_as_mapping,
)
from auction.domain.terms_reader import BANDS_MAX, MS_MAX, merge_terms, read_new_terms, read_terms
from tests.unit.examples import any_terms, by_rule, terms

MIN: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 100,
    "increments": [{"from_fen": 0, "step_fen": 100}],
}

FULL: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 100,
    "increments": [{"from_fen": 0, "step_fen": 100}, {"from_fen": 10_000, "step_fen": 500}],
    "on_grid": True,
    "max_jump": {"steps": 10, "percent": 10, "fen": 5_000},
    "reserve_fen": 5_000,
    "cap_fen": 90_000,
    "review_above_fen": 50_000,
    "soft_close": {"window_ms": 300_000, "extension_ms": 200_000, "hard_stop_ms": 900_000},
    "deposit": {"policy": "ladder", "bands": [{"deposit_fen": 10, "limit_fen": 1_000}, {"deposit_fen": 50}]},
    "settlement": {
        "payment_window_ms": 1_000,
        "grace_ms": 0,
        "buyer_fee_bps": 100,
        "seller_commission_bps": 200,
        "default_liability": "percent",
        "percent_bps": 2_000,
        "cascade": {
            "depth": 3,
            "price": "own_bid",
            "floor_percent": 50,
            "offer_window_ms": 2_000,
            "floor_fen": 6_000,
        },
        "when_exhausted": "unsold",
        "waterfall": ["gap", "cost", "commission"],
        "rest_to": "seller",
        "resale_window_ms": 3_000,
        "reauction_cost_fen": 700,
        "decision_window_ms": 4_000,
        "cure_ms": 5_500,
        "handover_window_ms": 6_500,
        "storage_fee_fen": 800,
    },
}


def problems_of(data: Any) -> list[str]:
    with pytest.raises(TermsInvalid) as caught:
        read_terms(data)
    sentences = [one.sentence() for one in caught.value.contradictions]
    assert caught.value.facts["problems"] == sentences
    return sentences


def copy_and_way(path: str) -> tuple[dict[str, Any], Any, Any]:
    """A copy of FULL, the table or list that holds the value at a dotted path, and its name or place there."""
    data = json.loads(json.dumps(FULL))
    *way, last = (int(name) if name.isdigit() else name for name in path.split("."))
    at: Any = data
    for name in way:
        at = at[name]
    return data, at, last


def changed(path: str, value: Any) -> dict[str, Any]:
    """FULL with the value at a dotted path (`increments.0.step_fen`) set."""
    data, at, last = copy_and_way(path)
    at[last] = value
    return data


def without(path: str) -> dict[str, Any]:
    """FULL without the field at a dotted path."""
    data, at, last = copy_and_way(path)
    del at[last]
    return data


# --- reading ----------------------------------------------------------------------------------------------------------


def test_every_field_is_read():
    read = read_terms(FULL)
    assert read == terms(
        increments=(Increment(0, 100), Increment(10_000, 500)),
        on_grid=True,
        max_jump=MaxJump(steps=10, percent=10, fen=5_000),
        reserve_fen=5_000,
        cap_fen=90_000,
        review_above_fen=50_000,
        soft_close=SoftClose(300_000, 200_000, 900_000),
        deposit=LadderDeposit((DepositBand(10, 1_000), DepositBand(50, None))),
        settlement=SettlementTerms(
            payment_window_ms=1_000,
            grace_ms=0,
            buyer_fee_bps=100,
            seller_commission_bps=200,
            default_liability="percent",
            percent_bps=2_000,
            cascade=Cascade(depth=3, price="own_bid", floor_percent=50, offer_window_ms=2_000, floor_fen=6_000),
            when_exhausted="unsold",
            waterfall=("gap", "cost", "commission"),
            rest_to="seller",
            resale_window_ms=3_000,
            reauction_cost_fen=700,
            decision_window_ms=4_000,
            cure_ms=5_500,
            handover_window_ms=6_500,
            storage_fee_fen=800,
        ),
    )


def test_what_is_left_out_is_off_and_has_the_houses_defaults():
    assert read_terms(MIN) == terms()


def test_null_says_the_same_as_leaving_a_field_out():
    optional = ("max_jump", "reserve_fen", "cap_fen", "review_above_fen", "soft_close", "deposit", "settlement")
    assert read_terms({**MIN, **dict.fromkeys(optional)}) == read_terms(MIN)


@pytest.mark.parametrize(
    "data, policy",
    [
        ({"policy": "none"}, NoDeposit()),
        ({"policy": "flat", "amount_fen": 7}, FlatDeposit(7)),
        ({"policy": "purse", "multiplier": 20, "amount_fen": 7}, PurseDeposit(20, 7)),
    ],
)
def test_every_deposit_policy_is_read(data, policy):
    assert read_terms({**MIN, "deposit": data}).deposit == policy


@by_rule
@given(any_terms())
def test_terms_written_as_plain_data_read_as_the_same_terms(some):
    written = json.loads(json.dumps(terms_as_mapping(some)))
    assert read_terms(written) == some


def test_the_public_never_sees_the_reserve():
    full = read_terms(FULL)
    assert terms_as_mapping(full)["reserve_fen"] == 5_000
    assert "reserve_fen" not in terms_as_mapping(full, public=True)
    assert "5000" not in json.dumps(terms_as_mapping(full, public=True)["settlement"])


def test_the_fingerprint_is_the_same_for_the_same_terms_and_another_for_any_other():
    assert read_terms(FULL).sha256() == read_terms(json.loads(json.dumps(FULL))).sha256()
    others = {read_terms(changed(path, value)).sha256() for path, value in SOUND_CHANGES}
    assert len(others | {read_terms(FULL).sha256()}) == len(SOUND_CHANGES) + 1


LATER_CHANGES: list[tuple[str, Any]] = [
    ("settlement.waterfall", ["commission", "gap", "cost"]),
    ("settlement.rest_to", "house"),
    ("settlement.resale_window_ms", 3_001),
    ("settlement.reauction_cost_fen", 0),
    ("settlement.decision_window_ms", 0),
    ("settlement.cure_ms", 0),
    ("settlement.handover_window_ms", 6_501),
    ("settlement.storage_fee_fen", 0),
    ("settlement.cascade.floor_fen", None),
]

SOUND_CHANGES: list[tuple[str, Any]] = [
    ("start_price_fen", 101),
    ("increments.1.step_fen", 501),
    ("on_grid", False),
    ("max_jump", None),
    ("reserve_fen", None),
    ("cap_fen", 90_001),
    ("review_above_fen", 50_001),
    ("soft_close.hard_stop_ms", None),
    ("deposit", {"policy": "none"}),
    ("settlement.cascade.price", "clean"),
    ("settlement.when_exhausted", "relist"),
    *LATER_CHANGES,
]


def test_the_fingerprint_does_not_change_with_the_program():
    # lots already scheduled carry it: a new field of the terms must keep old fingerprints checkable
    assert terms().sha256() == "2ef45746096776fc2bf586102066e3b5c99c80ece7a19a4f66e6fe2ad7385582"


LATER_FIELDS = [
    SettlementTerms(waterfall=("gap", "cost", "commission")),
    SettlementTerms(rest_to="seller"),
    SettlementTerms(resale_window_ms=86_400_000),
    SettlementTerms(reauction_cost_fen=1),
    SettlementTerms(decision_window_ms=1),
    SettlementTerms(cure_ms=1),
    SettlementTerms(handover_window_ms=1),
    SettlementTerms(storage_fee_fen=1),
    SettlementTerms(cascade=Cascade(floor_fen=1)),
]


@pytest.mark.parametrize("settlement", LATER_FIELDS)
def test_a_field_that_terms_did_not_always_have_counts_in_the_fingerprint_unless_at_its_default(settlement):
    marked = terms(settlement=settlement)
    assert marked.sha256() != terms().sha256()
    assert read_terms(json.loads(json.dumps(terms_as_mapping(marked)))).sha256() == marked.sha256()


def test_each_field_that_terms_did_not_always_have_makes_a_fingerprint_of_its_own():
    assert len({terms(settlement=settlement).sha256() for settlement in LATER_FIELDS}) == len(LATER_FIELDS)


# --- malformed --------------------------------------------------------------------------------------------------------

MALFORMED = [
    ("bidding", "english", "bidding must be one of direct, proxy, got 'english'"),
    ("bidding", 1, "bidding must be one of direct, proxy, got 1"),
    ("bidding", ["direct"], "bidding must be one of direct, proxy, got ['direct']"),
    ("start_price_fen", 0, f"start_price_fen must be a whole number from 1 to {FEN_MAX}, got 0"),
    ("start_price_fen", FEN_MAX + 1, f"start_price_fen must be a whole number from 1 to {FEN_MAX}, got {FEN_MAX + 1}"),
    ("start_price_fen", 1.0, f"start_price_fen must be a whole number from 1 to {FEN_MAX}, got 1.0"),
    ("start_price_fen", "100", f"start_price_fen must be a whole number from 1 to {FEN_MAX}, got '100'"),
    ("start_price_fen", True, f"start_price_fen must be a whole number from 1 to {FEN_MAX}, got True"),
    ("start_price_fen", None, f"start_price_fen must be a whole number from 1 to {FEN_MAX}, got None"),
    ("increments", [], f"increments must be a list of 1 to {BANDS_MAX} tables, got []"),
    ("increments", "0:100", f"increments must be a list of 1 to {BANDS_MAX} tables, got '0:100'"),
    ("increments", 100, f"increments must be a list of 1 to {BANDS_MAX} tables, got 100"),
    ("increments", None, f"increments must be a list of 1 to {BANDS_MAX} tables, got None"),
    ("increments.0", 100, "increments[0] must be a table of fields, got 100"),
    ("increments.0.from_fen", -1, f"increments[0].from_fen must be a whole number from 0 to {FEN_MAX}, got -1"),
    ("increments.1.step_fen", 0, f"increments[1].step_fen must be a whole number from 1 to {FEN_MAX}, got 0"),
    ("increments.1.to_fen", 5, "increments[1].to_fen is not a known field; known here: from_fen, step_fen"),
    ("on_grid", 1, "on_grid must be true or false, got 1"),
    ("on_grid", None, "on_grid must be true or false, got None"),
    ("max_jump", 10, "max_jump must be a table of fields, got 10"),
    ("max_jump", {}, "max_jump must give at least one of steps, percent, fen (or be null)"),
    ("max_jump.steps", 0, "max_jump.steps must be a whole number from 1 to 1000000, got 0"),
    ("max_jump.percent", 10_001, "max_jump.percent must be a whole number from 1 to 10000, got 10001"),
    ("max_jump.fen", 0.5, f"max_jump.fen must be a whole number from 1 to {FEN_MAX}, got 0.5"),
    ("reserve_fen", 0, f"reserve_fen must be a whole number from 1 to {FEN_MAX}, got 0"),
    ("cap_fen", "none", f"cap_fen must be a whole number from 1 to {FEN_MAX}, got 'none'"),
    ("review_above_fen", False, f"review_above_fen must be a whole number from 1 to {FEN_MAX}, got False"),
    ("soft_close", [], "soft_close must be a table of fields, got []"),
    ("soft_close.window_ms", 0, f"soft_close.window_ms must be a whole number from 1 to {MS_MAX}, got 0"),
    ("soft_close.extension_ms", 0, f"soft_close.extension_ms must be a whole number from 1 to {MS_MAX}, got 0"),
    ("soft_close.hard_stop_ms", 0, f"soft_close.hard_stop_ms must be a whole number from 1 to {MS_MAX}, got 0"),
    (
        "soft_close.window_ms",
        MS_MAX + 1,
        f"soft_close.window_ms must be a whole number from 1 to {MS_MAX}, got {MS_MAX + 1}",
    ),
    ("deposit", "flat", "deposit must be a table of fields, got 'flat'"),
    ("deposit", {"policy": "cash"}, "deposit.policy must be one of none, flat, ladder, purse, got 'cash'"),
    (
        "deposit",
        {"policy": "flat", "amount_fen": 0},
        f"deposit.amount_fen must be a whole number from 1 to {FEN_MAX}, got 0",
    ),
    (
        "deposit",
        {"policy": "flat", "amount_fen": 1, "bands": []},
        "deposit.bands is not a known field; known here: amount_fen, policy",
    ),
    (
        "deposit",
        {"policy": "purse", "multiplier": 1_001, "amount_fen": 1},
        "deposit.multiplier must be a whole number from 1 to 1000, got 1001",
    ),
    (
        "deposit",
        {"policy": "purse", "multiplier": 1, "amount_fen": FEN_MAX},
        f"deposit.amount_fen must be a whole number from 1 to {FEN_MAX // 1_000}, got {FEN_MAX}",
    ),
    ("deposit.bands", [], f"deposit.bands must be a list of 1 to {BANDS_MAX} tables, got []"),
    (
        "deposit.bands.0.deposit_fen",
        0,
        f"deposit.bands[0].deposit_fen must be a whole number from 1 to {FEN_MAX}, got 0",
    ),
    ("deposit.bands.1.limit_fen", 0, f"deposit.bands[1].limit_fen must be a whole number from 1 to {FEN_MAX}, got 0"),
    ("settlement", True, "settlement must be a table of fields, got True"),
    (
        "settlement.payment_window_ms",
        0,
        f"settlement.payment_window_ms must be a whole number from 1 to {MS_MAX}, got 0",
    ),
    ("settlement.grace_ms", -1, f"settlement.grace_ms must be a whole number from 0 to {MS_MAX}, got -1"),
    ("settlement.buyer_fee_bps", 10_001, "settlement.buyer_fee_bps must be a whole number from 0 to 10000, got 10001"),
    (
        "settlement.seller_commission_bps",
        -1,
        "settlement.seller_commission_bps must be a whole number from 0 to 10000, got -1",
    ),
    (
        "settlement.default_liability",
        "all",
        "settlement.default_liability must be one of deposit_only, shortfall, percent, got 'all'",
    ),
    ("settlement.percent_bps", 0, "settlement.percent_bps must be a whole number from 1 to 10000, got 0"),
    ("settlement.when_exhausted", "keep", "settlement.when_exhausted must be one of relist, unsold, got 'keep'"),
    (
        "settlement.waterfall",
        "cost",
        "settlement.waterfall must be a list of cost, gap, commission, got 'cost'",
    ),
    ("settlement.waterfall", None, "settlement.waterfall must be a list of cost, gap, commission, got None"),
    (
        "settlement.waterfall",
        ["cost", "gap", "rest"],
        "settlement.waterfall must be a list of cost, gap, commission, got ['cost', 'gap', 'rest']",
    ),
    (
        "settlement.waterfall",
        ["cost", "gap", "gap", "gap"],
        "settlement.waterfall must be a list of cost, gap, commission, got ['cost', 'gap', 'gap', 'gap']",
    ),
    ("settlement.waterfall", [[], 1], "settlement.waterfall must be a list of cost, gap, commission, got [[], 1]"),
    ("settlement.rest_to", "buyer", "settlement.rest_to must be one of house, seller, got 'buyer'"),
    (
        "settlement.resale_window_ms",
        0,
        f"settlement.resale_window_ms must be a whole number from 1 to {MS_MAX}, got 0",
    ),
    (
        "settlement.reauction_cost_fen",
        -1,
        f"settlement.reauction_cost_fen must be a whole number from 0 to {FEN_MAX}, got -1",
    ),
    (
        "settlement.cascade.floor_fen",
        0,
        f"settlement.cascade.floor_fen must be a whole number from 1 to {FEN_MAX}, got 0",
    ),
    ("settlement.cascade", 2, "settlement.cascade must be a table of fields, got 2"),
    ("settlement.cascade.depth", 4, "settlement.cascade.depth must be a whole number from 0 to 3, got 4"),
    ("settlement.cascade.price", "low", "settlement.cascade.price must be one of clean, own_bid, got 'low'"),
    (
        "settlement.cascade.floor_percent",
        101,
        "settlement.cascade.floor_percent must be a whole number from 0 to 100, got 101",
    ),
    (
        "settlement.cascade.offer_window_ms",
        0,
        f"settlement.cascade.offer_window_ms must be a whole number from 1 to {MS_MAX}, got 0",
    ),
]


@pytest.mark.parametrize("path, value, problem", MALFORMED)
def test_a_malformed_field_is_named_with_what_is_allowed(path, value, problem):
    assert problems_of(changed(path, value)) == [problem]


@pytest.mark.parametrize(
    "path",
    [
        "bidding",
        "start_price_fen",
        "increments",
        "increments.1.from_fen",
        "increments.1.step_fen",
        "soft_close.window_ms",
        "soft_close.extension_ms",
        "deposit.policy",
        "deposit.bands",
        "deposit.bands.0.deposit_fen",
    ],
)
def test_a_missing_field_is_named(path):
    expected = re.sub(r"\.(\d)", r"[\1]", path)
    assert f"{expected} is missing" in problems_of(without(path))


def test_an_empty_table_misses_its_fields_like_any_other():
    empty = {**MIN, "increments": [{}], "soft_close": {}, "deposit": {}}
    assert problems_of(empty) == [
        "increments[0].from_fen is missing",
        "increments[0].step_fen is missing",
        "soft_close.window_ms is missing",
        "soft_close.extension_ms is missing",
        "deposit.policy is missing",
    ]


def test_an_unknown_field_is_named_beside_the_known_ones():
    (problem,) = problems_of({**MIN, "start_price": 100})
    assert problem.startswith("start_price is not a known field; known here: auto_bids, bidding, cap_fen, deposit, ")
    assert "start_price_fen" in problem


@pytest.mark.parametrize("data", [None, [], "jd-flash", 7])
def test_terms_that_are_no_table_say_so_and_nothing_else(data):
    assert problems_of(data) == [f"terms must be a table of fields, got {data!r}"]


def test_all_malformed_fields_are_named_at_once():
    data = {**FULL, "bidding": "english", "start_price_fen": 0, "max_jump": {}, "deposit": {"policy": "flat"}, "x": 1}
    named = [problem.split(" ", maxsplit=1)[0] for problem in problems_of(data)]
    assert named == ["bidding", "start_price_fen", "max_jump", "deposit.amount_fen", "x"]


def test_a_long_value_is_shown_cut_short():
    (problem,) = problems_of({**MIN, "cap_fen": "9" * 500})
    assert problem.endswith("9...")
    assert len(problem) < 140
    (problem,) = problems_of({**MIN, "cap_fen": "9" * 58})
    assert problem.endswith(f"got '{'9' * 58}'")


def test_durations_go_up_to_a_leap_year_and_tables_to_64_bands():
    assert (MS_MAX, BANDS_MAX) == (31_622_400_000, 64)


def test_a_list_of_more_bands_than_allowed_is_refused():
    bands = [{"from_fen": n, "step_fen": 1} for n in range(BANDS_MAX + 1)]
    assert read_terms({**MIN, "increments": bands[:BANDS_MAX]}).increments[-1].from_fen == BANDS_MAX - 1
    (problem,) = problems_of({**MIN, "increments": bands})
    assert problem.startswith(f"increments must be a list of 1 to {BANDS_MAX} tables")


# --- contradictions ---------------------------------------------------------------------------------------------------


def ladder(*bands: tuple[int, int | None]) -> LadderDeposit:
    return LadderDeposit(tuple(DepositBand(*band) for band in bands))


CONTRADICTIONS = [
    (
        {"reserve_fen": 99},
        Contradiction("reserve_fen", ContradictionCode.RESERVE_UNDER_START, {"reserve_fen": 99, "start_fen": 100}),
        {"reserve_fen": 100},
    ),
    (
        {"cap_fen": 99},
        Contradiction("cap_fen", ContradictionCode.CAP_UNDER_START, {"cap_fen": 99, "start_fen": 100}),
        {"cap_fen": 100},
    ),
    (
        {"cap_fen": 500, "reserve_fen": 501},
        Contradiction("cap_fen", ContradictionCode.CAP_UNDER_RESERVE, {"cap_fen": 500, "reserve_fen": 501}),
        {"cap_fen": 500, "reserve_fen": 500},
    ),
    (
        {"review_above_fen": 99},
        Contradiction("review_above_fen", ContradictionCode.REVIEW_UNDER_START, {"review_fen": 99, "start_fen": 100}),
        {"review_above_fen": 101},
    ),
    (
        {"review_above_fen": 501, "cap_fen": 500},
        Contradiction("review_above_fen", ContradictionCode.REVIEW_ABOVE_CAP, {"review_fen": 501, "cap_fen": 500}),
        {"review_above_fen": 500, "cap_fen": 500},
    ),
    (
        {"soft_close": SoftClose(10, 20, 19)},
        Contradiction(
            "soft_close.hard_stop_ms",
            ContradictionCode.HARD_STOP_UNDER_EXTENSION,
            {"hard_stop_ms": 19, "extension_ms": 20},
        ),
        {"soft_close": SoftClose(10, 20, 20)},
    ),
    (
        {"settlement": SettlementTerms(default_liability="percent")},
        Contradiction("settlement.percent_bps", ContradictionCode.PERCENT_ALONE, {}),
        {"settlement": SettlementTerms(default_liability="percent", percent_bps=1)},
    ),
    (
        {"settlement": SettlementTerms(default_liability="shortfall", percent_bps=1)},
        Contradiction("settlement.percent_bps", ContradictionCode.PERCENT_ALONE, {}),
        {"settlement": SettlementTerms(default_liability="shortfall")},
    ),
    (
        {"settlement": SettlementTerms(waterfall=("cost", "gap"))},
        Contradiction(
            "settlement.waterfall",
            ContradictionCode.WATERFALL_NOT_EACH_ONCE,
            {"allowed": "cost, gap, commission", "given": "cost, gap"},
        ),
        {"settlement": SettlementTerms(waterfall=("commission", "cost", "gap"))},
    ),
    (
        {"settlement": SettlementTerms(waterfall=("cost", "gap", "gap"))},
        Contradiction(
            "settlement.waterfall",
            ContradictionCode.WATERFALL_NOT_EACH_ONCE,
            {"allowed": "cost, gap, commission", "given": "cost, gap, gap"},
        ),
        {"settlement": SettlementTerms(waterfall=("gap", "commission", "cost"))},
    ),
    (
        {"settlement": SettlementTerms(payment_window_ms=10, resale_window_ms=9)},
        Contradiction(
            "settlement.resale_window_ms", ContradictionCode.RESALE_UNDER_PAYMENT, {"resale_ms": 9, "payment_ms": 10}
        ),
        {"settlement": SettlementTerms(payment_window_ms=10, resale_window_ms=10)},
    ),
    (
        {"cap_fen": 500, "settlement": SettlementTerms(cascade=Cascade(depth=1, floor_fen=501))},
        Contradiction(
            "settlement.cascade.floor_fen", ContradictionCode.FLOOR_ABOVE_CAP, {"floor_fen": 501, "cap_fen": 500}
        ),
        {"cap_fen": 500, "settlement": SettlementTerms(cascade=Cascade(depth=1, floor_fen=500))},
    ),
    (
        {"increments": (Increment(101, 5),)},
        Contradiction("increments", ContradictionCode.INCREMENTS_GAP, {"from_fen": 101, "start_fen": 100}),
        {"increments": (Increment(100, 5),)},
    ),
    (
        {"increments": (Increment(0, 5), Increment(200, 6), Increment(200, 7))},
        Contradiction("increments", ContradictionCode.INCREMENTS_FALL, {"from_fen": 200, "previous_fen": 200}),
        {"increments": (Increment(0, 5), Increment(200, 6), Increment(201, 7))},
    ),
    (
        {"bidding": Bidding.PROXY, "max_jump": MaxJump(steps=1)},
        Contradiction("max_jump", ContradictionCode.JUMP_IN_PROXY, {}),
        {"bidding": Bidding.DIRECT, "max_jump": MaxJump(steps=1)},
    ),
    (
        {"increments": (Increment(0, 50), Increment(200, 100)), "max_jump": MaxJump(fen=99)},
        Contradiction(
            "max_jump", ContradictionCode.JUMP_TOO_SMALL, {"allowed_fen": 99, "price_fen": 200, "step_fen": 100}
        ),
        {"increments": (Increment(0, 50), Increment(200, 100)), "max_jump": MaxJump(fen=100)},
    ),
    (
        {"max_jump": MaxJump(percent=99)},
        Contradiction(
            "max_jump", ContradictionCode.JUMP_TOO_SMALL, {"allowed_fen": 99, "price_fen": 100, "step_fen": 100}
        ),
        {"max_jump": MaxJump(percent=100)},
    ),
    (
        {"deposit": ladder((10, 100), (10, 200))},
        Contradiction("deposit.bands", ContradictionCode.BANDS_DEPOSIT_FALLS, {"deposit_fen": 10, "previous_fen": 10}),
        {"deposit": ladder((10, 100), (11, 200))},
    ),
    (
        {"deposit": ladder((10, 100), (20, 100))},
        Contradiction("deposit.bands", ContradictionCode.BANDS_LIMIT_FALLS, {"limit_fen": 100, "previous_fen": 100}),
        {"deposit": ladder((10, 100), (20, 101))},
    ),
    (
        {"deposit": ladder((10, None), (20, 200))},
        Contradiction("deposit.bands", ContradictionCode.BANDS_OPEN_EARLY, {}),
        {"deposit": ladder((10, 150), (20, None))},
    ),
    (
        {"deposit": ladder((10, 99))},
        Contradiction("deposit.bands", ContradictionCode.BANDS_UNDER_START, {"limit_fen": 99, "start_fen": 100}),
        {"deposit": ladder((10, 100))},
    ),
]


@pytest.mark.parametrize("fields, contradiction, sound", CONTRADICTIONS)
def test_a_contradiction_is_named_and_its_nearest_sound_neighbour_is_not(fields, contradiction, sound):
    assert contradictions(terms(**fields)) == [contradiction]
    assert contradictions(terms(**sound)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"settlement": SettlementTerms(cascade=Cascade(depth=1, floor_fen=501))},
        {"cap_fen": 500, "settlement": SettlementTerms(cascade=Cascade(depth=0, floor_fen=501))},
        {"cap_fen": 500, "settlement": SettlementTerms(cascade=Cascade(depth=1))},
    ],
)
def test_a_floor_contradicts_only_a_cap_under_it_where_somebody_would_be_asked(fields):
    assert contradictions(terms(**fields)) == []


def test_all_contradictions_are_named_at_once():
    data = {
        **MIN,
        "reserve_fen": 50,
        "cap_fen": 40,
        "review_above_fen": 45,
        "increments": [{"from_fen": 200, "step_fen": 100}, {"from_fen": 150, "step_fen": 100}],
        "max_jump": {"fen": 1},
        "soft_close": {"window_ms": 5, "extension_ms": 5, "hard_stop_ms": 1},
        "deposit": {"policy": "ladder", "bands": [{"deposit_fen": 5, "limit_fen": 5}]},
        "settlement": {"percent_bps": 1},
    }
    with pytest.raises(TermsInvalid) as caught:
        read_terms(data)
    assert [str(one.code) for one in caught.value.contradictions] == [
        "reserve-under-start",
        "cap-under-start",
        "cap-under-reserve",
        "review-under-start",
        "review-above-cap",
        "hard-stop-under-extension",
        "percent-alone",
        "increments-gap",
        "increments-fall",
        "jump-too-small",
        "jump-too-small",
        "bands-under-start",
    ]


def test_malformed_terms_are_not_searched_for_contradictions():
    assert problems_of({**MIN, "reserve_fen": 50, "on_grid": 3}) == ["on_grid must be true or false, got 3"]


# --- steps and jumps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price, step", [(1, 5), (99, 5), (100, 25), (499, 25), (500, 50), (10**13, 50)])
def test_the_increment_in_force_is_that_of_the_highest_band_begun(price, step):
    bands = (Increment(1, 5), Increment(100, 25), Increment(500, 50))
    assert terms(start_price_fen=1, increments=bands).step_at(price) == step


@pytest.mark.parametrize(
    "jump, allowed",
    [
        (MaxJump(steps=3), 300),
        (MaxJump(percent=10), 99),
        (MaxJump(fen=250), 250),
        (MaxJump(steps=3, percent=10, fen=250), 300),
        (MaxJump(steps=1, percent=50, fen=250), 499),
        (MaxJump(steps=1, percent=10, fen=250), 250),
    ],
)
def test_the_largest_part_of_a_jump_limit_counts_and_percentages_round_down(jump, allowed):
    assert jump.above(999, 100) == allowed


# --- laying a lot's own fields over a preset --------------------------------------------------------------------------


def test_a_lots_own_fields_win_and_the_rest_stays():
    merged = merge_terms(FULL, {"start_price_fen": 7})
    assert merged == {**FULL, "start_price_fen": 7}


def test_soft_close_settlement_and_its_cascade_are_laid_over_field_by_field():
    own = {"soft_close": {"hard_stop_ms": None}, "settlement": {"grace_ms": 5, "cascade": {"depth": 1}}}
    merged = merge_terms(FULL, own)
    assert merged["soft_close"] == {"window_ms": 300_000, "extension_ms": 200_000, "hard_stop_ms": None}
    assert merged["settlement"]["grace_ms"] == 5
    assert merged["settlement"]["buyer_fee_bps"] == 100
    assert merged["settlement"]["cascade"] == {**FULL["settlement"]["cascade"], "depth": 1}


def test_deposits_jumps_and_increments_are_replaced_as_a_whole():
    own = {"deposit": {"policy": "none"}, "max_jump": {"fen": 5}, "increments": [{"from_fen": 0, "step_fen": 1}]}
    merged = merge_terms(FULL, own)
    assert {field: merged[field] for field in own} == own


def test_null_takes_a_section_of_the_preset_away():
    assert merge_terms(FULL, {"soft_close": None})["soft_close"] is None


def test_a_section_the_preset_lacks_is_taken_as_given():
    own = {"soft_close": {"window_ms": 1, "extension_ms": 1}}
    assert merge_terms(MIN, own)["soft_close"] == own["soft_close"]


def test_laying_over_leaves_the_preset_as_it_was():
    before = json.dumps(FULL)
    merge_terms(FULL, {"settlement": {"cascade": {"depth": 0}}, "soft_close": {"window_ms": 1}})
    assert json.dumps(FULL) == before


# --- what only old terms may say --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settlement, contradiction",
    [
        (
            SettlementTerms(cascade=Cascade(depth=1, floor_percent=50)),
            Contradiction("settlement.cascade.floor_fen", ContradictionCode.CLEAN_WITHOUT_FLOOR, {}),
        ),
        (
            SettlementTerms(
                payment_window_ms=100,
                grace_ms=10,
                cascade=Cascade(depth=2, price="own_bid", offer_window_ms=50),
                resale_window_ms=329,
            ),
            Contradiction(
                "settlement.resale_window_ms",
                ContradictionCode.RESALE_UNDER_CASCADE,
                {"resale_ms": 329, "cascade_ms": 330, "depth": 2},
            ),
        ),
    ],
)
def test_terms_agreed_to_before_are_read_as_they_are_and_new_ones_are_refused(
    settlement: SettlementTerms, contradiction: Contradiction
) -> None:
    data = terms_as_mapping(terms(settlement=settlement))
    assert read_terms(data).settlement == settlement
    with pytest.raises(TermsInvalid) as refused:
        read_new_terms(data)
    assert list(refused.value.contradictions) == [contradiction]


@pytest.mark.parametrize(
    "cascade",
    [Cascade(), Cascade(depth=1, floor_fen=1), Cascade(depth=1, price="own_bid")],
    ids=["nobody", "a floor", "own bid"],
)
def test_only_the_clean_price_of_an_offer_needs_a_floor(cascade: Cascade) -> None:
    some = terms(settlement=SettlementTerms(cascade=cascade))
    assert read_new_terms(terms_as_mapping(some)) == some
