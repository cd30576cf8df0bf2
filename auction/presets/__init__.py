"""Ready-made terms a lot can be sold under, one TOML file each; read before a bid is ever placed.

A lot is created from a preset with its own fields laid over it (`auction.domain.terms_reader.merge_terms`);
the comment at the top of each file says what the preset is for and which fields a lot usually overrides.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from auction.domain.errors import NotFound, ProblemCode
from auction.domain.money import FEN_MAX

REVIEW_TIMES = "review_above_list_price_times"
"""No term but a preset's own field: the review limit is this many times the lot's list price."""
FLOOR_PERCENT = "floor_list_price_percent"
"""The other one: after a default a runner-up is asked down to this many percent of the list price."""
_SUFFIX = ".toml"


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def load_preset(name: str, list_price_fen: int | None = None) -> Mapping[str, Any]:
    """A preset's terms as plain data for `read_terms`; NotFound (preset-unknown) names what exists.

    Where the preset reviews prices or bounds offers by the list price, `list_price_fen` sets `review_above_fen` and the
    cascade's `floor_fen`; without a list price the amounts written in the preset stay.
    """
    known = preset_names()
    if name not in known:
        raise NotFound(
            ProblemCode.PRESET_UNKNOWN,
            f"There is no preset {name!r}; there are {', '.join(known)}.",
            {"preset": name, "known": list(known)},
        )
    terms = tomllib.loads(files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8"))
    times, percent = terms.pop(REVIEW_TIMES, None), terms.pop(FLOOR_PERCENT, None)
    if times is not None and list_price_fen is not None:
        # a list price far below the start would hold every bid, one far above it passes what an amount can be
        terms["review_above_fen"] = max(terms["start_price_fen"], min(times * list_price_fen, FEN_MAX))
    if percent is not None and list_price_fen is not None:
        terms["settlement"]["cascade"]["floor_fen"] = -(-percent * list_price_fen // 100)
    return terms
