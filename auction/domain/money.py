"""Money as whole fen (1/100 yuan): its type, its bounds and how it is written for people."""

from typing import NewType

Fen = NewType("Fen", int)

FEN_MIN = Fen(1)
FEN_MAX = Fen(10**13)
"""The largest amount anywhere: 100 billion yuan. Far below 2**53, so exact as a double in Lua too."""

BPS = 10_000
"""Basis points in a whole."""


def is_amount(value: object) -> bool:
    """True for a whole number of fen within FEN_MIN..FEN_MAX; a bool is no amount."""
    return type(value) is int and FEN_MIN <= value <= FEN_MAX


def share(amount_fen: int, bps: int) -> Fen:
    """That many basis points of an amount, rounded down to the fen."""
    return Fen(amount_fen * bps // BPS)


def yuan(amount_fen: int) -> str:
    """An amount as people read it: 7819339900 -> '78,193,399.00'."""
    sign = "-" if amount_fen < 0 else ""
    whole, fen = divmod(abs(amount_fen), 100)
    return f"{sign}{whole:,}.{fen:02d}"
