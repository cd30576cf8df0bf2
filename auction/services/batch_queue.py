"""Takes together what several people ask for at the same moment, so that one transaction serves them all.

Before the bid's way. No timer: what comes to an idle queue is taken at once, and what comes while a batch is under way
is the next batch. A batch that fails is taken one by one, so that a failure stays with whoever caused it.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from auction.domain.errors import Unavailable

log = structlog.get_logger()

BATCH_MAX = 64
"""Of how many people one transaction is."""
AWAY_AFTER = 2
"""After so many failures in a row for want of a server, the rest of a batch is not tried one by one."""

Take = Callable[[Any, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Does a batch in a context: of each item the result, or the error that is its own."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    take: Take
    context: Any
    item: Any
    key: Hashable
    answer: "asyncio.Future[Any]"

    def goes_with(self, other: "_Waiting") -> bool:
        """Whether both may be in one batch."""
        return self.take == other.take and self.context is other.context


class BatchQueue:
    """What waits for one step, in the order in which it came. Used by one event loop."""

    def __init__(self, name: str, *, batch_max: int = BATCH_MAX) -> None:
        self._name = name
        self._batch_max = batch_max
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def add(self, take: Take, context: Any, item: Any, *, key: Hashable) -> Any:
        """Have an item done with whatever waits: its result. Raises its error.

        One batch has one item of a key: a second one waits for the next batch. Whoever is cancelled while waiting is
        left out; who is in a batch already is done all the same.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(take, context, item, key, answer))
        if self._task is None:
            # in a context of its own: its log lines are about no single request
            self._task = asyncio.get_running_loop().create_task(self._work(), context=contextvars.Context())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = self._next_batch()
                if batch:
                    await self._take(batch)
        finally:
            self._task = None

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        keys: set[Hashable] = set()
        later: list[_Waiting] = []
        while self._waiting and len(batch) < self._batch_max:
            one = self._waiting.popleft()
            if one.answer.done():
                continue
            if one.key in keys or (batch and not one.goes_with(batch[0])):
                later.append(one)
                continue
            keys.add(one.key)
            batch.append(one)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _take(self, batch: Sequence[_Waiting]) -> None:
        results: Sequence[Any]
        try:
            results = await _taken(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried one by one, or the answer to its item
            if len(batch) == 1:
                results = [error]
            else:
                log.warning(
                    "batch_failed", queue=self._name, count=len(batch), error=f"{type(error).__name__}: {error}"
                )
                results = await _one_by_one(batch)
        except asyncio.CancelledError:
            for one in batch:
                one.answer.cancel()
            raise
        for one, result in zip(batch, results, strict=True):
            if one.answer.done():
                continue
            if isinstance(result, Exception):
                one.answer.set_exception(result)
            else:
                one.answer.set_result(result)


async def _taken(batch: Sequence[_Waiting]) -> Sequence[Any]:
    results = await batch[0].take(batch[0].context, [one.item for one in batch])
    if len(results) != len(batch):
        raise RuntimeError(f"{len(results)} results for {len(batch)} items")
    return results


async def _one_by_one(batch: Sequence[_Waiting]) -> list[Any]:
    results: list[Any] = []
    away = 0
    for one in batch:
        if away == AWAY_AFTER:
            results.append(results[-1])
            continue
        try:
            results += await _taken([one])
            away = 0
        except Exception as error:  # noqa: BLE001 - whatever it was, it is the answer to this item
            results.append(error)
            away = away + 1 if isinstance(error, Unavailable) else 0
    return results
