"""One live gateway: accepts watchers, hears what they want to watch, and keeps the rounds; ends in order.

After the bid's way, beside the API: it needs the ledger alone. Several processes serve one port.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from http import HTTPStatus
from typing import Any, cast

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from api.live import frames
from api.live.backoff import honour_cancellation
from api.live.channel import ChannelContext
from api.live.clock import LedgerClock
from api.live.config import LiveConfig
from api.live.connection import LiveConnection
from api.live.connection_limits import ConnectionLimits
from api.live.hub import Hub
from api.live.keepalive import SLOTS, KeepaliveSchedule
from api.live.metrics import LiveMetrics
from api.live.protocol import MESSAGE_BYTES_MAX, CloseCode, Malformed, Sub, read_message
from api.live.stream_follower import StreamFollower
from auction.domain.errors import LedgerAway
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.watcher_counts import report_watchers
from auction.services.identity.tokens import TokenKey, TokenRefused

BACKLOG = 4096
HANDSHAKE_S = 10.0
UNSHAKEN_MAX = 1_000
"""Sockets beyond `sockets_max` that may be told so; more are cut off unheard, before files run out."""
GOODBYE_S = 3.0
"""How long a stopping gateway waits for its watchers to hang up."""
_SEEN = Request("/", Headers())
"""Stands for a connection's request once it was looked at: ten thousand sets of headers are megabytes."""

log = structlog.get_logger("api.live")


class LiveGateway:
    """The sockets of one process."""

    def __init__(self, ledger: BidLedger, config: LiveConfig) -> None:
        self.config = config
        self.tally = LiveMetrics()
        self.clock = LedgerClock()
        self.hub = Hub(ledger, ChannelContext(config, self.clock, self.tally))
        self._ledger = ledger
        self._follower = StreamFollower(ledger, self.hub, self.clock, block_ms=config.block_ms)
        self._doorway = ConnectionLimits(config)
        self._tokens = TokenKey(config.secret)
        self._rounds = KeepaliveSchedule()
        self._sockets: set[LiveConnection] = set()
        self._behind: set[LiveConnection] = set()
        self._reported: set[str] = set()
        self._name = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
        self._registry = CollectorRegistry()
        self._registry.register(self.tally)
        ProcessCollector(registry=self._registry)

    async def run(self, listener: socket.socket, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set; then close every socket with 1012."""
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.config.send_buffer_bytes)
        with contextlib.suppress(LedgerAway):
            await self._follower.look()
        async with asyncio.TaskGroup() as tasks:
            jobs = [
                tasks.create_task(self._follower.run(), name="follow the ledger"),
                tasks.create_task(self._keep_rounds(), name="keep the rounds"),
                tasks.create_task(self._keep_reporting(), name="report watchers"),
            ]
            server = await self._serve(listener)
            log.info("listening", address=":".join(map(str, listener.getsockname()[:2])))
            await stopping.wait()
            await self._say_goodbye(server)
            for job in jobs:
                job.cancel()
        await self.hub.close()
        # no earlier report is under way any more
        self._reported |= self.hub.channels.keys()
        with contextlib.suppress(LedgerAway):
            await self._report({})
        log.info("stopped")

    async def _serve(self, listener: socket.socket) -> Server:
        quiet = logging.getLogger("api.live.websockets")
        quiet.setLevel(logging.ERROR)

        def connect(*given: Any, **options: Any) -> LiveConnection:
            return LiveConnection(self, *given, **options)

        return await serve(
            self._attend,
            sock=listener,
            backlog=BACKLOG,
            compression=None,
            create_connection=cast("type[ServerConnection]", connect),
            logger=quiet,
            max_size=MESSAGE_BYTES_MAX,
            open_timeout=HANDSHAKE_S,
            ping_interval=None,
            process_request=self._look_at,
            server_header=None,
            write_limit=(0, 0),
        )

    # -- connections -------------------------------------------------------------------------------------------------

    def came(self, connection: LiveConnection) -> None:
        """A peer has connected; nothing is known of it but its address."""
        peer = connection.transport.get_extra_info("peername")
        connection.address = str(peer[0]) if peer else ""
        self._sockets.add(connection)
        self.tally.sockets = len(self._sockets)
        if len(self._sockets) > self.config.sockets_max + UNSHAKEN_MAX:
            self.tally.refused["no room"] += 1
            connection.transport.abort()

    def _look_at(self, connection: ServerConnection, request: Request) -> Response | None:
        """The request before the handshake: a page of elsewhere is turned away, an operator's question answered."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return _answer(b'{"status":"alive"}', "application/json")
        if path == "/metrics":
            return _answer(generate_latest(self._registry), "text/plain; version=0.0.4; charset=utf-8")
        origins, hosts = request.headers.get_all("Origin"), request.headers.get_all("Host")
        origin, host = (origins[0] if origins else None), (hosts[0] if hosts else None)
        if len(origins) > 1 or not self._doorway.welcomes(origin, host):
            self.tally.refused["origin"] += 1
            return connection.respond(HTTPStatus.FORBIDDEN, "This page may not connect here.\n")
        return None

    async def _attend(self, shaken: ServerConnection) -> None:
        """A handshake is over: greet, and be there until the socket is closed."""
        connection = cast(LiveConnection, shaken)
        connection.shaken = True
        connection.request, connection.response = _SEEN, None
        crowded = self._doorway.enter(connection.address)
        try:
            if crowded is None:
                sub_by_s = connection.loop.time() + self.config.sub_within_ms / 1000
                self._rounds.add(connection, sub_by_s=sub_by_s)
                connection.say(
                    frames.packed(frames.HelloFrame(now_ms=self.clock.now_ms(), ping_ms=self.config.ping_ms))
                )
            else:
                connection.end(CloseCode.TOO_MANY, crowded)
            await connection.wait_closed()
        finally:
            self._doorway.leave(connection.address)

    def hear(self, connection: LiveConnection, data: bytes) -> None:
        """One message of a client."""
        came_ms = self.clock.now_ms()
        try:
            message = read_message(data)
        except Malformed as error:
            connection.end(CloseCode.MALFORMED, str(error))
            return
        if isinstance(message, Sub):
            self._subscribe(connection, message)
        else:
            synced = frames.SyncedFrame(c0=message.c0, s1=came_ms, s2=self.clock.now_ms())
            connection.say(frames.packed(synced))

    def _subscribe(self, connection: LiveConnection, sub: Sub) -> None:
        if sub.token is not None:
            try:
                connection.identity = self._tokens.verify(sub.token, time.time())
            except TokenRefused as refused:
                connection.end(CloseCode.NOT_ALLOWED, refused.detail)
                return
        connection.subscribed = True
        self.hub.watch(connection, sub)

    def fell_behind(self, connection: LiveConnection) -> None:
        """The socket has bytes unsent."""
        self._behind.add(connection)
        self.hub.fall_behind(connection)

    def caught_up(self, connection: LiveConnection) -> None:
        """The socket had nothing unsent a moment ago."""
        if not connection.paused:
            self._behind.discard(connection)
            self.hub.catch_up(connection)

    def left(self, connection: LiveConnection) -> None:
        """Nothing is said to the peer any more."""
        self.hub.leave(connection)
        self._rounds.remove(connection)
        self._behind.discard(connection)

    def went(self, connection: LiveConnection) -> None:
        """The socket is closed."""
        self.left(connection)
        self._sockets.discard(connection)
        self.tally.sockets = len(self._sockets)
        if connection.shaken:
            sent = connection.protocol.close_sent
            self.tally.closed[1006 if sent is None else int(sent.code)] += 1

    # -- rounds ------------------------------------------------------------------------------------------------------

    async def _keep_rounds(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.config.ping_ms / 1000 / SLOTS)
            now_s = loop.time()
            self._rounds.end_silent(now_s)
            for connection in list(self._behind):
                if now_s - connection.paused_at_s > self.config.behind_ms_max / 1000:
                    connection.end(CloseCode.TOO_SLOW, "too long behind")
            for connection in self._rounds.ping_some():
                if connection.identity is not None and connection.identity.expires_at_s <= time.time():
                    self.hub.sign_out(connection)
            self._look_after_lots(now_s)

    def _look_after_lots(self, now_s: float) -> None:
        for channel in list(self.hub.channels.values()):
            if channel.empty_since_s is not None and now_s - channel.empty_since_s > self.config.linger_ms / 1000:
                self.hub.drop(channel, CloseCode.ENDED, "")
            elif channel.over_since_s is not None and now_s - channel.over_since_s > self.config.ended_ms / 1000:
                self.hub.conclude(channel)
            elif channel.watchers and now_s - channel.spoke_at_s > self.config.ping_ms / 1000:
                channel.beat()

    async def _keep_reporting(self) -> None:
        while True:
            honour_cancellation()
            with contextlib.suppress(LedgerAway):
                await self._follower.look()
                await self._report({lot_id: len(channel.watchers) for lot_id, channel in self.hub.channels.items()})
            await asyncio.sleep(self.config.report_ms / 1000)

    async def _report(self, counts: dict[str, int]) -> None:
        """Say how many watch here, and hear how many watch elsewhere."""
        counts |= dict.fromkeys(self._reported - counts.keys(), 0)
        others = await report_watchers(self._ledger, self._name, counts, now_ms=self.clock.now_ms())
        self._reported = {lot_id for lot_id, count in counts.items() if count}
        for lot_id, count in others.items():
            channel = self.hub.channels.get(lot_id)
            if channel is not None:
                channel.others = count

    # -- the end -----------------------------------------------------------------------------------------------------

    async def _say_goodbye(self, server: Server) -> None:
        """Take no more connections, and tell everyone to come back elsewhere."""
        server.close(close_connections=False)
        # the next turn of the loop closes the port: nobody comes after those who are told
        await asyncio.sleep(0)
        for connection in list(self._sockets):
            if connection.shaken:
                connection.end(CloseCode.RESTART, "restart")
            else:
                connection.transport.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), GOODBYE_S)
        for connection in list(self._sockets):
            connection.transport.abort()
        await server.wait_closed()


def _answer(body: bytes, content_type: str) -> Response:
    headers = Headers(
        {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Cache-Control": "no-store",
        }
    )
    return Response(HTTPStatus.OK, "OK", headers, body)
