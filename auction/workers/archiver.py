"""Writes the ledger's streams down in the books, shard by shard, and trims them behind a kept tail.

After the bid's way. What is written and how far the stream was read are one transaction (`auction.books.archive`),
so it may be killed anywhere, run twice at once, and start from anything: each entry is written once.

A shard whose next entry is damaged or does not continue its lot stands still, loudly, until someone has looked:
nothing is skipped, and nothing that was not written down is trimmed.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from auction.books import archive
from auction.books.archive import position
from auction.books.archive_rows import LineageBroken
from auction.books.unit_of_work import Books, RowsRefused
from auction.domain.errors import Unavailable
from auction.ledger.stream import EntryDamaged, LedgerStream, StreamEntry
from auction.workers.cancellation import honour_cancellation

log = structlog.get_logger()

KEEP_MS = 15 * 60_000
"""How much of a stream stays behind the archive's cursor, for watchers who reconnect and for the checks."""
TRIM_EVERY_MS = 10_000
WAIT_FOR_ENTRIES_MS = 500
"""How long one read waits for something new; a stop is noticed as late as that."""
READ_FIRST, READ_MIN, READ_MAX = 64, 16, 512
"""Entries a read. An entry holds 1 to 512 bids, so the number follows what the last read held."""
EVENTS_A_BATCH = 16_384
"""Events a transaction, about: a tenth of a second of work, and what a lost race of two archivers costs."""
WRITERS_MAX = 4
"""Shards that write at once."""
BACK_OFF_FIRST_S, BACKOFF_S_MAX = 0.1, 5.0
LAG_ENTRIES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the archive of a shard is behind its stream; `entries` stops counting at LAG_ENTRIES_MAX."""

    shard: int
    cursor: str
    last_id: str
    ms: int
    entries: int


class Archiver:
    """The archiver of every shard of a ledger; `run` until `stop` or cancelled."""

    def __init__(self, books: Books, stream: LedgerStream, *, keep_ms: int = KEEP_MS) -> None:
        self._books = books
        self._stream = stream
        self._keep_ms = keep_ms
        self._stopping = asyncio.Event()
        self._turns = asyncio.Semaphore(WRITERS_MAX)
        self._away: set[str] = set()
        self._stuck: dict[int, str] = {}
        self._trimmed_at_s: dict[int, float] = {}
        self.entries = 0
        """Entries that this archiver has written since it was made."""
        self.bids = 0

    @property
    def stuck(self) -> dict[int, str]:
        """Shard -> why it stands still, of those that do."""
        return dict(self._stuck)

    async def run(self) -> None:
        """Follow every shard until `stop`; a batch under way is finished. Servers that are away are waited for."""
        async with asyncio.TaskGroup() as tasks:
            for shard in self._stream.shards:
                tasks.create_task(self._follow(shard), name=f"archive shard {shard}")

    def stop(self) -> None:
        """Let `run` end after the batches under way."""
        self._stopping.set()

    async def catch_up(self) -> int:
        """Write down everything that is in the streams now, then return: how many entries were new.

        Raises LedgerAway, BooksAway, EntryDamaged, LineageBroken, RowsRefused. Others may archive meanwhile.
        """
        written = self.entries
        shards = self._stream.shards
        targets = await self._stream.positions(shards)
        async with self._books.reading() as tx:
            cursors = await archive.cursors(tx)
        for shard, target in zip(shards, targets, strict=True):
            cursor, count = cursors.get(shard, archive.START), READ_FIRST
            while position(cursor) < position(target):
                entries = await self._stream.read(shard, cursor, block_ms=None, count=count)
                if not entries:
                    break
                cursor, count = await self._write_all(shard, entries), next_count(entries)
        return self.entries - written

    async def lags(self) -> list[Lag]:
        """How far each shard is behind. Raises LedgerAway, BooksAway."""
        shards = self._stream.shards
        async with self._books.reading() as tx:
            cursors = await archive.cursors(tx)
        # positions after cursors: never a stream that seems behind its archive
        last_ids = await self._stream.positions(shards)
        return [
            await self._lag(shard, cursors.get(shard, archive.START), last_id)
            for shard, last_id in zip(shards, last_ids, strict=True)
        ]

    async def _lag(self, shard: int, cursor: str, last_id: str) -> Lag:
        if position(last_id) <= position(cursor):
            return Lag(shard, cursor, last_id, 0, 0)
        try:
            waiting = await self._stream.read(shard, cursor, block_ms=None, count=LAG_ENTRIES_MAX)
        except EntryDamaged:
            waiting = []
        oldest_id = waiting[0].stream_id if waiting else last_id
        now_ms = time.time_ns() // 1_000_000
        return Lag(shard, cursor, last_id, max(0, now_ms - position(oldest_id)[0]), max(1, len(waiting)))

    async def _follow(self, shard: int) -> None:
        cursor: str | None = None
        count, failures = READ_FIRST, 0
        while not self._stopping.is_set():
            honour_cancellation()
            try:
                books_answer = cursor is None
                if cursor is None:
                    async with self._books.reading() as tx:
                        cursor = await archive.cursor(tx, shard)
                entries = await self._stream.read(shard, cursor, block_ms=WAIT_FOR_ENTRIES_MS, count=count)
                self._is_back("ledger-away")
                if entries:
                    cursor, books_answer = await self._write_all(shard, entries), True
                    count = next_count(entries)
                if books_answer:
                    self._is_back("books-away")
                self._moves_on(shard)
                await self._trim(shard, cursor)
                failures = 0
            except (EntryDamaged, LineageBroken, RowsRefused, SQLAlchemyError) as error:
                cursor = None
                if count > 1:
                    # what precedes the trouble in this read is sound: come closer to it
                    count = max(1, count // 4)
                    continue
                self._stands_still(shard, error)
                failures += 1
                await self._back_off(failures)
            except Unavailable as error:
                cursor = None
                self._is_away(error)
                failures += 1
                await self._back_off(failures)

    async def _write_all(self, shard: int, entries: Sequence[StreamEntry]) -> str:
        """Write what one read gave, a transaction a batch; the cursor after it."""
        cursor = archive.START
        for batch in batches(entries):
            async with self._turns, self._books.transaction() as tx:
                appended = await archive.append(tx, shard, batch)
            cursor = appended.cursor
            self.entries += appended.entries
            self.bids += appended.bids
        return cursor

    async def _trim(self, shard: int, cursor: str) -> None:
        """Drop what lies further behind the cursor than the kept tail; the cursor is committed, so nothing is lost."""
        now_s = time.monotonic()
        if now_s - self._trimmed_at_s.get(shard, -TRIM_EVERY_MS) < TRIM_EVERY_MS / 1000:
            return
        self._trimmed_at_s[shard] = now_s
        await self._stream.trim(shard, f"{max(0, position(cursor)[0] - self._keep_ms)}-0")

    def _is_away(self, error: Unavailable) -> None:
        if error.code not in self._away:
            self._away.add(error.code)
            log.warning("archive_waits", code=error.code, reason=error.detail)

    def _is_back(self, code: str) -> None:
        if code in self._away:
            self._away.discard(code)
            log.info("archive_goes_on", code=code)

    def _stands_still(self, shard: int, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if self._stuck.get(shard) != reason:
            self._stuck[shard] = reason
            log.error("archive_stands_still", shard=shard, reason=reason, advice="auction verify names what is wrong")

    def _moves_on(self, shard: int) -> None:
        if self._stuck.pop(shard, None) is not None:
            log.info("archive_moves_on", shard=shard)

    async def _back_off(self, failures: int) -> None:
        """Wait a random part of a time that doubles with each failure, or until `stop`."""
        wait_s_max = min(BACKOFF_S_MAX, BACK_OFF_FIRST_S * 2 ** min(failures, 10))
        wait_s = random.uniform(BACK_OFF_FIRST_S / 2, wait_s_max)  # noqa: S311 - jitter, no secret
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._stopping.wait()


def batches(entries: Sequence[StreamEntry]) -> Iterator[list[StreamEntry]]:
    """Entries in their order, cut where a transaction would grow past EVENTS_A_BATCH."""
    batch: list[StreamEntry] = []
    events = 0
    for entry in entries:
        if batch and events + len(entry.events) > EVENTS_A_BATCH:
            yield batch
            batch, events = [], 0
        batch.append(entry)
        events += len(entry.events)
    if batch:
        yield batch


def next_count(entries: Sequence[StreamEntry]) -> int:
    """How many entries to read next, so that they hold about a batch of events if they are like these."""
    events = sum(len(entry.events) for entry in entries)
    return min(READ_MAX, max(READ_MIN, EVENTS_A_BATCH * len(entries) // events))
