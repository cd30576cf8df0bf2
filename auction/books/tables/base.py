"""What all tables share: the metadata, column types, defaults and check constraints.

Amounts are fen, times UTC ms, both BIGINT. Identifiers are compared byte by byte (collation "C"): their order means
nothing to people, and their indexes are faster so.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import CheckConstraint, Dialect, MetaData, Text, TypeDecorator, text

from auction.domain.money import FEN_MAX, FEN_MIN

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
metadata = MetaData(naming_convention=NAMING)

Id = Text(collation="C")
NOW_MS = text("(EXTRACT(epoch FROM now()) * 1000)::bigint")
"""The transaction's time: for what staff and bidders enter. Rows from the ledger carry the ledger's time."""
EMPTY_OBJECT = text("'{}'::jsonb")

EnumT = TypeVar("EnumT", bound=StrEnum)


class EnumText(TypeDecorator[EnumT]):
    """A text column that holds the values of a StrEnum: rows carry its members; no other value is accepted."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[EnumT]) -> None:
        super().__init__(collation="C")
        self.enum = enum

    def process_bind_param(self, value: EnumT | None, dialect: Dialect) -> str | None:
        """The value to store."""
        del dialect
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> EnumT | None:
        """The member for a stored value."""
        del dialect
        return None if value is None else self.enum(value)


def one_of(column: str, *values: str) -> str:
    """The SQL condition that a column holds one of these values."""
    return f"{column} IN ({_quoted(values)})"


def none_of(column: str, *values: str) -> str:
    """The SQL condition that a column holds none of these values."""
    return f"{column} NOT IN ({_quoted(values)})"


def _quoted(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def amount(column: str) -> CheckConstraint:
    """The constraint that a column holds an amount of money."""
    return CheckConstraint(f"{column} BETWEEN {FEN_MIN} AND {FEN_MAX}", name=column)


def identifier(column: str) -> CheckConstraint:
    """The constraint that a column holds the id of a sale or lot."""
    return CheckConstraint(f"{column} ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length({column}) <= 64", name=column)
