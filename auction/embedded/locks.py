"""File locks of the embedded servers; the kernel releases them when their last holder ends, so none can be stale.

A data directory has two kinds:

* `users.lock`, held shared by every process that uses the servers: the one that gets it exclusively was the last one
  and stops them;
* `<server>.alive`, inherited by the server process and its children: free means that none of them runs, and whoever
  holds it may start the server.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_S = 0.01


class FileLock:
    """One open lock file. Closing it releases the lock, unless a child process inherited it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # not truncated, never removed: a lock file that is replaced under its holders locks nothing
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self, *, shared: bool = False, wait_s: float = 0.0) -> bool:
        """Acquire the lock, waiting at most `wait_s`; False if others held it all that time."""
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
        """Release the lock; a second call does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
