"""Tells staff what is wrong with terms while they are being written, each contradiction by a code and its figures.

The rules speak in sentences (`auction.domain.terms`); a page in another language needs to know which sentence it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auction.domain.errors import TermsInvalid
from auction.domain.terms import terms_as_mapping
from auction.domain.terms_reader import merge_terms, read_terms
from auction.presets import load_preset

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One thing wrong: the field it is best mended in, a code, the sentence of the rules, and the figures in it."""

    field: str
    code: str
    detail: str
    facts: Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class TermsChecked:
    """Terms as bidders would read them, or everything wrong with them."""

    terms: Mapping[str, Any] | None
    contradictions: list[Contradiction]


_SAID: tuple[tuple[str, str, str], ...] = (
    # code, field, and what the rules say; a group named for a unit is a figure in it
    (
        "reserve-under-start",
        "reserve_fen",
        r"reserve_fen (?P<reserve_fen>\d+) is under start_price_fen (?P<start_fen>\d+);",
    ),
    ("cap-under-start", "cap_fen", r"cap_fen (?P<cap_fen>\d+) is under start_price_fen (?P<start_fen>\d+);"),
    ("cap-under-reserve", "cap_fen", r"cap_fen (?P<cap_fen>\d+) is under reserve_fen (?P<reserve_fen>\d+);"),
    (
        "review-under-start",
        "review_above_fen",
        r"review_above_fen (?P<review_fen>\d+) is under start_price_fen (?P<start_fen>\d+);",
    ),
    (
        "review-above-cap",
        "review_above_fen",
        r"review_above_fen (?P<review_fen>\d+) is above cap_fen (?P<cap_fen>\d+);",
    ),
    (
        "hard-stop-under-extension",
        "soft_close.hard_stop_ms",
        r"soft_close\.hard_stop_ms (?P<hard_stop_ms>\d+) is under soft_close\.extension_ms (?P<extension_ms>\d+);",
    ),
    ("percent-alone", "settlement.percent_bps", r"settlement\.percent_bps goes with default_liability 'percent'"),
    ("waterfall-not-each-once", "settlement.waterfall", r"settlement\.waterfall must name cost, gap, commission, each"),
    (
        "resale-under-payment",
        "settlement.resale_window_ms",
        r"settlement\.resale_window_ms (?P<resale_ms>\d+) is under settlement\.payment_window_ms (?P<payment_ms>\d+);",
    ),
    (
        "floor-above-cap",
        "settlement.cascade.floor_fen",
        r"settlement\.cascade\.floor_fen (?P<floor_fen>\d+) is above cap_fen (?P<cap_fen>\d+);",
    ),
    (
        "increments-gap",
        "increments",
        r"increments leave a gap: the first begins at (?P<from_fen>\d+), above start_price_fen (?P<start_fen>\d+);",
    ),
    (
        "increments-fall",
        "increments",
        r"increments must rise: from_fen (?P<from_fen>\d+) follows (?P<previous_fen>\d+)",
    ),
    ("jump-in-proxy", "max_jump", r"max_jump applies to direct bidding only;"),
    (
        "jump-too-small",
        "max_jump",
        r"max_jump allows (?P<allowed_fen>\d+) at (?P<price_fen>\d+), less than the increment (?P<step_fen>\d+);",
    ),
    ("jump-empty", "max_jump", r"max_jump must give at least one of"),
    (
        "bands-deposit-falls",
        "deposit.bands",
        r"deposit\.bands must rise: deposit_fen (?P<deposit_fen>\d+) follows (?P<previous_fen>\d+)",
    ),
    ("bands-open-early", "deposit.bands", r"only the last of deposit\.bands may have no limit_fen"),
    (
        "bands-limit-falls",
        "deposit.bands",
        r"deposit\.bands must rise: limit_fen (?P<limit_fen>\d+) follows (?P<previous_fen>\d+)",
    ),
    (
        "bands-under-start",
        "deposit.bands",
        r"the first deposit band allows bids up to (?P<limit_fen>\d+), under start_price_fen (?P<start_fen>\d+)",
    ),
)
_KNOWN = [(code, field, re.compile(said)) for code, field, said in _SAID]
_OF_A_FIELD = (
    # what the reader says of one field, after the field's path
    ("missing", re.compile(r"(?P<field>[\w.\[\]]+) is missing")),
    (
        "not-in-range",
        re.compile(r"(?P<field>[\w.\[\]]+) must be a whole number from (?P<least>\d+) to (?P<most>\d+), got"),
    ),
    ("not-a-choice", re.compile(r"(?P<field>[\w.\[\]]+) must be (?:one|a list) of [a-z]")),
)
_PATH = re.compile(r"[\w.\[\]]+")


def check_terms(
    *, preset: str | None = None, list_price_fen: int | None = None, terms: Mapping[str, Any] | None = None
) -> TermsChecked:
    """The terms that a lot would be created under with these; nothing is created. Raises NotFound(preset-unknown)."""
    base = load_preset(preset, list_price_fen) if preset is not None else {}
    try:
        agreed = read_terms(merge_terms(base, terms or {}))
    except TermsInvalid as invalid:
        return TermsChecked(None, [understood(sentence) for sentence in invalid.problems])
    return TermsChecked(terms_as_mapping(agreed), [])


def understood(sentence: str) -> Contradiction:
    """A sentence of the rules with its code and figures; `other` where it is none of those known here."""
    for code, field, said in _KNOWN:
        if found := said.match(sentence):
            return Contradiction(field, code, sentence, {name: int(text) for name, text in found.groupdict().items()})
    for code, said in _OF_A_FIELD:
        if found := said.match(sentence):
            facts = {name: int(text) for name, text in found.groupdict().items() if name != "field"}
            return Contradiction(found["field"], code, sentence, facts)
    path = _PATH.match(sentence)
    return Contradiction(path[0] if path else "", OTHER, sentence, {})
