"""Ctrl-C, SIGTERM and a closed terminal, from the first server's start to the last one's stop.

A command that starts servers and processes has three stretches, and a signal means something else in each: while
things start it is noted, and heeded between two steps (a second one does not wait for that); while they run it asks
them to drain, and once more to hurry; while they are taken down it changes nothing, so that nothing is left
half-stopped.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What the next signal does. One for a command, in the main thread."""

    def __init__(self) -> None:
        self._listener: Callable[[], None] | None = None
        self._starting = True
        self.seen = 0
        """How many signals came."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals over for the block; one that was ignored before (nohup) stays ignored."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number, how in before.items():
            if how is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, how in before.items():
                signal.signal(number, how)

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """From here on signals call `listener` in the running loop; after the block they do nothing any more."""
        loop = asyncio.get_running_loop()
        # a handler runs between any two bytecodes: it only wakes the loop
        self._listener = lambda: _wake(loop, listener)
        self._starting = False
        if self.seen:
            self._listener()
        try:
            yield
        finally:
            self._listener = None

    def heed(self) -> None:
        """Between two steps of the start: KeyboardInterrupt if a signal came meanwhile."""
        if self.seen:
            self._starting = False
            raise KeyboardInterrupt

    def ending(self) -> None:
        """From here on everything is taken down: signals do nothing any more."""
        self._starting = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.seen += 1
        if self._listener is not None:
            self._listener()
        elif self._starting and self.seen > 1:
            self._starting = False
            raise KeyboardInterrupt


def _wake(loop: asyncio.AbstractEventLoop, listener: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(listener)
