"""Presets: terms that a lot can be sold under, one TOML file each, with what the staff page shows of them.

A lot is created from a preset with its own fields laid over it (`auction.domain.terms_reader.merge_terms`). The comment
at the top of each file says what the preset is for and which fields a lot usually overrides. A new preset is one file
more: its terms, and a table `preset` with `order` (its place in lists, from 1), `default_duration_ms` (how long bidding
lasts) and `labels.<language>.name` and `.description` in every language of the pages.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from auction.domain.errors import NotFound, ProblemCode
from auction.domain.money import FEN_MAX

REVIEW_TIMES = "review_above_list_price_times"
"""A preset's own field, no term: the review limit is this many times the lot's list price."""
FLOOR_PERCENT = "floor_list_price_percent"
"""A preset's own field, no term: the floor of an offer to a runner-up is this percentage of the list price."""
ABOUT = "preset"
"""The table of what the staff page shows; no term either."""
LANGUAGES = ("en", "zh-CN")
"""The languages of the pages: a preset has a label in each."""
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class PresetLabel:
    """What a preset is called in one language, and a sentence or two about it."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset as the staff page lists it: labels by language tag, place in the list, usual duration in ms."""

    name: str
    labels: Mapping[str, PresetLabel]
    order: int
    default_duration_ms: int


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def all_presets() -> list[Preset]:
    """All presets in their order, without their terms."""
    return sorted(map(_described, preset_names()), key=lambda preset: (preset.order, preset.name))


def load_preset(name: str, list_price_fen: int | None = None) -> Mapping[str, Any]:
    """A preset's terms as plain data for `read_terms`. Raises NotFound (preset-unknown) with the names that exist.

    Where the preset derives its review limit or the floor of its offers from the list price, `list_price_fen` sets
    `review_above_fen` and the cascade's `floor_fen`; without a list price the amounts written in the preset stay.
    """
    known = preset_names()
    if name not in known:
        raise NotFound(
            ProblemCode.PRESET_UNKNOWN,
            f"There is no preset {name!r}; there are {', '.join(known)}.",
            {"preset": name, "known": list(known)},
        )
    terms = _read(name)
    del terms[ABOUT]
    times, percent = terms.pop(REVIEW_TIMES, None), terms.pop(FLOOR_PERCENT, None)
    if times is not None and list_price_fen is not None:
        # a list price far below the start would hold every bid, one far above it passes what an amount can be
        terms["review_above_fen"] = max(terms["start_price_fen"], min(times * list_price_fen, FEN_MAX))
    if percent is not None and list_price_fen is not None:
        terms["settlement"]["cascade"]["floor_fen"] = -(-percent * list_price_fen // 100)
    return terms


def _described(name: str) -> Preset:
    about = _read(name)[ABOUT]
    labels = {language: PresetLabel(**about["labels"][language]) for language in LANGUAGES}
    return Preset(name, labels, about["order"], about["default_duration_ms"])


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8"))
