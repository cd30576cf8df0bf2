"""Checks that the ledger's server holds at least what was archived and acknowledged, before it is used.

Beside the bid's way. Run at the start and whenever a connection meets another server than the one that was checked: a
restart, a failover, a folder put back. A shard whose stream ends before the archive's cursor, or that does not know a
lot that the database knows, is stopped as a whole: every call is answered LedgerChanged until `auction restore`. A lot
that ends before its mark is frozen, and the others go on.
"""

import asyncio
import random
from dataclasses import dataclass, field

import structlog

from auction.books import acknowledged_marks, archive, frozen_lots
from auction.books.archive_rows import Fault
from auction.books.unit_of_work import Books
from auction.domain.errors import BooksAway, LedgerAway, Unavailable
from auction.domain.events import FreezeCause
from auction.domain.ledger_layout import Mark, StreamPosition
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.server_guard import ServerGuard
from auction.ledger.server_state import ServerState
from auction.services.recovery.marks import MarkSpool, merge_marks

log = structlog.get_logger()

RETRY_S_MIN, RETRY_S_MAX = 0.2, 2.0


@dataclass(slots=True)
class Expected:
    """What the ledger must hold: shard -> the stream id that it must reach, lot -> its mark."""

    cursors: dict[int, str] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    """What is wrong with a server's ledger: stopped shards -> why, lots that are behind -> what is wrong with them."""

    shards: dict[int, str] = field(default_factory=dict)
    lots: dict[str, Fault] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.shards and not self.lots


class ContinuityCheck:
    """The check of one process; `run` until cancelled. `unguarded` is the ledger by a client without the guard."""

    def __init__(self, unguarded: BidLedger, guard: ServerGuard, books: Books, spool: MarkSpool) -> None:
        self._ledger = unguarded
        self._state = ServerState(unguarded.redis, unguarded.keys)
        self._guard = guard
        self._books = books
        self._spool = spool

    async def run(self) -> None:
        """Check each server that is met; the guard admits it then."""
        failures = 0
        while True:
            raise_if_cancelled()
            if self._guard.checked is not None:
                await self._guard.changed.wait()
            self._guard.changed.clear()
            try:
                await self.check()
                failures = 0
            except Unavailable as error:
                if not failures:
                    log.warning("ledger_not_checked", code=error.code, reason=error.detail)
                failures += 1
                self._guard.changed.set()
                await asyncio.sleep(random.uniform(RETRY_S_MIN, RETRY_S_MAX))  # noqa: S311 - jitter, no secret

    async def check(self) -> Findings:
        """Check the server that answers now, stop what is not sound, and admit it. Raises LedgerAway, BooksAway."""
        server = await self._state.server_id()
        found = await self._compare(await self._expected())
        if await self._state.server_id() != server:
            raise LedgerAway("The ledger's server was replaced while it was checked.")
        for shard, why in found.shards.items():
            await self._state.stop_shard(shard)
            log.critical("shard_stopped", shard=shard, reason=why, advice="run `auction restore --all --dry-run`")
        await self._freeze(found.lots)
        if self._guard.checked != server:
            is_start = self._guard.checked is None
            self._guard.admit(server)
            if not (is_start and found.is_sound):
                log.info("ledger_checked", server=server, shards_stopped=len(found.shards), lots_frozen=len(found.lots))
        return found

    async def _expected(self) -> Expected:
        spooled = self._spool.read()
        try:
            async with self._books.reading() as tx:
                cursors = await archive.cursors(tx)
                lot_ids = await acknowledged_marks.unfinished_lots(tx)
                marks = await acknowledged_marks.of_lots(tx, lot_ids)
                heads = await archive.heads_of(tx, lot_ids)
        except BooksAway:
            if not spooled:
                raise
            return Expected({}, {**spooled})
        known: dict[str, Mark] = {}
        for source in (
            marks,
            {lot_id: Mark(head.epoch, head.last_seq, head.chain) for lot_id, head in heads.items()},
            {lot_id: spooled[lot_id] for lot_id in lot_ids if lot_id in spooled},
        ):
            merge_marks(known, source)
        self._spool.discard_others(marks)
        return Expected(cursors, known)

    async def _compare(self, expected: Expected) -> Findings:
        found = Findings()
        keys = self._ledger.keys
        for shard, cursor in expected.cursors.items():
            last_id = await self._state.last_id(shard)
            if StreamPosition.parse(last_id) < StreamPosition.parse(cursor):
                found.shards[shard] = f"its stream ends at {last_id}, the archive at {cursor}"
        for lot_id, mark in expected.marks.items():
            shard = keys.shard_of(lot_id)
            state = await self._state.mark_of(lot_id)
            if state is None:
                found.shards.setdefault(shard, f"it does not know lot {lot_id}")
            elif (fault := _fault(lot_id, state, mark)) is not None:
                found.lots[lot_id] = fault
        for lot_id in [lot_id for lot_id in found.lots if keys.shard_of(lot_id) in found.shards]:
            del found.lots[lot_id]  # stopped with its shard
        return found

    async def _freeze(self, faults: dict[str, Fault]) -> None:
        """Freeze lots in the database, where it answers, and in the ledger in any case."""
        if not faults:
            return
        try:
            async with self._books.transaction() as tx:
                await frozen_lots.add(tx, faults)
        except BooksAway:
            log.warning("frozen_lots_not_stored", lots=sorted(faults))  # the archiver stores it from the lot's event
        for lot_id, fault in faults.items():
            await self._ledger.freeze(lot_id, fault.cause)
            log.critical("lot_frozen", lot=lot_id, cause=str(fault.cause), reason=fault.detail)


def _fault(lot_id: str, state: Mark, mark: Mark) -> Fault | None:
    """What is wrong with a lot that the ledger has at `state`, while `mark` was acknowledged or archived."""
    if (state.epoch, state.seq) == (mark.epoch, mark.seq) and state.chain != mark.chain:
        detail = f"lot {lot_id}: the ledger holds another record up to seq {state.seq} than was acknowledged"
        return Fault(FreezeCause.FORKED, detail, 0)
    if (state.epoch, state.seq) < (mark.epoch, mark.seq):
        detail = f"lot {lot_id}: the ledger ends at seq {state.seq}, seq {mark.seq} was acknowledged"
        return Fault(FreezeCause.BEHIND, detail, 0)
    return None
