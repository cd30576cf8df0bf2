"""Checks terms while staff write them, without creating a lot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auction.domain.contradictions import Contradiction
from auction.domain.errors import TermsInvalid
from auction.domain.terms import terms_as_mapping
from auction.domain.terms_reader import merge_terms, read_new_terms
from auction.presets import load_preset


@dataclass(frozen=True, slots=True)
class TermsChecked:
    """Terms in the form that bidders read (None: they are not sound), and everything wrong with them."""

    terms: Mapping[str, Any] | None
    contradictions: Sequence[Contradiction]


def check_terms(
    *, preset: str | None = None, list_price_fen: int | None = None, terms: Mapping[str, Any] | None = None
) -> TermsChecked:
    """The terms that a lot would be created with, or their contradictions. Raises NotFound(preset-unknown)."""
    base = load_preset(preset, list_price_fen) if preset is not None else {}
    try:
        found = read_new_terms(merge_terms(base, terms or {}))
    except TermsInvalid as invalid:
        return TermsChecked(None, invalid.contradictions)
    return TermsChecked(terms_as_mapping(found), [])
