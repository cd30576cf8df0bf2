"""Creates the lots of a list in a sale, after a preview: all of them or none. Off the bid's way."""

import hashlib
from dataclasses import dataclass

from auction.books import catalogue
from auction.books.catalogue import LotRecord
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.catalogue.lot_list import CellError, ListedLot, WrongCell, read_lot_list
from auction.services.catalogue.new_lots import create_lots
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class LotList:
    """A list as it was read for a sale, and the lots that were created of it, by line; none: it was a preview."""

    lines: list[ListedLot]
    created: list[LotRecord]

    @property
    def wrong_lines(self) -> int:
        """Lines in which something is wrong."""
        return sum(bool(one.wrong) for one in self.lines)

    @property
    def is_known(self) -> bool:
        """Whether every title of the list is a lot of the sale already: it was imported before."""
        return all(any(cell.error is CellError.EXISTS for cell in one.wrong) for one in self.lines)


async def preview(context: AppContext, raw: bytes, *, sale_id: str, preset: str | None, zone: str) -> LotList:
    """Read a list for a sale. Raises RequestRefused(lot-list-invalid), NotFound(sale-unknown, preset-unknown)."""
    async with context.books.reading() as tx:
        await catalogue.find_sale(tx, sale_id)
    lines = read_lot_list(
        raw, preset=preset, zone=zone, now_ms=await context.ledger.now_ms(), currency=context.money.currency
    )
    async with context.books.reading() as tx:
        taken = set(await catalogue.titles_in_use(tx, sale_id, [one.title for one in lines]))
    for one in lines:
        if one.title in taken:
            one.wrong.append(WrongCell("title", CellError.EXISTS, one.title))
    return LotList(lines, [])


async def create(
    context: AppContext, raw: bytes, *, sale_id: str, preset: str | None, zone: str, actor: str
) -> LotList:
    """Create every lot of a list, or none where anything is wrong: RequestRefused(lot-list-invalid).

    Raises what `preview` raises, and RequestRefused(titles-exist) where somebody was faster.
    """
    found = await preview(context, raw, sale_id=sale_id, preset=preset, zone=zone)
    entries = [one.lot for one in found.lines if one.lot is not None and not one.wrong]
    if found.wrong_lines:
        raise RequestRefused(
            ProblemCode.LOT_LIST_INVALID,
            f"Something is wrong in {found.wrong_lines} of {len(found.lines)} lines; nothing was created.",
            {"reason": "known" if found.is_known else "cells", "value": str(found.wrong_lines)},
        )
    created = await create_lots(context, sale_id, entries, actor=actor, source_sha256=hashlib.sha256(raw).hexdigest())
    return LotList(found.lines, created)
