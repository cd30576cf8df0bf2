"""The one error of backups: one sentence that names the path and what to do."""

from pathlib import Path


class BackupError(Exception):
    """A backup could not be made, is not sound, or cannot be put back; nothing was changed."""


def from_os_error(path: Path, error: OSError) -> BackupError:
    """The BackupError for an error of the operating system while working on `path`."""
    return BackupError(f"{error.filename or path} cannot be used ({error.strerror or error})")
