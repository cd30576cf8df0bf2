"""`auction demo`: a whole house on this machine for a few minutes: servers, a sale of four lots, forty bidders.

Everything is real and over HTTP; only the secret is thrown away with it. `playing` is what happens, in order.
"""

import asyncio
import contextlib
import secrets
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TextIO

import typer
from pydantic import SecretStr

from auction.bootstrap import running_servers
from auction.console.interrupts import Interrupts
from auction.console.output import complain, err, out
from auction.demo.run import DemoRun
from auction.logs import configure_logs
from auction.serving.processes import Role, environment_of, migrate_books, process_specs
from auction.serving.sockets import claim, free_port_above, reserve
from auction.serving.supervisor import Supervisor
from auction.settings import Settings, load_settings

SPEED_MIN, SPEED_MAX = 0.2, 20.0
HOST = "127.0.0.1"
"""A demo is for this machine."""
LOG_NAME = "processes.log"
LOG_LINES_SHOWN = 12


def demo(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to serve on.")] = 8000,
    speed: Annotated[
        float, typer.Option(min=SPEED_MIN, max=SPEED_MAX, help="How much faster than three minutes it plays.")
    ] = 1.0,
    no_bots: Annotated[
        bool, typer.Option("--no-bots", help="No bidders: four lots for half an hour, for you.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Keep the servers' data there; else it goes when this ends.")
    ] = None,
) -> None:
    """Run an auction on this machine: a 1-yuan car, bots that bid over HTTP, a live table, a checked result."""
    interrupts = Interrupts()
    with interrupts.taken():
        try:
            status = _demo(interrupts, port=port, speed=speed, bots=not no_bots, data_dir=data_dir)
        except KeyboardInterrupt:
            out.print("Stopped before it was up; nothing is left running.")
            status = 0
    raise typer.Exit(status)


def _demo(interrupts: Interrupts, *, port: int, speed: float, bots: bool, data_dir: Path | None) -> int:
    with ExitStack() as stack:
        folder = data_dir or Path(
            stack.enter_context(TemporaryDirectory(prefix="auction-demo-", ignore_cleanup_errors=True))
        )
        settings = load_settings(
            data_dir=folder,
            redis_url=None,
            database_url=None,
            secret_key=SecretStr(secrets.token_urlsafe(48)),
            http_host=HOST,
            http_port=port,
            live_port=free_port_above(HOST, port) or port - 1,
        )
        listener = stack.enter_context(claim(settings.http_host, settings.http_port))
        stack.enter_context(reserve(settings.http_host, settings.live_port))
        with err.status("starting a bid ledger and the books ..."):
            found = stack.enter_context(running_servers(settings))
            stack.callback(interrupts.ending)
            interrupts.heed()
            log = stack.enter_context((settings.data_dir / LOG_NAME).open("a", buffering=1, encoding="utf-8"))
            # this process logs where its children do: the terminal is for the auction
            with contextlib.redirect_stderr(log):
                configure_logs(settings.log_level, settings.log_format)
            migrate_books(str(found.database_url))
            interrupts.heed()
        play = DemoRun(found, speed=speed, bots=bots, on_terminal=sys.stdout.isatty())
        status = asyncio.run(_run(play, settings, listener, log, interrupts))
        if status:
            _show_tail(settings.data_dir / LOG_NAME)
        elif interrupts.seen:
            out.print("Everything is stopped.")
        return status


async def _run(play: DemoRun, settings: Settings, listener: socket.socket, log: TextIO, interrupts: Interrupts) -> int:
    """The house under its supervisor with the play on it, until the play is over or somebody stops it."""
    supervisor = Supervisor(
        process_specs(Role.ALL, settings, listener),
        environment_of(settings),
        # not here, where an .env may name the servers of another house
        folder=settings.data_dir,
        output=log.fileno(),
        before_drain=listener.close,
    )
    running = asyncio.create_task(supervisor.run())
    playing = asyncio.create_task(play.perform())

    def stop() -> None:
        playing.cancel()
        supervisor.stop()

    with interrupts.heard_by(stop):
        await asyncio.wait({running, playing}, return_when=asyncio.FIRST_COMPLETED)
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            status = await playing
            if play.on_terminal and status == 0:
                await running
            supervisor.stop()
            await running
            return status
        supervisor.stop()
        if interrupts.seen:
            with err.status("stopping ..."):
                return await running
        status = await running
        complain(f"the process '{supervisor.given_up_on}' kept dying")
        return status


def _show_tail(log: Path) -> None:
    with contextlib.suppress(OSError):
        lines = log.read_text("utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        err.print("The processes' log ended with:", *(f"    {line}" for line in lines), sep="\n", markup=False)
