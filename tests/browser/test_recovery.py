"""A lot whose record is being recovered, as bidders and staff see it: frozen, then restored with bids that are lost."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, ViewportSize, expect

from auction.books import acknowledged_marks, frozen_lots
from auction.books.archive_rows import Fault
from auction.bootstrap import open_context
from auction.domain.events import FreezeCause
from auction.domain.ledger_layout import Mark
from auction.ledger.server_state import STOPPED
from auction.servers import running_servers
from auction.services.recovery.frozen import stop_frozen_lots
from auction.settings import load_settings
from tests.browser.conftest import PublicServer, enter_staff, register, sign_up, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_staff import sign_in
from tests.cli.processes import SECRET

LOST = 2
WINDOWS: dict[str, ViewportSize] = {
    "phone": {"width": 390, "height": 844},
    "desk": {"width": 1280, "height": 800},
}


@pytest.fixture(scope="module")
def clerk(public_server: PublicServer) -> str:
    """The user name of a member of staff."""
    folder = public_server.command.folder
    return enter_staff(folder, "night.recovery", "ops", AUCTION_DATA_DIR=str(folder / "var"))


async def freeze(server: PublicServer, lot_id: str) -> None:
    """Freeze a lot as the service does, when two more entries were acknowledged than it holds."""
    seq = server.shown(lot_id)["seq"]
    settings = load_settings(
        data_dir=server.command.folder / "var", secret_key=SECRET, payment_provider="sandbox", _env_file=None
    )
    with running_servers(settings) as found:
        async with open_context(found) as context:
            fault = Fault(FreezeCause.BEHIND, f"lot {lot_id}: the ledger ends at seq {seq}", seq)
            async with context.books.transaction() as tx:
                await frozen_lots.add(tx, {lot_id: fault})
            await stop_frozen_lots(context)
            frozen_seq = server.shown(lot_id)["seq"]
            async with context.books.transaction() as tx:
                await acknowledged_marks.record(tx, {lot_id: Mark(1, frozen_seq + LOST, "00")})


@asynccontextmanager
async def stopped_shard(server: PublicServer, lot_id: str) -> AsyncIterator[None]:
    """The lot's shard waits for its restoring."""
    settings = load_settings(
        data_dir=server.command.folder / "var", secret_key=SECRET, payment_provider="sandbox", _env_file=None
    )
    with running_servers(settings) as found:
        async with open_context(found) as context:
            ledger = context.ledger
            await ledger.redis.set(ledger.keys.lineage_of(lot_id), STOPPED)
            try:
                yield
            finally:
                await ledger.redis.set(ledger.keys.lineage_of(lot_id), ledger.lineage)


def restore(server: PublicServer, lot_id: str) -> tuple[int, int]:
    """Run the command that the staff page names; the seqs that it says are lost."""
    folder = server.command.folder
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "COV"))}
    ran = subprocess.run(
        [sys.executable, "-m", "auction.cli", "restore", "--lot", lot_id, "--json"],
        env=kept | {"AUCTION_DATA_DIR": str(folder / "var"), "AUCTION_SECRET_KEY": SECRET},
        cwd=folder, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    first, last = json.loads(ran.stdout)["lots"][0]["lost_seqs"]
    return first, last


async def shoot(page: Page, name: str) -> None:
    """The page in both sizes."""
    for size, window in WINDOWS.items():
        await page.set_viewport_size(window)
        await take_screenshot(page, f"{name}-{size}")
        is_wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await page.evaluate(is_wider), (name, size)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_a_frozen_lot_says_that_nothing_is_decided_and_a_restored_one_what_was_lost(
    public_server, visitors, clerk, language
):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 3_600_000)
    public_server.register(lot_id, "carl")
    public_server.bid(lot_id, "carl", 100)
    async with visitors.page(language=language) as page, visitors.page(language=language) as desk:
        await sign_up(page, f"frozen.{language.lower()}", back_to=f"/lots/{lot_id}")
        await register(page)
        await page.locator("#steps button").first.click()
        await expect(page.locator("#outcome")).to_contain_text("2.00")
        own = public_server.shown(lot_id)["seq"]
        await expect(page.locator("#bid-check")).to_be_hidden()
        await sign_in(desk, clerk)
        await desk.click(f"[data-lot={lot_id}]")
        await freeze(public_server, lot_id)

        await expect(page.locator("#state-note")).to_have_text(text("lot.note.frozen", language))
        await expect(page.locator("#status")).to_have_text(text("status.frozen", language))
        await expect(page.locator("#price-label")).to_have_text(text("lot.price-not-final", language))
        await expect(page.locator("#countdown")).to_be_hidden()
        await expect(page.locator("#own-hint")).to_have_text(text("lot.frozen-wait", language))
        for button in await page.locator("#bid-form button:visible").all():
            await expect(button).to_be_disabled()
        await shoot(page, f"frozen-lot-{language}")

        await expect(desk.locator("#lot-note")).to_contain_text(text("ops.freeze-cause.behind", language))
        await expect(desk.locator("#lot-command")).to_have_text(f"auction restore --lot {lot_id}")
        await expect(desk.locator("#recovery")).to_contain_text(lot_id)
        for button in await desk.locator("#lot-actions button").all():
            await expect(button).to_be_disabled()
            await expect(button).to_have_attribute("title", text("ops.frozen-why", language))
        await shoot(desk, f"frozen-ops-{language}")

        await page.goto("/")
        card = page.locator(f"a[href='/lots/{lot_id}']")
        await expect(card).to_contain_text(text("sales.frozen", language))
        await expect(card).to_contain_text(text("sales.price-not-final", language))
        await shoot(page, f"frozen-sales-{language}")
        await page.goto(f"/lots/{lot_id}")
        await expect(page.locator("#state-note")).to_have_text(text("lot.note.frozen", language))
        await page.wait_for_selector("main[data-connection=live]")

        first, last = restore(public_server, lot_id)
        assert last - first + 1 >= LOST
        await expect(page.locator("#status")).to_have_text(text("status.paused", language))
        await expect(page.locator("#restored-note")).to_contain_text(text("lot.restored", language))
        lost = text("lot.restored-lost", language, count=last - first + 1, range=f"{first}–{last}")
        await expect(page.locator("#restored-note")).to_contain_text(lost)
        await expect(desk.locator("#recovery [data-what=restored]").first).to_contain_text(
            text("ops.recovery.lost", language, first=first, last=last)
        )
        await expect(desk.locator("#lot-status")).to_have_text(text("status.paused", language))
        await shoot(page, f"restored-lot-{language}")
        # the receipt that this browser has kept is looked for, and staff let the lot be settled
        await page.click("#bid-check-button")
        stands = text("lot.receipt-stands", language, amount="2.00", seq=own)
        await expect(page.locator("#bid-check-answers")).to_have_text(stands)
        await shoot(page, f"checked-bids-{language}")
        restored = desk.locator("#recovery [data-what=restored]", has_text=lot_id)
        await restored.locator("button").click()
        await desk.fill("#recovery-reason", "no bid was lost")
        await desk.click("#act-confirm")
        released = text("ops.recovery.released", language, by="Recovery", reason="no bid was lost")
        await expect(restored).to_contain_text(released)
        await shoot(desk, f"released-ops-{language}")
        # it lasts: who comes later is told as well
        await page.reload()
        await expect(page.locator("#restored-note")).to_contain_text(text("lot.restored-unknown", language))
        async with stopped_shard(public_server, lot_id):
            await page.reload()
            await expect(page.locator("#state-note")).to_have_text(text("lot.note.frozen", language))
            await expect(page.locator("#status")).to_have_text(text("status.frozen", language))
            await expect(page.locator("#own-hint")).to_have_text(text("lot.frozen-wait", language))
            await expect(page.locator("#bids li").first).to_be_visible()
