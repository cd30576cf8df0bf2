"""Calls the ledger's scripts and decodes their replies: the place in the bid's way where the bid is decided.

Bids come from `auction.ledger.combiner`, control actions from services. The scripts decide; nothing here does.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Self, TypeVar

import msgspec
from redis.asyncio import Redis

from auction.domain.bidding import Bid
from auction.domain.deposits import Power
from auction.domain.errors import LedgerLate, ProblemCode, RequestRefused
from auction.domain.events import FreezeCause
from auction.domain.lot import ADMITTING, ENDABLE, STOPPED, LotStatus
from auction.domain.pricing import LeadingBid
from auction.domain.terms import Terms
from auction.ledger.acknowledged_marks import AcknowledgedMarks
from auction.ledger.admissions import ADMITTED_AT_ONCE, AdmissionCall
from auction.ledger.bid_codec import pack_bids
from auction.ledger.connection import ledger_errors, microseconds
from auction.ledger.keys import KeySpace, lot_id_of
from auction.ledger.ledger_clock import LedgerClock
from auction.ledger.lineage import begin_ledger, lineage_on
from auction.ledger.purses import decode_power, purse_fields
from auction.ledger.replies import (
    AcceptedBatch,
    BidAnswer,
    Deadlines,
    Snapshot,
    check_code,
    decode_answer,
    decode_deadlines,
)
from auction.ledger.scripts import ScriptCaller
from auction.ledger.terms_codec import pack_terms

PATIENCE_MS = 5_000
"""How long a caller waits for an answer; a call that the server takes up later changes nothing."""
CONCURRENT_READS_MAX = 16
"""Lots that `read_many` reads at the same time, each on its own connection."""
BATCH_BIDS_MAX = 512
"""Bids that one script call decides."""

UNCHECKED = "*"
"""The lineage with which the checks read whatever is there, even on a stopped shard."""


Replies = TypeVar("Replies", bytes, list[bytes])


class BidLedger:
    """The ledger on one server. Every method raises LedgerAway, or OutcomeUnknown where a write was sent."""

    def __init__(self, redis: "Redis", keys: KeySpace, lineage: str, *, patience_ms: int = PATIENCE_MS) -> None:
        """Takes the id of the ledger that is expected on the server, and how long a caller waits for an answer."""
        self.redis = redis
        self.keys = keys
        self.lineage = lineage
        self.marks = AcknowledgedMarks()
        self._clock = LedgerClock()
        self._patience_ms = patience_ms
        self._scripts = ScriptCaller(redis)

    @classmethod
    async def open(
        cls,
        redis: "Redis",
        shards: int,
        *,
        lineage: str | None = None,
        begin: bool = True,
        patience_ms: int = PATIENCE_MS,
    ) -> Self:
        """The ledger on a server; a new one is begun on a server without, unless `begin` is false.

        `lineage` is the id of the ledger that must be there ('': whichever is there, for readers): where it is not,
        nothing is begun, and every call raises LedgerChanged. RequestRefused(wrong-shards) where it was first opened
        with another number of shards.
        """
        keys = KeySpace(shards)
        with ledger_errors():
            if lineage is None:
                lineage = await begin_ledger(redis, keys) if begin else await lineage_on(redis, keys)
            stored = int(await redis.get(keys.shards_key()) or shards)
        if stored != shards:
            raise RequestRefused(
                ProblemCode.WRONG_SHARDS,
                f"This ledger was started with {stored} shards and cannot be used with {shards}; "
                f"set AUCTION_LEDGER_SHARDS={stored}.",
            )
        return cls(redis, keys, lineage, patience_ms=patience_ms)

    async def place_bids(self, lot_id: str, bids: Sequence[Bid]) -> list[BidAnswer]:
        """Decide 1 to 512 bids on one lot, in order; one answer for each bid, in the same order."""
        keys = self.keys
        reply = await self._write(
            "place_bids",
            (
                keys.lot(lot_id),
                keys.bidders(lot_id),
                keys.accepted(lot_id),
                keys.purse(lot_id),
                keys.due_of(lot_id),
                keys.stream_of(lot_id),
                keys.lineage_of(lot_id),
                keys.activity_of(lot_id),
            ),
            (lot_id, pack_bids(bids), self.lineage, self._clock.not_after_ms(self._patience_ms)),
        )
        now_ms, epoch, rows, seq, chain = msgspec.msgpack.decode(reply)
        self._clock.learn(now_ms)
        if seq:
            self.marks.note(lot_id, epoch, seq, chain)
        batch = AcceptedBatch(lot_id, epoch, now_ms, chain)
        return [decode_answer(row, bid, now_ms, batch) for row, bid in zip(rows, bids, strict=True)]

    async def schedule(
        self, lot_id: str, terms: Terms, *, opens_at_ms: int, ends_at_ms: int, hard_stop_at_ms: int
    ) -> Snapshot:
        """Enter a lot with its frozen terms; again with the same terms changes nothing.

        Raises WrongStatus, RequestRefused(schedule-invalid).
        """
        keys = self.keys
        code, snapshot = await self._call(
            "schedule_lot",
            lot_id,
            (keys.lot(lot_id), keys.due_of(lot_id), keys.stream_of(lot_id), keys.lineage_of(lot_id)),
            (pack_terms(terms), terms.sha256(), opens_at_ms, ends_at_ms, hard_stop_at_ms),
        )
        return check_code(code, snapshot, "schedule it", (LotStatus.SCHEDULED,))

    async def reschedule(self, lot_id: str, *, opens_at_ms: int, ends_at_ms: int, by: str) -> Snapshot:
        """Give a lot that has not opened other times (UTC ms); the same times change nothing.

        Raises WrongStatus, NotFound, RequestRefused(schedule-invalid).
        """
        code, snapshot = await self._control_lot("reschedule_lot", lot_id, opens_at_ms, ends_at_ms, by, action_key=None)
        return check_code(code, snapshot, "reschedule it", (LotStatus.SCHEDULED,))

    async def admit(
        self,
        lot_id: str,
        *,
        bidder_id: str,
        paddle: int,
        limit_fen: int | None,
        purse_fen: int | None,
        held_fen: int | None = None,
    ) -> Snapshot:
        """Admit a bidder to a lot or change their limit and purse (fen, None: none); the same again changes nothing.

        `held_fen` is held behind the purse (None: as much).
        """
        (answer,) = await self.admit_all([AdmissionCall(lot_id, bidder_id, paddle, limit_fen, purse_fen, held_fen)])
        return check_code(*answer, "register for it", ADMITTING)

    async def admit_all(self, admissions: Sequence[AdmissionCall]) -> list[tuple[str, Snapshot | None]]:
        """Admit bidders to lots, as `admit` does, so many in one message. Of each the code and what the lot is then."""
        found = []
        for start in range(0, len(admissions), ADMITTED_AT_ONCE):
            some = admissions[start : start + ADMITTED_AT_ONCE]
            not_after_ms = self._clock.not_after_ms(self._patience_ms)
            calls = [(one.keys(self.keys), one.arguments(self.lineage, not_after_ms)) for one in some]
            replies = await self._learning(self._scripts.call_all("admit_bidder", calls))
            found += [self._decode_snapshot(one.lot_id, reply) for one, reply in zip(some, replies, strict=True)]
        return found

    async def set_share(self, lot_id: str, *, bidder_id: str, share_fen: int) -> None:
        """Set what a lot that is over takes of a bidder's purse, in fen; 0: their award has ended."""
        reply = await self._write(
            "set_share",
            (self.keys.purse(lot_id), self.keys.lineage_of(lot_id)),
            (lot_id, bidder_id, share_fen, self.lineage, self._clock.not_after_ms(self._patience_ms)),
        )
        self._clock.learn(msgspec.msgpack.decode(reply)[2])

    async def power(self, lot_id: str, bidder_id: str) -> Power | None:
        """A bidder's limit and purse on a lot; None where they are not admitted. For checks."""
        keys = self.keys
        with ledger_errors():
            row: Any = await self.redis.hget(keys.bidders(lot_id), bidder_id)
            purse: Any = await self.redis.hmget(keys.purse(lot_id), purse_fields(lot_id, bidder_id))
        return decode_power(row, purse)

    async def open_due(self, lot_id: str, *, by: str) -> tuple[str, Snapshot | None]:
        """Open a scheduled lot whose time has come. Code: ok, done, not-due, missed, wrong-status, lot-unknown."""
        return await self._control_lot("open_lot", lot_id, "due", 0, by)

    async def open_now(self, lot_id: str, *, ends_at_ms: int, by: str, action_key: str = "") -> Snapshot:
        """Open a scheduled lot at once, until `ends_at_ms` (UTC ms). Raises as `schedule` does, and NotFound."""
        code, snapshot = await self._control_lot("open_lot", lot_id, "now", ends_at_ms, by, action_key=action_key)
        return check_code(code, snapshot, "open it", (LotStatus.SCHEDULED,))

    async def close_due(self, lot_id: str) -> tuple[str, Snapshot | None]:
        """Close an open lot that is past its end. Code: ok, done, not-due, lot-unknown."""
        return await self._control_lot("close_lot", lot_id, "due", "", "")

    async def close_now(self, lot_id: str, *, reason: str, by: str, action_key: str = "") -> Snapshot:
        """Close an open or paused lot before its end. Raises WrongStatus, NotFound."""
        code, snapshot = await self._control_lot("close_lot", lot_id, "now", reason, by, action_key=action_key)
        return check_code(code, snapshot, "close it", ENDABLE)

    async def pause(self, lot_id: str, *, reason: str, by: str, action_key: str = "") -> Snapshot:
        """Pause an open lot; the remaining time is kept. Raises WrongStatus, NotFound."""
        code, snapshot = await self._control_lot("pause_lot", lot_id, reason, by, action_key=action_key)
        return check_code(code, snapshot, "pause it", (LotStatus.OPEN,))

    async def resume(self, lot_id: str, *, review_above_fen: int | None, by: str, action_key: str = "") -> Snapshot:
        """Resume a paused or held lot; `review_above_fen`: a new limit above the price, 0: none, None: as before.

        Raises WrongStatus, NotFound, RequestRefused(review-limit-too-low).
        """
        review = -1 if review_above_fen is None else review_above_fen
        code, snapshot = await self._control_lot("resume_lot", lot_id, review, by, action_key=action_key)
        return check_code(code, snapshot, "resume it", STOPPED)

    async def extend(
        self, lot_id: str, *, by_ms: int, moves_hard_stop: bool = False, reason: str, by: str, action_key: str = ""
    ) -> Snapshot:
        """Move the end of an open or paused lot by `by_ms`, and its hard stop with it where `moves_hard_stop`.

        Raises WrongStatus, NotFound, RequestRefused(schedule-invalid, past-hard-stop).
        """
        code, snapshot = await self._control_lot(
            "extend_lot", lot_id, by_ms, int(moves_hard_stop), reason, by, action_key=action_key
        )
        return check_code(code, snapshot, "extend it", ENDABLE)

    async def void(self, lot_id: str, *, reason: str, by: str, action_key: str = "") -> Snapshot:
        """Void a lot that has not closed. Raises WrongStatus, NotFound."""
        code, snapshot = await self._control_lot("void_lot", lot_id, reason, by, action_key=action_key)
        return check_code(code, snapshot, "void it", ADMITTING)

    async def freeze(self, lot_id: str, cause: FreezeCause) -> tuple[str, Snapshot | None]:
        """Stop a lot whose record is not sound. Code: ok, done, lot-unknown, wrong-status (it is over)."""
        return await self._control_lot("freeze_lot", lot_id, str(cause), action_key=None)

    async def restate(
        self,
        lot_id: str,
        *,
        at_seq: int,
        voided_seq: int,
        leading: LeadingBid,
        reason: str,
        by: str,
        action_key: str = "",
    ) -> Snapshot:
        """Void one bid of a paused or held lot; `leading` is what the other bids make, folded at `at_seq`.

        Raises WrongStatus, NotFound, RequestRefused(ledger-moved) where the lot has another seq by now.
        """
        code, snapshot = await self._control_lot(
            "restate_lot",
            lot_id,
            at_seq,
            voided_seq,
            leading.price_fen,
            leading.leader_id,
            leading.leader_paddle,
            leading.ceiling_fen,
            reason,
            by,
            action_key=action_key,
        )
        return check_code(code, snapshot, "void a bid of it", STOPPED)

    async def expire(self, lot_ids: Sequence[str], sale_ids: Sequence[str], *, at_ms: int) -> None:
        """Have the server drop all that it holds of these lots, and the purses of these sales, at a time (UTC ms).

        Only for what is over and archived: nothing here can tell.
        """
        keys = self.keys
        names = [keys.purse(lot_id_of(sale_id, 1)) for sale_id in sale_ids]
        for lot_id in lot_ids:
            names += [keys.lot(lot_id), keys.bidders(lot_id), keys.accepted(lot_id), keys.watchers(lot_id)]
        with ledger_errors(writing=True):
            pipeline = self.redis.pipeline(transaction=False)
            for name in names:
                pipeline.pexpireat(name, at_ms)
            await pipeline.execute()

    async def read(self, lot_id: str) -> Snapshot | None:
        """The lot's present state; None where the ledger does not know it."""
        with ledger_errors():
            keys = (self.keys.lot(lot_id), self.keys.lineage_of(lot_id))
            reply = await self._scripts.call("read_lot", keys, (lot_id, self.lineage, 0))
        return self._decode_snapshot(lot_id, reply)[1]

    async def read_many(self, lot_ids: Sequence[str]) -> dict[str, Snapshot]:
        """Lot -> its present state, for the lots that the ledger knows."""
        found = {}
        for start in range(0, len(lot_ids), CONCURRENT_READS_MAX):
            some = lot_ids[start : start + CONCURRENT_READS_MAX]
            for snapshot in await asyncio.gather(*map(self.read, some)):
                if snapshot is not None:
                    found[snapshot.lot_id] = snapshot
        return found

    async def active_shards(self) -> set[int]:
        """The shards with lots that are scheduled or open."""
        with ledger_errors():
            pipeline = self.redis.pipeline(transaction=False)
            for shard in range(self.keys.shards):
                pipeline.zcard(self.keys.due(shard))
            return {shard for shard, lots in enumerate(await pipeline.execute()) if lots}

    async def note_activity(self, shard: int, *, limit_ms: int) -> None:
        """Say that bids can be decided on a shard now; a silence above `limit_ms` is an outage (0: none is)."""
        reply = await self._write(
            "heartbeat",
            (self.keys.activity(shard), self.keys.due(shard), self.keys.lineage(shard)),
            (limit_ms, self.lineage, self._clock.not_after_ms(self._patience_ms)),
        )
        self._clock.learn(msgspec.msgpack.decode(reply)[2])

    async def deadlines(self, *, per_shard_max: int) -> "Deadlines":
        """The ledger's time, the earliest deadlines of every shard, and the lots that an outage may have to pause."""
        with ledger_errors():
            pipeline = self.redis.pipeline(transaction=False)
            pipeline.time()
            for shard in range(self.keys.shards):
                pipeline.zrange(self.keys.due(shard), 0, per_shard_max - 1, withscores=True)
                pipeline.hmget(self.keys.activity(shard), "to", "until")
            time, *rows = await pipeline.execute()
        return decode_deadlines(microseconds(time) // 1000, rows)

    def known_now_ms(self) -> int:
        """The ledger's clock by its last answer, UTC ms: never ahead of it; 0 while it has never answered."""
        return self._clock.not_after_ms(0)

    async def now_ms(self) -> int:
        """The ledger's clock, UTC ms."""
        return (await self.now_us()) // 1000

    async def now_us(self) -> int:
        """The ledger's clock, UTC microseconds."""
        with ledger_errors():
            return microseconds(await self.redis.time())

    async def _control_lot(
        self, script: str, lot_id: str, *arguments: str | int, action_key: str | None = ""
    ) -> tuple[str, Snapshot | None]:
        """Call a script whose repetition under the same action key ('': none) changes nothing; None: it takes none."""
        keys = self.keys
        names = [
            keys.lot(lot_id),
            keys.purse(lot_id),
            keys.due_of(lot_id),
            keys.stream_of(lot_id),
            keys.lineage_of(lot_id),
        ]
        if action_key is None:
            return await self._call(script, lot_id, (*names, keys.activity_of(lot_id)), arguments)
        names += [keys.accepted(lot_id), keys.activity_of(lot_id)]
        return await self._call(
            script, lot_id, names, arguments, action_key=f"{script} {action_key}" if action_key else ""
        )

    async def _call(
        self,
        script: str,
        lot_id: str,
        keys: Sequence[str],
        arguments: Sequence[str | bytes | int],
        *,
        action_key: str | None = None,
    ) -> tuple[str, Snapshot | None]:
        """`action_key` is for scripts that take one."""
        not_after_ms = self._clock.not_after_ms(self._patience_ms)
        action = () if action_key is None else (action_key,)
        reply = await self._write(script, keys, (lot_id, *arguments, self.lineage, not_after_ms, *action))
        return self._decode_snapshot(lot_id, reply)

    async def _write(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> bytes:
        """The reply of a script that writes."""
        return await self._learning(self._scripts.call(script, keys, arguments))

    async def _learning(self, call: Awaitable[Replies]) -> Replies:
        """What a call of scripts that write gives."""
        try:
            with ledger_errors(writing=True):
                return await call
        except LedgerLate:
            # it may be the ledger's clock that has moved, and not the call that was slow
            self._clock.learn(await self.now_ms())
            raise

    def _decode_snapshot(self, lot_id: str, reply: bytes) -> tuple[str, Snapshot | None]:
        code, row, now_ms = msgspec.msgpack.decode(reply)
        self._clock.learn(now_ms)
        if not row:
            return code, None
        snapshot = Snapshot(lot_id, LotStatus(row[0]), *row[1:])
        self.marks.note(lot_id, snapshot.epoch, snapshot.seq, snapshot.chain)
        return code, snapshot
