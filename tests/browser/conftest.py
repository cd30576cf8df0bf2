"""A running deployment (`auction serve`, all roles) and Debian's Chromium, one of each for all tests of a process.

Screenshots are taken where AUCTION_TEST_SHOTS names a folder for them.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, async_playwright, expect

from auction.services.identity.tokens import Role, TokenKeys
from tests.chaos.deployment import freeze, thaw
from tests.cli.processes import SECRET, Command, free_port, served, until

# the shell draws the same pages, and opens no window, which costs more than most tests
CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None)
PASSWORD = "correct horse battery"
BANK_ACCOUNT = {
    "AUCTION_BANK_ACCOUNT_HOLDER": "易拍（上海）拍卖有限公司",
    "AUCTION_BANK_ACCOUNT_NUMBER": "4000 0212 1900 0000 123",
    "AUCTION_BANK_ACCOUNT_BANK": "中国工商银行上海浦东支行",
}
SIZES = {"phone": (360, 740), "desk": (1280, 900)}
PHRASES = {"zh-CN": "zh-CN", "en": "en-US"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path) and pytest_asyncio.is_async_test(item):
            # they share Chromium, and so its event loop
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


_standing: "list[PublicServer]" = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Pause the deployment between tests that use it: idle processes ask the servers for work all the time."""
    for server in _standing:
        thaw(server.pids())
    try:
        return (yield)
    finally:
        if nextitem is None or "tests/browser/" not in str(nextitem.path):
            for server in _standing:
                freeze(server.pids())


@dataclass
class PublicServer:
    """A served house: its address, and staff's way to change it."""

    address: str
    command: Command
    key: TokenKeys
    lots: int = 0

    def pids(self) -> list[int]:
        """Its processes but for the servers of the ledger and the books."""
        return [pids[-1] for pids in self.command.started().values()]

    def token(self, subject: str, role: Role) -> str:
        return self.key.issue(subject=subject, role=role, now_s=int(time.time()), lifetime_s=3600)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: str = "front-desk",
        role: Role = Role.OPS,
        **headers: str,
    ) -> Any:
        answer = httpx.request(
            method,
            f"{self.address}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token(who, role)}", **headers},
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code < 400, answer.text
        return answer.json()

    def new_lot(self, title: str = "首发限量版 No. 001", *, preset: str = "jd-flash", **terms: Any) -> str:
        """A draft in a sale of its own."""
        self.lots += 1
        sale_id = f"night-{self.lots}"
        self.ask("POST", "/ops/sales", {"title": "首发之夜 Launch night", "sale_id": sale_id})
        lot = {"sale_id": sale_id, "title": title, "list_price_fen": 8_990_000, "preset": preset}
        if terms:
            lot["terms"] = terms
        return str(self.ask("POST", "/ops/lots", lot)["lot_id"])

    def open_lot(self, lot_id: str, duration_ms: int) -> None:
        self.ask("POST", f"/ops/lots/{lot_id}/open", {"duration_ms": duration_ms})

    def register(self, lot_id: str, bidder: str) -> None:
        self.ask("POST", f"/lots/{lot_id}/registrations", {"accept_terms": True}, who=bidder, role=Role.BIDDER)

    def bid(self, lot_id: str, bidder: str, amount_fen: int) -> Any:
        return self.ask(
            "POST",
            f"/lots/{lot_id}/bids",
            {"amount_fen": amount_fen},
            who=bidder,
            role=Role.BIDDER,
            **{"Idempotency-Key": f"{bidder}-{amount_fen}-{self.lots}"},
        )

    def shown(self, lot_id: str) -> Any:
        return self.ask("GET", f"/lots/{lot_id}")

    def shown_now(self) -> int:
        """The ledger's time, UTC ms."""
        return int(self.ask("GET", "/config")["now_ms"])


@pytest.fixture(scope="session")
def public_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublicServer]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    port, live_port = free_port(), free_port()
    words = ("--live-port", str(live_port))
    with served(tmp_path_factory.mktemp("house"), port, *words, **BANK_ACCOUNT) as command:
        until(lambda: _ready(f"http://127.0.0.1:{live_port}/healthz"), "the live channel is there")
        server = PublicServer(f"http://127.0.0.1:{port}", command, TokenKeys(SECRET))
        _standing.append(server)
        yield server
        _standing.remove(server)
        thaw(server.pids())


def _ready(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


async def take_screenshot(page: Page, name: str, *, full_page: bool = True) -> None:
    """Take a screenshot if anybody wants one."""
    if folder := os.environ.get("AUCTION_TEST_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=full_page)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[list[Browser]]:
    """The Chromium of this process, if it was started."""
    started: list[Browser] = []
    yield started
    for chromium in started:
        await chromium.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as driver:
        yield driver


@pytest_asyncio.fixture(loop_scope="session")
async def browser(public_server: PublicServer, playwright: Playwright, browsers: list[Browser]) -> Browser:
    """A Chromium that runs; its visitors share no cookies."""
    if not browsers or not browsers[-1].is_connected():
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        )  # fmt: skip
        browsers.append(chromium)
    return browsers[-1]


# generous: pages come back after a lost connection when the machine lets them
expect.set_options(timeout=60_000)


class Visitors:
    """Opens pages for different people; collects what their consoles complain of."""

    def __init__(self, browser: Browser, context: PublicServer) -> None:
        self._browser = browser
        self._context = context
        self.complaints: list[str] = []

    @asynccontextmanager
    async def page(
        self, *, size: str = "desk", language: str = "en", scheme: str = "light", zone: str | None = None
    ) -> AsyncIterator[Page]:
        width, height = SIZES[size]
        context = await self._browser.new_context(
            base_url=self._context.address,
            viewport={"width": width, "height": height},
            locale=PHRASES[language],
            timezone_id=zone,
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(30_000)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._heard(said.type, said.text))
        try:
            yield page
        finally:
            # a handler that still asks the server when the page goes would fail in the midst of the next test
            await page.unroute_all(behavior="wait")
            await context.close()

    def _heard(self, kind: str, text: str) -> None:
        # a refused bid, or a lost server, is the network's to report and the page's to explain
        if kind == "error" and "Failed to load resource" not in text and "WebSocket connection" not in text:
            self.complaints.append(text)


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(browser: Browser, public_server: PublicServer) -> AsyncIterator[Visitors]:
    several = Visitors(browser, public_server)
    yield several
    assert several.complaints == []


async def sign_up(page: Page, username: str, *, back_to: str = "/") -> None:
    """Create a bidder's account on the page, and come back signed in."""
    await page.goto(f"/sign-up?next={back_to}")
    await page.fill("#username", username)
    await page.fill("#name", username.title())
    await page.fill("#password", PASSWORD)
    await page.click("#sign-button")
    await page.wait_for_selector("#sign-out")


def enter_staff(folder: Path, username: str, role: str, **settings: str) -> str:
    """Have the house of these settings make an account of staff on its command line; the user name."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "COV"))}
    made = subprocess.run(
        [sys.executable, "-m", "auction.cli", "account", "--username", username, "--role", role,
         "--name", username.partition(".")[2].title(), "--password-stdin"],
        input=f"{PASSWORD}\n",
        env=kept | {"AUCTION_SECRET_KEY": SECRET} | settings,
        cwd=folder, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return username


async def register(page: Page) -> None:
    await page.check("#accept-terms")
    await page.click("#register")
    await page.wait_for_selector("#bid-form:not([hidden])")
