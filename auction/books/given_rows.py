"""Rows and ids that are given to a statement as arrays, so that it is made once, whatever their number.

Off the bid's way. A statement with a list of values is compiled here, and parsed by the server, anew for each length;
and even one whose text stays the same takes longer to make than to send.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, any_, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables.base import Id


class GivenRows:
    """A table named `given` in a statement that is made once; its rows come with each execution."""

    def __init__(self, *columns: tuple[str, Any]) -> None:
        """Takes the columns (name, type); another one, `place`, numbers the rows from 1."""
        self._names = [f"given_{name}" for name, _ in columns]
        arrays = [bindparam(f"given_{name}", type_=ARRAY(column_type)) for name, column_type in columns]
        named = [column(name, column_type) for name, column_type in columns]
        table = func.unnest(*arrays).table_valued(*named, with_ordinality="place", name="given").render_derived()
        self.table = table
        self.c = table.c

    def values(self, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The arguments of an execution with these rows."""
        return {name: [row[place] for row in rows] for place, name in enumerate(self._names)}


def is_given(of: ColumnElement[Any], name: str = "ids") -> ColumnElement[bool]:
    """Whether a column has one of the ids that come with each execution, as a list, under this name."""
    return of == any_(bindparam(name, type_=ARRAY(Id)))
