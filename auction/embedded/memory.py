"""How much memory the embedded ledger may use: a part of what the machine, or the container, has."""

import os
from pathlib import Path

PART_OF_MACHINE = 0.5
"""The rest is for rewriting the log (which copies what changes meanwhile), PostgreSQL and our own processes."""
DEFAULT_BYTES_MIN, DEFAULT_BYTES_MAX = 256 * 2**20, 16 * 2**30
_CGROUPS = Path("/sys/fs/cgroup")


def default_ledger_bytes() -> int:
    """The default limit: half of the machine's or container's memory, from 256 MiB to 16 GiB."""
    return min(DEFAULT_BYTES_MAX, max(DEFAULT_BYTES_MIN, int(available_bytes() * PART_OF_MACHINE)))


def available_bytes(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """The machine's memory, or the least limit of this process's control groups (version 2 or 1) below it."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(cgroups, own)])


def _limits(cgroups: Path, own: Path) -> list[int]:
    try:
        groups = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in groups:
        if not controllers:
            root, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = root / path.lstrip("/")
        # within a container the path may be that of the host: the root is then the container's own group
        for group in {folder, *(parent for parent in folder.parents if parent.is_relative_to(root)), root}:
            try:
                found.append(int((group / name).read_text()))
            except (OSError, ValueError):
                # no such group here, or "max"
                continue
    return found
