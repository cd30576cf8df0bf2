"""Runs a module while its supervisor lives: `python -m auction.serving.parent_watchdog --lifeline FD api --fd 5`.

The lifeline is the reading end of a pipe whose other end only the supervisor holds. When the supervisor is gone,
however it went, the pipe ends: this process then gets the SIGTERM that the supervisor can no longer send, and a
SIGKILL where it does not end by itself. Beside the bid's way; works wherever there are pipes.
"""

import argparse
import os
import runpy
import signal
import sys
import threading
import time

DRAIN_S = 30.0
"""How long a module may take to end once its supervisor is gone."""


def tie(lifeline: int) -> None:
    """End this process when the lifeline ends."""
    threading.Thread(target=_hold, args=(lifeline,), name="lifeline", daemon=True).start()


def _hold(lifeline: int) -> None:
    # nobody ever writes: a read returns when the other end is closed, by hand or by the kernel
    while os.read(lifeline, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Tie this process to the lifeline, then be the module."""
    parser = argparse.ArgumentParser(prog="python -m auction.serving.parent_watchdog", description=__doc__)
    parser.add_argument("--lifeline", type=int, required=True, help="a pipe that ends with the supervisor")
    parser.add_argument("module", help="the module to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the module is told")
    given = parser.parse_args(arguments)
    tie(given.lifeline)
    sys.argv[1:] = given.arguments
    runpy.run_module(given.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
