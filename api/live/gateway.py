"""One live gateway process: accepts connections, handles their messages, keeps them alive, and closes them in order.

After the bid's way, and in it where it takes bids (`api.live.bids`). Without those it needs the ledger alone. Several
gateways may serve one port.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from http import HTTPStatus
from typing import Any, Protocol, cast

import msgspec
import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.registry import Collector
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from api.http.metrics_server import metrics_served
from api.http.problems import HttpCode, Problem
from api.live import frames
from api.live.channel import ChannelContext
from api.live.clock import LedgerClock
from api.live.config import LiveConfig
from api.live.connection import LiveConnection
from api.live.connection_limits import ConnectionLimits
from api.live.hub import Hub
from api.live.keepalive import SLOTS, KeepaliveSchedule
from api.live.metrics import LiveMetrics
from api.live.protocol import MESSAGE_BYTES_MAX, CloseCode, Malformed, Place, Sub, read_message
from api.live.stream_follower import StreamFollower
from auction.domain.errors import LedgerAway
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.watcher_counts import report_watchers
from auction.services.identity.tokens import Identity, Purpose, TokenKeys, TokenRefused
from auction.services.signing_keys import KeyFollower
from auction.serving.sockets import BACKLOG

HANDSHAKE_S = 10.0
REVOCATIONS_S = 0.25
"""How often connections of ended sessions are looked for, where one was ended."""
SESSION_ENDED = "the session of the token was ended"
HANDSHAKES_MAX = 1_000
"""Sockets beyond `sockets_max` that are closed with a reason; further ones are cut off, before files run out."""
CLOSE_S = 3.0
"""How long a stopping gateway waits for its clients to close their side."""
NO_BIDS_HERE = Problem(
    HttpCode.NOT_FOUND, "This gateway takes no bids; send them to POST /api/v1/lots/{lot_id}/bids, under the same key."
)
_NO_REQUEST = Request("/", Headers())
"""Replaces a connection's request after the handshake: the headers of ten thousand connections are megabytes."""

log = structlog.get_logger("api.live")


class BidTaker(Protocol):
    """Takes the bids of live connections."""

    collectors: tuple[Collector, ...]

    def place(self, connection: LiveConnection, bid: Place) -> None:
        """Have a bid decided, and send the connection the answer."""

    def revocation_count(self) -> int:
        """Grows with each session that was ended before its time."""

    def is_revoked(self, identity: Identity) -> bool:
        """Whether the session of a live token was ended."""


class LiveGateway:
    """The connections of one process; a `ConnectionHandler`. Without `bids` it takes none, and says so."""

    def __init__(self, ledger: BidLedger, config: LiveConfig, bids: BidTaker | None = None) -> None:
        self.config = config
        self.metrics = LiveMetrics()
        self.clock = LedgerClock()
        self.hub = Hub(ledger, ChannelContext(config, self.clock, self.metrics))
        self._ledger = ledger
        self._follower = StreamFollower(ledger, self.hub, self.clock, block_ms=config.block_ms)
        self._limits = ConnectionLimits(config)
        self._tokens = TokenKeys(config.secret, config.keys_dir)
        self._keepalive = KeepaliveSchedule()
        self._connections: set[LiveConnection] = set()
        self._behind: set[LiveConnection] = set()
        self._reported_lots: set[str] = set()
        self._name = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
        self._registry = CollectorRegistry()
        self._registry.register(self.metrics)
        self._bids = bids
        for collector in () if bids is None else bids.collectors:
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    async def run(self, listener: socket.socket, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set; then close every connection with 1012."""
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.config.send_buffer_bytes)
        with contextlib.suppress(LedgerAway):
            await self._follower.check_ledger()
        apart = metrics_served(self.config.metrics_host, self.config.metrics_port, self._registry)
        async with apart, asyncio.TaskGroup() as tasks:
            jobs = [
                tasks.create_task(self._follower.run(), name="follow the ledger"),
                tasks.create_task(self._keep_alive(), name="keep connections alive"),
                tasks.create_task(self._report_repeatedly(), name="report watchers"),
                tasks.create_task(self._follow_revocations(), name="end connections of ended sessions"),
            ]
            if self.config.keys_dir is not None:
                follower = KeyFollower(self.config.keys_dir, [self._tokens])
                jobs.append(tasks.create_task(follower.run(), name="follow keys"))
            server = await self._serve(listener)
            log.info("listening", address=":".join(map(str, listener.getsockname()[:2])))
            await stopping.wait()
            await self._close_connections(server)
            for job in jobs:
                job.cancel()
        await self.hub.close()
        # no earlier report is under way any more
        self._reported_lots |= self.hub.channels.keys()
        with contextlib.suppress(LedgerAway):
            await self._report_watchers({})
        log.info("stopped")

    async def _serve(self, listener: socket.socket) -> Server:
        errors_only = logging.getLogger("api.live.websockets")
        errors_only.setLevel(logging.ERROR)

        def connect(*given: Any, **options: Any) -> LiveConnection:
            return LiveConnection(self, *given, **options)

        return await serve(
            self._handle_connection,
            sock=listener,
            backlog=BACKLOG,
            compression=None,
            create_connection=cast("type[ServerConnection]", connect),
            logger=errors_only,
            max_size=MESSAGE_BYTES_MAX,
            open_timeout=HANDSHAKE_S,
            ping_interval=None,
            process_request=self._process_request,
            server_header=None,
            write_limit=(0, 0),
        )

    # -- connections -------------------------------------------------------------------------------------------------

    def connection_opened(self, connection: LiveConnection) -> None:
        """Register a new connection, or cut it off where there are far too many."""
        peer = connection.transport.get_extra_info("peername")
        connection.address = str(peer[0]) if peer else ""
        self._connections.add(connection)
        self.metrics.sockets = len(self._connections)
        if len(self._connections) > self.config.sockets_max + HANDSHAKES_MAX:
            self.metrics.refused["no room"] += 1
            connection.transport.abort()

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request for health or metrics, refuse a page of another origin; None: go on with the handshake."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return _answer(b'{"status":"alive"}', "application/json")
        if path == "/metrics" and self.config.metrics_port is None:
            return _answer(generate_latest(self._registry), "text/plain; version=0.0.4; charset=utf-8")
        origins, hosts = request.headers.get_all("Origin"), request.headers.get_all("Host")
        origin, host = (origins[0] if origins else None), (hosts[0] if hosts else None)
        if len(origins) > 1 or not self._limits.allows_origin(origin, host):
            self.metrics.refused["origin"] += 1
            return connection.respond(HTTPStatus.FORBIDDEN, "This page may not connect here.\n")
        return None

    async def _handle_connection(self, opened: ServerConnection) -> None:
        """Send `hello` after the handshake, or close the connection above a limit; returns when it is closed."""
        connection = cast(LiveConnection, opened)
        connection.handshake_done = True
        connection.address = self._client_of(connection)
        connection.request, connection.response = _NO_REQUEST, None
        refusal = self._limits.add(connection.address)
        try:
            if refusal is None:
                sub_by_s = connection.loop.time() + self.config.sub_within_ms / 1000
                self._keepalive.add(connection, sub_by_s=sub_by_s)
                hello = frames.HelloFrame(now_ms=self.clock.now_ms(), ping_ms=self.config.ping_ms)
                connection.send_frame(frames.encode_frame(hello))
            else:
                connection.end(CloseCode.TOO_MANY, refusal)
            await connection.wait_closed()
        finally:
            self._limits.remove(connection.address)

    def _client_of(self, connection: LiveConnection) -> str:
        """Where a client comes from, by its request."""
        if connection.request is None:
            return connection.address
        told = connection.request.headers.get_all("X-Forwarded-For")
        return self.config.proxies.origin(connection.address, "", told, ()).address

    def handle_message(self, connection: LiveConnection, data: bytes) -> None:
        """Handle a message of a client: a subscription, a bid, or a question for the time."""
        arrived_ms = self.clock.now_ms()
        try:
            message = read_message(data)
        except Malformed as error:
            connection.end(CloseCode.MALFORMED, str(error))
            return
        if isinstance(message, Sub):
            self._subscribe(connection, message)
        elif isinstance(message, Place):
            self._place(connection, message)
        else:
            synced = frames.SyncedFrame(c0=message.c0, s1=arrived_ms, s2=self.clock.now_ms())
            connection.send_frame(frames.encode_frame(synced))

    def _place(self, connection: LiveConnection, bid: Place) -> None:
        if self._bids is not None:
            self._bids.place(connection, bid)
            return
        elsewhere = frames.RefusedFrame(
            lot_id=bid.lot_id, key=bid.key, status=NO_BIDS_HERE.status, body=msgspec.Raw(NO_BIDS_HERE.body())
        )
        connection.send_answer(frames.encode_frame(elsewhere))

    def _subscribe(self, connection: LiveConnection, sub: Sub) -> None:
        if sub.token is not None:
            try:
                connection.identity = self._tokens.verify(sub.token, time.time(), Purpose.LIVE)
            except TokenRefused as refused:
                connection.end(CloseCode.NOT_ALLOWED, refused.detail)
                return
            if self._bids is not None and self._bids.is_revoked(connection.identity):
                connection.end(CloseCode.NOT_ALLOWED, SESSION_ENDED)
                return
        connection.is_subscribed = True
        self.hub.subscribe(connection, sub)

    def writing_paused(self, connection: LiveConnection) -> None:
        """Leave the connection out of turns."""
        self._behind.add(connection)
        self.hub.mark_behind(connection)

    def writing_resumed(self, connection: LiveConnection) -> None:
        """Send the connection what it missed, unless it has unsent bytes again."""
        connection.send_held_answers()
        if not connection.paused:
            self._behind.discard(connection)
            self.hub.catch_up(connection)

    def connection_ended(self, connection: LiveConnection) -> None:
        """End the connection's subscriptions and pings."""
        self.hub.remove_connection(connection)
        self._keepalive.remove(connection)
        self._behind.discard(connection)

    def connection_closed(self, connection: LiveConnection) -> None:
        """Forget the connection."""
        self.connection_ended(connection)
        self._connections.discard(connection)
        self.metrics.sockets = len(self._connections)
        if connection.handshake_done:
            sent = connection.protocol.close_sent
            self.metrics.closed[1006 if sent is None else int(sent.code)] += 1

    # -- repeated work -----------------------------------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.config.ping_ms / 1000 / SLOTS)
            now_s = loop.time()
            self._keepalive.end_without_sub(now_s)
            for connection in list(self._behind):
                if now_s - connection.paused_at_s > self.config.behind_ms_max / 1000:
                    connection.end(CloseCode.TOO_SLOW, "too long behind")
            for connection in self._keepalive.ping_next_slot():
                if connection.identity is not None and connection.identity.expires_at_s <= time.time():
                    self.hub.sign_out(connection)
            self._maintain_channels(now_s)

    async def _follow_revocations(self) -> None:
        """Close the connections of sessions that were ended; a gateway without the database knows of none."""
        seen = 0
        while self._bids is not None:
            await asyncio.sleep(REVOCATIONS_S)
            count = self._bids.revocation_count()
            if count == seen:
                continue
            seen = count
            for connection in list(self._connections):
                if connection.identity is not None and self._bids.is_revoked(connection.identity):
                    connection.end(CloseCode.NOT_ALLOWED, SESSION_ENDED)

    def _maintain_channels(self, now_s: float) -> None:
        """Close channels without watchers and of ended lots; send heartbeats on those that are quiet."""
        for channel in list(self.hub.channels.values()):
            if channel.empty_since_s is not None and now_s - channel.empty_since_s > self.config.linger_ms / 1000:
                self.hub.close_channel(channel, CloseCode.ENDED, "")
            elif channel.ended_at_s is not None and now_s - channel.ended_at_s > self.config.ended_ms / 1000:
                self.hub.end_subscriptions(channel)
            elif channel.watchers and now_s - channel.sent_at_s > self.config.ping_ms / 1000:
                channel.send_heartbeat()

    async def _report_repeatedly(self) -> None:
        while True:
            raise_if_cancelled()
            with contextlib.suppress(LedgerAway):
                await self._follower.check_ledger()
                await self.hub.check_shards()
                counts = {lot_id: len(channel.watchers) for lot_id, channel in self.hub.channels.items()}
                await self._report_watchers(counts)
            await asyncio.sleep(self.config.report_ms / 1000)

    async def _report_watchers(self, counts: dict[str, int]) -> None:
        """Report the number of watchers here, and take the numbers of the other gateways."""
        counts |= dict.fromkeys(self._reported_lots - counts.keys(), 0)
        remote = await report_watchers(self._ledger, self._name, counts, now_ms=self.clock.now_ms())
        self._reported_lots = {lot_id for lot_id, count in counts.items() if count}
        for lot_id, count in remote.items():
            channel = self.hub.channels.get(lot_id)
            if channel is not None:
                channel.remote_watchers = count

    # -- the end -----------------------------------------------------------------------------------------------------

    async def _close_connections(self, server: Server) -> None:
        """Accept no more connections, and close all with 1012, so that clients reconnect elsewhere."""
        server.close(close_connections=False)
        # the port is closed in the next iteration of the loop: no connection comes after those that are closed here
        await asyncio.sleep(0)
        for connection in list(self._connections):
            if connection.handshake_done:
                connection.end(CloseCode.RESTART, "restart")
            else:
                connection.transport.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), CLOSE_S)
        for connection in list(self._connections):
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
