"""The desk's banners against servers that are really killed, in a house of each test's own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from api.live.__main__ import bind
from auction.services.identity.tokens import TokenKeys
from tests.browser.conftest import PublicServer, Visitors
from tests.browser.page_texts import text
from tests.browser.test_staff import enter_clerk, sign_in
from tests.cli.processes import READY, SECRET, Command, commanded, free_port
from tests.ledger.server_process import OwnServer
from tests.live.conftest import Gateways


@dataclass
class StaffTestServer:
    """A house in parts, each to be killed by itself. It has no worker until one is started."""

    public: PublicServer
    ledger: OwnServer
    gateways: Gateways
    folder: Path
    settings: Mapping[str, str]
    parts: ExitStack

    def start_worker(self) -> Command:
        """The archiver and the clerk that closes lots."""
        return self.start("worker")

    def start(self, role: str, *words: str) -> Command:
        """A part of the house."""
        number = len(list(self.folder.iterdir()))
        place = self.folder / f"{role}-{number}"
        command = commanded(place, "serve", "--role", role, *words, terminal=None, **self.settings)
        started = self.parts.enter_context(command)
        started.until_said(READY)
        return started


@pytest_asyncio.fixture(loop_scope="session")
async def context(tmp_path: Path) -> AsyncIterator[StaffTestServer]:
    # `auction serve` starts on no server without a limit
    ledger = OwnServer(None, {"maxmemory": "1gb"})
    await ledger.start()
    with ExitStack() as parts:
        # held, so that nobody else is given the port while the gateway is away
        live_port = parts.enter_context(bind("127.0.0.1", 0)).getsockname()[1]
        gateways, port = Gateways(ledger.url, live_port), free_port()
        settings = {
            "AUCTION_REDIS_URL": ledger.url,
            "AUCTION_DATA_DIR": str(tmp_path / "var"),
            "AUCTION_SECRET_KEY": SECRET,
            "AUCTION_PAYMENT_PROVIDER": "sandbox",
            "AUCTION_LIVE_PORT": str(live_port),
            "AUCTION_LOG_FORMAT": "json",
        }
        here = StaffTestServer(
            PublicServer(f"http://127.0.0.1:{port}", None, TokenKeys(SECRET)),  # type: ignore[arg-type]
            ledger, gateways, tmp_path, settings, parts,
        )  # fmt: skip
        here.public.command = here.start("http", "--port", str(port))
        await gateways.start(AUCTION_SECRET_KEY=SECRET)
        yield here
        await gateways.close()
    await ledger.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(browser: Browser, context: StaffTestServer) -> AsyncIterator[Page]:
    """The staff's page, a clerk signed in, nothing wrong."""
    clerk = enter_clerk(context.folder, **context.settings)
    visitors = Visitors(browser, context.public)
    async with visitors.page() as page:
        await sign_in(page, clerk)
        await expect(page.locator("#banners p")).to_have_count(0)
        yield page
    assert visitors.complaints == []


async def test_a_killed_ledger_is_told_until_it_is_back(context, desk):
    context.start_worker()
    lot_id = context.public.new_lot("On the ledger")
    context.public.open_lot(lot_id, 600_000)
    await desk.click(f"[data-lot={lot_id}]")
    context.ledger.kill()
    await expect(desk.locator("[data-trouble=ledger]")).to_have_text(text("ops.trouble.ledger"))
    await expect(desk.locator("#content")).to_have_attribute("data-stale", "yes")

    await context.ledger.start()
    await expect(desk.locator("#banners p")).to_have_count(0)
    await expect(desk.locator("#content")).to_have_attribute("data-stale", "no")
    context.public.register(lot_id, "staff.ann")
    context.public.bid(lot_id, "staff.ann", 7_700)
    await expect(desk.locator("#lot-price")).to_have_text("¥77.00")


@pytest.mark.parametrize("chosen", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["lot", "list"])
async def test_a_killed_live_gateway_is_told_until_it_is_back(context, desk, chosen):
    context.start_worker()
    lot_id = context.public.new_lot("Live")
    context.public.open_lot(lot_id, 600_000)
    await expect(desk.locator(f"[data-lot={lot_id}]")).to_be_visible()
    if chosen:
        await desk.click(f"[data-lot={lot_id}]")
    await context.gateways.kill()
    await expect(desk.locator("[data-trouble=live]")).to_have_text(text("ops.trouble.live"))
    context.public.register(lot_id, "staff.ann")
    context.public.bid(lot_id, "staff.ann", 8_800)
    await expect(desk.locator(f"[data-lot={lot_id}] .price")).to_have_text("¥88.00")

    await context.gateways.start(AUCTION_SECRET_KEY=SECRET)
    await expect(desk.locator("#banners p")).to_have_count(0)


@pytest.mark.slow
async def test_a_lot_past_its_end_without_a_worker_is_told_until_it_is_closed(context, desk):
    worker = context.start_worker()
    lot_id = context.public.new_lot("Nobody closes it")
    await desk.click(f"[data-lot={lot_id}]")
    worker.process.kill()
    worker.ended()
    context.public.open_lot(lot_id, 2_000)
    overdue = desk.locator("[data-trouble=clerk]")
    await expect(overdue).to_have_text(text("ops.trouble.clerk", title="Nobody closes it"))
    await expect(desk.locator("#lot-status")).to_have_text(text("status.open"))

    context.start_worker()
    await expect(desk.locator("#lot-status")).to_have_text(text("status.closed"))
    await expect(desk.locator("#banners p")).to_have_count(0)


@pytest.mark.slow
async def test_a_lot_whose_end_passes_while_the_ledger_is_away_is_told(context, desk):
    lot_id = context.public.new_lot("Past its end")
    await desk.click(f"[data-lot={lot_id}]")
    context.public.open_lot(lot_id, 2_000)
    await expect(desk.locator("#lot-status")).to_have_text(text("status.open"))
    context.ledger.kill()
    overdue = desk.locator("[data-trouble=clerk]")
    await expect(overdue).to_have_text(text("ops.trouble.overdue", title="Past its end"))
    await expect(desk.locator("[data-trouble=ledger]")).to_be_visible()

    await context.ledger.start()
    context.start_worker()
    await expect(desk.locator("#lot-status")).to_have_text(text("status.closed"))
    await expect(desk.locator("#banners p")).to_have_count(0)
