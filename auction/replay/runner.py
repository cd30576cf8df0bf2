"""Replays recorded auctions: one lot for each, decided by the real ledger script and archived.

Every recorded bid is sent to the ledger in its order and is accepted or refused there; the price compared in the end is
the archived one. The lots have the recorded start price, no deposit, no cap and no review limit.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auction.books import archive_queries, bidders
from auction.domain.bidding import Bid
from auction.domain.errors import TermsInvalid
from auction.domain.terms_reader import merge_terms, read_terms
from auction.ledger.bid_ledger import BATCH_BIDS_MAX
from auction.ledger.replies import AcceptedBid
from auction.presets import load_preset
from auction.replay.csv_import import RecordedAuction
from auction.services.catalogue.lots import close_lot, create_lot, create_sale, open_lot
from auction.services.context import AppContext

ACTOR = "replay"
CONCURRENT_AUCTIONS = 8
OPEN_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class ReplayedAuction:
    """One replayed auction; prices in cents, 0 where no bid was accepted."""

    auction_id: str
    lot_id: str
    bids: int
    accepted: int
    price_cents: int
    recorded_cents: int

    @property
    def matches(self) -> bool:
        """Whether our closing price is the recorded one."""
        return self.price_cents == self.recorded_cents


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """A whole replay; auctions in the recording's order."""

    sale_id: str
    auctions: list[ReplayedAuction]
    seconds: float


CatchUp = Callable[[], Awaitable[object]]
"""Archives everything in the ledger's streams, then returns."""


async def replay(
    context: AppContext,
    auctions: Sequence[RecordedAuction],
    *,
    preset: str,
    catch_up: CatchUp,
    reserve_from_final: bool = False,
) -> ReplayResult:
    """Replay these auctions as the lots of a new sale.

    With `reserve_from_final`, an auction that misses its recorded price is replayed once more with that price as the
    reserve, and the second result counts. Raises NotFound(preset-unknown), TermsInvalid, LedgerAway, BooksAway.
    """
    started = time.monotonic()
    base = load_preset(preset)
    _check_terms(auctions, base)
    sale = await create_sale(
        context, title=f"Replay under {preset}", actor=ACTOR, sale_id=f"replay-{secrets.token_hex(5)}"
    )
    run = _ReplayRun(context, sale.sale_id, preset)
    found = await run.replay_all(auctions, catch_up)
    if reserve_from_final:
        missed = [
            auction
            for auction in auctions
            if not found[auction.auction_id].matches and auction.final_cents >= auction.start_cents
        ]
        found |= await run.replay_all(missed, catch_up, reserved=True)
    ordered = [found[auction.auction_id] for auction in auctions]
    return ReplayResult(sale.sale_id, ordered, time.monotonic() - started)


def _check_terms(auctions: Sequence[RecordedAuction], base: Mapping[str, Any]) -> None:
    """Raise TermsInvalid if the terms of any auction are, before anything is written."""
    for auction in auctions:
        try:
            read_terms(merge_terms(base, _own_terms(auction, reserved=False)))
        except TermsInvalid as wrong:
            raise TermsInvalid(wrong.contradictions, f"auction {auction.auction_id}") from wrong


def _own_terms(auction: RecordedAuction, *, reserved: bool) -> dict[str, Any]:
    return {
        "start_price_fen": auction.start_cents,
        "reserve_fen": auction.final_cents if reserved else None,
        "cap_fen": None,
        "review_above_fen": None,
        "deposit": {"policy": "none"},
    }


class _ReplayRun:
    """The state of one replay: the sale, and the paddles assigned on it."""

    def __init__(self, context: AppContext, sale_id: str, preset: str) -> None:
        self._context = context
        self._sale_id = sale_id
        self._preset = preset
        self._paddles: dict[str, int] = {}

    async def replay_all(
        self, auctions: Sequence[RecordedAuction], catch_up: CatchUp, *, reserved: bool = False
    ) -> dict[str, ReplayedAuction]:
        """Replay auctions, CONCURRENT_AUCTIONS at a time; the prices are read from the archive afterwards."""
        slots = asyncio.Semaphore(CONCURRENT_AUCTIONS)
        lots: dict[str, tuple[str, int]] = {}

        async def one(auction: RecordedAuction) -> None:
            async with slots:
                lots[auction.auction_id] = await self._replay(auction, reserved=reserved)

        try:
            async with asyncio.TaskGroup() as tasks:
                for auction in auctions:
                    tasks.create_task(one(auction))
        except BaseExceptionGroup as several:
            # the same server is unavailable to all of them: one error says it
            raise several.exceptions[0] from None
        await catch_up()
        async with self._context.books.reading() as tx:
            results = await archive_queries.results_of(tx, [lot_id for lot_id, _ in lots.values()])
        replayed = {}
        for auction in auctions:
            lot_id, accepted = lots[auction.auction_id]
            price = results[lot_id].hammer_price_fen or 0
            replayed[auction.auction_id] = ReplayedAuction(
                auction.auction_id, lot_id, len(auction.bids), accepted, price, auction.final_cents
            )
        return replayed

    async def _replay(self, auction: RecordedAuction, *, reserved: bool) -> tuple[str, int]:
        """Replay one auction as a new lot and close it; the lot's id and how many bids were accepted."""
        context = self._context
        lot = await create_lot(
            context,
            sale_id=self._sale_id,
            title=f"{auction.item} {auction.auction_id}".strip()[:200],
            preset=self._preset,
            terms=_own_terms(auction, reserved=reserved),
            actor=ACTOR,
        )
        lot_id = lot.record.lot_id
        await open_lot(context, lot_id, duration_ms=OPEN_MS, actor=ACTOR)
        paddle_of = {
            bidder: self._paddles.setdefault(bidder, len(self._paddles) + 1)
            for bidder in dict.fromkeys(bid.bidder for bid in auction.bids)
        }
        async with context.books.transaction() as tx:
            await bidders.register_recorded(
                tx,
                sale_id=self._sale_id,
                lot_id=lot_id,
                paddle_of=paddle_of,
                terms_sha256=read_terms(lot.record.terms).sha256(),
            )
        for bidder, paddle in paddle_of.items():
            await context.ledger.admit(lot_id, bidder_id=bidder, paddle=paddle, limit_fen=None, purse_fen=None)
        accepted = 0
        for start in range(0, len(auction.bids), BATCH_BIDS_MAX):
            batch = [
                Bid(bid.bidder, bid.amount_cents, f"line-{bid.line:08d}")
                for bid in auction.bids[start : start + BATCH_BIDS_MAX]
            ]
            answers = await context.ledger.place_bids(lot_id, batch)
            accepted += sum(isinstance(answer, AcceptedBid) for answer in answers)
        await close_lot(context, lot_id, reason="end of the recording", actor=ACTOR)
        return lot_id, accepted
