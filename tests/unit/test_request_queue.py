"""Requests that may wait: so many a turn of the event loop, those of signed-in people first, and so many at all."""

import asyncio
from collections.abc import Callable

import pytest

from api.http.request_queue import RequestQueue
from auction.domain.errors import OverCapacity

Started = list[tuple[int, str]]


async def _run(queue: RequestQueue, requests: list[tuple[str, bool]], turns: int = 20) -> Started:
    """What was started at which turn of the loop, where all the requests come at turn 0."""
    started: Started = []
    turn = 0

    def start(name: str) -> Callable[[], None]:
        return lambda: started.append((turn, name))

    for name, is_known in requests:
        queue.add(start(name), is_known=is_known)
    for turn in range(1, turns):  # noqa: B007 - what `start` reads
        await asyncio.sleep(0)
    return started


def test_so_many_are_started_a_turn_in_their_order() -> None:
    requests = [(str(number), False) for number in range(9)]
    started = asyncio.run(_run(RequestQueue(a_turn=4), requests))
    assert [name for _, name in started] == [name for name, _ in requests]
    turns = [turn for turn, _ in started]
    assert [turns.count(turn) for turn in sorted(set(turns))] == [4, 4, 1]
    assert turns[0] == 0


def test_signed_in_people_go_before_strangers_who_wait() -> None:
    requests = [("a", False), ("b", False), ("ann", True), ("c", False), ("bob", True)]
    started = asyncio.run(_run(RequestQueue(a_turn=1), requests))
    assert [name for _, name in started] == ["a", "ann", "bob", "b", "c"]


def test_one_stranger_too_many_is_refused_and_signed_in_people_are_not() -> None:
    async def crowd() -> Started:
        queue = RequestQueue(a_turn=1, strangers_max=2)
        waiting = asyncio.create_task(_run(queue, [("a", False), ("b", False), ("c", False)]))
        await asyncio.sleep(0)
        with pytest.raises(OverCapacity, match="2 requests wait"):
            queue.add(lambda: None, is_known=False)
        queue.add(lambda: None, is_known=True)
        return await waiting

    assert [name for _, name in asyncio.run(crowd())] == ["a", "b", "c"]


def test_a_quiet_process_starts_every_request_at_once() -> None:
    async def one_a_turn() -> Started:
        queue, started = RequestQueue(a_turn=1), []
        for turn in range(5):
            queue.add(lambda turn=turn: started.append((turn, "")), is_known=False)  # type: ignore[misc]
            assert started[-1] == (turn, "")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return started

    assert len(asyncio.run(one_a_turn())) == 5
