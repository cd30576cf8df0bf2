"""The archiver: stores the entries of the ledger's streams in the database, and trims the streams some time after that.

After the bid's way. Entries and cursor are stored in one transaction (`auction.books.archive`), so that the archiver
may be killed at any point, and several may run: each entry is stored once.

An entry that cannot be read, that the database does not accept, or that does not continue its lot is set aside, and its
lot is frozen (`auction.books.frozen_lots`): the other lots of the shard go on. No entry is dropped, and none that is
neither stored nor set aside is trimmed.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

import structlog

from auction.books import archive
from auction.books.unit_of_work import Books, RowRejected, StatementRejected
from auction.domain.errors import Unavailable
from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.entry import EntryDamaged, StreamEntry
from auction.ledger.stream import LedgerStream

log = structlog.get_logger()

KEEP_MS = 15 * 60_000
"""How long archived entries stay in the stream, for watchers who reconnect and for the checks."""
TRIM_EVERY_MS = 10_000
BLOCK_MS = 500
"""How long one read waits for new entries, and so how late a stop may be noticed."""
READ_ENTRIES_FIRST, READ_ENTRIES_MIN, READ_ENTRIES_MAX = 64, 16, 512
"""Entries of one read. An entry holds 1 to 512 bids, so the number follows from what the last read held."""
BATCH_EVENTS = 16_384
"""Events of one transaction, about: a tenth of a second of work, wasted where two archivers do the same."""
WRITERS_MAX = 4
"""Shards that are written at the same time."""
RESTORE = "look at `auction verify --lot`, then `auction restore --lot`"
BACKOFF_S_MIN, BACKOFF_S_MAX = 0.1, 5.0


async def _nothing() -> None:
    pass


class Archiver:
    """One archiver for all shards of a ledger; `run` until `stop` or cancelled."""

    def __init__(
        self,
        books: Books,
        stream: LedgerStream,
        *,
        keep_ms: int = KEEP_MS,
        stop_frozen: Callable[[], Awaitable[object]] = _nothing,
    ) -> None:
        """`stop_frozen` tells the ledger to stop the lots that were frozen in the database; may raise Unavailable."""
        self._books = books
        self._stream = stream
        self._keep_ms = keep_ms
        self._stop_frozen = stop_frozen
        self._stopping = asyncio.Event()
        self._writers = asyncio.Semaphore(WRITERS_MAX)
        self._unavailable: set[str] = set()
        self._blocked: dict[int, str] = {}
        """Shard -> the reason, for the shards that are blocked."""
        self._trimmed_at_s: dict[int, float] = {}
        self.entries = 0
        """Entries that this archiver has stored."""
        self.bids = 0
        """Bids that this archiver has stored."""

    async def run(self) -> None:
        """Archive every shard until `stop`, finishing a batch under way; waits for servers that are away."""
        async with asyncio.TaskGroup() as tasks:
            for shard in self._stream.shards:
                tasks.create_task(self._run_shard(shard), name=f"archive shard {shard}")

    def stop(self) -> None:
        """End `run` after the batches under way."""
        self._stopping.set()

    async def catch_up(self) -> int:
        """Store everything that the streams hold now; returns how many entries this archiver has stored.

        Raises LedgerAway, BooksAway, EntryDamaged, StatementRejected. Other archivers may run meanwhile.
        """
        stored = self.entries
        shards = self._stream.shards
        targets = await self._stream.last_ids(shards)
        async with self._books.reading() as tx:
            cursors = await archive.cursors(tx)
        for shard, target in zip(shards, targets, strict=True):
            cursor, count = cursors.get(shard, STREAM_START), READ_ENTRIES_FIRST
            while StreamPosition.parse(cursor) < StreamPosition.parse(target):
                entries = await self._stream.read(shard, cursor, block_ms=None, count=count)
                if not entries:
                    break
                cursor, count = await self._store(shard, entries), next_count(entries)
        return self.entries - stored

    async def _run_shard(self, shard: int) -> None:
        cursor: str | None = None
        count, failures = READ_ENTRIES_FIRST, 0
        while not self._stopping.is_set():
            raise_if_cancelled()
            try:
                books_answered = cursor is None
                if cursor is None:
                    async with self._books.reading() as tx:
                        cursor = await archive.cursor(tx, shard)
                entries = await self._stream.read(shard, cursor, block_ms=BLOCK_MS, count=count)
                self._log_available("ledger-away")
                if entries:
                    cursor, books_answered = await self._store(shard, entries), True
                    count = next_count(entries)
                if books_answered:
                    self._log_available("books-away")
                self._log_unblocked(shard)
                await self._trim(shard, cursor)
                failures = 0
            except (EntryDamaged, StatementRejected) as error:
                cursor = None
                if count > 1:
                    # what precedes the faulty entry in this read is sound: read less of it
                    count = max(1, count // 4)
                elif not await self._go_past(shard, error):
                    self._log_blocked(shard, error)
                    failures += 1
                    await self._back_off(failures)
            except Unavailable as error:
                cursor = None
                self._log_unavailable(error)
                failures += 1
                await self._back_off(failures)

    async def _store(self, shard: int, entries: Sequence[StreamEntry]) -> str:
        """Store the entries of one read, a transaction for each batch; returns the cursor after it."""
        cursor = STREAM_START
        for batch in batches(entries):
            async with self._writers, self._books.transaction() as tx:
                appended = await archive.append(tx, shard, batch)
            cursor = appended.cursor
            self.entries += appended.entries
            self.bids += appended.bids
            if appended.frozen:
                for lot_id, fault in appended.frozen.items():
                    log.error("lot_frozen", lot=lot_id, cause=str(fault.cause), reason=fault.detail, advice=RESTORE)
                await self._stop_frozen_later()
        return cursor

    async def _go_past(self, shard: int, error: Exception) -> bool:
        """Set the shard's next entry aside where it alone is at fault, and freeze its lot; false where it is not."""
        if not isinstance(error, EntryDamaged | RowRejected):
            return False
        try:
            async with self._writers, self._books.transaction() as tx:
                cursor = await archive.lock_cursor(tx, shard)
                found = await self._stream.read_fields(shard, cursor)
                if found is None:
                    return True
                stream_id, fields = found
                lot_id = fields.get("lot", "")
                readable = json.dumps(fields, ensure_ascii=False)
                await archive.set_aside_damaged(tx, shard, stream_id, lot_id=lot_id, fields=readable, detail=str(error))
        except (Unavailable, StatementRejected) as second:
            log.warning("entry_not_set_aside", shard=shard, reason=str(second))
            return False
        log.error(
            "entry_set_aside", shard=shard, stream_id=stream_id, lot=lot_id or None, reason=str(error), advice=RESTORE
        )
        await self._stop_frozen_later()
        return True

    async def _stop_frozen_later(self) -> None:
        """Tell the ledger now, or leave it to the clerk, who repeats it."""
        with contextlib.suppress(Unavailable):
            await self._stop_frozen()

    async def _trim(self, shard: int, cursor: str) -> None:
        """Trim all of a shard's entries that are older than its committed cursor by more than `keep_ms`.

        One call removes about ten thousand at most; others have their turn between two.
        """
        now_s = time.monotonic()
        if now_s - self._trimmed_at_s.get(shard, -TRIM_EVERY_MS) < TRIM_EVERY_MS / 1000:
            return
        self._trimmed_at_s[shard] = now_s
        keep_from_id = f"{max(0, StreamPosition.parse(cursor).at_ms - self._keep_ms)}-0"
        while await self._stream.trim(shard, keep_from_id) and not self._stopping.is_set():
            raise_if_cancelled()
            await asyncio.sleep(0)

    def _log_unavailable(self, error: Unavailable) -> None:
        if error.code not in self._unavailable:
            self._unavailable.add(error.code)
            log.warning("archive_waiting", code=error.code, reason=error.detail)

    def _log_available(self, code: str) -> None:
        if code in self._unavailable:
            self._unavailable.discard(code)
            log.info("archive_resumed", code=code)

    def _log_blocked(self, shard: int, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if self._blocked.get(shard) != reason:
            self._blocked[shard] = reason
            log.error("archive_blocked", shard=shard, reason=reason, advice="run `auction verify` to see what is wrong")

    def _log_unblocked(self, shard: int) -> None:
        if self._blocked.pop(shard, None) is not None:
            log.info("archive_unblocked", shard=shard)

    async def _back_off(self, failures: int) -> None:
        """Wait a random time, with a maximum that doubles with each failure, or until `stop`."""
        wait_s_max = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** min(failures, 10))
        wait_s = random.uniform(BACKOFF_S_MIN / 2, wait_s_max)  # noqa: S311 - jitter, no secret
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._stopping.wait()


def batches(entries: Sequence[StreamEntry]) -> Iterator[list[StreamEntry]]:
    """The entries in their order, in batches of about BATCH_EVENTS events."""
    batch: list[StreamEntry] = []
    events = 0
    for entry in entries:
        if batch and events + len(entry.events) > BATCH_EVENTS:
            yield batch
            batch, events = [], 0
        batch.append(entry)
        events += len(entry.events)
    if batch:
        yield batch


def next_count(entries: Sequence[StreamEntry]) -> int:
    """The number of entries to read next: about a batch, if they hold as many events as these."""
    events = sum(len(entry.events) for entry in entries)
    return min(READ_ENTRIES_MAX, max(READ_ENTRIES_MIN, BATCH_EVENTS * len(entries) // events))
