"""A crowd that registers at once: so many are worked on, in the order in which they came, and so many wait."""

import asyncio

import pytest

from auction.domain.errors import OverCapacity
from auction.services.registration_queue import RegistrationQueue


async def test_so_many_are_worked_on_at_once_in_their_order() -> None:
    queue = RegistrationQueue(at_once=2, waiting_max=10)
    order: list[int] = []
    working = most = 0

    async def register(number: int) -> None:
        nonlocal working, most
        async with queue.turn(f"bidder-{number}"):
            order.append(number)
            working += 1
            most = max(most, working)
            await asyncio.sleep(0)
            working -= 1

    await asyncio.gather(*map(register, range(8)))

    assert most == 2
    assert order == list(range(8))


async def test_one_too_many_is_refused_and_who_leaves_makes_room() -> None:
    queue = RegistrationQueue(at_once=1, waiting_max=1)

    async def wait(person: str = "late") -> None:
        async with queue.turn(person):
            await asyncio.Event().wait()

    first, second = asyncio.create_task(wait("first")), asyncio.create_task(wait("second"))
    await asyncio.sleep(0)
    with pytest.raises(OverCapacity, match="2 registrations wait"):
        await wait()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(wait("third"))
    await asyncio.sleep(0)
    with pytest.raises(OverCapacity):
        await wait()
    for task in (first, third):
        task.cancel()
    await asyncio.gather(first, third, return_exceptions=True)

    async with queue.turn("first"):
        pass


async def test_one_person_is_worked_on_once_at_a_time_and_keeps_no_place_from_others() -> None:
    queue = RegistrationQueue(at_once=2, waiting_max=10)
    working: list[str] = []
    seen: list[tuple[str, ...]] = []

    async def register(person: str) -> None:
        async with queue.turn(person):
            working.append(person)
            seen.append(tuple(sorted(working)))
            await asyncio.sleep(0)
            working.remove(person)

    await asyncio.gather(*map(register, ("ann", "ann", "ann", "bob")))

    assert ("ann", "bob") in seen
    assert not [one for one in seen if one.count("ann") > 1]
