"""The report of a sale for print: each lot's result, its bidders, what moved its end, and its bids over time.

Made from the archived record, lot by lot, which is a moment behind the ledger. Off the bid's way.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from auction.books import archive_queries
from auction.books.catalogue import DRAFT
from auction.books.lot_activity import WIDTHS_MS, ActivityPart, BidActivity, part_width_ms
from auction.domain.events import Admitted, BidPlaced, BidVoided, Event, Extended, Interrupted, Opened, Paused, Resumed
from auction.ledger.refusal_counts import refusals_of
from auction.services.catalogue.lot_views import LotView, show_sale
from auction.services.catalogue.visibility import STAFF
from auction.services.context import AppContext
from auction.services.lot_log import decode_archived


@dataclass(slots=True)
class LotSummary:
    """What the record of a lot adds up to; voided bids count as bids, and make no price."""

    bids: int = 0
    voided_bids: int = 0
    registered: set[str] = field(default_factory=set)
    bidders: set[str] = field(default_factory=set)
    extensions_by_bids: int = 0
    extensions_by_staff: int = 0
    pauses: int = 0
    ends_at_ms: int = 0
    placed: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each bid its seq, time (UTC ms) and the price that it made."""
    voided: set[int] = field(default_factory=set)

    def add(self, seq: int, at_ms: int, event: Event) -> None:
        """Take the next event."""
        match event:
            case Admitted():
                self.registered.add(event.bidder_id)
            case Opened() | Resumed():
                self.ends_at_ms = event.ends_at_ms
            case Extended():
                self.extensions_by_staff += 1
                self.ends_at_ms = event.ends_at_ms
            case Paused() | Interrupted():
                self.pauses += 1
            case BidPlaced():
                self.bids += 1
                self.bidders.add(event.bidder_id)
                self.extensions_by_bids += event.ends_at_ms > self.ends_at_ms
                self.ends_at_ms = event.ends_at_ms
                self.placed.append((seq, at_ms, event.price_fen))
            case BidVoided():
                self.voided_bids += 1
                self.voided.add(event.bid_seq)
            case _:
                pass

    def activity(self) -> BidActivity:
        """The bids in parts of equal width."""
        if not self.placed:
            return BidActivity(WIDTHS_MS[0], [])
        width_ms = part_width_ms(self.placed[0][1], self.placed[-1][1])
        bids: dict[int, int] = {}
        prices: dict[int, int] = {}
        for seq, at_ms, price_fen in self.placed:
            place = at_ms - at_ms % width_ms
            bids[place] = bids.get(place, 0) + 1
            if seq not in self.voided:
                prices[place] = price_fen
        return BidActivity(width_ms, [ActivityPart(at, count, prices.get(at)) for at, count in bids.items()])


@dataclass(frozen=True, slots=True)
class LotReport:
    """A lot as it is now, and what its record adds up to."""

    view: LotView
    summary: LotSummary
    refusals: Mapping[str, int]
    """Code -> bids that were refused with it."""


@dataclass(frozen=True, slots=True)
class SaleReport:
    """A sale with its lots but for drafts, by number, at `now_ms` by the ledger's clock."""

    sale_id: str
    title: str
    now_ms: int
    lots: list[LotReport]


async def report_sale(context: AppContext, sale_id: str) -> SaleReport:
    """The report of a sale. Raises NotFound(sale-unknown), LedgerAway, BooksAway."""
    sale = await show_sale(context, sale_id, STAFF)
    views = list(sale.lots)
    while sale.next_after_number is not None:
        sale = await show_sale(context, sale_id, STAFF, after_number=sale.next_after_number)
        views += sale.lots
    found = [
        LotReport(
            view,
            await _summary(context, view.record.lot_id),
            await refusals_of(context.ledger, view.record.lot_id),
        )
        for view in views
        if view.status != DRAFT
    ]
    return SaleReport(sale_id, sale.title, await context.ledger.now_ms(), found)


async def _summary(context: AppContext, lot_id: str) -> LotSummary:
    summary = LotSummary()
    after_seq = 0
    while True:
        async with context.books.reading() as tx:
            page = await archive_queries.entries_after(tx, lot_id, after_seq=after_seq)
        for row in page:
            entry = decode_archived(row)
            for seq, event in enumerate(entry.events, entry.first_seq):
                summary.add(seq, entry.at_ms, event)
        if not page:
            return summary
        after_seq = page[-1].first_seq
        # a long record leaves the process to others in between
        await asyncio.sleep(0)
