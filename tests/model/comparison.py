"""Holds a ledger against the model: every key of it, and every entry of its stream."""

from dataclasses import asdict, replace
from typing import Any

import msgspec
from redis.asyncio import Redis

from auction.domain.ledger_layout import STREAM_START
from auction.domain.lot import Lot, LotStatus, apply
from auction.domain.outage import Outage
from auction.domain.pricing import LeadingBid, fold_bids
from auction.domain.proof import LotProof
from auction.domain.terms import Terms
from auction.ledger.entry import StreamEntry, chain_of, decode
from auction.ledger.keys import KeySpace
from auction.ledger.replies import Snapshot
from auction.ledger.terms_codec import pack_terms
from auction.services.ended_lots import EndedLot
from tests.model.ledger_model import LedgerModel, ModelLot

HASH_FIELDS = {
    "epoch": "epoch",
    "seq": "seq",
    "price": "price_fen",
    "paddle": "leader_paddle",
    "ceiling": "ceiling_fen",
    "bids": "bids",
    "opens_at": "opens_at_ms",
    "ends_at": "ends_at_ms",
    "hard_stop": "hard_stop_at_ms",
    "remaining": "remaining_ms",
    "stopped_at": "stopped_at_ms",
    "review": "review_above_fen",
    "last_at": "last_at_ms",
}
"""Field of the lot's hash -> field of the domain's lot."""


class Comparison:
    """Compares after every command; remembers how far the stream has been read."""

    def __init__(self, redis: "Redis", keys: KeySpace, sale_id: str, context: LedgerModel) -> None:
        self._redis = redis
        self._keys = keys
        self._context = context
        self._any_lot = f"{sale_id}-001"
        self._read_to = STREAM_START
        self._seen: dict[str, int] = {}
        self._chains: dict[str, str] = {}

    async def check(self) -> None:
        """The whole ledger, every lot of the sale; raises AssertionError at the first difference."""
        keys, lots = self._keys, list(self._context.lots.items())
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xrange(keys.stream_of(self._any_lot), f"({self._read_to}", "+")
        pipeline.zrange(keys.due_of(self._any_lot), 0, -1, withscores=True)
        pipeline.hgetall(keys.purse(self._any_lot))
        for lot_id, _ in lots:
            pipeline.hgetall(keys.lot(lot_id))
            pipeline.hgetall(keys.bidders(lot_id))
            pipeline.hgetall(keys.accepted(lot_id))
        pipeline.hgetall(keys.activity_of(self._any_lot))
        stream, due, purse, *hashes, activity = await pipeline.execute()
        for stream_id, fields in stream:
            self._check_entry(decode(stream_id.decode(), fields))
        assert self._seen == {lot_id: len(entry.history) for lot_id, entry in lots}, "the stream misses events"
        assert {lot_id.decode(): score for lot_id, score in due} == self._context.due, "deadlines"
        self._check_purse(purse)
        assert {name.decode(): int(value) for name, value in activity.items()} == self._activity(), "bidding activity"
        for number, (lot_id, entry) in enumerate(lots):
            state, admitted, accepted = hashes[number * 3 : number * 3 + 3]
            # what a lot was last paused for stays until it is paused again
            cause = state.pop(b"pause_cause", b"").decode()
            assert entry.lot.status is not LotStatus.PAUSED or cause == entry.lot.pause_cause, "the pause's cause"
            assert state == self._state_of(lot_id, entry.lot), f"the lot's hash of {lot_id}"
            self._check_bidders(entry, admitted)
            self._check_receipts(entry, accepted)

    def _activity(self) -> dict[str, int]:
        activity = self._context.activity
        if activity is None:
            return {}
        outage = activity.outage or Outage(0, 0, 0)
        last = {"from": outage.from_ms, "to": outage.to_ms, "until": outage.until_ms}
        return {"seen_at": activity.seen_at_ms, "limit": activity.limit_ms, **last}

    def snapshot_of(self, lot_id: str, clock_ms: int) -> Snapshot:
        """The lot as every answer must show it now; the chain is the one recomputed from the stream."""
        lot = self._context.lots[lot_id].lot
        return EndedLot(lot, self._chains[lot_id]).snapshot(lot_id, clock_ms)

    async def check_whole_stream(self) -> None:
        """From the first entry on: seqs 1..n, the chain, and a fold of the events that is the state."""
        rows: Any = await self._redis.xrange(self._keys.stream_of(self._any_lot))
        entries = [decode(stream_id.decode(), fields) for stream_id, fields in rows]
        for lot_id, model in self._context.lots.items():
            folded, chain, last_at = Lot(model.lot.terms), "", 0
            for entry in (entry for entry in entries if entry.lot_id == lot_id):
                assert entry.first_seq == folded.seq + 1, f"{lot_id} has a hole before seq {entry.first_seq}"
                assert entry.at_ms >= last_at, f"the time of {lot_id} ran back"
                chain = chain_of(chain, lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
                assert entry.chain == chain, f"the chain of {lot_id} breaks at seq {entry.first_seq}"
                last_at = entry.at_ms
                for event in entry.events:
                    assert folded.status not in (LotStatus.CLOSED, LotStatus.VOID), f"{lot_id}: an event after the end"
                    folded = apply(folded, event, entry.at_ms)
                assert entry.epoch == folded.epoch
            bids = [bid for _, bid in model.standing_bids()]
            leading = LeadingBid(folded.price_fen, folded.leader_id, folded.leader_paddle, folded.ceiling_fen)
            made = fold_bids(folded.terms, bids)
            if folded.terms.auto_bids:
                # a maximum may have been set since
                leading, made = replace(leading, ceiling_fen=0), replace(made, ceiling_fen=0)
                _prove(folded.terms, [entry for entry in entries if entry.lot_id == lot_id])
            assert leading == made, f"the bids of {lot_id} that stand make another price"
            state: Any = await self._redis.hgetall(self._keys.lot(lot_id))
            assert {name: int(state[name.encode()]) for name in HASH_FIELDS} == _numbers(folded)
            assert state[b"status"].decode() == str(folded.status)
            assert state[b"leader"].decode() == folded.leader_id

    def _check_entry(self, entry: StreamEntry) -> None:
        lot_id = entry.lot_id
        done = self._seen.get(lot_id, 0)
        expected = self._context.lots[lot_id].history[done : done + len(entry.events)]
        assert entry.events == tuple(row.event for row in expected), f"events of {lot_id} from seq {entry.first_seq}"
        assert entry.first_seq == expected[0].seq == done + 1
        assert {(entry.epoch, entry.at_ms)} == {(row.epoch, row.at_ms) for row in expected}
        previous = self._chains.get(lot_id, "")
        chain = chain_of(previous, lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
        assert entry.chain == chain, f"the chain of {lot_id} at seq {entry.first_seq}"
        self._chains[lot_id] = chain
        self._seen[lot_id] = entry.last_seq
        self._read_to = entry.stream_id

    def _state_of(self, lot_id: str, lot: Lot) -> dict[bytes, bytes]:
        text = {
            "terms_sha256": lot.terms.sha256(),
            "status": str(lot.status),
            "leader": lot.leader_id,
            "chain": self._chains[lot_id],
            **{name: str(value) for name, value in _numbers(lot).items()},
        }
        return {name.encode(): value.encode() for name, value in text.items()} | {b"terms": pack_terms(lot.terms)}

    def _check_purse(self, purse: dict[bytes, bytes]) -> None:
        stored = {name.decode(): msgspec.msgpack.decode(value) for name, value in purse.items()}
        purses = {
            f"power:{lot_id} {bidder}": list(power)
            for lot_id, entry in self._context.lots.items()
            for bidder, power in entry.purses.items()
        }
        bidders = {bidder for entry in self._context.lots.values() for bidder in entry.admitted}
        shares = {f"shares:{bidder}": taken for bidder in bidders if (taken := self._context.shares_of(bidder))}
        assert stored == purses | shares

    @staticmethod
    def _check_bidders(entry: ModelLot, admitted: dict[bytes, bytes]) -> None:
        rows = {bidder.decode(): msgspec.msgpack.decode(packed) for bidder, packed in admitted.items()}
        assert rows == {
            bidder: [paddle, -1 if limit is None else limit] for bidder, (paddle, limit) in entry.admitted.items()
        }

    @staticmethod
    def _check_receipts(entry: ModelLot, accepted: dict[bytes, bytes]) -> None:
        rows: dict[str, Any] = {name.decode(): msgspec.msgpack.decode(packed) for name, packed in accepted.items()}
        assert rows == {
            f"{key} {bidder}": list(asdict(receipt).values()) for (bidder, key), receipt in entry.receipts.items()
        }


def _prove(terms: Terms, entries: list[StreamEntry]) -> None:
    """The rules give every event of a lot again. A purse is not known here: it refuses less."""
    proof = LotProof(terms)
    for entry in entries:
        proof.fold_entry(entry.epoch, entry.first_seq, entry.at_ms, entry.events)


def _numbers(lot: Lot) -> dict[str, int]:
    return {name: getattr(lot, attribute) for name, attribute in HASH_FIELDS.items()}
