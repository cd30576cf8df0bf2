"""Creates many lots of a sale at once, numbered in their titles, and schedules them one by one. Off the bid's way.

All are created, and scheduled where times are given, in one transaction, or none is. They enter the ledger after that;
the clerk repeats what a crash interrupted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auction.books import audit, catalogue
from auction.books.catalogue import LotRecord
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.terms import Terms, terms_as_mapping
from auction.domain.terms_reader import merge_terms, read_new_terms
from auction.ledger.keys import lot_id_of
from auction.presets import load_preset
from auction.services.catalogue import lots
from auction.services.context import AppContext

SERIES_LOTS_MAX = 300
NUMBER_PLACE = "{number}"
"""Where a lot's number stands in the titles of a series."""


@dataclass(frozen=True, slots=True)
class SeriesNumbers:
    """How many lots there are, the number in the first one's title, and how many digits it has at least."""

    count: int
    first: int = 1
    digits: int = 3

    def title(self, template: str, place: int) -> str:
        """The title of the lot at that place, from 0."""
        return template.replace(NUMBER_PLACE, f"{self.first + place:0{self.digits}d}")


@dataclass(frozen=True, slots=True)
class SeriesTimes:
    """When the first lot opens (UTC ms), how long each lasts, and how much later the next one opens; both in ms.

    Where `every_ms` is the duration, each opens when the one before is to end.
    """

    opens_at_ms: int
    duration_ms: int
    every_ms: int

    def of(self, place: int) -> tuple[int, int]:
        """Opening and end of the lot at that place, from 0, UTC ms."""
        opens_at_ms = self.opens_at_ms + place * self.every_ms
        return opens_at_ms, opens_at_ms + self.duration_ms


async def create_series(
    context: AppContext,
    *,
    sale_id: str,
    title: str,
    numbers: SeriesNumbers,
    times: SeriesTimes | None,
    actor: str,
    list_price_fen: int | None = None,
    preset: str | None = None,
    terms: Mapping[str, Any] | None = None,
) -> list[LotRecord]:
    """Create `numbers.count` lots with the same terms, as drafts, or scheduled where there are `times`.

    `title` has NUMBER_PLACE where each one's number goes. Raises TermsInvalid, NotFound(sale-unknown, preset-unknown),
    RequestRefused(titles-exist, schedule-invalid).
    """
    if times is not None:
        last = numbers.count - 1
        await lots.require_sound_times(context, *times.of(0))
        await lots.require_sound_times(context, *times.of(last))
    base = load_preset(preset, list_price_fen) if preset is not None else {}
    agreed = read_new_terms(merge_terms(base, terms or {}))
    titles = [numbers.title(title, place) for place in range(numbers.count)]
    made = []
    async with context.books.transaction() as tx:
        number = await catalogue.next_lot_number(tx, sale_id)
        if taken := await catalogue.titles_in_use(tx, sale_id, titles):
            # a request that is repeated creates no second series
            raise RequestRefused(
                ProblemCode.TITLES_EXIST,
                f"{len(taken)} of these titles are lots of sale {sale_id} already, such as {taken[0]!r}.",
                {"titles": taken[:10]},
            )
        for place, own_title in enumerate(titles):
            record = await catalogue.add_lot(
                tx,
                lot_id=lot_id_of(sale_id, number + place),
                sale_id=sale_id,
                number=number + place,
                title=own_title,
                list_price_fen=list_price_fen,
                preset=preset,
                terms=terms_as_mapping(agreed),
                actor=actor,
            )
            await audit.record_action(tx, actor=actor, action="create-lot", sale_id=sale_id, lot_id=record.lot_id)
            made.append(record if times is None else await _freeze(tx, record, agreed, times.of(place), actor))
    if times is not None:
        for record in made:
            await lots.install(context, record)
    return made


async def _freeze(tx: Transaction, record: LotRecord, terms: Terms, times: tuple[int, int], actor: str) -> LotRecord:
    opens_at_ms, closes_at_ms = times
    return await lots.freeze(tx, record, terms, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, actor=actor)
