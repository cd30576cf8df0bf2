"""Connects to the ledger's server: no silent retries, and the client's errors turned into the engine's.

In the bid's way: every call to the ledger goes through a connection from here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import walk_tb

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from auction.domain.errors import LedgerAway, LedgerChanged, LedgerFault, LedgerLate, OutcomeUnknown, Unavailable
from auction.ledger.server_guard import ServerGuard, ServerNotChecked


def connect(url: str, *, timeout_ms: int = 5000, connections: int = 64, guard: ServerGuard | None = None) -> "Redis":
    """A client for a `redis://`, `rediss://` or `unix://` address. Nothing is sent until the first call.

    Each call is sent once: whether to repeat a write without an answer is the caller's decision. A call fails after
    `timeout_ms` without a connection (of at most `connections`) or an answer. With a `guard` only the server that was
    checked is used.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        timeout=timeout_ms / 1000,
        socket_timeout=timeout_ms / 1000,
        socket_connect_timeout=timeout_ms / 1000,
        retry=Retry(NoBackoff(), 0),
        max_connections=connections,
        decode_responses=False,
        protocol=2,
        redis_connect_func=None if guard is None else guard.greet,
    )
    return Redis.from_pool(pool)


@contextmanager
def ledger_errors(*, writing: bool = False) -> Iterator[None]:
    """Turn the client's errors into LedgerAway, or into OutcomeUnknown where a write (`writing`) was sent.

    An error reply (out of memory, loading, read-only replica, disk full) means that nothing was written: the scripts
    check everything before their first write.
    """
    try:
        yield
    except ServerNotChecked as error:
        raise LedgerChanged from error
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        if writing and not _never_sent(error):
            raise OutcomeUnknown from error
        raise LedgerAway from error
    except ResponseError as error:
        if (special := _SCRIPT_ERRORS.get(str(error).partition(" ")[0])) is not None:
            raise special() from error
        raise LedgerFault(
            f"The bid ledger refuses work ({str(error)[:120]}); nothing was changed. Try again."
        ) from error
    except RedisError as error:
        raise LedgerAway(f"The bid ledger cannot be used ({error}); nothing was changed. Try again.") from error


_SCRIPT_ERRORS: dict[str, Callable[[], Unavailable]] = {
    "LINEAGE": LedgerChanged,
    "LATE": LedgerLate,
}
"""First word of an error reply of the scripts -> what it means (`lua/include/lot.lua`)."""

_REFUSED_BY_SERVER = (AuthenticationError, AuthorizationError, BusyLoadingError)
"""Error replies of the server that the client raises as connection errors."""


def _never_sent(error: BaseException) -> bool:
    """Whether a call failed before it was sent, or was refused unread.

    The client raises the same errors before and after sending: those raised while it got a connection (none free, none
    possible, no greeting, wrong password) came before.
    """
    if isinstance(error, _REFUSED_BY_SERVER):
        return True
    return any(frame.f_code.co_name == "get_connection" for frame, _ in walk_tb(error.__traceback__))


def microseconds(reply: tuple[int, int]) -> int:
    """A reply of the TIME command (seconds, microseconds) as UTC microseconds."""
    seconds, rest = reply
    return int(seconds) * 1_000_000 + int(rest)
