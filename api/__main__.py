"""`python -m api`: one HTTP server process. `auction serve` starts as many as are configured, on one socket."""

import argparse
import socket
import sys

import uvloop

from api.app import SettingsError, load_settings, serve_context
from api.http.server import bind
from auction.domain.errors import AuctionError
from auction.embedded import EmbeddedError
from auction.logs import configure_logs
from auction.servers import servers_of_process


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns 0, or 1 after an error, which is one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    parser.add_argument("--host", help="the address to listen on (AUCTION_HTTP_HOST)")
    parser.add_argument("--port", type=int, help="the port to listen on, 0 for any (AUCTION_HTTP_PORT)")
    parser.add_argument("--fd", type=int, help="an inherited socket to serve on")
    parser.add_argument("--supervised", action="store_true", help="the embedded servers are started by a supervisor")
    parser.add_argument("--status-fd", type=int, help="an inherited file in which the supervisor publishes its status")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings()
        configure_logs(settings.log_level, settings.log_format)
        host = settings.http_host if given.host is None else given.host
        port = settings.http_port if given.port is None else given.port
        listener = bind(host, port) if given.fd is None else socket.socket(fileno=given.fd)
        with listener, servers_of_process(settings, supervised=given.supervised) as found:
            uvloop.run(serve_context(found, listener, status_fd=given.status_fd))
    except (SettingsError, AuctionError, EmbeddedError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
