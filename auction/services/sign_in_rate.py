"""Slows down the guessing of passwords and of authenticators' codes in one process. Off the bid's way."""

import time
from collections.abc import Callable

from cachetools import LRUCache

from auction.domain.errors import TooManySignIns

FREE_FAILURES = 5
"""Wrong passwords of an account in a row that cost no waiting."""
DELAY_S_MAX = 60.0
"""Of an account that others guess at its holder has to wait so long at most."""
CODE_DELAY_S_MAX = 900.0
"""Of an account whose password is known to whoever guesses: three codes of a million are right at any moment."""
ACCOUNTS_MAX = 100_000


class SignInRate:
    """Wrong passwords (or codes) by account: each one beyond the free ones doubles the wait before the next try."""

    def __init__(
        self,
        clock_s: Callable[[], float] = time.monotonic,
        *,
        guessed: str = "password",
        delay_s_max: float = DELAY_S_MAX,
    ) -> None:
        self._clock_s = clock_s
        self._guessed = guessed
        self._delay_s_max = delay_s_max
        self._failures: LRUCache[str, tuple[int, float]] = LRUCache(ACCOUNTS_MAX)
        """Account -> wrong passwords in a row, and when the next one may be tried."""

    def check(self, username: str) -> None:
        """Raises TooManySignIns where the account has to wait, however right the password is."""
        wait_s = self._failures.get(username, (0, 0.0))[1] - self._clock_s()
        if wait_s > 0:
            raise TooManySignIns(f"the {self._guessed} was wrong too often in a row", int(wait_s) + 1)

    def add(self, username: str) -> None:
        """The password was wrong."""
        count = self._failures.get(username, (0, 0.0))[0] + 1
        beyond = count - FREE_FAILURES
        wait_s = min(self._delay_s_max, 2.0 ** min(beyond, 10)) if beyond > 0 else 0.0
        self._failures[username] = count, self._clock_s() + wait_s

    def clear(self, username: str) -> None:
        """The password was right."""
        self._failures.pop(username, None)
