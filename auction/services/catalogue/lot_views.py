"""What everyone may look at: sales, lots as they stand, and the bids on them. Beside the bid's way, read only."""

from dataclasses import dataclass, replace
from typing import Any

from auction.books import archive, archive_queries, catalogue, settlements
from auction.books.catalogue import DRAFT, LotRecord
from auction.books.settlements import Award, Settlement
from auction.domain.errors import BooksAway, LedgerAway, NotFound, ProblemCode
from auction.domain.events import BidPlaced, Voided
from auction.domain.lot import ending, reserve_met
from auction.domain.text import is_id
from auction.ledger.bid_ledger import Snapshot
from auction.ledger.viewer_counts import count_watchers
from auction.services.catalogue.bidder_results import BidderResult, results_of
from auction.services.context import AppContext

BIDS_PAGE_MAX = 1000
TAIL_READ = 1000
"""Stream entries read at a time for the bids that the archive has not got yet."""


@dataclass(frozen=True, slots=True)
class LotView:
    """A lot from both sides: as it was entered, and as the ledger has it now. `leader` is a paddle or None."""

    record: LotRecord
    status: str
    price_fen: int
    leader: int | None
    bids: int
    seq: int
    epoch: int
    opens_at_ms: int | None
    ends_at_ms: int | None
    minimum_fen: int
    remaining_ms: int
    review_above_fen: int | None
    now_ms: int
    watchers: int
    """How many watch it live, about."""
    reserve_met: bool | None
    """Whether the price has reached the reserve; None without a reserve."""
    outcome: str | None = None
    """How an ended lot ended: sold, no-bids, reserve-unmet or void; None before its end."""
    settlement: str | None = None
    """Where a closed lot's settlement stands; None: not begun, or the books are away."""
    relisted_as: str | None = None
    award_paddle: int | None = None
    """Who holds the award in force; None: nobody."""
    award_price_fen: int | None = None
    result: BidderResult | None = None
    """How it turned out for the bidder who asks; None before its end, or where they are not registered."""


@dataclass(frozen=True, slots=True)
class SaleView:
    """A sale with its lots in the order of their numbers."""

    sale_id: str
    title: str
    lots: list[LotView]


@dataclass(frozen=True, slots=True)
class BidView:
    """An accepted bid as the public sees it: the price it made, never a maximum; `leading` as it was when it came."""

    seq: int
    paddle: int
    amount_fen: int
    at_ms: int
    leading: bool
    voided: bool


@dataclass(frozen=True, slots=True)
class BidPage:
    """Bids by seq; `next_after_seq` continues after the last, None: there was no more when this was read."""

    bids: list[BidView]
    next_after_seq: int | None


async def lot_record(context: AppContext, lot_id: str) -> LotRecord:
    """The lot as it was entered; NotFound(lot-unknown). Once scheduled it never changes, and is kept in the process."""
    known = context.frozen_lots.get(lot_id)
    if known is not None:
        return known
    if not is_id(lot_id):
        raise NotFound(ProblemCode.LOT_UNKNOWN, f"There is no lot {lot_id[:64]!r}.")
    async with context.books.reading() as tx:
        record = await catalogue.find_lot(tx, lot_id)
    if record.status != DRAFT:
        context.frozen_lots.put(lot_id, record)
    return record


async def show_lot(context: AppContext, lot_id: str, *, bidder_id: str | None = None) -> LotView:
    """One lot as it stands now, for a bidder with what became of their part. Raises NotFound, LedgerAway, BooksAway."""
    record = await lot_record(context, lot_id)
    snapshot = None if record.status == DRAFT else await context.ledger.read(lot_id)
    view = await _view(context, record, snapshot, await _watchers(context, [record]))
    return (await _with_settlements(context, [view], bidder_id))[0]


async def view_after(context: AppContext, snapshot: Snapshot) -> LotView:
    """The view of a lot whose ledger state was just answered by an action."""
    record = await lot_record(context, snapshot.lot_id)
    return await _view(context, record, snapshot, await _watchers(context, [record]))


async def list_sales(context: AppContext, *, bidder_id: str | None = None) -> list[SaleView]:
    """Every sale with its lots, newest first; for a bidder with what became of their part."""
    async with context.books.reading() as tx:
        sales = await catalogue.list_sales(tx)
        records = await catalogue.lots_of_sales(tx, [sale.sale_id for sale in sales])
    views = await _views(context, records, bidder_id)
    return [
        SaleView(sale.sale_id, sale.title, [view for view in views if view.record.sale_id == sale.sale_id])
        for sale in sales
    ]


async def show_sale(context: AppContext, sale_id: str, *, bidder_id: str | None = None) -> SaleView:
    """One sale with its lots, for a bidder with what became of their part. Raises NotFound(sale-unknown)."""
    if not is_id(sale_id):
        raise NotFound(ProblemCode.SALE_UNKNOWN, f"There is no sale {sale_id[:64]!r}.")
    async with context.books.reading() as tx:
        sale = await catalogue.find_sale(tx, sale_id)
        records = await catalogue.lots_of_sales(tx, [sale_id])
    return SaleView(sale.sale_id, sale.title, await _views(context, records, bidder_id))


async def _views(context: AppContext, records: list[LotRecord], bidder_id: str | None) -> list[LotView]:
    snapshots = await context.ledger.read_many([r.lot_id for r in records if r.status != DRAFT])
    watchers = await _watchers(context, records)
    views = [await _view(context, record, snapshots.get(record.lot_id), watchers) for record in records]
    return await _with_settlements(context, views, bidder_id)


async def _with_settlements(context: AppContext, views: list[LotView], bidder_id: str | None) -> list[LotView]:
    """The views, ended lots with what became of them; the books are asked only where a lot has ended."""
    ended = [view.record.lot_id for view in views if view.outcome is not None]
    if not ended:
        return views
    try:
        async with context.books.reading() as tx:
            found = await settlements.find_of_lots(tx, ended)
            awards = {award.lot_id: award for award in await settlements.live_awards(tx, ended)}
            results = {} if bidder_id is None else await results_of(tx, bidder_id, ended)
    except BooksAway:
        # the ledger's part is true without them
        return views
    return [_with_settlement(view, found, awards, results) for view in views]


def _with_settlement(
    view: LotView, found: dict[str, Settlement], awards: dict[str, Award], results: dict[str, BidderResult]
) -> LotView:
    lot_id = view.record.lot_id
    view = replace(view, result=results.get(lot_id))
    if (settlement := found.get(lot_id)) is not None:
        view = replace(view, settlement=settlement.state, relisted_as=settlement.relisted_as)
    if (award := awards.get(lot_id)) is not None:
        view = replace(view, award_paddle=award.paddle, award_price_fen=award.price_fen)
    return view


async def _watchers(context: AppContext, records: list[LotRecord]) -> dict[str, int]:
    scheduled = [record.lot_id for record in records if record.status != DRAFT]
    try:
        return await count_watchers(context.ledger.redis, context.ledger.keys, scheduled)
    except LedgerAway:
        # the lots themselves have been read, and an action may have been done: the count is not worth failing for
        return {}


async def _view(context: AppContext, record: LotRecord, snapshot: Snapshot | None, watchers: dict[str, int]) -> LotView:
    """A lot the ledger has not got yet shows its start price as the minimum, and nothing has happened to it."""
    reserve_fen = record.terms["reserve_fen"]
    if snapshot is None:
        return LotView(
            record=record,
            status=record.status,
            price_fen=0,
            leader=None,
            bids=0,
            seq=0,
            epoch=0,
            opens_at_ms=record.opens_at_ms,
            ends_at_ms=record.closes_at_ms,
            minimum_fen=int(record.terms["start_price_fen"]),
            remaining_ms=0,
            review_above_fen=record.terms["review_above_fen"],
            now_ms=await context.ledger.now_ms(),
            watchers=0,
            reserve_met=reserve_met(reserve_fen, 0),
        )
    return LotView(
        record=record,
        status=str(snapshot.status),
        price_fen=snapshot.price_fen,
        leader=snapshot.leader_paddle or None,
        bids=snapshot.bids,
        seq=snapshot.seq,
        epoch=snapshot.epoch,
        opens_at_ms=snapshot.opens_at_ms,
        ends_at_ms=snapshot.ends_at_ms,
        minimum_fen=snapshot.minimum_fen,
        remaining_ms=snapshot.remaining_ms,
        review_above_fen=snapshot.review_above_fen or None,
        now_ms=snapshot.now_ms,
        watchers=watchers.get(record.lot_id, 0),
        reserve_met=reserve_met(reserve_fen, snapshot.price_fen),
        outcome=ending(snapshot.status, reserve_fen, snapshot.price_fen),
    )


async def list_bids(context: AppContext, lot_id: str, *, after_seq: int = 0, limit: int = 100) -> BidPage:
    """Accepted bids after a seq, oldest first: from the archive, then what only the ledger's stream has yet."""
    await lot_record(context, lot_id)
    limit = min(limit, BIDS_PAGE_MAX)
    shard = context.stream.keys.shard_of(lot_id)
    async with context.books.reading() as tx:
        rows = await archive_queries.bids_after(tx, lot_id, after_seq=after_seq, limit=limit + 1)
        position = (await archive.cursors(tx)).get(shard, archive.START)
    page = [
        BidView(row.seq, row.paddle, row.price_fen, row.at_ms, row.leading, row.voided_by_seq is not None)
        for row in rows
    ]
    if len(page) <= limit:
        page = await _with_tail(context, lot_id, page, position, after_seq=after_seq, enough=limit + 1)
    more = len(page) > limit
    return BidPage(page[:limit], page[limit - 1].seq if more else None)


async def _with_tail(
    context: AppContext, lot_id: str, page: list[BidView], position: str, *, after_seq: int, enough: int
) -> list[BidView]:
    """The page with the bids that follow in the stream behind the archive's position, and bids voided there marked."""
    shard = context.stream.keys.shard_of(lot_id)
    found: dict[int, dict[str, Any]] = {}
    voided: set[int] = set()
    while True:
        entries = await context.stream.read(shard, position, block_ms=None, count=TAIL_READ)
        for entry in entries:
            if entry.lot_id != lot_id:
                continue
            for seq, event in enumerate(entry.events, entry.first_seq):
                if isinstance(event, Voided):
                    voided.add(event.bid_seq)
                elif isinstance(event, BidPlaced) and seq > after_seq:
                    found[seq] = {
                        "paddle": event.paddle,
                        "amount_fen": event.price_fen,
                        "at_ms": entry.at_ms,
                        "leading": event.leading == 1,
                    }
        if len(entries) < TAIL_READ or len(page) + len(found) >= enough:
            break
        position = entries[-1].stream_id
    kept = [BidView(b.seq, b.paddle, b.amount_fen, b.at_ms, b.leading, b.voided or b.seq in voided) for b in page]
    known = {bid.seq for bid in kept}
    tail = [BidView(seq=seq, voided=seq in voided, **facts) for seq, facts in found.items() if seq not in known]
    return (kept + tail)[:enough]
