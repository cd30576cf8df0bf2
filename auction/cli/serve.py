"""`auction serve`: serves on configured or embedded servers, all processes under a supervisor, until told to stop."""

from typing import Annotated

import typer

from auction.serving.roles import ServingRole


def serve(
    *,
    role: Annotated[ServingRole, typer.Option(help="Which processes to run here.")] = ServingRole.ALL,
    host: Annotated[str | None, typer.Option(help="The address to listen on.  [AUCTION_HTTP_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="The port for HTTP.  [AUCTION_HTTP_PORT]")] = None,
    live_port: Annotated[int | None, typer.Option(help="The port of the live channel.  [AUCTION_LIVE_PORT]")] = None,
    workers: Annotated[int | None, typer.Option(help="How many HTTP processes.  [AUCTION_WORKERS]")] = None,
    gateways: Annotated[int | None, typer.Option(help="How many live gateways.  [AUCTION_GATEWAYS]")] = None,
) -> None:
    """Serve HTTP, the live channel and the background worker.

    Processes that end are restarted; SIGTERM drains and stops them.
    """
    from auction.console import serve as console
    from auction.settings import load_settings

    options = {
        "http_host": host, "http_port": port, "live_port": live_port, "workers": workers, "gateways": gateways
    }  # fmt: skip
    settings = load_settings(**{name: value for name, value in options.items() if value is not None})
    raise typer.Exit(console.serve(role, settings))
