"""The one error of embedded servers: one sentence that names the path and what to do."""

import errno
from pathlib import Path

_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_A_DIRECTORY = (errno.ENOTDIR, errno.EEXIST)

NO_SPACE = "No space left on device"
ELSEWHERE = "set AUCTION_DATA_DIR to a directory"


class EmbeddedError(Exception):
    """An embedded server could not be started, reused or stopped; the text names the path and what to do."""


def from_os_error(path: Path, error: OSError) -> EmbeddedError:
    """The EmbeddedError for an error of the operating system while working under `path`."""
    if error.errno in _NOT_ALLOWED:
        reason = f"{path} is not writable here ({error.strerror}): correct its owner and mode, or {ELSEWHERE} that is"
    elif error.errno in _FULL:
        reason = disk_full(path)
    elif error.errno in _NOT_A_DIRECTORY:
        reason = f"{path} cannot be a directory ({error.strerror}): move the file in the way, or {ELSEWHERE}"
    else:
        reason = f"{path} cannot be used ({error.strerror or error}): {ELSEWHERE} that can"
    return EmbeddedError(reason)


def disk_full(path: Path) -> str:
    """The sentence for a full disk, detected by us or by a server."""
    return f"the disk that holds {path} is full: free some space, or {ELSEWHERE} on another disk"
