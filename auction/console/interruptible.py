"""Runs a command's coroutine so that Ctrl-C and SIGTERM cancel it between two callbacks of the event loop.

`asyncio.run` cancels from within Python's signal handler, which may interrupt a callback half-way.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_interruptible(main: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result. Raises KeyboardInterrupt where SIGINT or SIGTERM cancelled it, after its clean-up.

    Outside the main thread, which receives no signals, it is `asyncio.run`.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(main)
    is_interrupted = False

    async def run() -> T:
        task = asyncio.ensure_future(main)

        def interrupt() -> None:
            nonlocal is_interrupted
            is_interrupted = True
            task.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        return await task

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        if is_interrupted:
            raise KeyboardInterrupt from None
        raise
