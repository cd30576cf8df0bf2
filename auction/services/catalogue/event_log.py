"""Lists a lot's events for staff, newest first, page by page. After the bid's way, read only."""

from dataclasses import dataclass, field

from auction.domain.events import Admitted, BidPlaced, Event, MaximumSet
from auction.ledger.entry import StreamEntry
from auction.services.catalogue.lot_views import lot_record
from auction.services.context import AppContext
from auction.services.lot_log import entries_backward

EVENTS_PAGE_MAX = 500
EVENTS_EXAMINED_MAX = 20_000
"""Events that one page is picked from: a page without bids may need many."""
_ABOVE_ALL = 2**53
"""Above every seq."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event with its epoch and time (UTC ms)."""

    seq: int
    epoch: int
    at_ms: int
    event: Event


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first; `next_before_seq` continues with older ones, None where there are none."""

    events: list[LoggedEvent]
    next_before_seq: int | None


@dataclass(slots=True)
class _PageBuilder:
    """A page that is filled from the newest event down."""

    after_seq: int
    limit: int
    without_bids: bool
    lowest: int
    """Every event from this seq on was examined."""
    examined: int = 0
    found: list[LoggedEvent] = field(default_factory=list)
    is_cut: bool = False
    """Whether events that were asked for are left."""

    def add(self, entry: StreamEntry) -> bool:
        """Examine the events of an entry, newest first; True once the page is full or has reached `after_seq`."""
        for seq in range(min(self.lowest - 1, entry.last_seq), entry.first_seq - 1, -1):
            if seq <= self.after_seq:
                return True
            self.lowest = seq
            self.examined += 1
            event = entry.events[seq - entry.first_seq]
            # of a maximum nobody but its bidder sees more than the bids that it made
            left_out = (MaximumSet, BidPlaced, Admitted) if self.without_bids else (MaximumSet,)
            if not isinstance(event, left_out):
                self.found.append(LoggedEvent(seq, entry.epoch, entry.at_ms, event))
            if len(self.found) >= self.limit or self.examined >= EVENTS_EXAMINED_MAX:
                self.is_cut = self.lowest > self.after_seq + 1
                return True
        return False

    def page(self) -> EventPage:
        """The finished page."""
        return EventPage(self.found, self.lowest if self.is_cut else None)


async def list_events(
    context: AppContext,
    lot_id: str,
    *,
    after_seq: int = 0,
    before_seq: int | None = None,
    limit: int = 100,
    without_bids: bool = False,
) -> EventPage:
    """The newest events with seqs between `after_seq` and `before_seq`, both left out; none for a draft.

    `without_bids` leaves bids and admissions out. Raises NotFound, LedgerAway, BooksAway.
    """
    await lot_record(context, lot_id)
    lowest = _ABOVE_ALL if before_seq is None else before_seq
    builder = _PageBuilder(after_seq, min(limit, EVENTS_PAGE_MAX), without_bids, lowest)
    async for entry in entries_backward(context, lot_id, before_seq=before_seq):
        if builder.add(entry):
            break
    return builder.page()
