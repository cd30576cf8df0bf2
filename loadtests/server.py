"""The server of a load run: `auction serve` on embedded servers in a temporary directory, on loopback only."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import httpx

LOOPBACK = "127.0.0.1"
READY_S = 90.0
STOP_S = 60.0
LOG_LINES_SHOWN = 45


class AuctionServerFailed(Exception):
    """The server did not start, did not stop as it should, or a load run on it cannot continue."""


@dataclass(frozen=True, slots=True)
class AuctionServer:
    """A running server: its addresses, and the environment in which commands use it."""

    address: str
    live_url: str
    secret: str = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    log: Path


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of another installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUCTION_")}


@contextmanager
def running_server(folder: Path, *, workers: int) -> Iterator[AuctionServer]:
    """Run a server under `folder` during the block; drained at its end. Raises AuctionServerFailed."""
    secret = secrets.token_urlsafe(48)
    port, live_port = free_port(), free_port()
    environment = clean_environment() | {
        "AUCTION_DATA_DIR": str(folder / "data"),
        "AUCTION_SECRET_KEY": secret,
        "AUCTION_PAYMENT_PROVIDER": "sandbox",
        "AUCTION_HTTP_HOST": LOOPBACK,
        "AUCTION_HTTP_PORT": str(port),
        "AUCTION_LIVE_PORT": str(live_port),
        "AUCTION_LOG_LEVEL": "warning",
        "AUCTION_TWO_PERSONS": "0",  # one tester closes the lot at the end
        "AUCTION_BIDS_PER_BIDDER_S": "0",  # a load tester's bidders are few and bid for many
        "AUCTION_BIDS_IN_FLIGHT": "0",
    }
    log = folder / "serve.log"
    with log.open("w", encoding="utf-8") as output:
        process = _start(["serve", "--workers", str(workers)], folder, environment, output)
        server = AuctionServer(
            f"http://{LOOPBACK}:{port}",
            f"ws://{LOOPBACK}:{live_port}/",
            secret=secret,
            environment=environment,
            log=log,
        )
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            status = _stop(process)
    if status != 0:
        raise AuctionServerFailed(f"serve ended with {status}:\n{tail(log)}")


def run_command(server: AuctionServer, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run an `auction` command on the same servers."""
    command = [sys.executable, "-m", "auction.cli", *words]
    return subprocess.run(
        command, env=dict(server.environment), cwd=server.log.parent, capture_output=True, text=True, check=False
    )


def _start(words: list[str], folder: Path, environment: Mapping[str, str], output: TextIO) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "auction.cli", *words]
    # in a process group of its own: Ctrl-C reaches this process, which then stops the server
    return subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdout=output, stderr=subprocess.STDOUT, process_group=0
    )


def _wait_until_ready(server: AuctionServer, process: "subprocess.Popen[bytes]") -> None:
    urls = [f"{server.address}/readyz", server.live_url.replace("ws://", "http://") + "healthz"]
    deadline_s = time.monotonic() + READY_S
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline_s:
            if process.poll() is not None:
                raise AuctionServerFailed(f"serve ended with {process.returncode} at its start:\n{tail(server.log)}")
            try:
                if all(client.get(url).status_code == httpx.codes.OK for url in urls):
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
    raise AuctionServerFailed(f"the server did not answer within {READY_S:.0f} s:\n{tail(server.log)}")


def _stop(process: "subprocess.Popen[bytes]") -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    lines = log.read_text("utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return "\n".join(f"    {line}" for line in lines)
