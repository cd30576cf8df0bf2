"""`auction serve`: a house on configured or embedded servers, its processes under a supervisor, until told to stop."""

import asyncio
import socket
from contextlib import ExitStack
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer

from auction.bootstrap import running_servers
from auction.console.interrupts import Interrupts
from auction.console.output import complain, out
from auction.logs import configure_logs
from auction.serving.processes import Role, environment_of, migrate_books, process_specs, until_ready
from auction.serving.sockets import address_for_visitors, claim, reserve
from auction.serving.supervisor import Supervisor
from auction.settings import Settings, load_settings

log = structlog.get_logger("auction.serve")


def serve(
    *,
    role: Annotated[Role, typer.Option(help="Which part of the house to run here.")] = Role.ALL,
    host: Annotated[str | None, typer.Option(help="The address to listen on.  [AUCTION_HTTP_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="The port for HTTP.  [AUCTION_HTTP_PORT]")] = None,
    live_port: Annotated[int | None, typer.Option(help="The port of the live channel.  [AUCTION_LIVE_PORT]")] = None,
    workers: Annotated[int | None, typer.Option(help="How many HTTP processes.  [AUCTION_WORKERS]")] = None,
    gateways: Annotated[int | None, typer.Option(help="How many live gateways.  [AUCTION_GATEWAYS]")] = None,
) -> None:
    """Serve the house: HTTP, live gateways, a worker (archiver, clerk); restarted when they die, drained on SIGTERM."""
    options = {
        "http_host": host, "http_port": port, "live_port": live_port, "workers": workers, "gateways": gateways
    }  # fmt: skip
    settings = load_settings(**{name: value for name, value in options.items() if value is not None})
    configure_logs(settings.log_level, settings.log_format)
    # said before any server is started
    _ = settings.secret
    interrupts = Interrupts()
    with interrupts.taken():
        try:
            status = _serve(role, settings, interrupts)
        except KeyboardInterrupt:
            out.print("Stopped before it was up; nothing is left running.")
            status = 0
    raise typer.Exit(status)


def _serve(part: Role, settings: Settings, interrupts: Interrupts) -> int:
    with ExitStack() as stack:
        listener = None
        if part in {Role.ALL, Role.HTTP}:
            listener = stack.enter_context(claim(settings.http_host, settings.http_port))
        if part in {Role.ALL, Role.LIVE}:
            stack.enter_context(reserve(settings.http_host, settings.live_port))
        # a live gateway needs the ledger alone
        found = stack.enter_context(running_servers(settings, books=part is not Role.LIVE))
        stack.callback(interrupts.ending)
        interrupts.heed()
        if part is not Role.LIVE:
            migrate_books(str(found.database_url))
        interrupts.heed()
        return asyncio.run(_supervise(part, settings, listener, interrupts))


async def _supervise(part: Role, settings: Settings, listener: socket.socket | None, interrupts: Interrupts) -> int:
    supervisor = Supervisor(
        process_specs(part, settings, listener),
        environment_of(settings),
        before_drain=lambda: _take_no_more(listener),
    )
    with interrupts.heard_by(supervisor.stop):
        introducing = asyncio.create_task(_introduce(part, settings, listener))
        status = await supervisor.run()
        introducing.cancel()
    if supervisor.given_up_on is not None:
        complain(f"the process '{supervisor.given_up_on}' kept dying; everything was stopped (its log is above)")
    return status


def _take_no_more(listener: socket.socket | None) -> None:
    """Close our end of the port: visitors are turned away at once instead of waiting for nobody."""
    log.info("draining")
    if listener is not None:
        listener.close()


async def _introduce(part: Role, settings: Settings, listener: socket.socket | None) -> None:
    """Say where everything is, as soon as it answers."""
    lines = [("ledger", _place(settings, settings.redis_url, "ledger"))]
    if part is not Role.LIVE:
        lines.append(("books", _place(settings, settings.database_url, "books")))
    if part in {Role.ALL, Role.LIVE}:
        live = address_for_visitors(settings.http_host, settings.live_port)
        if not await until_ready(live, "/healthz"):
            log.error("not_ready", advice="the log above says why no live gateway answers")
            return
        gateways = f"({settings.gateways} gateway{'s' if settings.gateways > 1 else ''})"
        lines.insert(0, ("live", f"{live.replace('http://', 'ws://')}  [dim]{gateways}[/]"))
    if listener is not None:
        address = address_for_visitors(settings.http_host, settings.http_port)
        if not await until_ready(address):
            log.error("not_ready", advice=f"{address}/readyz says why")
            return
        processes = f"({settings.workers} process{'es' if settings.workers > 1 else ''})"
        lines = [("http", f"{address}  [dim]{processes}[/]"), ("docs", f"{address}/docs"), *lines]
    if part in {Role.ALL, Role.WORKER}:
        lines.append(("worker", "archiver, clerk"))
    out.print("\n[bold]The house is open.[/]  [dim]Ctrl-C or SIGTERM drains and stops it.[/]")
    for name, where in lines:
        out.print(f"  [cyan]{name:<8}[/]{where}")
    out.print("")


def _place(settings: Settings, url: str | None, name: str) -> str:
    """Where a server is, without its password."""
    if url is None:
        return f"embedded, in {settings.data_dir / name}"
    parts = urlsplit(url)
    return (
        f"{parts.scheme.partition('+')[0]}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    )
