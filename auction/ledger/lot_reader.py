"""Reads what a live gateway needs to begin following a lot: its state, its last entries, and a bidder's admission.

After the bid's way, read only. The entries after that come from `tail`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis

from auction.domain.bidding import Admission
from auction.domain.errors import LedgerChanged
from auction.domain.lot import Lot
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import ledger_errors
from auction.ledger.entry import EntryDamaged, StreamEntry, decode
from auction.ledger.keys import KeySpace
from auction.ledger.replies import Snapshot
from auction.ledger.server_state import STOPPED
from auction.ledger.terms_codec import unpack_terms

PAGE_ENTRIES = 100
"""Entries of a stream that are read at a time."""


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
        """The lot's present state with its terms; None where the ledger does not know it.

        Whether it exists is asked first, without a script: that is all that a made-up lot costs.
        """
        with ledger_errors():
            pipeline = self._redis.pipeline(transaction=False)
            # the terms never change once the lot is in the ledger, so a second call sees the same lot
            pipeline.hget(self._keys.lot(lot_id), "terms")
            pipeline.get(self._keys.lineage_of(lot_id))
            packed, lineage = await pipeline.execute()
        if packed is None:
            if self._is_refused(lineage):
                # a shard that was emptied knows none of its lots
                raise LedgerChanged
            return None
        snapshot = await self._ledger.read(lot_id)
        return None if snapshot is None else LotReading(_lot_of(snapshot, packed), snapshot.chain)

    async def refused_shards(self, shards: Sequence[int]) -> set[int]:
        """Those of these shards for which the scripts refuse every call: they wait for `auction restore`."""
        with ledger_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for shard in shards:
                pipeline.get(self._keys.lineage(shard))
            lineages = await pipeline.execute()
        return {shard for shard, lineage in zip(shards, lineages, strict=True) if self._is_refused(lineage)}

    def _is_refused(self, lineage: bytes | None) -> bool:
        if lineage is None or lineage == STOPPED.encode():
            return True
        return bool(self._ledger.lineage) and lineage.decode() != self._ledger.lineage

    async def last_entries(self, shard: int, *, bytes_max: int) -> list[StreamEntry]:
        """A shard's last entries, oldest first; none from before a damaged one.

        They are read in pages, newest first, until they take `bytes_max` bytes: the last page may pass that.
        """
        found: list[StreamEntry] = []
        newest, size = "+", 0
        while size < bytes_max:
            with ledger_errors():
                rows: Any = await self._redis.xrevrange(self._keys.stream(shard), max=newest, count=PAGE_ENTRIES)
            for stream_id, fields in rows:
                try:
                    entry = decode(stream_id.decode(), fields)
                except EntryDamaged:
                    return found[::-1]
                found.append(entry)
                size += entry.size_bytes
            if len(rows) < PAGE_ENTRIES:
                break
            newest = f"({rows[-1][0].decode()}"
        return found[::-1]

    async def entries_since(self, shard: int, after_id: str) -> list[StreamEntry]:
        """A shard's entries after a stream id, at most `PAGE_ENTRIES`, oldest first; none from a damaged one on."""
        with ledger_errors():
            rows: Any = await self._redis.xrange(self._keys.stream(shard), min=f"({after_id}", count=PAGE_ENTRIES)
        found: list[StreamEntry] = []
        with suppress(EntryDamaged):
            found.extend(decode(stream_id.decode(), fields) for stream_id, fields in rows)
        return found

    async def read_admission(self, lot_id: str, bidder_id: str) -> Admission | None:
        """The bidder's paddle and limit on the lot, without the purse; None where they are not admitted."""
        with ledger_errors():
            packed: Any = await self._redis.hget(self._keys.bidders(lot_id), bidder_id)
        if packed is None:
            return None
        paddle, limit_fen = msgspec.msgpack.decode(packed)
        return Admission(paddle, None if limit_fen < 0 else limit_fen)

    async def accepted_keys(self, lot_id: str, *, at_once: int) -> AsyncIterator[tuple[str, str]]:
        """Bidder and idempotency key of every bid that was accepted before the call, some of them repeatedly.

        Of those accepted meanwhile some may be missing.
        """
        name, cursor = self._keys.accepted(lot_id), 0
        while True:
            with ledger_errors():
                reply: Any = await self._redis.hscan(name, cursor, count=at_once)
            cursor, fields = reply
            for field in fields:
                key, _, bidder_id = field.decode().partition(" ")
                yield bidder_id, key
            if not cursor:
                return


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
