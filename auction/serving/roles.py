"""The parts of the system that `auction serve --role` can run; light to import, as the command line's help needs it."""

from enum import StrEnum


class ServingRole(StrEnum):
    """Which processes are started."""

    ALL = "all"
    HTTP = "http"
    LIVE = "live"
    WORKER = "worker"
