"""Rebuilds a lot's keys from what the archive folds to. Off the bid's way; used by `auction restore` alone.

Bidders and receipts are loaded under other names first, so that the script that puts them in place is short, and a
rebuild that is broken off has changed nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from itertools import islice
from typing import Any

import msgspec
from redis.asyncio import Redis

from auction.domain.bidding import Admission, Receipt
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.events import Restored
from auction.domain.ledger_layout import StreamPosition
from auction.domain.lot import Lot
from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.purses import encode_purse, power_field
from auction.ledger.scripts import ScriptCaller
from auction.ledger.server_state import ServerState
from auction.ledger.terms_codec import pack_terms

FIELDS_AT_ONCE = 1000


class LedgerRebuild:
    """Writes to the ledger on one server past all its checks. Every method raises LedgerAway or OutcomeUnknown."""

    def __init__(self, redis: "Redis", keys: KeySpace) -> None:
        self._redis = redis
        self._keys = keys
        self.state = ServerState(redis, keys)
        self._scripts = ScriptCaller(redis)

    async def continue_stream(self, shard: int, after_id: str) -> None:
        """Make the next entries of a shard come after a stream id, which the archive has stored already."""
        stream = self._keys.stream(shard)
        with ledger_errors(writing=True):
            if StreamPosition.parse(await self.state.last_id(shard)) >= StreamPosition.parse(after_id):
                return
            # a stream remembers the last id that it gave out even when the entry is gone; both at once, since an entry
            # that a lost connection leaves there is of no lot
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.xadd(stream, {"restored": "1"}, id=after_id)
            pipeline.xdel(stream, after_id)
            await pipeline.execute()

    async def put_lot(
        self,
        lot_id: str,
        lot: Lot,
        *,
        chain: str,
        event: Restored | None,
        known_seq: int | None,
        admissions: Mapping[str, Admission],
        receipts: Mapping[tuple[str, str], Receipt],
        purses: Mapping[str, tuple[int, int]],
        shares: Mapping[str, int],
    ) -> None:
        """Replace a lot's keys; `lot` is its state, `event` included, and `chain` the checksum before that event.

        `known_seq` is where the ledger stood when the rebuild began (None: the lot was unknown); `purses` are each
        bidder's purse and what is held behind it, `shares` those of the lot's awards and offers, 0 for ended ones, in
        fen. RequestRefused(ledger-moved) where it stands elsewhere by now.
        """
        keys = self._keys
        bidders = {
            bidder_id: msgspec.msgpack.encode((one.paddle, -1 if one.limit_fen is None else one.limit_fen))
            for bidder_id, one in admissions.items()
        }
        accepted = {
            f"{key} {bidder_id}": msgspec.msgpack.encode(_receipt_row(receipt))
            for (bidder_id, key), receipt in receipts.items()
        }
        await self._load(keys.restored(keys.bidders(lot_id)), bidders)
        await self._load(keys.restored(keys.accepted(lot_id)), accepted)
        with ledger_errors(writing=True):
            for some in _portions(purses):
                row: dict[Any, Any] = {power_field(lot_id, one): encode_purse(*purse) for one, purse in some.items()}
                await self._redis.hset(keys.purse(lot_id), mapping=row)
            reply = await self._scripts.call(
                "restore_lot",
                (
                    keys.lot(lot_id),
                    keys.purse(lot_id),
                    keys.due_of(lot_id),
                    keys.stream_of(lot_id),
                    keys.bidders(lot_id),
                    keys.restored(keys.bidders(lot_id)),
                    keys.accepted(lot_id),
                    keys.restored(keys.accepted(lot_id)),
                ),
                (
                    lot_id,
                    msgspec.msgpack.encode(_state(lot, chain, event)),
                    pack_terms(lot.terms),
                    lot.terms.sha256(),
                    b"" if event is None else msgspec.msgpack.encode((event.kind, *astuple(event))),
                    -1 if known_seq is None else known_seq,
                    msgspec.msgpack.encode(shares),
                ),
            )
        if msgspec.msgpack.decode(reply)[0] != "ok":
            raise RequestRefused(
                ProblemCode.LEDGER_MOVED, f"Lot {lot_id} changed in the ledger meanwhile; nothing was restored. Repeat."
            )

    async def admit_callers(self, shard: int, lineage: str) -> None:
        """Let scripts take calls for a shard again."""
        with ledger_errors(writing=True):
            await self._redis.set(self._keys.lineage_key(), lineage)
            await self._redis.set(self._keys.shards_key(), self._keys.shards)
            await self._redis.set(self._keys.lineage(shard), lineage)

    async def _load(self, key: str, fields: Mapping[str, bytes]) -> None:
        with ledger_errors(writing=True):
            await self._redis.delete(key)
            for some in _portions(fields):
                await self._redis.hset(key, mapping=some)


def _portions(fields: Mapping[str, Any]) -> Iterator[dict[Any, Any]]:
    rest = iter(fields.items())
    while some := dict(islice(rest, FIELDS_AT_ONCE)):
        yield some


def _receipt_row(receipt: Receipt) -> Iterable[int]:
    return tuple(int(value) for value in astuple(receipt))


def _state(lot: Lot, chain: str, event: Restored | None) -> dict[str, Any]:
    """The fields of the lot's hash; seq as it was before the event, which the script adds."""
    return {
        "status": str(lot.status),
        "leader": lot.leader_id,
        "chain": chain,
        "epoch": lot.epoch,
        "seq": lot.seq if event is None else lot.seq - 1,
        "price": lot.price_fen,
        "paddle": lot.leader_paddle,
        "ceiling": lot.ceiling_fen,
        "bids": lot.bids,
        "opens_at": lot.opens_at_ms,
        "ends_at": lot.ends_at_ms,
        "hard_stop": lot.hard_stop_at_ms,
        "remaining": lot.remaining_ms,
        "stopped_at": lot.stopped_at_ms,
        "review": lot.review_above_fen,
        "last_at": lot.last_at_ms,
    }
