"""The bid ledger in Python's words: calls the scripts, turns their codes into typed results.

Nothing here decides: the scripts do. A bid comes through `combiner`, a control action straight from a service.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from redis.asyncio import Redis

from auction.domain.bidding import Bid, Receipt, Refused
from auction.domain.deposits import Power
from auction.domain.errors import AuctionError, NotFound, ProblemCode, RefusalCode, RequestRefused, WrongStatus
from auction.domain.lot import ADMITTING, STOPPED, LotStatus, Standing
from auction.domain.terms import Terms
from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.scripts import ScriptCaller
from auction.ledger.terms_codec import pack_terms

READS_AT_ONCE = 16
"""How many lots are read side by side, each on a connection."""
BATCH_MAX = 512
"""The most bids one script call decides."""

FACT_NAMES = {
    RefusalCode.LOT_NOT_OPEN: "status",
    RefusalCode.ABOVE_CAP: "cap_fen",
    RefusalCode.BID_TOO_LOW: "minimum_fen",
    RefusalCode.OFF_GRID: "minimum_fen",
    RefusalCode.JUMP_TOO_LARGE: "maximum_fen",
    RefusalCode.OVER_LIMIT: "limit_fen",
    RefusalCode.OVER_PURSE: "available_fen",
}
_REFUSALS = {str(code): code for code in RefusalCode}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A lot as the ledger answered it at `now_ms`. Amounts in fen (0: none), times in UTC ms (0: none)."""

    lot_id: str
    status: LotStatus
    epoch: int
    seq: int
    price_fen: int
    leader_id: str
    leader_paddle: int
    ceiling_fen: int
    bids: int
    minimum_fen: int
    opens_at_ms: int
    ends_at_ms: int
    hard_stop_at_ms: int
    remaining_ms: int
    review_above_fen: int
    now_ms: int
    chain: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The bid stands, now (`repeated` false) or since an earlier call with the same key."""

    receipt: Receipt
    repeated: bool


Answer = Taken | Refused


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The ledger's time and, earliest first, when (UTC ms) which lot has to be opened or closed."""

    now_ms: int
    waiting: list[tuple[int, str]]


class BidLedger:
    """One ledger server. Every method raises LedgerAway, or OutcomeUnknown where a write had been sent."""

    def __init__(self, redis: "Redis", keys: KeySpace) -> None:
        self.redis = redis
        self.keys = keys
        self._scripts = ScriptCaller(redis)

    @classmethod
    async def open(cls, redis: "Redis", shards: int) -> Self:
        """The ledger, after checking that it was first started with as many shards; RequestRefused if not."""
        with ledger_errors():
            await redis.set(KeySpace.shards_key(), shards, nx=True)
            stored = int(await redis.get(KeySpace.shards_key()) or 0)
        if stored != shards:
            raise RequestRefused(
                ProblemCode.WRONG_SHARDS,
                f"This ledger was started with {stored} shards and cannot be used with {shards}; "
                f"set AUCTION_LEDGER_SHARDS={stored}.",
            )
        return cls(redis, KeySpace(shards))

    async def place_bids(self, lot_id: str, bids: Sequence[Bid]) -> list[Answer]:
        """Decide 1 to 512 bids on one lot in order; one answer a bid."""
        packed = msgspec.msgpack.encode([(bid.bidder_id, bid.amount_fen, bid.key) for bid in bids])
        keys = self.keys
        with ledger_errors(writing=True):
            reply = await self._scripts.call(
                "place_bids",
                (
                    keys.lot(lot_id),
                    keys.bidders(lot_id),
                    keys.accepted(lot_id),
                    keys.purse(lot_id),
                    keys.due_of(lot_id),
                    keys.stream_of(lot_id),
                ),
                (lot_id, packed),
            )
        now_ms, _epoch, rows = msgspec.msgpack.decode(reply)
        return [_answer(row, now_ms) for row in rows]

    async def schedule(
        self, lot_id: str, terms: Terms, *, opens_at_ms: int, ends_at_ms: int, hard_stop_at_ms: int
    ) -> Snapshot:
        """Bring a lot into the ledger with its frozen terms; again with the same terms: nothing."""
        keys = self.keys
        code, snapshot = await self._control(
            "schedule_lot",
            lot_id,
            (keys.lot(lot_id), keys.due_of(lot_id), keys.stream_of(lot_id)),
            (pack_terms(terms), terms.sha256(), opens_at_ms, ends_at_ms, hard_stop_at_ms),
        )
        return _must(code, snapshot, "schedule it", (LotStatus.SCHEDULED,))

    async def admit(
        self, lot_id: str, *, bidder_id: str, paddle: int, limit_fen: int | None, purse_fen: int | None
    ) -> Snapshot:
        """Let a bidder bid on the lot, or change how high; the same again: nothing."""
        keys = self.keys
        code, snapshot = await self._control(
            "admit_bidder",
            lot_id,
            (keys.lot(lot_id), keys.bidders(lot_id), keys.purse(lot_id), keys.due_of(lot_id), keys.stream_of(lot_id)),
            (bidder_id, paddle, -1 if limit_fen is None else limit_fen, -1 if purse_fen is None else purse_fen),
        )
        return _must(code, snapshot, "register for it", ADMITTING)

    async def power(self, lot_id: str, bidder_id: str) -> Power | None:
        """What the ledger lets a bidder bid on a lot; None where it does not know them. For checks."""
        keys = self.keys
        with ledger_errors():
            row: Any = await self.redis.hget(keys.bidders(lot_id), bidder_id)
            purse = await self.redis.hget(keys.purse(lot_id), f"purse:{bidder_id}")
        if row is None:
            return None
        _paddle, limit_fen = msgspec.msgpack.decode(row)[:2]
        return Power(None if limit_fen == -1 else int(limit_fen), None if purse is None else int(purse))

    async def open_due(self, lot_id: str, *, by: str) -> tuple[str, Snapshot | None]:
        """The clerk's opening; the code tells: ok, done, not-due, missed, wrong-status, lot-unknown."""
        return await self._act("open_lot", lot_id, "due", 0, by)

    async def open_now(self, lot_id: str, *, ends_at_ms: int, by: str) -> Snapshot:
        """Staff open a scheduled lot at once."""
        code, snapshot = await self._act("open_lot", lot_id, "now", ends_at_ms, by)
        return _must(code, snapshot, "open it", (LotStatus.SCHEDULED,))

    async def close_due(self, lot_id: str) -> tuple[str, Snapshot | None]:
        """The clerk's closing; the code tells: ok, done, not-due, lot-unknown."""
        return await self._act("close_lot", lot_id, "due", "", "")

    async def close_now(self, lot_id: str, *, reason: str, by: str) -> Snapshot:
        """Staff close an open lot before its end."""
        code, snapshot = await self._act("close_lot", lot_id, "now", reason, by)
        return _must(code, snapshot, "close it", (LotStatus.OPEN,))

    async def pause(self, lot_id: str, *, reason: str, by: str) -> Snapshot:
        """Stop an open lot, keeping the time left."""
        code, snapshot = await self._act("pause_lot", lot_id, reason, by)
        return _must(code, snapshot, "pause it", (LotStatus.OPEN,))

    async def resume(self, lot_id: str, *, review_above_fen: int | None, by: str) -> Snapshot:
        """Let bidding go on; `review_above_fen`: None as before, 0 none, else a new review limit above the price."""
        code, snapshot = await self._act("resume_lot", lot_id, -1 if review_above_fen is None else review_above_fen, by)
        return _must(code, snapshot, "resume it", STOPPED)

    async def extend(self, lot_id: str, *, by_ms: int, reason: str, by: str) -> Snapshot:
        """Move the end of an open lot."""
        code, snapshot = await self._act("extend_lot", lot_id, by_ms, reason, by)
        return _must(code, snapshot, "extend it", (LotStatus.OPEN,))

    async def withdraw(self, lot_id: str, *, reason: str, by: str) -> Snapshot:
        """Declare a lot void before it closed."""
        code, snapshot = await self._act("withdraw_lot", lot_id, reason, by)
        return _must(code, snapshot, "void it", ADMITTING)

    async def restate(
        self, lot_id: str, *, at_seq: int, voided_seq: int, now: Standing, reason: str, by: str
    ) -> Snapshot:
        """Take one bid out of a stopped lot, if its seq is still `at_seq`; RequestRefused(ledger-moved) if not."""
        code, snapshot = await self._act(
            "restate_lot",
            lot_id,
            at_seq,
            voided_seq,
            now.price_fen,
            now.leader_id,
            now.leader_paddle,
            now.ceiling_fen,
            reason,
            by,
        )
        return _must(code, snapshot, "void a bid of it", STOPPED)

    async def read(self, lot_id: str) -> Snapshot | None:
        """The lot as it stands now; None where the ledger does not know it."""
        with ledger_errors():
            reply = await self._scripts.call("read_lot", (self.keys.lot(lot_id),), (lot_id,))
        return _decoded(lot_id, reply)[1]

    async def read_many(self, lot_ids: Sequence[str]) -> dict[str, Snapshot]:
        """Several lots as they stand, those the ledger knows."""
        found = {}
        for start in range(0, len(lot_ids), READS_AT_ONCE):
            some = lot_ids[start : start + READS_AT_ONCE]
            for snapshot in await asyncio.gather(*map(self.read, some)):
                if snapshot is not None:
                    found[snapshot.lot_id] = snapshot
        return found

    async def deadlines(self, *, most: int) -> "Deadlines":
        """What has to be opened or closed next, the earliest few of every shard, and the ledger's time."""
        with ledger_errors():
            pipeline = self.redis.pipeline(transaction=False)
            pipeline.time()
            for shard in range(self.keys.shards):
                pipeline.zrange(self.keys.due(shard), 0, most - 1, withscores=True)
            time, *shards = await pipeline.execute()
        waiting = [(int(at_ms), lot_id.decode()) for rows in shards for lot_id, at_ms in rows]
        return Deadlines(int(time[0]) * 1000 + int(time[1]) // 1000, sorted(waiting))

    async def now_ms(self) -> int:
        """The ledger's clock, UTC ms."""
        with ledger_errors():
            seconds, microseconds = await self.redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def _act(self, script: str, lot_id: str, *arguments: str | int) -> tuple[str, Snapshot | None]:
        keys = self.keys
        names = (keys.lot(lot_id), keys.purse(lot_id), keys.due_of(lot_id), keys.stream_of(lot_id))
        return await self._control(script, lot_id, names, arguments)

    async def _control(
        self, script: str, lot_id: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]
    ) -> tuple[str, Snapshot | None]:
        with ledger_errors(writing=True):
            reply = await self._scripts.call(script, keys, (lot_id, *arguments))
        return _decoded(lot_id, reply)


def _decoded(lot_id: str, reply: bytes) -> tuple[str, Snapshot | None]:
    code, row, _now_ms = msgspec.msgpack.decode(reply)
    if not row:
        return code, None
    return code, Snapshot(lot_id, LotStatus(row[0]), *row[1:])


def _must(code: str, snapshot: Snapshot | None, action: str, allowed: Sequence[LotStatus]) -> Snapshot:
    """The snapshot of an action that was done, now or before; else the error its code stands for."""
    if code in ("ok", "done") and snapshot is not None:
        return snapshot
    raise _control_error(code, snapshot, action, allowed)


def _control_error(code: str, snapshot: Snapshot | None, action: str, allowed: Sequence[LotStatus]) -> AuctionError:
    if code == "in-the-past":
        return RequestRefused(ProblemCode.SCHEDULE_INVALID, "The end must lie in the future, by the ledger's clock.")
    if snapshot is None:
        return NotFound(ProblemCode.LOT_UNKNOWN, "The ledger knows no such lot; it has not been scheduled.")
    if code == "wrong-status":
        return WrongStatus(action, str(snapshot.status), tuple(map(str, allowed)))
    if code == "review-limit-too-low":
        return RequestRefused(
            ProblemCode.REVIEW_LIMIT_TOO_LOW,
            f"review_above_fen must be above the price of {snapshot.price_fen}, or 0 for none.",
            {"price_fen": snapshot.price_fen},
        )
    if code == "ledger-moved":
        return RequestRefused(
            ProblemCode.LEDGER_MOVED, "The lot changed meanwhile; look again and repeat.", {"at_seq": snapshot.seq}
        )
    if code == "paddle-differs":
        return RequestRefused(ProblemCode.PADDLE_DIFFERS, "This bidder is admitted to the lot with another paddle.")
    raise AssertionError(f"no error for the ledger's code {code}")


def _answer(row: list[Any], now_ms: int) -> Answer:
    code = row[0]
    if code in {"accepted", "repeated"}:
        _, seq, amount, price, minimum, leading, paddle, ends_at, at = row
        return Taken(Receipt(seq, amount, price, minimum, leading == 1, paddle, ends_at, at), code == "repeated")
    refusal = _REFUSALS[code]
    fact = FACT_NAMES.get(refusal)
    return Refused(refusal, {fact: row[5]} if fact else {}, row[1], row[2], row[3], row[4], now_ms)
