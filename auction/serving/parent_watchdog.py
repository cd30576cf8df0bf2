"""Runs a program for as long as its supervisor lives: `python -m auction.serving.parent_watchdog --pipe FD api --fd 5`.

The pipe is a reading end whose writing end only the supervisor holds. When the supervisor has ended, in whatever way,
the pipe closes: this process then sends itself the SIGTERM that the supervisor no longer can, and SIGKILL if it has not
ended after DRAIN_S. Works wherever there are pipes.
"""

import argparse
import gc
import importlib
import os
import signal
import sys
import threading
import time

DRAIN_S = 30.0
"""How long the module may take to end once its supervisor is gone."""


def end_with_parent(pipe: int) -> None:
    """End this process when the other end of the pipe is closed."""
    threading.Thread(target=_watch, args=(pipe,), name="parent-watchdog", daemon=True).start()


def _watch(pipe: int) -> None:
    # nobody ever writes: a read returns when the other end is closed, by its process or by the kernel
    while os.read(pipe, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Watch the supervisor, then run what `python -m MODULE` runs."""
    parser = argparse.ArgumentParser(prog="python -m auction.serving.parent_watchdog", description=__doc__)
    parser.add_argument("--pipe", type=int, required=True, help="a pipe that closes when the supervisor ends")
    parser.add_argument("module", help="the package whose `__main__.main` to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the module's arguments")
    given = parser.parse_args(arguments)
    end_with_parent(given.pipe)
    sys.argv[1:] = given.arguments
    # what imports create stays: the garbage collector would spend a fifth of the start on it, and later go through it
    # again and again while bids wait
    gc.disable()
    program = importlib.import_module(f"{given.module}.__main__")
    gc.freeze()
    gc.enable()
    sys.exit(program.main())


if __name__ == "__main__":
    main(sys.argv[1:])
