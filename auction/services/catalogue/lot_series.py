"""Creates many lots of a sale at once, numbered in their titles, and schedules them one by one. Off the bid's way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auction.books.catalogue import LotRecord
from auction.domain.terms_reader import merge_terms, read_new_terms
from auction.presets import load_preset
from auction.services.catalogue import lots
from auction.services.catalogue.new_lots import NewLot, create_lots
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
    entries = [
        NewLot(numbers.title(title, place), agreed, list_price_fen, preset, None if times is None else times.of(place))
        for place in range(numbers.count)
    ]
    return await create_lots(context, sale_id, entries, actor=actor)
