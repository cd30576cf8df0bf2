"""Reads a lot's keys as they are stored, past the scripts: for the checks alone. Off the bid's way, read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis

from auction.domain.bidding import Admission
from auction.domain.deposits import Power
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.purses import decode_purse, purse_fields

LOTS_AT_ONCE = 100
"""Lots whose state is read in one message."""


@dataclass(frozen=True, slots=True)
class StoredLot:
    """A lot's hash and its deadline (UTC ms; None: it has none), of one moment."""

    fields: Mapping[str, bytes]
    due_at_ms: int | None

    @property
    def seq(self) -> int:
        """The last seq; -1 where that is no number."""
        text = self.fields.get("seq", b"")
        return int(text) if text.isdigit() else -1


class StoredLots:
    """The keys of one ledger. Every method raises LedgerAway."""

    def __init__(self, ledger: BidLedger) -> None:
        self._redis: Redis = ledger.redis
        self._keys: KeySpace = ledger.keys

    async def states(self, lot_ids: Sequence[str]) -> dict[str, StoredLot]:
        """Lot -> its state, for the lots that the ledger knows."""
        found = {}
        for start in range(0, len(lot_ids), LOTS_AT_ONCE):
            some = lot_ids[start : start + LOTS_AT_ONCE]
            with ledger_errors():
                # hash and deadline of one moment
                pipeline = self._redis.pipeline(transaction=True)
                for lot_id in some:
                    pipeline.hgetall(self._keys.lot(lot_id))
                    pipeline.zscore(self._keys.due_of(lot_id), lot_id)
                replies: list[Any] = await pipeline.execute()
            for lot_id, fields, due in zip(some, replies[::2], replies[1::2], strict=True):
                if fields:
                    by_name = {name.decode(errors="replace"): value for name, value in fields.items()}
                    found[lot_id] = StoredLot(by_name, None if due is None else int(due))
        return found

    async def receipts(self, lot_id: str) -> dict[bytes, bytes]:
        """Idempotency key, space, bidder -> packed receipt; and, with a leading space, what staff did."""
        with ledger_errors():
            rows: Any = await self._redis.hgetall(self._keys.accepted(lot_id))
        return dict(rows)

    async def admissions(self, lot_id: str) -> dict[str, Admission | None]:
        """Admitted bidder -> paddle and limit, without the purse; None where that cannot be read."""
        with ledger_errors():
            rows: Any = await self._redis.hgetall(self._keys.bidders(lot_id))
        return {bidder_id.decode(errors="replace"): _admission(packed) for bidder_id, packed in rows.items()}

    async def powers(self, bidders: Sequence[tuple[str, str]]) -> list[Power | None]:
        """For each lot and bidder the limit and purse; None where they are not admitted."""
        with ledger_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for lot_id, bidder_id in bidders:
                pipeline.hget(self._keys.bidders(lot_id), bidder_id)
                pipeline.hmget(self._keys.purse(lot_id), purse_fields(lot_id, bidder_id))
            replies: list[Any] = await pipeline.execute()
        return [
            None if (known := packed and _admission(packed)) is None else _power(known, purse)
            for packed, purse in zip(replies[::2], replies[1::2], strict=True)
        ]

    async def lots_due(self, shard: int) -> list[str]:
        """The lots that have a deadline on a shard."""
        with ledger_errors():
            rows: Any = await self._redis.zrange(self._keys.due(shard), 0, -1)
        return [lot_id.decode(errors="replace") for lot_id in rows]


def _power(admission: Admission, purse: Sequence[bytes | None]) -> Power:
    return Power(admission.limit_fen, *decode_purse(purse))


def _admission(packed: bytes) -> Admission | None:
    try:
        paddle, limit_fen = msgspec.msgpack.decode(packed, type=tuple[int, int])
    except msgspec.MsgspecError:
        return None
    return Admission(paddle, None if limit_fen < 0 else limit_fen)
