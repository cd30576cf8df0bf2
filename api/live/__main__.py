"""`python -m api.live`: one live gateway process. Any number of them may serve one port; each follows the ledger."""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator

import structlog
import uvloop

from api.http.trusted_proxies import TrustedProxies
from api.live.backoff import backoff_waits_s
from api.live.config import LiveConfig
from api.live.gateway import BidTaker, LiveGateway
from auction.domain.errors import AuctionError, LedgerAway
from auction.embedded import EmbeddedError
from auction.logs import configure_logs
from auction.servers import open_ledger, servers_of_process
from auction.serving.open_files import open_files_max
from auction.settings import Settings, SettingsError, load_settings
from auction.signing.key_files import KeyFileError

STOPPING = (signal.SIGTERM, signal.SIGINT)
OTHER_FILES = 1_200
"""Files that a gateway needs besides its clients' sockets, those of refused connections included."""

log = structlog.get_logger("api.live")


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that shares its port with other gateways; port 0: any. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def config_of(settings: Settings) -> LiveConfig:
    """The gateway's configuration from the settings. Raises SettingsError where there is no secret."""
    return LiveConfig(
        secret=settings.secret,
        keys_dir=settings.keys_dir,
        metrics_host=settings.metrics_host,
        metrics_port=settings.live_metrics_port,
        origins=tuple(filter(None, settings.live_origins.split(","))),
        sockets_max=min(settings.live_sockets_max, max(1, open_files_max() - OTHER_FILES)),
        sockets_per_address=settings.live_sockets_per_address,
        proxies=TrustedProxies.parse(settings.trusted_proxies),
        # a call that waits for entries must return before the client takes the server for lost
        block_ms=max(5, min(1_000, settings.ledger_timeout_ms // 2)),
    )


@contextlib.asynccontextmanager
async def _bids(settings: Settings) -> AsyncIterator[BidTaker | None]:
    """What takes the bids; None where no database is configured. Raises as `open_context` does."""
    if settings.database_url is None:
        yield None
        return
    # a gateway that only shows prices loads neither the database's driver nor FastAPI
    from api.live.bids import LiveBids  # noqa: PLC0415
    from auction.bootstrap import open_context  # noqa: PLC0415
    from auction.services.bidding.background import kept_up_to_date  # noqa: PLC0415

    async with open_context(settings, with_payments=False) as context, kept_up_to_date(context):
        yield LiveBids(context, settings.secret)


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; waits for a ledger that is away at the start."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stopping.set)
    config = config_of(settings)
    is_away = False
    for wait_s in backoff_waits_s():
        try:
            async with open_ledger(settings) as ledger, _bids(settings) as bids:
                await LiveGateway(ledger, config, bids).run(listener, stopping)
        except LedgerAway as error:
            if not is_away:
                is_away = True
                log.warning("start_waits_for_ledger", reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait_s)
        if stopping.is_set():
            return


def _wants_books(settings: Settings, supervised: bool) -> bool:
    """Whether bids are taken: where a database is configured, or a supervisor runs the embedded one."""
    return settings.database_url is not None or (supervised and settings.redis_url is None)


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; returns 0, or 1 after one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m api.live", description=__doc__)
    parser.add_argument("--host", help="the address to listen on (AUCTION_HTTP_HOST)")
    parser.add_argument("--port", type=int, help="the port to listen on, 0 for any (AUCTION_LIVE_PORT)")
    parser.add_argument("--supervised", action="store_true", help="the embedded servers are started by a supervisor")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
        host = settings.http_host if given.host is None else given.host
        port = settings.live_port if given.port is None else given.port
        with (
            bind(host, port) as listener,
            servers_of_process(
                settings, supervised=given.supervised, books=_wants_books(settings, given.supervised)
            ) as found,
        ):
            uvloop.run(serve(found, listener))
    except (AuctionError, EmbeddedError, KeyFileError, SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
