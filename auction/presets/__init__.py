"""Ready-made terms a lot can be sold under, one TOML file each; read before a bid is ever placed.

A lot is created from a preset with its own fields laid over it (`auction.domain.terms_reader.merge_terms`);
the comment at the top of each file says what the preset is for and which fields a lot usually overrides.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from auction.domain.errors import NotFound, ProblemCode

_SUFFIX = ".toml"


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def load_preset(name: str) -> Mapping[str, Any]:
    """A preset's terms as plain data for `read_terms`; NotFound (preset-unknown) names what exists."""
    known = preset_names()
    if name not in known:
        raise NotFound(
            ProblemCode.PRESET_UNKNOWN,
            f"There is no preset {name!r}; there are {', '.join(known)}.",
            {"preset": name, "known": list(known)},
        )
    return tomllib.loads(files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8"))
