"""Reads the archive: pages of bids, entries forwards and backwards, results of lots. After the bid's way."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import any_, case, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from auction.books.tables import Id, bids, ledger_entries, lot_chains, lot_results, lots
from auction.books.unit_of_work import Transaction
from auction.domain.events import BidPlaced
from auction.domain.terms import Bidding

ENTRIES_AT = text("""
    SELECT ledger_entries.*
    FROM unnest(CAST(:lot_ids AS text[]), CAST(:first_seqs AS bigint[])) AS known(lot_id, first_seq)
    JOIN ledger_entries ON ledger_entries.lot_id = known.lot_id AND ledger_entries.first_seq = known.first_seq
""")

STANDINGS = text("""
    SELECT lot.lot_id, valid.bids, last.price_fen, last.ends_at_ms, leader.paddle AS leader_paddle
    FROM unnest(CAST(:lot_ids AS text[])) AS lot(lot_id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS bids FROM bids WHERE bids.lot_id = lot.lot_id AND voided_by_seq IS NULL
    ) AS valid
    LEFT JOIN LATERAL (
        SELECT price_fen, ends_at_ms FROM bids WHERE bids.lot_id = lot.lot_id AND voided_by_seq IS NULL
        ORDER BY seq DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT paddle FROM bids LEFT JOIN lots ON lots.lot_id = bids.lot_id
        WHERE bids.lot_id = lot.lot_id AND voided_by_seq IS NULL AND ("leading" OR lots.terms ->> 'bidding' = 'direct')
        ORDER BY seq DESC LIMIT 1
    ) AS leader ON true
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a lot's archived bids that are not voided make: their number, price (0: none), end and leading paddle."""

    bids: int
    price_fen: int
    ends_at_ms: int | None
    leader_paddle: int | None


@dataclass(frozen=True, slots=True)
class ArchivedBid:
    """An accepted bid. `amount_fen` may be a maximum, which only its bidder may see."""

    lot_id: str
    seq: int
    epoch: int
    bidder_id: str
    paddle: int
    amount_fen: int
    price_fen: int
    leading: bool
    key: str
    at_ms: int
    ends_at_ms: int
    voided_by_seq: int | None

    @property
    def event(self) -> BidPlaced:
        """The event that the bid was archived from."""
        return BidPlaced(
            self.bidder_id,
            self.paddle,
            self.amount_fen,
            self.key,
            self.price_fen,
            int(self.leading),
            self.ends_at_ms,
        )


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """A stream entry as the script wrote it, with the archive's SHA-256 head after it."""

    lot_id: str
    first_seq: int
    last_seq: int
    epoch: int
    at_ms: int
    packed: bytes
    chain: str
    head: bytes
    shard: int
    stream_id: str


@dataclass(frozen=True, slots=True)
class LotResult:
    """The outcome of a lot: sold, no-bids, reserve-unmet or void. A winner only where it sold."""

    lot_id: str
    outcome: str
    hammer_price_fen: int | None
    winner_id: str | None
    winner_paddle: int | None
    closed_seq: int
    closed_at_ms: int
    cause: str


async def bids_after(tx: Transaction, lot_id: str, *, after_seq: int = 0, limit: int = 100) -> list[ArchivedBid]:
    """A page of a lot's bids with a seq above `after_seq`, oldest first, voided ones included."""
    statement = select(bids).where(bids.c.lot_id == lot_id, bids.c.seq > after_seq).order_by(bids.c.seq).limit(limit)
    return [ArchivedBid(**row) for row in await tx.rows(statement)]


async def bids_of_bidder(
    tx: Transaction, lot_id: str, bidder_id: str, *, after_seq: int, limit: int
) -> list[ArchivedBid]:
    """A page of a bidder's bids on a lot with a seq above `after_seq`, oldest first, voided ones included."""
    own = select(bids).where(bids.c.lot_id == lot_id, bids.c.bidder_id == bidder_id, bids.c.seq > after_seq)
    return [ArchivedBid(**row) for row in await tx.rows(own.order_by(bids.c.seq).limit(limit))]


async def bid_under_key(tx: Transaction, lot_id: str, bidder_id: str, key: str) -> ArchivedBid | None:
    """The bid that was accepted from a bidder under an idempotency key; None where there is none."""
    row = await tx.row(select(bids).where(bids.c.lot_id == lot_id, bids.c.bidder_id == bidder_id, bids.c.key == key))
    return None if row is None else ArchivedBid(**row)


async def bid_at(tx: Transaction, lot_id: str, seq: int) -> ArchivedBid | None:
    """The bid with that seq, or None."""
    row = await tx.row(select(bids).where(bids.c.lot_id == lot_id, bids.c.seq == seq))
    return None if row is None else ArchivedBid(**row)


async def chain_secret_of(tx: Transaction, lot_id: str) -> bytes | None:
    """What a lot's commitments are salted from; None: its chain runs over full lines (`auction.books.chain`)."""
    found: bytes | None = await tx.session.scalar(select(lot_chains.c.secret).where(lot_chains.c.lot_id == lot_id))
    return found


async def entries_after(tx: Transaction, lot_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[ArchivedEntry]:
    """A page of a lot's entries whose first seq is above `after_seq`, oldest first."""
    statement = (
        select(ledger_entries)
        .where(ledger_entries.c.lot_id == lot_id, ledger_entries.c.first_seq > after_seq)
        .order_by(ledger_entries.c.first_seq)
        .limit(limit)
    )
    return [ArchivedEntry(**row) for row in await tx.rows(statement)]


async def entries_of(tx: Transaction, lot_id: str) -> AsyncIterator[ArchivedEntry]:
    """All entries of a lot, oldest first, read in pages; `tx` stays open meanwhile."""
    after_seq = 0
    while page := await entries_after(tx, lot_id, after_seq=after_seq):
        for entry in page:
            yield entry
        after_seq = page[-1].first_seq


async def entry_from(tx: Transaction, lot_id: str, seq: int) -> ArchivedEntry | None:
    """The first of a lot's entries that reaches a seq or goes beyond it; None where the archive ends before it."""
    statement = (
        select(ledger_entries)
        .where(ledger_entries.c.lot_id == lot_id, ledger_entries.c.last_seq >= seq)
        .order_by(ledger_entries.c.first_seq)
        .limit(1)
    )
    row = await tx.row(statement)
    return None if row is None else ArchivedEntry(**row)


async def entries_before(tx: Transaction, lot_id: str, *, before_seq: int, limit: int = 1000) -> list[ArchivedEntry]:
    """A page of a lot's entries whose first seq is below `before_seq`, newest first."""
    statement = (
        select(ledger_entries)
        .where(ledger_entries.c.lot_id == lot_id, ledger_entries.c.first_seq < before_seq)
        .order_by(ledger_entries.c.first_seq.desc())
        .limit(limit)
    )
    return [ArchivedEntry(**row) for row in await tx.rows(statement)]


async def entries_at(tx: Transaction, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], ArchivedEntry]:
    """Lot and first seq -> the entry, for those of these places where one is archived."""
    lot_ids, first_seqs = zip(*places, strict=True)
    rows = await tx.session.execute(ENTRIES_AT, {"lot_ids": lot_ids, "first_seqs": first_seqs})
    return {(row["lot_id"], row["first_seq"]): ArchivedEntry(**row) for row in rows.mappings()}


async def archived_lots(tx: Transaction) -> list[str]:
    """The lots of which anything is archived, by id."""
    statement = select(ledger_entries.c.lot_id).where(ledger_entries.c.first_seq == 1)
    return [row["lot_id"] for row in await tx.rows(statement.order_by(ledger_entries.c.lot_id))]


async def result_of(tx: Transaction, lot_id: str) -> LotResult | None:
    """A lot's result; None until its end is archived."""
    row = await tx.row(select(lot_results).where(lot_results.c.lot_id == lot_id))
    return None if row is None else LotResult(**row)


async def results_of(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, LotResult]:
    """Lot -> its result, for the lots whose end is archived."""
    statement = select(lot_results).where(lot_results.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
    return {row["lot_id"]: LotResult(**row) for row in await tx.rows(statement)}


async def standings(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, Standing]:
    """Lot -> what its archived bids make, for each of these lots."""
    rows = await tx.session.execute(STANDINGS, {"lot_ids": list(lot_ids)})
    return {row.lot_id: Standing(row.bids, row.price_fen or 0, row.ends_at_ms, row.leader_paddle) for row in rows.all()}


async def standing_bids(tx: Transaction, lot_id: str) -> list[tuple[int, BidPlaced]]:
    """A lot's bids that are not voided, with their seqs, oldest first."""
    statement = select(bids).where(bids.c.lot_id == lot_id, bids.c.voided_by_seq.is_(None)).order_by(bids.c.seq)
    return [(row["seq"], ArchivedBid(**row).event) for row in await tx.rows(statement)]


async def best_bidders(tx: Transaction, lot_ids: Sequence[str], *, per_lot_max: int) -> dict[str, list[str]]:
    """Lot -> its first bidders by their best bid not voided, highest first, of equal ones the earlier.

    In proxy lots the maximum is the bid; in direct ones a maximum counts as far as it was bid.
    """
    is_proxy = lots.c.terms["bidding"].astext == str(Bidding.PROXY)
    amount_fen = case((is_proxy, bids.c.amount_fen), else_=bids.c.price_fen).label("amount_fen")
    best = (
        select(bids.c.lot_id, bids.c.bidder_id, amount_fen, bids.c.seq)
        .join(lots, lots.c.lot_id == bids.c.lot_id)
        .ext(distinct_on(bids.c.lot_id, bids.c.bidder_id))
        .where(bids.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), bids.c.voided_by_seq.is_(None))
        .order_by(bids.c.lot_id, bids.c.bidder_id, amount_fen.desc(), bids.c.seq)
        .subquery()
    )
    place = func.row_number().over(partition_by=best.c.lot_id, order_by=(best.c.amount_fen.desc(), best.c.seq))
    ranked = select(best.c.lot_id, best.c.bidder_id, place.label("place")).subquery()
    statement = select(ranked).where(ranked.c.place <= per_lot_max).order_by(ranked.c.lot_id, ranked.c.place)
    found: dict[str, list[str]] = {}
    for row in await tx.rows(statement):
        found.setdefault(row["lot_id"], []).append(row["bidder_id"])
    return found
