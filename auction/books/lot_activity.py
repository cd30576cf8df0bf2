"""Sums up what is archived of a lot's bids and registrations, for staff who watch it. Off the bid's way.

In proxy lots the price that a bid made is summed up, never a maximum.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, and_, cast, func, select

from auction.books.tables import bidder_blocks, bidders, bids, registrations
from auction.books.unit_of_work import Transaction

PARTS_MAX = 120
WIDTHS_MS = (1000, 5000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000)


@dataclass(frozen=True, slots=True)
class ActivityPart:
    """The bids of a part of the time, from `at_ms` on, and the price after the last that stands (None: none stands)."""

    at_ms: int
    bids: int
    price_fen: int | None


@dataclass(frozen=True, slots=True)
class BidActivity:
    """A lot's bids by parts of `width_ms` each, earliest first; parts without bids are left out."""

    width_ms: int
    parts: list[ActivityPart]


@dataclass(frozen=True, slots=True)
class RegistrationActivity:
    """How many are registered for a lot, how many of them since a moment, and when the last one was."""

    total: int
    recent: int
    last_at_ms: int | None


@dataclass(frozen=True, slots=True)
class BidderActivity:
    """What one bidder did on a lot; `best_fen`: the highest price that a standing bid of theirs made, or None."""

    bidder_id: str
    name: str
    paddle: int
    bids: int
    best_fen: int | None
    last_at_ms: int
    blocked: bool
    """By staff: they may not bid any more."""


def part_width_ms(first_ms: int, last_ms: int) -> int:
    """The width of the parts in which bids between these times (UTC ms) are summed up, PARTS_MAX of them at most."""
    lasted_ms = last_ms - first_ms + 1
    return next((width for width in WIDTHS_MS if lasted_ms <= width * (PARTS_MAX - 1)), WIDTHS_MS[-1])


async def bid_activity(tx: Transaction, lot_id: str) -> BidActivity:
    """A lot's archived bids in at most PARTS_MAX parts of equal width."""
    span = select(func.min(bids.c.at_ms).label("first"), func.max(bids.c.at_ms).label("last"))
    row = await tx.returned(span.where(bids.c.lot_id == lot_id))
    if row["first"] is None:
        return BidActivity(WIDTHS_MS[0], [])
    width_ms = part_width_ms(row["first"], row["last"])
    place = cast(bids.c.at_ms - bids.c.at_ms % width_ms, BigInteger).label("place")
    statement = (
        select(
            place,
            func.count().label("bids"),
            func.max(bids.c.price_fen).filter(bids.c.voided_by_seq.is_(None)).label("price_fen"),
        )
        .where(bids.c.lot_id == lot_id)
        .group_by(place)
        .order_by(place)
    )
    parts = [ActivityPart(row["place"], row["bids"], row["price_fen"]) for row in await tx.rows(statement)]
    return BidActivity(width_ms, parts)


async def registration_activity(tx: Transaction, lot_id: str, *, since_ms: int) -> RegistrationActivity:
    """A lot's registrations, and how many of them are from `since_ms` on."""
    at_ms = registrations.c.registered_at_ms
    statement = select(
        func.count().label("total"),
        func.count().filter(at_ms >= since_ms).label("recent"),
        func.max(at_ms).label("last_at_ms"),
    ).where(registrations.c.lot_id == lot_id)
    return RegistrationActivity(**await tx.returned(statement))


async def top_bidders(tx: Transaction, lot_id: str, *, limit: int) -> list[BidderActivity]:
    """The lot's bidders by their best standing bid, highest first; in proxy lots by maxima, which stay untold."""
    stands = bids.c.voided_by_seq.is_(None)
    best = func.max(bids.c.price_fen).filter(stands)
    highest = func.max(bids.c.amount_fen).filter(stands)
    statement = (
        select(
            bids.c.bidder_id,
            func.coalesce(func.max(bidders.c.name), bids.c.bidder_id).label("name"),
            func.max(bids.c.paddle).label("paddle"),
            func.count().label("bids"),
            best.label("best_fen"),
            func.max(bids.c.at_ms).label("last_at_ms"),
            func.bool_or(bidder_blocks.c.bidder_id.is_not(None)).label("blocked"),
        )
        .outerjoin(bidder_blocks, bidder_blocks.c.bidder_id == bids.c.bidder_id)
        .outerjoin(bidders, and_(bidders.c.bidder_id == bids.c.bidder_id))
        .where(bids.c.lot_id == lot_id)
        .group_by(bids.c.bidder_id)
        .order_by(highest.desc().nulls_last(), func.min(bids.c.seq))
        .limit(limit)
    )
    return [BidderActivity(**row) for row in await tx.rows(statement)]
