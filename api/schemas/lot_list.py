"""A list of lots, as a preview or as it was created."""

from typing import Any, Self

from pydantic import BaseModel, Field

from auction.services.catalogue.lot_import import LotList
from auction.services.catalogue.lot_list import ListedLot, WrongCell


class WrongCellResponse(BaseModel):
    """One thing that is wrong in a line."""

    column: str = Field(description="The column as docs/lot_list.md names it; terms: all of them together.")
    error: str = Field(
        description="missing, text, amount, preset, time, skipped, doubled, alone, order, terms, repeated or exists."
    )
    value: str
    contradictions: list[dict[str, Any]] = Field(description="Of terms: as in terms-invalid.")

    @classmethod
    def of(cls, cell: WrongCell) -> Self:
        """The response for a cell."""
        found = [
            {"field": one.field, "code": str(one.code), "detail": one.sentence(), "facts": dict(one.facts)}
            for one in cell.contradictions
        ]
        return cls(column=cell.column, error=str(cell.error), value=cell.value, contradictions=found)


class ListedLotResponse(BaseModel):
    """A line of the list; what the lot would be is null where something is wrong with it."""

    line: int = Field(description="In the file, from 1.")
    title: str
    lot_id: str | None = Field(description="Of the lot that was created of it.")
    preset: str | None
    list_price_fen: int | None
    start_price_fen: int | None
    reserve_fen: int | None
    opens_at_ms: int | None = Field(description="Null: it stays a draft.")
    closes_at_ms: int | None
    wrong: list[WrongCellResponse]

    @classmethod
    def of(cls, listed: ListedLot, lot_id: str | None) -> Self:
        """The response for a line."""
        lot = listed.lot
        opens_at_ms, closes_at_ms = (None, None) if lot is None or lot.times is None else lot.times
        return cls(
            line=listed.line,
            title=listed.title,
            lot_id=lot_id,
            preset=lot and lot.preset,
            list_price_fen=lot and lot.list_price_fen,
            start_price_fen=lot and lot.terms.start_price_fen,
            reserve_fen=lot and lot.terms.reserve_fen,
            opens_at_ms=opens_at_ms,
            closes_at_ms=closes_at_ms,
            wrong=[WrongCellResponse.of(cell) for cell in listed.wrong],
        )


class LotListResponse(BaseModel):
    """The lines of a list, in their order."""

    created: int = Field(description="Lots that were created; 0 for a preview.")
    wrong_lines: int
    known: bool = Field(description="Every title is a lot of the sale already: the list was imported before.")
    lines: list[ListedLotResponse]

    @classmethod
    def of(cls, found: LotList) -> Self:
        """The response for a list."""
        ids: list[str | None] = [one.lot_id for one in found.created] or [None] * len(found.lines)
        return cls(
            created=len(found.created),
            wrong_lines=found.wrong_lines,
            known=found.is_known,
            lines=[ListedLotResponse.of(one, lot_id) for one, lot_id in zip(found.lines, ids, strict=True)],
        )
