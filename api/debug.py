"""`python -m api.debug`: HTTP, live channel and workers in one process, restarted when the code changes (`make debug`).

The process reads the terminal: `breakpoint()` in a route, in the live channel or in a worker opens the debugger there.
Another process, which is not debugged, watches the files and keeps the embedded servers up while the first restarts.
For development: a session without AUCTION_SECRET_KEY has a secret of its own, and one without AUCTION_PAYMENT_PROVIDER
uses the sandbox.
"""

import argparse
import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from pydantic import SecretStr

import api
import auction
from api.app import config_of, create_app
from api.http import server as http_server
from api.http.server import ApiServer
from api.live import __main__ as live_process
from api.live.gateway import LiveGateway
from auction.bootstrap import open_context
from auction.domain.errors import AuctionError
from auction.embedded import EmbeddedError
from auction.logs import configure_logs
from auction.migration import migrate_database
from auction.servers import open_ledger, running_servers
from auction.serving.parent_watchdog import end_with_parent
from auction.serving.processes import process_environment
from auction.serving.sockets import local_address
from auction.settings import Settings, SettingsError, load_settings
from auction.workers.runner import run_workers

WATCHED_SUFFIXES = frozenset({".py", ".lua", ".toml", ".html", ".css", ".js"})
POLL_S = 0.5
SECRET_BYTES = 48


def main(arguments: list[str] | None = None) -> int:
    """Run the watching process, or with `--pipe` the debugged one; 0, or 1 after one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m api.debug", description=__doc__)
    parser.add_argument("--pipe", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        if given.pipe is None:
            Watcher(_settings()).run()
        else:
            end_with_parent(given.pipe)
            _run(load_settings())
    except (AuctionError, EmbeddedError, SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _settings() -> Settings:
    """The settings in force, with a random secret and the sandbox where none is set."""
    settings = load_settings()
    given: dict[str, object] = {}
    if settings.secret_key is None:
        given["secret_key"] = SecretStr(secrets.token_urlsafe(SECRET_BYTES))
    if settings.payment_provider is None:
        given["payment_provider"] = "sandbox"
    return load_settings(**given) if given else settings


class Watcher:
    """Runs the debugged process, and starts it again when a watched file has changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self) -> None:
        """Run until SIGINT or SIGTERM. Raises EmbeddedError, BooksAway, SettingsError."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        with running_servers(self._settings) as found:
            migrate_database(found, is_embedded=self._settings.database_url is None)
            address = local_address(self._settings.http_host, self._settings.http_port)
            _print(f"debugging {address}: breakpoint() stops here, a change of the code restarts, Ctrl-C ends")
            reading_end, writing_end = os.pipe()
            try:
                while not self._stopping:
                    self._run_until_change(reading_end)
            finally:
                os.close(writing_end)
                os.close(reading_end)

    def _run_until_change(self, pipe: int) -> None:
        before = _modification_times()
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "api.debug", "--pipe", str(pipe)],
            env=dict(process_environment(self._settings)),
            pass_fds=(pipe,),
        )
        has_ended = False
        while not self._stopping and (after := _modification_times()) == before:
            if not has_ended and process.poll() is not None:
                has_ended = True
                _print(f"the process ended with status {process.returncode}; it restarts when the code changes")
            time.sleep(POLL_S)
        if not self._stopping:
            changed = sorted({*before.items()} ^ {*after.items()})
            _print(f"restarting: {Path(changed[0][0]).name} has changed")
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        # without a time-out: it may be at a breakpoint
        process.wait()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        if number == signal.SIGTERM and self._process is not None and self._process.poll() is None:
            # Ctrl-C reaches it by itself
            self._process.send_signal(number)


def _modification_times() -> Mapping[str, int]:
    """The watched files and when each was modified (ns)."""
    found = {}
    for package in (auction, api):
        for path in Path(package.__file__ or "").parent.rglob("*"):
            if path.suffix in WATCHED_SUFFIXES:
                try:
                    found[str(path)] = path.stat().st_mtime_ns
                except FileNotFoundError:
                    # an editor replaces files
                    continue
    return found


def _print(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def _run(settings: Settings) -> None:
    """Serve everything in this process until SIGINT or SIGTERM."""
    configure_logs(settings.log_level, settings.log_format)
    with (
        http_server.bind(settings.http_host, settings.http_port) as http_listener,
        live_process.bind(settings.http_host, settings.live_port) as live_listener,
        running_servers(settings) as found,
    ):
        stopping = asyncio.Event()

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stopping.set)
            async with open_context(found) as context, open_ledger(found) as ledger, asyncio.TaskGroup() as tasks:
                server = ApiServer(create_app(context, config_of(found)))
                gateway = LiveGateway(ledger, live_process.config_of(found))
                tasks.create_task(server.serve(sockets=[http_listener]), name="http")
                tasks.create_task(gateway.run(live_listener, stopping), name="live")
                tasks.create_task(run_workers(context, stopping, keep_ms=found.stream_keep_ms), name="workers")
                await stopping.wait()
                server.stop()

        asyncio.run(serve())


if __name__ == "__main__":
    sys.exit(main())
