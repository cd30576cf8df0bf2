"""What `auction serve` does: claims its ports, starts servers, migrates, and runs the processes until told to stop."""

import asyncio
import socket
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import structlog

from auction.console.database_role import warn_of_database_role
from auction.console.interrupt_handler import InterruptHandler
from auction.console.ledger_safety import check_ledger_safety, require_safe_ledger
from auction.console.output import out, print_error
from auction.console.unsafe_settings import unsafe_settings
from auction.domain.errors import LedgerAway
from auction.logs import configure_logs
from auction.migration import migrate_database
from auction.servers import restartable_servers, running_servers
from auction.serving.processes import process_environment, process_specs, wait_until_ready
from auction.serving.roles import ServingRole
from auction.serving.sockets import listen, local_address, reserve_port
from auction.serving.status import SupervisorStatus
from auction.serving.supervisor import Supervisor
from auction.settings import Settings, SettingsError

LEDGER_CHECK_S = 0.2
"""How often a ledger that is away at the start is asked whether it may be used."""

log = structlog.get_logger("auction.serve")


def serve(role: ServingRole, settings: Settings) -> int:
    """Run the processes of `role` until a signal, or until none of them ever worked; the exit code.

    Raises SettingsError (no secret, no payment provider, a port in use, a ledger that could lose bids, a database that
    cannot be migrated),
    EmbeddedError, BooksAway.
    """
    configure_logs(settings.log_level, settings.log_format)
    # what is missing is reported before any server is started
    _ = settings.secret
    if role is not ServingRole.LIVE:
        _ = settings.provider
    interrupts = InterruptHandler()
    with interrupts.installed():
        try:
            return _serve(role, settings, interrupts)
        except KeyboardInterrupt:
            out.print("Stopped before the start was complete; nothing is left running.")
            return 0


def _serve(role: ServingRole, settings: Settings, interrupts: InterruptHandler) -> int:
    with ExitStack() as stack:
        listener = None
        if role in {ServingRole.ALL, ServingRole.HTTP}:
            listener = stack.enter_context(listen(settings.http_host, settings.http_port))
        if role in {ServingRole.ALL, ServingRole.LIVE}:
            stack.enter_context(reserve_port(settings.http_host, settings.live_port))
        # a live gateway needs the ledger alone
        with_database = role is not ServingRole.LIVE
        found = stack.enter_context(running_servers(settings, books=with_database))
        stack.callback(interrupts.ignore)
        interrupts.raise_if_interrupted()
        is_ledger_checked = True
        try:
            require_safe_ledger(settings)
        except LedgerAway as error:
            # processes wait for it as well
            is_ledger_checked = False
            log.warning("ledger_not_checked", reason=error.detail, advice="it is checked when it answers")
        if with_database:
            migrate_database(found, is_embedded=settings.database_url is None)
            warn_of_database_role(settings)
        interrupts.raise_if_interrupted()
        # after every reason not to start, each of which is one sentence
        for variable, risk in unsafe_settings(settings):
            log.warning("unsafe_setting", setting=variable, risk=risk)
        return asyncio.run(_supervise(role, settings, listener, interrupts, is_ledger_checked=is_ledger_checked))


async def _supervise(
    role: ServingRole,
    settings: Settings,
    listener: socket.socket | None,
    interrupts: InterruptHandler,
    *,
    is_ledger_checked: bool,
) -> int:
    status_of_processes = SupervisorStatus()
    supervisor = Supervisor(
        process_specs(role, settings, listener, status_of_processes),
        process_environment(settings),
        servers=restartable_servers(settings, books=role is not ServingRole.LIVE),
        status=status_of_processes,
        before_drain=lambda: _stop_listening(listener),
    )
    with closing(status_of_processes), interrupts.calling(supervisor.stop):
        announcement = asyncio.create_task(_announce(role, settings, listener))
        check = None if is_ledger_checked else asyncio.create_task(_check_ledger_later(settings, supervisor))
        status = await supervisor.run()
        announcement.cancel()
        if check is not None:
            check.cancel()
            refusal = (await asyncio.gather(check, return_exceptions=True))[0]
            if isinstance(refusal, SettingsError):
                raise refusal
    if supervisor.failed_process is not None:
        print_error(f"the process '{supervisor.failed_process}' kept ending; everything was stopped (its log is above)")
    return status


async def _check_ledger_later(settings: Settings, supervisor: Supervisor) -> None:
    """Check the ledger once it answers; stops everything and raises SettingsError where it could lose bids."""
    while True:
        await asyncio.sleep(LEDGER_CHECK_S)
        try:
            await check_ledger_safety(settings)
        except LedgerAway:
            continue
        except SettingsError:
            supervisor.stop()
            raise
        log.info("ledger_checked")
        return


def _stop_listening(listener: socket.socket | None) -> None:
    """Close the listening socket of this process: new connections are refused at once instead of waiting."""
    log.info("draining")
    if listener is not None:
        listener.close()


async def _announce(role: ServingRole, settings: Settings, listener: socket.socket | None) -> None:
    """Print all addresses once they answer."""
    lines = [("ledger", _place(settings, settings.redis_url, "ledger"))]
    if role is not ServingRole.LIVE:
        lines.append(("database", _place(settings, settings.database_url, "books")))
    if role in {ServingRole.ALL, ServingRole.LIVE}:
        live = local_address(settings.http_host, settings.live_port)
        if not await wait_until_ready(live, "/healthz"):
            log.error("not_ready", address=live, advice="see the log above for why no live gateway answers")
            return
        gateways = f"({settings.gateways} gateway{'s' if settings.gateways > 1 else ''})"
        lines.insert(0, ("live", f"{live.replace('http://', 'ws://')}  [dim]{gateways}[/]"))
    if listener is not None:
        address = local_address(settings.http_host, settings.http_port)
        if not await wait_until_ready(address):
            log.error("not_ready", address=address, advice=f"{address}/readyz says what is missing")
            return
        processes = f"({settings.workers} process{'es' if settings.workers > 1 else ''})"
        docs = [("docs", f"{address}/docs")] if settings.docs else []
        lines = [("http", f"{address}  [dim]{processes}[/]"), *docs, *lines]
    if role in {ServingRole.ALL, ServingRole.WORKER}:
        lines.append(("worker", "1 process"))
    out.print("\n[bold]Ready.[/]  [dim]Ctrl-C or SIGTERM drains and stops all processes.[/]")
    for name, place in lines:
        out.print(f"  [cyan]{name:<10}[/]{place}")
    out.print("")


def _place(settings: Settings, url: str | None, name: str) -> str:
    """Where a server is, without its password."""
    if url is None:
        return f"embedded, in {settings.data_dir / name}"
    parts = urlsplit(url)
    return (
        f"{parts.scheme.partition('+')[0]}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    )
