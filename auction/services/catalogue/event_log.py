"""A lot's event log for staff, newest first: what only the ledger's stream has yet, then the archive behind it."""

from dataclasses import dataclass, field

from auction.books import archive
from auction.books.looking_back import entries_before
from auction.domain.events import Admitted, BidPlaced, Event
from auction.ledger.lot_log import entries_back_to
from auction.ledger.stream import decode_events
from auction.services.catalogue.lot_views import lot_record
from auction.services.context import AppContext

EVENTS_PAGE_MAX = 500
LOOKED_AT_MAX = 20_000
"""The most events one page is picked from: a page without bids may come from many."""
ENTRIES_READ = 200
_BEYOND = 2**53
"""After every seq."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event, and when it came to be in which epoch."""

    seq: int
    epoch: int
    at_ms: int
    event: Event


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first; `next_before_seq` goes on with older ones of those asked for, None: there are none."""

    events: list[LoggedEvent]
    next_before_seq: int | None


@dataclass(slots=True)
class _Page:
    """A page while it is filled from the newest event down."""

    after_seq: int
    limit: int
    without_bids: bool
    lowest: int
    """Everything from this seq on has been looked at."""
    looked_at: int = 0
    found: list[LoggedEvent] = field(default_factory=list)
    cut: bool = False
    """Ended before everything asked for was looked at."""

    def fills(self, first_seq: int, epoch: int, at_ms: int, events: tuple[Event, ...]) -> bool:
        """Look at an entry; true once the page is full or has come down to `after_seq`."""
        for seq in range(min(self.lowest - 1, first_seq + len(events) - 1), first_seq - 1, -1):
            if seq <= self.after_seq:
                return True
            self.lowest = seq
            self.looked_at += 1
            event = events[seq - first_seq]
            if not (self.without_bids and isinstance(event, BidPlaced | Admitted)):
                self.found.append(LoggedEvent(seq, epoch, at_ms, event))
            if len(self.found) >= self.limit or self.looked_at >= LOOKED_AT_MAX:
                self.cut = self.lowest > self.after_seq + 1
                return True
        return False

    def ended(self) -> EventPage:
        """The page as it is given out."""
        return EventPage(self.found, self.lowest if self.cut else None)


async def list_events(
    context: AppContext,
    lot_id: str,
    *,
    after_seq: int = 0,
    before_seq: int | None = None,
    limit: int = 100,
    without_bids: bool = False,
) -> EventPage:
    """The newest events after one seq and before another; a draft has none. Raises NotFound, LedgerAway, BooksAway.

    `without_bids` leaves bids and admissions out.
    """
    await lot_record(context, lot_id)
    page = _Page(after_seq, min(limit, EVENTS_PAGE_MAX), without_bids, _BEYOND if before_seq is None else before_seq)
    keys = context.ledger.keys
    async with context.books.reading() as tx:
        position = (await archive.cursors(tx)).get(keys.shard_of(lot_id), archive.START)
        archived = (await archive.heads_of(tx, [lot_id])).get(lot_id)
    archived_seq = 0 if archived is None else archived.last_seq
    if page.lowest > archived_seq + 1:
        async for entry in entries_back_to(context.ledger.redis, keys, lot_id, position):
            if page.fills(entry.first_seq, entry.epoch, entry.at_ms, entry.events):
                return page.ended()
    await _fill_from_archive(context, lot_id, page)
    return page.ended()


async def _fill_from_archive(context: AppContext, lot_id: str, page: _Page) -> None:
    before_seq = page.lowest
    async with context.books.reading() as tx:
        while rows := await entries_before(tx, lot_id, before_seq=before_seq, limit=ENTRIES_READ):
            for row in rows:
                if page.fills(row.first_seq, row.epoch, row.at_ms, decode_events(row.packed)):
                    return
            before_seq = rows[-1].first_seq
