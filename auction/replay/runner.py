"""Feeds recorded auctions through the house: one lot each, the real scripts, the real archive.

Every recorded bid goes to the ledger in its order and is accepted or refused there; the price compared in the end is
the one the archive holds. The lots take the recording's start price, no deposit, and no limit that waits for staff.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auction.books import archive_queries
from auction.domain.bidding import Bid
from auction.domain.errors import TermsInvalid
from auction.domain.terms_reader import merge_terms, read_terms
from auction.ledger.bid_ledger import BATCH_MAX, Taken
from auction.presets import load_preset
from auction.replay.csv_import import RecordedAuction
from auction.services.catalogue.lots import close_lot, create_lot, create_sale, open_lot
from auction.services.context import AppContext

ACTOR = "replay"
AT_ONCE = 8
"""Auctions that are replayed side by side."""
OPEN_FOR_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one recorded auction here; prices in cents, 0: no bid was accepted."""

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
class Replay:
    """A whole replay, in the recording's order."""

    sale_id: str
    auctions: list[Replayed]
    seconds: float


CatchUp = Callable[[], Awaitable[object]]
"""Archives everything that is in the ledger's streams, then returns."""


async def replay(
    context: AppContext,
    auctions: Sequence[RecordedAuction],
    *,
    preset: str,
    catch_up: CatchUp,
    reserve_from_final: bool = False,
) -> Replay:
    """Replay these auctions as the lots of a new sale.

    `reserve_from_final`: an auction that misses its recorded price is replayed once more with that price as the
    hidden reserve, and counts as it comes out then. Raises NotFound(preset-unknown), TermsInvalid, LedgerAway.
    """
    started = time.monotonic()
    base = load_preset(preset)
    _check_terms(auctions, base)
    sale = await create_sale(
        context, title=f"Replay under {preset}", actor=ACTOR, sale_id=f"replay-{secrets.token_hex(5)}"
    )
    run = _Run(context, sale.sale_id, preset)
    found = await run.all(auctions, catch_up)
    if reserve_from_final:
        missed = [
            auction
            for auction in auctions
            if not found[auction.auction_id].matches and auction.final_cents >= auction.start_cents
        ]
        found |= await run.all(missed, catch_up, reserved=True)
    ordered = [found[auction.auction_id] for auction in auctions]
    return Replay(sale.sale_id, ordered, time.monotonic() - started)


def _check_terms(auctions: Sequence[RecordedAuction], base: Mapping[str, Any]) -> None:
    """Every auction's terms are sound before anything is written."""
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


class _Run:
    """One replay under way: the sale, and the paddles given out on it."""

    def __init__(self, context: AppContext, sale_id: str, preset: str) -> None:
        self._context = context
        self._sale_id = sale_id
        self._preset = preset
        self._paddles: dict[str, int] = {}

    async def all(
        self, auctions: Sequence[RecordedAuction], catch_up: CatchUp, *, reserved: bool = False
    ) -> dict[str, Replayed]:
        """Replay these, several at a time; the prices come from the archive once it has caught up."""
        turns = asyncio.Semaphore(AT_ONCE)
        lots: dict[str, tuple[str, int]] = {}

        async def one(auction: RecordedAuction) -> None:
            async with turns:
                lots[auction.auction_id] = await self._stream(auction, reserved=reserved)

        try:
            async with asyncio.TaskGroup() as tasks:
                for auction in auctions:
                    tasks.create_task(one(auction))
        except BaseExceptionGroup as several:
            # a server went away, for all of them at once: one sentence says it
            raise several.exceptions[0] from None
        await catch_up()
        async with self._context.books.reading() as tx:
            results = await archive_queries.results_of(tx, [lot_id for lot_id, _ in lots.values()])
        replayed = {}
        for auction in auctions:
            lot_id, accepted = lots[auction.auction_id]
            price = results[lot_id].hammer_price_fen or 0
            replayed[auction.auction_id] = Replayed(
                auction.auction_id, lot_id, len(auction.bids), accepted, price, auction.final_cents
            )
        return replayed

    async def _stream(self, auction: RecordedAuction, *, reserved: bool) -> tuple[str, int]:
        """The lot of one auction after its last bid, closed; and how many bids were accepted."""
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
        await open_lot(context, lot_id, duration_ms=OPEN_FOR_MS, actor=ACTOR)
        for bidder in dict.fromkeys(bid.bidder for bid in auction.bids):
            paddle = self._paddles.setdefault(bidder, len(self._paddles) + 1)
            await context.ledger.admit(lot_id, bidder_id=bidder, paddle=paddle, limit_fen=None, purse_fen=None)
        accepted = 0
        for start in range(0, len(auction.bids), BATCH_MAX):
            batch = [
                Bid(bid.bidder, bid.amount_cents, f"line-{bid.line:08d}")
                for bid in auction.bids[start : start + BATCH_MAX]
            ]
            answers = await context.ledger.place_bids(lot_id, batch)
            accepted += sum(isinstance(answer, Taken) for answer in answers)
        await close_lot(context, lot_id, reason="end of the recording", actor=ACTOR)
        return lot_id, accepted
