"""What `auction demo` starts and stops: ports, servers, migrated database, processes, and the run on top of them."""

import asyncio
import contextlib
import secrets
import socket
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from pydantic import SecretStr

from auction.console.interrupt_handler import InterruptHandler
from auction.console.output import err, out, print_error
from auction.demo.run import DemoOptions, DemoRun
from auction.logs import configure_logs
from auction.migration import migrate_database
from auction.servers import restartable_servers, running_servers
from auction.serving.processes import process_environment, process_specs
from auction.serving.roles import ServingRole
from auction.serving.sockets import free_port_above, listen, reserve_port
from auction.serving.status import SupervisorStatus
from auction.serving.supervisor import Supervisor
from auction.settings import Settings, load_settings

HOST = "127.0.0.1"
"""The demo listens on this machine only."""
DEFAULTS = {
    "outage_pause_ms": 15_000,
    "bids_per_bidder_s": 0,
    "two_persons": False,
    "second_factor": False,
    "bank_account_holder": "演示拍卖行 Demo auction house",
    "bank_account_number": "0000 0000 0000 0000",
    "bank_account_bank": "演示银行 Demo bank",
}
"""Settings that are others here: a laptop that is busy with the demo is no outage, bots bid faster than people, and the
bank account is nobody's."""
LOG_NAME = "processes.log"
LOG_TAIL_LINES = 12


def run_demo(options: DemoOptions, *, port: int) -> int:
    """Run the demo until it ends or a signal stops it; the exit code.

    Its data is in `options.data_dir`, or in AUCTION_DATA_DIR, or in a temporary directory that is removed at the end.
    Raises SettingsError (a wrong setting, a port in use), EmbeddedError, BooksAway.
    """
    interrupts = InterruptHandler()
    with interrupts.installed():
        try:
            return _run_demo(options, port, interrupts)
        except KeyboardInterrupt:
            out.print("Stopped before the start was complete; nothing is left running.")
            return 0


def _run_demo(options: DemoOptions, port: int, interrupts: InterruptHandler) -> int:
    with ExitStack() as stack:
        settings = _settings(options.data_dir, port, stack)
        if "data_dir" in settings.model_fields_set:
            options = replace(options, data_dir=settings.data_dir)
        listener = stack.enter_context(listen(settings.http_host, settings.http_port))
        stack.enter_context(reserve_port(settings.http_host, settings.live_port))
        with err.status("starting the ledger and the database ..."):
            found = stack.enter_context(running_servers(settings))
            stack.callback(interrupts.ignore)
            interrupts.raise_if_interrupted()
            log = stack.enter_context((settings.data_dir / LOG_NAME).open("a", buffering=1, encoding="utf-8"))
            # this process logs to the same file as its child processes; the terminal is for the auction
            with contextlib.redirect_stderr(log):
                configure_logs(settings.log_level, settings.log_format)
            migrate_database(found, is_embedded=True)
            interrupts.raise_if_interrupted()
        status = asyncio.run(_supervise(DemoRun(found, options), settings, listener, log, interrupts))
        if status:
            _print_log_tail(settings.data_dir / LOG_NAME)
        elif interrupts.count:
            out.print("Everything is stopped.")
        return status


def _settings(data_dir: Path | None, port: int, stack: ExitStack) -> Settings:
    """The demo's settings: embedded servers, the sandbox for payments, a secret of this run."""
    given = {} if data_dir is None else {"data_dir": data_dir}
    settings = load_settings(
        **given,
        redis_url=None,
        database_url=None,
        secret_key=SecretStr(secrets.token_urlsafe(48)),
        payment_provider="sandbox",
        http_host=HOST,
        http_port=port,
        live_port=free_port_above(HOST, port) or port - 1,
    )
    unset = {name: value for name, value in DEFAULTS.items() if name not in settings.model_fields_set}
    settings = settings.model_copy(update=unset)
    settings.model_fields_set.difference_update(unset)
    if "data_dir" in settings.model_fields_set:
        return settings
    folder = stack.enter_context(TemporaryDirectory(prefix="auction-demo-", ignore_cleanup_errors=True))
    copy = settings.model_copy(update={"data_dir": Path(folder)})
    # a directory that was chosen here is not one to keep
    copy.model_fields_set.discard("data_dir")
    return copy


async def _supervise(
    demo: DemoRun, settings: Settings, listener: socket.socket, log: TextIO, interrupts: InterruptHandler
) -> int:
    """Run the processes, and the demo on them, until the demo ends, a process keeps failing, or a signal arrives."""
    status_of_processes = SupervisorStatus()
    supervisor = Supervisor(
        process_specs(ServingRole.ALL, settings, listener, status_of_processes),
        process_environment(settings),
        servers=restartable_servers(settings),
        status=status_of_processes,
        # not the current directory, whose .env may name other servers
        folder=settings.data_dir,
        output=log.fileno(),
        before_drain=listener.close,
    )
    processes = asyncio.create_task(supervisor.run())
    run = asyncio.create_task(demo.run())

    def stop() -> None:
        run.cancel()
        supervisor.stop()

    with closing(status_of_processes), interrupts.calling(stop):
        await asyncio.wait({processes, run}, return_when=asyncio.FIRST_COMPLETED)
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            status = await run
            supervisor.stop()
            await processes
            return status
        supervisor.stop()
        if interrupts.count:
            with err.status("stopping ..."):
                return await processes
        status = await processes
        print_error(f"the process '{supervisor.failed_process}' kept ending")
        return status


def _print_log_tail(log: Path) -> None:
    with contextlib.suppress(OSError):
        lines = log.read_text("utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        err.print("The log of the processes ends with:", *(f"    {line}" for line in lines), sep="\n", markup=False)
