"""What everyone may look at: sales, lots as they stand, and the bids on them. Beside the bid's way, read only."""

from dataclasses import dataclass, replace
from typing import Any

from auction.books import archive, archived, catalogue, settlements
from auction.books.catalogue import DRAFT, LotRecord
from auction.domain.errors import BooksAway, LedgerAway, NotFound, ProblemCode
from auction.domain.events import BidPlaced, Voided
from auction.domain.lot import LotStatus
from auction.ledger.bid_ledger import Snapshot
from auction.ledger.keys import is_id
from auction.ledger.watchers import count_watchers
from auction.services.house import House

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
    settlement: str | None = None
    """Where a closed lot's settlement stands; None: not begun, or the books are away."""
    relisted_as: str | None = None


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


async def lot_record(house: House, lot_id: str) -> LotRecord:
    """The lot as it was entered; NotFound(lot-unknown). Once scheduled it never changes, and is kept in the process."""
    known = house.frozen_lots.get(lot_id)
    if known is not None:
        return known
    if not is_id(lot_id):
        raise NotFound(ProblemCode.LOT_UNKNOWN, f"There is no lot {lot_id[:64]!r}.")
    async with house.books.reading() as work:
        record = await catalogue.find_lot(work, lot_id)
    if record.status != DRAFT:
        house.frozen_lots.put(lot_id, record)
    return record


async def show_lot(house: House, lot_id: str) -> LotView:
    """One lot as it stands now. Raises NotFound, LedgerAway, BooksAway."""
    record = await lot_record(house, lot_id)
    snapshot = None if record.status == DRAFT else await house.ledger.read(lot_id)
    view = await _view(house, record, snapshot, await _watchers(house, [record]))
    return (await _with_settlements(house, [view]))[0]


async def view_after(house: House, snapshot: Snapshot) -> LotView:
    """The view of a lot whose ledger state was just answered by an action."""
    record = await lot_record(house, snapshot.lot_id)
    return await _view(house, record, snapshot, await _watchers(house, [record]))


async def list_sales(house: House) -> list[SaleView]:
    """Every sale with its lots, newest first."""
    async with house.books.reading() as work:
        sales = await catalogue.list_sales(work)
        records = await catalogue.lots_of_sales(work, [sale.sale_id for sale in sales])
    views = await _views(house, records)
    return [
        SaleView(sale.sale_id, sale.title, [view for view in views if view.record.sale_id == sale.sale_id])
        for sale in sales
    ]


async def show_sale(house: House, sale_id: str) -> SaleView:
    """One sale with its lots. Raises NotFound(sale-unknown)."""
    if not is_id(sale_id):
        raise NotFound(ProblemCode.SALE_UNKNOWN, f"There is no sale {sale_id[:64]!r}.")
    async with house.books.reading() as work:
        sale = await catalogue.find_sale(work, sale_id)
        records = await catalogue.lots_of_sales(work, [sale_id])
    return SaleView(sale.sale_id, sale.title, await _views(house, records))


async def _views(house: House, records: list[LotRecord]) -> list[LotView]:
    snapshots = await house.ledger.read_many([r.lot_id for r in records if r.status != DRAFT])
    watchers = await _watchers(house, records)
    views = [await _view(house, record, snapshots.get(record.lot_id), watchers) for record in records]
    return await _with_settlements(house, views)


async def _with_settlements(house: House, views: list[LotView]) -> list[LotView]:
    """The views, closed lots with what became of them; the books are asked only where a lot is closed."""
    closed = [view.record.lot_id for view in views if view.status == LotStatus.CLOSED]
    if not closed:
        return views
    try:
        async with house.books.reading() as work:
            found = await settlements.find_of_lots(work, closed)
    except BooksAway:
        # the ledger's part is true without them
        return views
    return [
        replace(view, settlement=one.state, relisted_as=one.relisted_as)
        if (one := found.get(view.record.lot_id)) is not None
        else view
        for view in views
    ]


async def _watchers(house: House, records: list[LotRecord]) -> dict[str, int]:
    scheduled = [record.lot_id for record in records if record.status != DRAFT]
    try:
        return await count_watchers(house.ledger.redis, house.ledger.keys, scheduled)
    except LedgerAway:
        # the lots themselves have been read, and an action may have been done: the count is not worth failing for
        return {}


async def _view(house: House, record: LotRecord, snapshot: Snapshot | None, watchers: dict[str, int]) -> LotView:
    """A lot the ledger has not got yet shows its start price as the minimum, and nothing has happened to it."""
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
            now_ms=await house.ledger.now_ms(),
            watchers=0,
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
    )


async def list_bids(house: House, lot_id: str, *, after_seq: int = 0, limit: int = 100) -> BidPage:
    """Accepted bids after a seq, oldest first: from the archive, then what only the ledger's stream has yet."""
    await lot_record(house, lot_id)
    limit = min(limit, BIDS_PAGE_MAX)
    shard = house.feed.keys.shard_of(lot_id)
    async with house.books.reading() as work:
        rows = await archived.bids_after(work, lot_id, after_seq=after_seq, limit=limit + 1)
        position = (await archive.cursors(work)).get(shard, archive.START)
    page = [
        BidView(row.seq, row.paddle, row.price_fen, row.at_ms, row.leading, row.voided_by_seq is not None)
        for row in rows
    ]
    if len(page) <= limit:
        page = await _with_tail(house, lot_id, page, position, after_seq=after_seq, enough=limit + 1)
    more = len(page) > limit
    return BidPage(page[:limit], page[limit - 1].seq if more else None)


async def _with_tail(
    house: House, lot_id: str, page: list[BidView], position: str, *, after_seq: int, enough: int
) -> list[BidView]:
    """The page with the bids that follow in the stream behind the archive's position, and bids voided there marked."""
    shard = house.feed.keys.shard_of(lot_id)
    found: dict[int, dict[str, Any]] = {}
    voided: set[int] = set()
    while True:
        entries = await house.feed.read(shard, position, block_ms=None, count=TAIL_READ)
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
