"""Stores which columns of a bank's statement hold what, under names that finance chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from auction.books.tables import statement_mappings
from auction.books.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """A mapping: field of a receipt -> names of columns, the first that a statement has counts."""

    name: str
    columns: Mapping[str, Sequence[str]]
    changed_by: str
    changed_at_ms: int


async def save(tx: Transaction, mapping: SavedMapping) -> None:
    """Add a mapping, or replace the one with this name."""
    values = {"columns": {name: list(found) for name, found in mapping.columns.items()}}
    values |= {"changed_by": mapping.changed_by, "changed_at_ms": mapping.changed_at_ms}  # type: ignore[dict-item]
    statement = postgresql.insert(statement_mappings).values(name=mapping.name, **values)
    await tx.session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


async def find(tx: Transaction, name: str) -> SavedMapping | None:
    """A mapping, or None."""
    row = await tx.row(select(statement_mappings).where(statement_mappings.c.name == name))
    return None if row is None else SavedMapping(**row)


async def find_all(tx: Transaction) -> list[SavedMapping]:
    """All mappings by name."""
    statement = select(statement_mappings).order_by(statement_mappings.c.name)
    return [SavedMapping(**row) for row in await tx.rows(statement)]
