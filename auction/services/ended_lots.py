"""Answers for lots that are over and that the ledger has dropped, from the archive: their state, and retries of bids.

Beside the bid's way: asked only where the ledger does not know a lot.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache, TTLCache

from auction.books import archive_queries, bidders, catalogue
from auction.books.archive_queries import ArchivedBid
from auction.books.ledger_expiry import ENDED
from auction.books.unit_of_work import Books
from auction.domain.bidding import Admission, Bid, Decision, Receipt, decide
from auction.domain.errors import LedgerFault, NotFound, ProblemCode, WrongStatus
from auction.domain.lot import Lot, apply
from auction.domain.proof import LotProof, RuleBroken
from auction.domain.terms_reader import read_terms
from auction.ledger.entry import decode_events
from auction.ledger.replies import Snapshot

KEPT_MAX = 1_000
"""Lots whose last state a process keeps."""
QUESTIONS_MAX = 4
"""Questions to the database at the same time: a flood of bids on made-up lots must not take it from others."""
UNKNOWN_S = 5.0
"""For so long a lot that the database does not know, or that is not over, is not looked up again."""


@dataclass(frozen=True, slots=True)
class EndedLot:
    """A lot's last state and its checksum.

    Where bidders may set maxima, also the receipts that were given under (bidder, key): not all follow from their bids.
    """

    lot: Lot
    chain: str
    receipts: Mapping[tuple[str, str], Receipt] = field(default_factory=dict)

    def snapshot(self, lot_id: str, now_ms: int) -> Snapshot:
        """The state as the ledger would give it at `now_ms`."""
        lot = self.lot
        return Snapshot(
            lot_id=lot_id,
            status=lot.status,
            epoch=lot.epoch,
            seq=lot.seq,
            price_fen=lot.price_fen,
            leader_id=lot.leader_id,
            leader_paddle=lot.leader_paddle,
            ceiling_fen=lot.ceiling_fen,
            bids=lot.bids,
            minimum_fen=lot.minimum_fen(),
            opens_at_ms=lot.opens_at_ms,
            ends_at_ms=lot.ends_at_ms,
            hard_stop_at_ms=lot.hard_stop_at_ms,
            remaining_ms=lot.remaining_ms,
            review_above_fen=lot.review_above_fen,
            now_ms=lot.now(now_ms),
            chain=self.chain,
            pause_cause=lot.pause_cause,
        )


@dataclass(slots=True)
class EndedLots:
    """The ended lots that a process was asked for."""

    found: "LRUCache[str, EndedLot]" = field(default_factory=lambda: LRUCache(KEPT_MAX))
    others: "TTLCache[str, bool]" = field(default_factory=lambda: TTLCache(10 * KEPT_MAX, UNKNOWN_S))
    questions: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUESTIONS_MAX))
    asking: "set[asyncio.Task[Any]]" = field(default_factory=set)
    """Tasks whose bids wait for an answer from here."""

    async def find(self, books: Books, lot_id: str) -> EndedLot | None:
        """A lot that is over, folded from the archive; None for any other. Raises BooksAway, LedgerFault (damage)."""
        if (known := self.found.get(lot_id)) is not None:
            return known
        if lot_id in self.others:
            return None
        async with self.questions:
            if lot_id not in self.found and lot_id not in self.others:
                await self._read(books, lot_id)
        return self.found.get(lot_id)

    async def decide(self, books: Books, lot_id: str, bid: Bid, now_ms: int) -> Decision | None:
        """What the ledger would have answered to a bid; None where the lot is not one that is over. Raises as `find`.

        A retry of an accepted bid gets its first receipt, byte for byte.
        """
        ended = await self.find(books, lot_id)
        if ended is None:
            return None
        async with self.questions, books.reading() as tx:
            registration = await bidders.find_registration(tx, lot_id=lot_id, bidder_id=bid.bidder_id)
            first = await archive_queries.bid_under_key(tx, lot_id, bid.bidder_id, bid.key)
        admission = None
        if registration is not None and registration.admitted_at_ms is not None:
            admission = Admission(registration.paddle)
        receipt = None if first is None else _receipt_of(ended.lot, first)
        receipt = ended.receipts.get((bid.bidder_id, bid.key), receipt)
        return decide(ended.lot, admission, receipt, bid, ended.lot.now(now_ms))

    @asynccontextmanager
    async def known_as_ended(
        self, books: Books, lot_id: str, action: str, allowed: Sequence[str]
    ) -> AsyncIterator[None]:
        """Raise WrongStatus, with when the lot ended, where the ledger knows no lot since it has dropped it."""
        try:
            yield
        except NotFound as error:
            ended = None if error.code != ProblemCode.LOT_UNKNOWN else await self.find(books, lot_id)
            if ended is None:
                raise
            lot = ended.lot
            raise WrongStatus(action, lot.status, allowed, ended_at_ms=lot.ends_at_ms) from error

    async def _read(self, books: Books, lot_id: str) -> None:
        async with books.reading() as tx:
            try:
                record = await catalogue.find_lot(tx, lot_id)
            except NotFound:
                record = None
            if record is None or record.status not in ENDED:
                self.others[lot_id] = True
                return
            terms = read_terms(record.terms)
            lot, chain, proof = Lot(terms), "", LotProof(terms)
            try:
                async for row in archive_queries.entries_of(tx, lot_id):
                    events = decode_events(row.packed)
                    for event in events:
                        lot = apply(lot, event, row.at_ms)
                    chain = row.chain
                    if terms.auto_bids:
                        proof.fold_entry(row.epoch, row.first_seq, row.at_ms, events)
            except (ValueError, RuleBroken) as error:
                raise LedgerFault(f"The archived record of lot {lot_id} cannot be read ({error}).") from error
        self.found[lot_id] = EndedLot(lot, chain, proof.receipts)


def _receipt_of(ended: Lot, bid: ArchivedBid) -> Receipt:
    """The receipt that the script gave: the minimum after a bid follows from its price."""
    minimum_fen = Lot(ended.terms, price_fen=bid.price_fen).minimum_fen()
    return Receipt(
        bid.seq,
        bid.amount_fen,
        bid.price_fen,
        minimum_fen,
        bid.leading,
        bid.paddle,
        bid.ends_at_ms,
        bid.at_ms,
    )
