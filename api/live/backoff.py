"""How long to wait before asking a ledger again that is away: longer and longer, and never in step with others."""

import asyncio
import random
from collections.abc import Iterator

FIRST_S, MAX_S = 0.05, 2.0


def waits() -> Iterator[float]:
    """Growing, random waits without end, in seconds."""
    wait_s_max = FIRST_S
    while True:
        honour_cancellation()
        yield random.uniform(wait_s_max / 2, wait_s_max)  # noqa: S311 - spreads retries, guards nothing
        wait_s_max = min(MAX_S, wait_s_max * 2)


def honour_cancellation() -> None:
    """End a cancelled task that was let run on: on Python 3.11 `asyncio.wait_for`, which the ledger's client uses to
    send, loses a cancellation that comes just as the sending ends. For every loop that asks the ledger.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
