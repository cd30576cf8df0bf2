import re
from typing import Any

import pytest

from auction.domain.contradictions import ContradictionCode
from auction.domain.errors import TermsInvalid
from auction.domain.terms_reader import read_new_terms

SOUND: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 100,
    "increments": [{"from_fen": 0, "step_fen": 100}],
}


def band(deposit_fen: int, limit_fen: int | None) -> dict[str, Any]:
    return {"deposit_fen": deposit_fen, "limit_fen": limit_fen}


def ladder(*bands: dict[str, Any]) -> dict[str, Any]:
    return {"deposit": {"policy": "ladder", "bands": list(bands)}}


EXAMPLES: list[tuple[str, str, dict[str, Any]]] = [
    # code, the field to correct, terms that provoke it
    ("missing", "deposit.amount_fen", {"deposit": {"policy": "flat"}}),
    ("not-in-range", "start_price_fen", {"start_price_fen": 0}),
    ("not-a-choice", "bidding", {"bidding": "silent"}),
    ("not-a-choice", "settlement.waterfall", {"settlement": {"waterfall": ["cost", "debts"]}}),
    ("not-a-boolean", "on_grid", {"on_grid": 1}),
    ("not-a-table", "soft_close", {"soft_close": 5}),
    ("not-a-list", "increments", {"increments": []}),
    ("unknown-field", "soft_close.length_ms", {"soft_close": {"window_ms": 1, "extension_ms": 1, "length_ms": 1}}),
    ("unknown-field", "{cap} fen", {"{cap} fen": 1}),
    ("jump-empty", "max_jump", {"max_jump": {}}),
    ("reserve-under-start", "reserve_fen", {"reserve_fen": 50}),
    ("cap-under-start", "cap_fen", {"cap_fen": 50}),
    ("cap-under-reserve", "cap_fen", {"cap_fen": 500, "reserve_fen": 600}),
    ("review-under-start", "review_above_fen", {"review_above_fen": 50}),
    ("review-above-cap", "review_above_fen", {"review_above_fen": 700, "cap_fen": 600}),
    (
        "hard-stop-under-extension",
        "soft_close.hard_stop_ms",
        {"soft_close": {"window_ms": 1_000, "extension_ms": 2_000, "hard_stop_ms": 1_000}},
    ),
    ("increments-gap", "increments", {"increments": [{"from_fen": 200, "step_fen": 100}]}),
    (
        "increments-fall",
        "increments",
        {"increments": [{"from_fen": 0, "step_fen": 100}, {"from_fen": 0, "step_fen": 200}]},
    ),
    ("auto-bids-in-proxy", "auto_bids", {"bidding": "proxy", "auto_bids": True}),
    ("jump-in-proxy", "max_jump", {"bidding": "proxy", "max_jump": {"steps": 5}}),
    ("jump-too-small", "max_jump", {"max_jump": {"fen": 50}}),
    ("bands-deposit-falls", "deposit.bands", ladder(band(200, 1_000), band(100, 2_000))),
    ("bands-limit-falls", "deposit.bands", ladder(band(100, 2_000), band(200, 1_000))),
    ("bands-open-early", "deposit.bands", ladder(band(100, None), band(200, 2_000))),
    ("bands-under-start", "deposit.bands", ladder(band(100, 50))),
    ("percent-alone", "settlement.percent_bps", {"settlement": {"percent_bps": 100}}),
    ("percent-alone", "settlement.percent_bps", {"settlement": {"default_liability": "percent"}}),
    ("waterfall-not-each-once", "settlement.waterfall", {"settlement": {"waterfall": ["cost", "gap"]}}),
    (
        "resale-under-payment",
        "settlement.resale_window_ms",
        {"settlement": {"payment_window_ms": 10, "resale_window_ms": 9}},
    ),
    (
        "floor-above-cap",
        "settlement.cascade.floor_fen",
        {"cap_fen": 500, "settlement": {"cascade": {"depth": 1, "floor_fen": 501}}},
    ),
    (
        "resale-under-cascade",
        "settlement.resale_window_ms",
        {"settlement": {"payment_window_ms": 10, "resale_window_ms": 10, "cascade": {"depth": 1, "price": "own_bid"}}},
    ),
    ("clean-without-floor", "settlement.cascade.floor_fen", {"settlement": {"cascade": {"depth": 1}}}),
]


@pytest.mark.parametrize("code, field, wrong", EXAMPLES)
def test_a_contradiction_names_its_field_and_its_sentence_has_every_fact(code, field, wrong):
    with pytest.raises(TermsInvalid) as caught:
        read_new_terms({**SOUND, **wrong})

    found = {str(one.code): one for one in caught.value.contradictions}
    assert found[code].field == field
    assert set(found[code].facts) == set(re.findall(r"\{(\w+)\}", found[code].code.template)) - {"field"}
    assert all(str(fact) in found[code].sentence() for fact in found[code].facts.values())


def test_every_code_has_an_example():
    assert {code for code, _, _ in EXAMPLES} == set(map(str, ContradictionCode))
