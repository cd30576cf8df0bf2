"""Lets a process use the ledger's server only after that very server was checked for loss.

Beside the bid's way. A server that was started anew, or another one in its place, may hold an older ledger. So each new
connection asks who answers; where that is not the server that was checked, it waits a while for the check, which
whoever waits for `changed` makes (`auction.services.recovery.continuity`), and raises LedgerChanged where none is made.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

CHECK_S_MAX = 2.0
"""How long a new connection waits for the check of its server."""


class ServerNotChecked(RedisConnectionError):
    """The server that answers is not the one that was checked."""


class ServerGuard:
    """Who was checked, and whether somebody else was met since."""

    def __init__(self) -> None:
        self.checked: str | None = None
        """The id of the server that was checked; None: none was yet."""
        self.changed = asyncio.Event()
        """Set when a connection met another server."""
        self._admitted = asyncio.Event()

    def admit(self, server: str) -> None:
        """That server was checked."""
        self.checked = server
        self._admitted.set()
        self._admitted = asyncio.Event()

    async def greet(self, connection: Any) -> None:
        """Set up a new connection of a pool. Raises ServerNotChecked."""
        await connection.on_connect()
        await connection.send_command("INFO")
        reply: bytes = await connection.read_response(disable_decoding=True)
        lines = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
        server = _id_of({name: value for name, _, value in lines})
        if server != self.checked:
            await self._wait_until_admitted(server)

    async def _wait_until_admitted(self, server: str) -> None:
        self.changed.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CHECK_S_MAX):
                while server != self.checked:
                    await self._admitted.wait()
        if server != self.checked:
            raise ServerNotChecked("the ledger's server was not checked yet")


async def server_id(redis: "Redis") -> str:
    """Which server answers, and which data set it holds: a restart changes the first, a failover the second."""
    return _id_of(await redis.info())


def _id_of(info: Mapping[str, Any]) -> str:
    return f"{info['run_id']} {info.get('master_replid', '')}"
