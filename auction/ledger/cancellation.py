"""Ends cancelled tasks that the ledger's client let run on: called at the top of every loop that uses the ledger."""

import asyncio


def raise_if_cancelled() -> None:
    """Raise CancelledError in a task whose cancellation was lost; else do nothing.

    On Python 3.11 `asyncio.wait_for`, with which the ledger's client sends, swallows a cancellation that arrives just
    as the sending ends.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
