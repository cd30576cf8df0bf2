"""Finds a memory allocator for the embedded ledger that is better than the C library's, and tells which one is in use.

The ledger's scripts make and drop many small objects: with mimalloc a bid takes about three quarters of the time
(`docs/performance.md`). Everything works without it.
"""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePath

_WHEEL, _LIBRARY = "cmeel-mimalloc", "libmimalloc.so"


def allocator_library() -> Path | None:
    """The shared library of mimalloc from its wheel; None where it is not installed, or cannot be preloaded."""
    if sys.platform != "linux":
        return None
    try:
        found = distribution(_WHEEL)
    except PackageNotFoundError:
        return None
    for name in found.files or ():
        if PurePath(name).name == _LIBRARY:
            library = Path(str(found.locate_file(name)))
            return library if library.exists() else None
    return None


def with_allocator(environment: Mapping[str, str]) -> Mapping[str, str]:
    """An environment in which a program uses it; what is preloaded there already stays so."""
    library = allocator_library()
    # the dynamic linker takes spaces and colons for separators
    if library is None or " " in str(library) or ":" in str(library):
        return environment
    preloaded = " ".join(filter(None, (environment.get("LD_PRELOAD"), str(library))))
    return {**environment, "LD_PRELOAD": preloaded}


def allocator_of(pid: int, built_with: str) -> str:
    """The allocator of a server on this machine: the preloaded one, else the one that it was built with."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text("utf-8", errors="replace")
    except OSError:
        return built_with
    return "mimalloc" if _LIBRARY in maps else built_with
