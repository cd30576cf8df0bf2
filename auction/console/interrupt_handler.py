"""What Ctrl-C, SIGTERM and SIGHUP do to a command that starts servers and processes.

It depends on the stage. While servers start, the first signal is recorded and acted on between two steps; a second one
interrupts the step. While processes run, each signal calls a callback: the first drains, the second kills. While
everything is stopped, signals do nothing, so that nothing is left half-stopped.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptHandler:
    """Handles the signals of one command, in the main thread."""

    def __init__(self) -> None:
        self._callback: Callable[[], None] | None = None
        self._starting = True
        self.count = 0
        """How many signals were received."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals for the block; one that was ignored before (nohup) stays ignored."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` in the running loop for each signal of the block, and once for those received before it.

        After the block signals do nothing.
        """
        loop = asyncio.get_running_loop()
        # a handler runs between any two bytecodes: it only wakes the loop
        self._callback = lambda: _call_in(loop, callback)
        self._starting = False
        if self.count:
            self._callback()
        try:
            yield
        finally:
            self._callback = None

    def raise_if_interrupted(self) -> None:
        """Raise KeyboardInterrupt if a signal was received; called between two steps of the start."""
        if self.count:
            self._starting = False
            raise KeyboardInterrupt

    def ignore(self) -> None:
        """Do nothing about signals from now on: servers are being stopped."""
        self._starting = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._callback is not None:
            self._callback()
        elif self._starting and self.count > 1:
            self._starting = False
            raise KeyboardInterrupt


def _call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)
