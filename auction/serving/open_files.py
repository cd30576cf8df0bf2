"""How many files, sockets among them, a process may open. At the start of processes that serve."""

import resource


def open_files_max() -> int:
    """The number of files that this process may open, after raising its limit as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1_000_000 if hard == resource.RLIM_INFINITY else hard
