"""Reads what a live gateway needs to begin following a lot: its state, its last entries, and a bidder's admission.

After the bid's way, read only. The entries after that come from `tail`.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis

from auction.domain.bidding import Admission
from auction.domain.lot import Lot
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import ledger_errors
from auction.ledger.entry import EntryDamaged, StreamEntry, decode
from auction.ledger.keys import KeySpace
from auction.ledger.replies import Snapshot
from auction.ledger.terms_codec import unpack_terms


@dataclass(frozen=True, slots=True)
class LotReading:
    """A lot's state, and its checksum, which the next entry continues."""

    lot: Lot
    chain: str


class LotReader:
    """Reads one ledger. Every method raises LedgerAway."""

    def __init__(self, ledger: BidLedger) -> None:
        self._ledger = ledger
        self._redis: Redis = ledger.redis
        self._keys: KeySpace = ledger.keys

    async def read_lot(self, lot_id: str) -> LotReading | None:
        """The lot's present state with its terms; None where the ledger does not know it."""
        snapshot = await self._ledger.read(lot_id)
        if snapshot is None:
            return None
        with ledger_errors():
            # the terms never change once the lot is in the ledger, so a second call sees the same lot
            packed: Any = await self._redis.hget(self._keys.lot(lot_id), "terms")
        return None if packed is None else LotReading(_lot_of(snapshot, packed), snapshot.chain)

    async def last_entries(self, lot_id: str, *, shard_entries: int) -> list[StreamEntry]:
        """The lot's entries among its shard's last `shard_entries`, oldest first; none from before a damaged one."""
        with ledger_errors():
            rows: Any = await self._redis.xrevrange(self._keys.stream_of(lot_id), count=shard_entries)
        found: list[StreamEntry] = []
        wanted = lot_id.encode()
        for stream_id, fields in rows:
            if fields.get(b"lot") != wanted:
                continue
            try:
                found.append(decode(stream_id.decode(), fields))
            except EntryDamaged:
                break
        return found[::-1]

    async def read_admission(self, lot_id: str, bidder_id: str) -> Admission | None:
        """The bidder's paddle and limit on the lot, without the purse; None where they are not admitted."""
        with ledger_errors():
            packed: Any = await self._redis.hget(self._keys.bidders(lot_id), bidder_id)
        if packed is None:
            return None
        paddle, limit_fen = msgspec.msgpack.decode(packed)
        return Admission(paddle, None if limit_fen < 0 else limit_fen)


def _lot_of(snapshot: Snapshot, packed_terms: bytes) -> Lot:
    """The lot of a snapshot, without `stopped_at_ms`, which folding does not need."""
    return Lot(
        terms=unpack_terms(packed_terms),
        status=snapshot.status,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        price_fen=snapshot.price_fen,
        leader_id=snapshot.leader_id,
        leader_paddle=snapshot.leader_paddle,
        ceiling_fen=snapshot.ceiling_fen,
        bids=snapshot.bids,
        opens_at_ms=snapshot.opens_at_ms,
        ends_at_ms=snapshot.ends_at_ms,
        hard_stop_at_ms=snapshot.hard_stop_at_ms,
        remaining_ms=snapshot.remaining_ms,
        review_above_fen=snapshot.review_above_fen,
        pause_cause=snapshot.pause_cause,
    )
