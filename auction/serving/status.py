"""Tells started processes which others keep ending: the supervisor writes their names to a file that all inherit.

The file has no name on the disk; it is gone with the last process that has it open.
"""

import json
import os
import tempfile
from collections.abc import Iterable

_BYTES = 4096


class SupervisorStatus:
    """The supervisor's side: publishes the names of the processes that keep ending."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the supervisor
        self.publish(())

    @property
    def fd(self) -> int:
        """The file, for the processes to inherit."""
        return self._file.fileno()

    def publish(self, failing: Iterable[str]) -> None:
        """Replace the names."""
        os.pwrite(self.fd, json.dumps(sorted(failing)).encode().ljust(_BYTES), 0)

    def close(self) -> None:
        """Close this side."""
        self._file.close()


def read_failing(fd: int | None) -> list[str]:
    """A process's side: the names that were published last; none without a supervisor (None)."""
    if fd is None:
        return []
    while True:
        try:
            found: list[str] = json.loads(os.pread(fd, _BYTES, 0))
        except ValueError:
            # read while it was being replaced
            continue
        return found
