"""Two payment providers to test with: the sandbox on a file of its own, and Stripe's library against localstripe."""

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from auction.payments.sandbox import SandboxGateway
from auction.payments.sandbox.rules import Timings
from auction.payments.stripe import StripeGateway

NOTICE_SECRET = "whsec_a-secret-of-the-tests"
STRIPE_KEY = "sk_test_12345678"
_PATIENCE_S = 120.0


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    @property
    def now_s(self) -> float:
        return self.now_ms / 1000

    def pass_ms(self, span_ms: int) -> None:
        self.now_ms += span_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def opened(tmp_path: Path, clock: Clock) -> AsyncIterator[Callable[..., SandboxGateway]]:
    """Opens sandboxes on one file, closed after the test."""
    gateways: list[SandboxGateway] = []

    def opened(**options) -> SandboxGateway:
        known = {"notice_secret": NOTICE_SECRET, "clock_ms": clock, "timings": Timings(slow_ms=3_000)}
        gateways.append(SandboxGateway(tmp_path / "sandbox.sqlite", **{**known, **options}))
        return gateways[-1]

    yield opened
    for gateway in gateways:
        await gateway.close()


@pytest.fixture
def sandbox(opened: Callable[..., SandboxGateway]) -> SandboxGateway:
    return opened()


@pytest.fixture(scope="session")
def localstripe() -> Iterator[str]:
    """The address of a running localstripe."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(__file__).with_name("localstripe_taught.py")
    process = subprocess.Popen(
        [sys.executable, str(program), "--port", str(port), "--from-scratch"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until_s:
        if process.poll() is not None:
            pytest.fail(f"localstripe stopped with {process.returncode}")
        try:
            httpx.get(f"{address}/v1/balance", timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("localstripe does not answer")


@pytest.fixture
async def stripe_gateway(localstripe: str) -> AsyncIterator[StripeGateway]:
    gateway = StripeGateway(STRIPE_KEY, webhook_secret=NOTICE_SECRET, api_base=localstripe, retries=0)
    yield gateway
    await gateway.close()
