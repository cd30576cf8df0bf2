"""Checks that the ledger's server holds at least what was archived and acknowledged, before it is used.

Beside the bid's way. Run at the start and whenever a connection meets another server than the one that was checked: a
restart, a failover, a folder put back. A shard whose stream ends before the archive's cursor, or that does not know a
lot that the database knows, is stopped as a whole: every call is answered LedgerChanged until `auction restore`. A lot
that ends before its mark is frozen, and the others go on; so is one of which this process has acknowledged another
record, as it stayed with a server that was replaced.
"""

import asyncio
import random
from dataclasses import dataclass, field

import structlog

from auction.books import acknowledged_marks, archive, archive_queries, frozen_lots
from auction.books.archive_rows import Fault
from auction.books.unit_of_work import Books
from auction.domain.errors import BooksAway, LedgerAway, Unavailable
from auction.domain.events import Event, FreezeCause, Restored
from auction.domain.ledger_layout import STREAM_START, Mark, StreamPosition
from auction.ledger.acknowledged_marks import AcknowledgedMarks
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.entry import StreamEntry, decode_events
from auction.ledger.server_guard import ServerGuard
from auction.ledger.server_state import ServerState
from auction.ledger.stream import LedgerStream
from auction.services.recovery.marks import WRITE_EVERY_S, MarkSpool, merge_marks

log = structlog.get_logger()

RETRY_S_MIN, RETRY_S_MAX = 0.2, 2.0
MARKED_S = 2 * WRITE_EVERY_S
"""After this time the marks of what others acknowledged on the server before are in the database."""


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

    def __init__(
        self,
        unguarded: BidLedger,
        guard: ServerGuard,
        books: Books,
        spool: MarkSpool,
        own_marks: AcknowledgedMarks | None = None,
    ) -> None:
        """`own_marks` are those of this process, which may have gone on with a server that was replaced."""
        self._own_marks = own_marks or AcknowledgedMarks()
        self._stream = LedgerStream(unguarded.redis, unguarded.keys)
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
                await asyncio.sleep(MARKED_S)
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
        await self._state.reconnect()
        server = await self._state.server_id()
        found = await self._compare(await self._expected())
        forked = await self._forked(found)
        found.lots |= forked
        if await self._state.server_id() != server:
            raise LedgerAway("The ledger's server was replaced while it was checked.")
        for shard, why in found.shards.items():
            await self._state.stop_shard(shard)
            log.critical("shard_stopped", shard=shard, reason=why, advice="run `auction restore --all --dry-run`")
        await self._freeze(found.lots)
        for lot_id in forked:
            self._own_marks.forget(lot_id)
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

    async def _forked(self, found: Findings) -> dict[str, Fault]:
        """Lots of which this process has acknowledged something that is no part of the record that the server goes on.

        It has gone on with a server that was replaced, while others went on with this one, and further.
        """
        forked: dict[str, Fault] = {}
        for lot_id, mark in self._own_marks.newest().items():
            state = await self._state.mark_of(lot_id)
            if state is None or lot_id in found.lots or self._ledger.keys.shard_of(lot_id) in found.shards:
                continue
            if (fault := _fault(lot_id, state, mark)) is not None:
                found.lots[lot_id] = fault
            elif state != mark and await self._is_recorded(lot_id, mark) is False:
                detail = f"lot {lot_id}: seq {mark.seq} was acknowledged here, of another record than the ledger holds"
                forked[lot_id] = Fault(FreezeCause.FORKED, detail, 0)
        return forked

    async def _is_recorded(self, lot_id: str, mark: Mark) -> bool | None:
        """Whether an entry that ends so is archived or in the stream, or the loss of it was named.

        None where neither reaches back to it.
        """
        try:
            async with self._books.reading() as tx:
                archived = await archive_queries.entry_from(tx, lot_id, mark.seq)
        except BooksAway:
            archived = None
        if archived is not None:
            return _covers(archived.last_seq, archived.chain, decode_events(archived.packed)[0], mark)
        reaching: StreamEntry | None = None
        async for entry in self._stream.lot_entries_back_to(lot_id, STREAM_START):
            if entry.last_seq < mark.seq:
                break
            reaching = entry
        return None if reaching is None else _covers(reaching.last_seq, reaching.chain, reaching.events[0], mark)

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


def _covers(last_seq: int, chain: str, first_event: Event, mark: Mark) -> bool:
    """Whether the first entry that reaches a mark is the one that was acknowledged, or names the mark as lost."""
    if isinstance(first_event, Restored):
        return first_event.lost_to_seq >= mark.seq
    return (last_seq, chain) == (mark.seq, mark.chain)
