"""Rising bids for benchmarks of the ledger: each a step above the one before, by bidders in turn, each a new key."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from auction.domain.bidding import Bid
from auction.domain.deposits import NoDeposit
from auction.domain.terms import Bidding, Increment, SettlementTerms, Terms
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.replies import AcceptedBid

STEP_FEN = 100
TERMS = Terms(
    bidding=Bidding.DIRECT,
    start_price_fen=STEP_FEN,
    increments=(Increment(0, STEP_FEN),),
    on_grid=False,
    max_jump=None,
    reserve_fen=None,
    cap_fen=None,
    review_above_fen=None,
    soft_close=None,
    deposit=NoDeposit(),
    settlement=SettlementTerms(),
)
LAST_MS = 3_600_000
ADMITTED_AT_ONCE = 64


@dataclass(slots=True)
class RisingBids:
    """The bids of one lot, by so many bidders in turn; `number` of them were taken."""

    bidders: int
    number: int = 0

    def take(self, count: int) -> list[Bid]:
        """The next bids, each of which is accepted where all before it were."""
        bids = []
        for _ in range(count):
            self.number += 1
            bids.append(Bid(bidder_id(self.number % self.bidders), self.number * STEP_FEN, f"key-{self.number:032d}"))
        return bids


def bidder_id(number: int) -> str:
    """The id of a bidder, counted from 0."""
    return f"bidder-{number}"


async def open_lot_in_ledger(ledger: BidLedger, lot_id: str, bidders: int) -> None:
    """Open a lot for an hour, of which no database knows, and admit so many bidders."""
    now_ms = await ledger.now_ms()
    await ledger.schedule(lot_id, TERMS, opens_at_ms=now_ms, ends_at_ms=now_ms + LAST_MS, hard_stop_at_ms=0)
    await admit_bidders(ledger, lot_id, range(bidders))
    await ledger.open_now(lot_id, ends_at_ms=now_ms + LAST_MS, by="bench")


async def admit_bidders(ledger: BidLedger, lot_id: str, numbers: Sequence[int]) -> None:
    """Admit bidders without a limit; the paddle of each is one more than their number."""
    waiting = iter(numbers)

    async def admit_in_turn() -> None:
        for number in waiting:
            await ledger.admit(lot_id, bidder_id=bidder_id(number), paddle=number + 1, limit_fen=None, purse_fen=None)

    async with asyncio.TaskGroup() as group:
        for _ in range(ADMITTED_AT_ONCE):
            group.create_task(admit_in_turn())


async def place_rising(ledger: BidLedger, lot_id: str, bids: Sequence[Bid]) -> None:
    """Place bids in one call; SystemExit where one is refused."""
    answers = await ledger.place_bids(lot_id, bids)
    if not all(isinstance(answer, AcceptedBid) for answer in answers):
        raise SystemExit(f"a bid was refused: {answers}")
