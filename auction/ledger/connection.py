"""Connects to the ledger's server: one address, no silent retries, and errors in the house's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from auction.domain.errors import LedgerAway, OutcomeUnknown


def connect(url: str, *, timeout_ms: int = 5000, connections: int = 64) -> "Redis":
    """A client for `redis://`, `rediss://` or `unix://`; each call is made once: a lost answer is a known unknown.

    Up to so many connections; a call that finds none free within the time-out fails like a lost server.
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
    )
    return Redis.from_pool(pool)


@contextmanager
def ledger_errors(*, writing: bool = False) -> Iterator[None]:
    """Turns the client's errors into LedgerAway, or into OutcomeUnknown where a write was under way.

    A refusal in so many words (out of memory, loading, read-only replica, disk trouble) means nothing was written:
    the scripts check everything before their first write.
    """
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        if writing and not _never_sent(error):
            raise OutcomeUnknown from error
        raise LedgerAway from error
    except ResponseError as error:
        raise LedgerAway(
            f"The bid ledger refuses work ({str(error)[:120]}); nothing was changed. Try again."
        ) from error
    except RedisError as error:
        raise LedgerAway(f"The bid ledger cannot be used ({error}); nothing was changed. Try again.") from error


_TURNED_AWAY = (AuthenticationError, AuthorizationError, BusyLoadingError)
"""The server's own no, although the client counts them among lost connections."""


def _never_sent(error: BaseException) -> bool:
    """True where a call failed before anything of it left this process, or was turned away unread.

    The client raises the same errors before and after it sends: what it raised while getting a connection
    (none free, none possible, no greeting, wrong password) came before.
    """
    if isinstance(error, _TURNED_AWAY):
        return True
    return any(frame.f_code.co_name == "get_connection" for frame, _ in walk_tb(error.__traceback__))
