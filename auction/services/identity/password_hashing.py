"""Hashes and checks passwords (argon2) in a few threads, with a short queue of its own.

Off the bid's way, and kept out of it: a hash takes a core and 64 MB for some tens of ms. Whoever gives up waiting
leaves the queue, and what does not fit in it is refused at once.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from auction.domain.errors import TooManySignIns

HASHES_AT_ONCE = 2
WAITING_MAX = 32
"""About a second of hashing, or two."""

P = ParamSpec("P")
T = TypeVar("T")


class HashingPool:
    """The threads that hash, and the bound of what waits for them."""

    def __init__(self, threads: int = HASHES_AT_ONCE, waiting_max: int = WAITING_MAX) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="hash")
        self._pending_max = threads + waiting_max
        self._lock = threading.Lock()
        self.pending = 0
        """Hashes that run or wait."""

    async def run(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """The function's result; cancelled while it waits, it never runs. Raises TooManySignIns."""
        with self._lock:
            if self.pending >= self._pending_max:
                raise TooManySignIns("too many people sign in at the same time", 1)
            self.pending += 1
        future = self._executor.submit(function, *args, **named)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, _: Future[T]) -> None:
        with self._lock:
            self.pending -= 1


_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """A new hash."""
    return _hasher.hash(password)


def is_password(password_hash: str, password: str) -> bool:
    """Whether the hash is of this password."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether argon2's parameters have changed since."""
    return _hasher.check_needs_rehash(password_hash)
