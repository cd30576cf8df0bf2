import asyncio

import pytest

from auction.ledger.cancellation import raise_if_cancelled


async def test_a_task_that_swallowed_its_cancellation_ends_at_the_next_check():
    swallowed = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.sleep(0)
        raise_if_cancelled()
        raise AssertionError("the task lives on")

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert swallowed.is_set()


async def test_a_task_that_nobody_cancelled_goes_on():
    raise_if_cancelled()


async def test_outside_of_a_task_there_is_nothing_to_cancel():
    called = asyncio.get_running_loop().create_future()

    def callback() -> None:
        raise_if_cancelled()
        called.set_result(None)

    asyncio.get_running_loop().call_soon(callback)
    await called
