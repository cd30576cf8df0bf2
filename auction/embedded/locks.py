"""File locks of the embedded servers: the kernel frees them when their last holder dies, so none can be stale.

Two kinds lie in a data directory:

* `users.lock`, shared by everyone who uses the servers: whoever gets it alone was the last one and stops them;
* `<server>.alive`, inherited by the server process and its children: free means that nothing of it runs, and whoever
  takes it may start it.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_S = 0.01


class FileLock:
    """One open lock file. Closing it lets go of the lock, unless a child process inherited it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # not truncated, never removed: a lock file that is replaced under its holders locks nothing
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self, *, shared: bool = False, wait_s: float = 0.0) -> bool:
        """Take the lock, waiting at most `wait_s`; false if others held it all that time."""
        operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self.fd, operation)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_POLL_S)
            else:
                return True

    def close(self) -> None:
        """Let go; done twice it does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
