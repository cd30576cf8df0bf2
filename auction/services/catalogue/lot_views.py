"""Gives what everyone may read: sales, lots with their present state, and the bids on them. Off the bid's way."""

from dataclasses import dataclass, replace

from auction.books import archive_queries, catalogue, settlements
from auction.books.catalogue import DRAFT, LotRecord, Sale
from auction.books.ledger_expiry import ENDED
from auction.books.settlements import Award, Settlement
from auction.domain.errors import BooksAway, LedgerAway, LedgerChanged, NotFound, ProblemCode
from auction.domain.events import BidPlaced, BidVoided
from auction.domain.lot import Lot, LotStatus, lot_outcome, reserve_met
from auction.domain.terms_reader import read_terms
from auction.domain.text import is_id
from auction.ledger.replies import Snapshot
from auction.ledger.server_state import ServerState
from auction.ledger.watcher_counts import count_watchers
from auction.services.catalogue.bidder_results import BidderResult, own_maximum_fen, results_of
from auction.services.catalogue.lot_states import ArchivedState, archived_states, read_states
from auction.services.catalogue.visibility import PUBLIC, Viewer, require_visible
from auction.services.context import AppContext
from auction.services.lot_log import ArchiveEnd, archive_end, entries_forward

BIDS_PAGE_MAX = 1000
SALES_PAGE_MAX = 100
LOTS_PAGE_MAX = 500
"""Lots of one sale that an answer has."""


@dataclass(frozen=True, slots=True)
class LotView:
    """A lot as it was entered and its present state in the ledger. `leader` is a paddle or None; times in UTC ms."""

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
    """The number of live watchers, approximate."""
    reserve_met: bool | None
    """Whether the price has reached the reserve; None without a reserve."""
    pause_cause: str | None = None
    """A PauseCause; None: it is not paused, or has been restored after a loss."""
    ledger_away: bool = False
    """Whether the ledger refuses the lot's shard: this is what is archived, and nothing is decided now."""
    outcome: str | None = None
    """sold, no-bids, reserve-unmet or void; None before the lot has ended."""
    settlement: str | None = None
    """The state of a closed lot's settlement; None: not begun, or the database is unavailable."""
    relisted_as: str | None = None
    """The lot that replaces it, once that one is there for whoever asks."""
    award_paddle: int | None = None
    """The paddle that holds the award in force; None: there is none."""
    award_price_fen: int | None = None
    my_maximum_fen: int | None = None
    """The asking bidder's own maximum where they lead with one, in fen."""
    result: BidderResult | None = None
    """The asking bidder's part in an ended lot; None before its end, or where they are not registered."""


@dataclass(frozen=True, slots=True)
class SaleView:
    """A sale with a page of its lots, by number."""

    sale_id: str
    title: str
    lots: list[LotView]
    next_after_number: int | None = None
    """Continues after these lots; None: there are no more."""


@dataclass(frozen=True, slots=True)
class SalePage:
    """Sales, newest first; `next_cursor` continues with older ones, None where there are none."""

    sales: list[SaleView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class BidView:
    """An accepted bid as the public sees it: the price it made, never a maximum, and whether it led at its time."""

    seq: int
    paddle: int
    amount_fen: int
    at_ms: int
    leading: bool
    voided: bool


@dataclass(frozen=True, slots=True)
class BidPage:
    """Bids by seq; `next_after_seq` continues after the last, None where there were no more."""

    bids: list[BidView]
    next_after_seq: int | None


async def lot_record(context: AppContext, lot_id: str) -> LotRecord:
    """The lot as it was entered; once scheduled it is cached, as it never changes. Raises NotFound(lot-unknown)."""
    known = context.frozen_lots.get(lot_id)
    if known is not None:
        return known
    if not is_id(lot_id):
        raise NotFound(ProblemCode.LOT_UNKNOWN, f"There is no lot {lot_id[:64]!r}.")
    async with context.books.reading() as tx:
        record = await catalogue.find_lot(tx, lot_id)
    if record.status != DRAFT:
        context.frozen_lots[lot_id] = record
    return record


async def visible_lot(context: AppContext, lot_id: str, viewer: Viewer = PUBLIC) -> LotRecord:
    """The lot as it was entered, where it is there for whoever asks. Raises NotFound(lot-unknown)."""
    record = await lot_record(context, lot_id)
    require_visible(record, viewer)
    return record


async def show_lot(context: AppContext, lot_id: str, viewer: Viewer = PUBLIC) -> LotView:
    """One lot; for a bidder with their part in it once it has ended. Raises NotFound, LedgerAway, BooksAway.

    A lot whose shard the ledger refuses is shown as archived.
    """
    record = await visible_lot(context, lot_id, viewer)
    try:
        snapshot = None if record.status == DRAFT else await _read(context, lot_id)
        now_ms = await context.ledger.now_ms() if snapshot is None else snapshot.now_ms
        view = _view(record, snapshot, await _watchers(context, [record]), now_ms)
        view = replace(view, my_maximum_fen=own_maximum_fen(record, snapshot, viewer))
    except LedgerChanged:
        async with context.books.reading() as tx:
            # a record that is cached may have the status of an earlier time
            record = await catalogue.find_lot(tx, lot_id)
            archived = (await archived_states(tx, [lot_id]))[lot_id]
        view = _archived_view(record, archived, await context.ledger.now_ms())
    return (await _with_settlements(context, [view], viewer))[0]


async def view_after(context: AppContext, snapshot: Snapshot) -> LotView:
    """The view of a lot whose state an action has just returned. Raises NotFound, BooksAway."""
    record = await lot_record(context, snapshot.lot_id)
    return _view(record, snapshot, await _watchers(context, [record]), snapshot.now_ms)


async def list_all_sales(context: AppContext, viewer: Viewer = PUBLIC) -> list[SaleView]:
    """All sales with all lots that the viewer sees, newest first."""
    async with context.books.reading() as tx:
        sales = await catalogue.list_sales(tx)
        records = await catalogue.lots_of_sales(tx, [sale.sale_id for sale in sales])
    views = await _views(context, records, viewer)
    return [
        SaleView(sale.sale_id, sale.title, [view for view in views if view.record.sale_id == sale.sale_id])
        for sale in sales
    ]


async def list_sales(
    context: AppContext, viewer: Viewer = PUBLIC, *, cursor: str | None = None, limit: int = SALES_PAGE_MAX
) -> SalePage:
    """A page of sales, each with its first lots that the viewer sees; for a bidder with their part in ended lots.

    Raises NotFound(sale-unknown) for a cursor that no page gave.
    """
    limit = min(limit, SALES_PAGE_MAX)
    async with context.books.reading() as tx:
        sales = await catalogue.page_of_sales(tx, after=cursor, limit=limit + 1)
        shown = sales[:limit]
        sale_ids = [sale.sale_id for sale in shown]
        records = await catalogue.page_of_lots(tx, sale_ids, after_number=0, limit=LOTS_PAGE_MAX + 1)
    views = await _sale_views(context, shown, records, viewer, limit=LOTS_PAGE_MAX)
    return SalePage(views, shown[-1].sale_id if len(sales) > limit else None)


async def show_sale(
    context: AppContext,
    sale_id: str,
    viewer: Viewer = PUBLIC,
    *,
    after_number: int = 0,
    limit: int = LOTS_PAGE_MAX,
) -> SaleView:
    """One sale with a page of the lots that the viewer sees. Raises NotFound(sale-unknown)."""
    if not is_id(sale_id):
        raise NotFound(ProblemCode.SALE_UNKNOWN, f"There is no sale {sale_id[:64]!r}.")
    limit = min(limit, LOTS_PAGE_MAX)
    async with context.books.reading() as tx:
        sale = await catalogue.find_sale(tx, sale_id)
        records = await catalogue.page_of_lots(tx, [sale_id], after_number=after_number, limit=limit + 1)
    return (await _sale_views(context, [sale], records, viewer, limit=limit))[0]


async def _sale_views(
    context: AppContext, sales: list[Sale], records: list[LotRecord], viewer: Viewer, *, limit: int
) -> list[SaleView]:
    """The sales with at most `limit` lots each; `records` has one more where there are more."""
    by_sale = {sale.sale_id: [one for one in records if one.sale_id == sale.sale_id] for sale in sales}
    pages = {sale_id: found[:limit] for sale_id, found in by_sale.items()}
    views = await _views(context, [one for page in pages.values() for one in page], viewer)
    return [
        SaleView(
            sale.sale_id,
            sale.title,
            [view for view in views if view.record.sale_id == sale.sale_id],
            pages[sale.sale_id][-1].number if len(by_sale[sale.sale_id]) > limit else None,
        )
        for sale in sales
    ]


async def _views(context: AppContext, entered: list[LotRecord], viewer: Viewer) -> list[LotView]:
    records = [record for record in entered if viewer.sees(record)]
    states = await read_states(context, [r.lot_id for r in records if r.status != DRAFT])
    now_ms = await context.ledger.now_ms()
    for record in records:
        if record.status in ENDED and not states.knows(record.lot_id):
            ended = await context.ended_lots.find(context.books, record.lot_id)
            if ended is not None:
                states.present[record.lot_id] = ended.snapshot(record.lot_id, now_ms)
    watchers = await _watchers(context, records)
    views = []
    for record in records:
        if (archived := states.archived.get(record.lot_id)) is not None:
            views.append(_archived_view(record, archived, now_ms))
        else:
            views.append(_view(record, states.present.get(record.lot_id), watchers, now_ms))
    return await _with_settlements(context, views, viewer)


def _archived_view(record: LotRecord, archived: ArchivedState, now_ms: int) -> LotView:
    """The view of a lot whose shard the ledger refuses."""
    terms, standing, status = read_terms(record.terms), archived.standing, LotStatus(record.status)
    return LotView(
        record=record,
        status=record.status,
        price_fen=standing.price_fen,
        leader=standing.leader_paddle,
        bids=standing.bids,
        seq=archived.seq,
        epoch=archived.epoch,
        opens_at_ms=record.opens_at_ms,
        ends_at_ms=standing.ends_at_ms or record.closes_at_ms,
        minimum_fen=Lot(terms, price_fen=standing.price_fen).minimum_fen(),
        remaining_ms=0,
        review_above_fen=terms.review_above_fen,
        now_ms=now_ms,
        watchers=0,
        reserve_met=reserve_met(terms.reserve_fen, standing.price_fen),
        ledger_away=True,
        outcome=lot_outcome(status, terms.reserve_fen, standing.price_fen),
    )


async def _read(context: AppContext, lot_id: str) -> Snapshot | None:
    """A lot's state in the ledger, or its last one where the ledger has dropped it; None where it has none."""
    if (snapshot := await context.ledger.read(lot_id)) is not None:
        return snapshot
    ended = await context.ended_lots.find(context.books, lot_id)
    return None if ended is None else ended.snapshot(lot_id, await context.ledger.now_ms())


async def _with_settlements(context: AppContext, views: list[LotView], viewer: Viewer) -> list[LotView]:
    """The views, with settlement, award and the bidder's part for ended lots."""
    ended = [view.record.lot_id for view in views if view.outcome is not None]
    if not ended:
        return views
    try:
        async with context.books.reading() as tx:
            found = await settlements.find_of_lots(tx, ended)
            awards = {award.lot_id: award for award in await settlements.live_awards(tx, ended)}
            results = {} if viewer.bidder_id is None else await results_of(tx, viewer.bidder_id, ended)
            later_ids = [one.relisted_as for one in found.values() if one.relisted_as is not None]
            later = await catalogue.lots_by_id(tx, later_ids) if later_ids else {}
    except BooksAway:
        # the ledger's part is complete without them
        return views
    seen = {lot_id for lot_id, record in later.items() if viewer.sees(record)}
    return [_with_settlement(view, found, awards, results, seen) for view in views]


def _with_settlement(
    view: LotView,
    found: dict[str, Settlement],
    awards: dict[str, Award],
    results: dict[str, BidderResult],
    seen: set[str],
) -> LotView:
    lot_id = view.record.lot_id
    view = replace(view, result=results.get(lot_id))
    if (settlement := found.get(lot_id)) is not None:
        relisted_as = settlement.relisted_as if settlement.relisted_as in seen else None
        view = replace(view, settlement=settlement.state, relisted_as=relisted_as)
    if (award := awards.get(lot_id)) is not None:
        view = replace(view, award_paddle=award.paddle, award_price_fen=award.price_fen)
    return view


async def _watchers(context: AppContext, records: list[LotRecord]) -> dict[str, int]:
    scheduled = [record.lot_id for record in records if record.status != DRAFT]
    try:
        return await count_watchers(context.ledger, scheduled)
    except LedgerAway:
        # the lots themselves have been read, and an action may have been done: do not fail for the count
        return {}


def _view(record: LotRecord, snapshot: Snapshot | None, watchers: dict[str, int], now_ms: int) -> LotView:
    """A lot's view at `now_ms`; one that is not in the ledger (no snapshot) has its start price as the minimum."""
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
            now_ms=now_ms,
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
        pause_cause=snapshot.pause_cause or None,
        outcome=lot_outcome(snapshot.status, reserve_fen, snapshot.price_fen),
    )


async def list_bids(
    context: AppContext, lot_id: str, viewer: Viewer = PUBLIC, *, after_seq: int = 0, limit: int = 100
) -> BidPage:
    """A page of accepted bids with seqs above `after_seq`, oldest first. Raises NotFound, LedgerAway, BooksAway.

    Of a lot whose shard the ledger refuses, those that are archived: its stream may be another record.
    """
    await visible_lot(context, lot_id, viewer)
    limit = min(limit, BIDS_PAGE_MAX)
    async with context.books.reading() as tx:
        rows = await archive_queries.bids_after(tx, lot_id, after_seq=after_seq, limit=limit + 1)
        end = await archive_end(context, tx, lot_id)
    page = [
        BidView(row.seq, row.paddle, row.price_fen, row.at_ms, row.leading, row.voided_by_seq is not None)
        for row in rows
    ]
    if len(page) <= limit and not await _is_refused(context, lot_id):
        page = await _add_not_archived(context, lot_id, page, end, after_seq=after_seq, enough=limit + 1)
    has_more = len(page) > limit
    return BidPage(page[:limit], page[limit - 1].seq if has_more else None)


async def _is_refused(context: AppContext, lot_id: str) -> bool:
    """Whether the ledger refuses every call for the lot's shard."""
    shard = context.ledger.keys.shard_of(lot_id)
    return await ServerState(context.ledger.redis, context.ledger.keys).lineage(shard) != context.ledger.lineage


async def _add_not_archived(
    context: AppContext, lot_id: str, page: list[BidView], end: ArchiveEnd, *, after_seq: int, enough: int
) -> list[BidView]:
    """The page with the bids that are not archived yet, up to `enough`, and with the bids marked that those void."""
    bids = list(page)
    voided: set[int] = set()
    async for entry in entries_forward(context, lot_id, after=end):
        for seq, event in enumerate(entry.events, entry.first_seq):
            if isinstance(event, BidVoided):
                voided.add(event.bid_seq)
            elif isinstance(event, BidPlaced) and seq > after_seq:
                bids.append(BidView(seq, event.paddle, event.price_fen, entry.at_ms, event.leading == 1, voided=False))
        if len(bids) >= enough:
            break
    return [replace(bid, voided=bid.voided or bid.seq in voided) for bid in bids]
