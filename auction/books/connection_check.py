"""Checks a pooled connection before it is used: by a ping where it lay idle, else by whether its socket is open.

A ping before every transaction, which is what SQLAlchemy's `pool_pre_ping` sends, costs as much as two statements. A
server that stops closes its sockets, which is known here without asking; a network that drops a connection silently
does so while it is idle.
"""

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

IDLE_S = 5.0
"""After so long in the pool a connection is asked."""
_RETURNED_AT = "returned_at_s"


def check_connections(engine: AsyncEngine) -> None:
    """Check each connection of this engine's pool when it is taken; a dead one is replaced, and all older ones.

    Asked for again, nothing changes.
    """
    event.listen(engine.sync_engine, "checkin", _note_return)
    event.listen(engine.sync_engine, "checkout", _check)


def _note_return(_connection: Any, record: Any) -> None:
    record.info[_RETURNED_AT] = time.monotonic()


def _check(connection: Any, record: Any, _proxy: Any) -> None:
    """`connection` is SQLAlchemy's of asyncpg. Raises InvalidatePoolError, on which the pool connects anew."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError("the server has closed the connection")
    returned_at_s = record.info.get(_RETURNED_AT)
    if returned_at_s is None or time.monotonic() - returned_at_s < IDLE_S:
        return
    try:
        connection.ping()
    except Exception as error:
        raise InvalidatePoolError("the connection does not answer") from error
