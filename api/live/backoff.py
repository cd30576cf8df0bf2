"""Random, growing waits between attempts to reach a ledger that is away. No I/O, no clock."""

import random
from collections.abc import Iterator

from auction.ledger.cancellation import raise_if_cancelled

WAIT_S_MIN, WAIT_S_MAX = 0.05, 2.0


def backoff_waits_s() -> Iterator[float]:
    """The waits of one task in seconds, without end; raises CancelledError where the task's cancellation was lost."""
    wait_s_max = WAIT_S_MIN
    while True:
        raise_if_cancelled()
        yield random.uniform(wait_s_max / 2, wait_s_max)  # noqa: S311 - spreads retries, guards nothing
        wait_s_max = min(WAIT_S_MAX, wait_s_max * 2)
