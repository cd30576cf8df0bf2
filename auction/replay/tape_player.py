"""Plays bid tapes (`auction.replay.tape`) on a ledger: each command by the script that production has for it."""

from typing import Any

from auction.domain.bidding import Accepted, Bid, Refused, Repeated
from auction.domain.events import BidPlaced
from auction.domain.pricing import fold_bids
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.replies import BidAnswer, Snapshot
from auction.replay.tape import DAY_MS, Answer, TapeInvalid, bid_answer

PLAYER = "tape"


class LedgerEngine:
    """A ledger as an engine for tapes. Its lots must be new to the ledger, and belong to no database."""

    def __init__(self, ledger: BidLedger) -> None:
        self._ledger = ledger
        self._terms: dict[str, Terms] = {}
        self._standing: dict[str, dict[int, BidPlaced]] = {}

    async def answers(self, command: list[Any]) -> list[Answer]:
        """What comes of a command. Raises TapeInvalid for one that there is not."""
        match command:
            case ["bids", str(lot_id), list(bids)]:
                return await self._place(lot_id, [Bid(*bid) for bid in bids])
            case ["lot", str(lot_id), dict(terms)]:
                return [_state(await self._open(lot_id, read_terms(terms)))]
            case ["admit", str(lot_id), str(bidder_id), int(paddle), limit_fen]:
                admitted = self._ledger.admit(
                    lot_id, bidder_id=bidder_id, paddle=paddle, limit_fen=limit_fen, purse_fen=None
                )
                return [_state(await admitted)]
            case ["pause", str(lot_id)]:
                return [_state(await self._ledger.pause(lot_id, reason="", by=PLAYER))]
            case ["resume", str(lot_id), review_fen]:
                return [_state(await self._ledger.resume(lot_id, review_above_fen=review_fen, by=PLAYER))]
            case ["void-bid", str(lot_id), int(seq)]:
                return [_state(await self._void_bid(lot_id, seq))]
            case ["close", str(lot_id)]:
                return [_state(await self._ledger.close_now(lot_id, reason="", by=PLAYER))]
            case _:
                raise TapeInvalid(f"no such command: {str(command)[:60]}")

    async def _open(self, lot_id: str, terms: Terms) -> Snapshot:
        ends_at_ms = await self._ledger.now_ms() + DAY_MS
        await self._ledger.schedule(
            lot_id, terms, opens_at_ms=ends_at_ms - DAY_MS, ends_at_ms=ends_at_ms, hard_stop_at_ms=0
        )
        self._terms[lot_id], self._standing[lot_id] = terms, {}
        return await self._ledger.open_now(lot_id, ends_at_ms=ends_at_ms, by=PLAYER)

    async def _place(self, lot_id: str, bids: list[Bid]) -> list[Answer]:
        answers = await self._ledger.place_bids(lot_id, bids)
        return [self._answer(lot_id, bid, answer) for bid, answer in zip(bids, answers, strict=True)]

    def _answer(self, lot_id: str, bid: Bid, answer: BidAnswer) -> Answer:
        if isinstance(answer, Refused):
            return bid_answer(answer)
        receipt = answer.receipt
        if answer.repeated:
            return bid_answer(Repeated(receipt))
        placed = BidPlaced(
            bid.bidder_id, receipt.paddle, bid.amount_fen, bid.key, receipt.price_fen, int(receipt.leading), 0
        )
        self._standing[lot_id][receipt.seq] = placed
        return bid_answer(Accepted(receipt, ()))

    async def _void_bid(self, lot_id: str, seq: int) -> Snapshot:
        standing = self._standing[lot_id]
        del standing[seq]
        leading = fold_bids(self._terms[lot_id], [standing[at] for at in sorted(standing)])
        now = await self._ledger.read(lot_id)
        at_seq = 0 if now is None else now.seq
        return await self._ledger.restate(lot_id, at_seq=at_seq, voided_seq=seq, leading=leading, reason="", by=PLAYER)


def _state(lot: Snapshot) -> Answer:
    return [str(lot.status), lot.epoch, lot.seq, lot.price_fen, lot.leader_paddle, lot.bids, lot.minimum_fen]
