"""Creates many lots of a sale at once, as drafts or scheduled. Off the bid's way.

All are created, and scheduled where times are given, in one transaction, or none is. They enter the ledger after that;
the clerk repeats what a crash interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from auction.books import audit, catalogue
from auction.books.catalogue import LotRecord
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.terms import Terms, terms_as_mapping
from auction.ledger.keys import lot_id_of
from auction.services.catalogue import lots
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class NewLot:
    """A lot to create; `times`: opening and end, UTC ms, or None for a draft."""

    title: str
    terms: Terms
    list_price_fen: int | None = None
    preset: str | None = None
    times: tuple[int, int] | None = None


async def create_lots(
    context: AppContext, sale_id: str, entries: Sequence[NewLot], *, actor: str, source_sha256: str | None = None
) -> list[LotRecord]:
    """Create the lots, numbered after those that the sale has; all or none. `source_sha256`: of the list they are from.

    Raises NotFound(sale-unknown), RequestRefused(titles-exist).
    """
    made = []
    async with context.books.transaction() as tx:
        number = await catalogue.next_lot_number(tx, sale_id)
        if taken := await catalogue.titles_in_use(tx, sale_id, [entry.title for entry in entries]):
            # a request that is repeated creates nothing twice
            raise RequestRefused(
                ProblemCode.TITLES_EXIST,
                f"{len(taken)} of these titles are lots of sale {sale_id} already, such as {taken[0]!r}.",
                {"titles": taken[:10]},
            )
        for place, entry in enumerate(entries):
            record = await catalogue.add_lot(
                tx,
                lot_id=lot_id_of(sale_id, number + place),
                sale_id=sale_id,
                number=number + place,
                title=entry.title,
                list_price_fen=entry.list_price_fen,
                preset=entry.preset,
                terms=terms_as_mapping(entry.terms),
                actor=actor,
            )
            await audit.record_action(tx, actor=actor, action="create-lot", sale_id=sale_id, lot_id=record.lot_id)
            if entry.times is not None:
                opens_at_ms, closes_at_ms = entry.times
                record = await lots.freeze(
                    tx, record, entry.terms, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, actor=actor
                )
            made.append(record)
        if source_sha256 is not None:
            details = {"lots": len(made), "first": made[0].lot_id, "sha256": source_sha256}
            await audit.record_action(tx, actor=actor, action="import-lots", sale_id=sale_id, details=details)
    for record, entry in zip(made, entries, strict=True):
        if entry.times is not None:
            await lots.install(context, record)
    return made
