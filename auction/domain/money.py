"""Money as a whole number of fen (1/100 yuan): the allowed range, shares of an amount, and how it is written.

In another currency it is a whole number of its minor units (`auction.domain.currency`).

Amounts are plain ints in variables, fields and columns whose names end in `_fen`.
"""

from typing import Final

from auction.domain.currency import CNY

FEN_MIN: Final = 1
FEN_MAX: Final = 10**13
"""The largest amount anywhere: 100 billion yuan. Far below 2**53, so exact as a double in Lua too."""

BPS = 10_000
"""Basis points in a whole."""


def is_amount(value: object) -> bool:
    """True for a whole number of fen within FEN_MIN..FEN_MAX; a bool is no amount."""
    return type(value) is int and FEN_MIN <= value <= FEN_MAX


def share(amount_fen: int, bps: int) -> int:
    """That many basis points of an amount, in fen, rounded down."""
    return amount_fen * bps // BPS


def yuan(amount_fen: int) -> str:
    """An amount of the yuan as people read it: 7819339900 -> '78,193,399.00'."""
    return CNY.digits(amount_fen)
