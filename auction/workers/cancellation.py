"""Keeps a task that runs until cancelled from living on: used by every worker's loop."""

import asyncio


def honour_cancellation() -> None:
    """End a cancelled task that was let run on: on Python 3.11 `asyncio.wait_for`, which the ledger's client uses to
    send, loses a cancellation that comes just as the sending ends.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
