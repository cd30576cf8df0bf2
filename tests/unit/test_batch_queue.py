"""What comes while a batch is under way is the next batch; a failure stays with whoever caused it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from auction.domain.errors import BooksAway
from auction.services.batch_queue import AWAY_AFTER, BatchQueue

CONTEXT = object()


class Work:
    """Doubles numbers, batch by batch, once it may; `spoilt` ones fail their whole batch."""

    def __init__(self, *, spoilt: Sequence[int] = (), error: Exception | None = None) -> None:
        self.batches: list[list[int]] = []
        self.may = asyncio.Event()
        self.may.set()
        self._spoilt = set(spoilt)
        self._error = error or ValueError("spoilt")

    async def take(self, _context: Any, items: Sequence[int]) -> list[Any]:
        self.batches.append(list(items))
        await self.may.wait()
        if self._spoilt & set(items):
            raise self._error
        return [RuntimeError(f"{item} is odd") if item % 2 else 2 * item for item in items]


async def test_what_comes_at_once_is_one_batch_and_what_comes_meanwhile_the_next() -> None:
    queue, work = BatchQueue("test", batch_max=3), Work()
    work.may.clear()
    first = [asyncio.create_task(queue.add(work.take, CONTEXT, item, key=item)) for item in (0, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(queue.add(work.take, CONTEXT, item, key=item)) for item in (4, 6, 8, 10)]
    await asyncio.sleep(0)
    work.may.set()

    assert await asyncio.gather(*first, *later) == [0, 4, 8, 12, 16, 20]
    assert work.batches == [[0, 2], [4, 6, 8], [10]]


async def test_a_refusal_is_its_own_items_alone() -> None:
    queue, work = BatchQueue("test"), Work()
    done = await asyncio.gather(
        *(queue.add(work.take, CONTEXT, item, key=item) for item in (2, 3, 4)), return_exceptions=True
    )
    assert (done[0], str(done[1]), done[2]) == (4, "3 is odd", 8)
    assert len(work.batches) == 1


async def test_a_batch_that_fails_is_taken_one_by_one() -> None:
    queue, work = BatchQueue("test"), Work(spoilt=[4])
    done = await asyncio.gather(
        *(queue.add(work.take, CONTEXT, item, key=item) for item in (2, 4, 6)), return_exceptions=True
    )
    assert (done[0], str(done[1]), done[2]) == (4, "spoilt", 12)
    assert work.batches == [[2, 4, 6], [2], [4], [6]]


async def test_a_server_that_is_away_is_not_asked_for_each() -> None:
    items = range(0, 20, 2)
    queue, work = BatchQueue("test"), Work(spoilt=items, error=BooksAway())
    done = await asyncio.gather(
        *(queue.add(work.take, CONTEXT, item, key=item) for item in items), return_exceptions=True
    )
    assert [type(one) for one in done] == [BooksAway] * 10
    assert len(work.batches) == 1 + AWAY_AFTER


async def test_a_second_item_of_one_key_waits_for_the_next_batch_in_its_place() -> None:
    queue, work = BatchQueue("test"), Work()
    await asyncio.gather(*(queue.add(work.take, CONTEXT, item, key=item % 4) for item in (2, 6, 4, 8)))
    assert work.batches == [[2, 4], [6, 8]]


async def test_one_batch_is_of_one_context() -> None:
    queue, work = BatchQueue("test"), Work()
    other = object()
    await asyncio.gather(
        queue.add(work.take, CONTEXT, 2, key=2),
        queue.add(work.take, other, 4, key=4),
        queue.add(work.take, CONTEXT, 6, key=6),
    )
    assert work.batches == [[2, 6], [4]]


async def test_who_hangs_up_while_waiting_is_left_out_and_who_is_under_way_is_done() -> None:
    queue, work = BatchQueue("test"), Work()
    work.may.clear()
    under_way = asyncio.create_task(queue.add(work.take, CONTEXT, 2, key=2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(queue.add(work.take, CONTEXT, item, key=item)) for item in (4, 6)]
    await asyncio.sleep(0)
    under_way.cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    work.may.set()

    assert await waiting[1] == 12
    assert work.batches == [[2], [6]]


async def test_as_many_results_as_items_are_demanded() -> None:
    async def forgetful(_context: Any, _items: Sequence[int]) -> list[int]:
        return []

    with pytest.raises(RuntimeError, match="0 results for 1 items"):
        await BatchQueue("test").add(forgetful, CONTEXT, 1, key=1)
