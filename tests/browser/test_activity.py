"""A clerk watches a lot in a storm, looks at who bids, and runs it from the keyboard."""

import pytest
from playwright.async_api import expect

from auction.services.identity.tokens import Role
from tests.browser.conftest import PublicServer, Visitors, enter_staff, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.browser.test_staff import sign_in


@pytest.fixture(scope="module")
def clerk(public_server: PublicServer) -> str:
    """The user name of a clerk of the house."""
    folder = public_server.command.folder
    return enter_staff(folder, "storm.clerk", "ops", AUCTION_DATA_DIR=str(folder / "var"))


async def test_a_lot_is_watched_and_run_from_the_keyboard(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    lot_id = public_server.new_lot("A lot in a storm")
    public_server.open_lot(lot_id, 3_600_000)
    for bidder in ("storm.ann", "storm.bob"):
        public_server.register(lot_id, bidder)
    public_server.bid(lot_id, "storm.ann", 500)
    public_server.bid(lot_id, "storm.bob", 900)
    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.wait_for_selector("#new-lot")
        await page.keyboard.press("/")
        await page.keyboard.type("storm")
        await expect(page.locator("#lots .row")).to_have_count(1)
        # while somebody types, keys are letters
        await page.keyboard.press("Escape")
        await page.keyboard.press("j")
        await expect(page.locator("#panel-title")).to_have_text("A lot in a storm")
        await expect(page.locator("#activity .small-chart")).to_have_count(2)
        await expect(page.locator("#activity .facts").first).to_contain_text("2")
        await page.click("#show-bidders")
        await expect(page.locator("#top-bidders li")).to_have_count(2)
        await expect(page.locator("#top-bidders li").first).to_contain_text("¥9")
        await page.click("[data-bidder='storm.ann'] button")
        await page.fill("#act-reason", "bids for the seller")
        await take_screenshot(page, "block-bidder")
        await page.click("#act-confirm")
        await expect(page.locator("[data-bidder='storm.ann']")).to_contain_text(text("ops.bidder.blocked"))
        await expect(page.locator("#activity .notice.good")).to_be_visible()
        await page.locator("#panel").focus()
        await page.keyboard.press("x")
        await expect(page.locator("#selected")).to_have_text(text("ops.bulk.selected", n=1))
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_be_visible()
        await take_screenshot(page, "activity")
        assert await serious_findings(page) == []
        assert not await is_wider_than_its_window(page)
        await page.keyboard.press("p")
        await page.fill("#act-reason", "jjj xxx")
        await page.click("#act-confirm")
        await expect(page.locator("#lot-status")).to_have_text(text("status.paused"))
        # turned off, keys do nothing, also after a reload
        await page.click("#turn-keys")
        await page.reload()
        await expect(page.locator("#lot-status")).to_have_text(text("status.paused"))
        await page.keyboard.press("r")
        await expect(page.locator("#act")).not_to_be_visible()
    looks = public_server.ask("GET", f"/ops/audit?lot_id={lot_id}", role=Role.FINANCE)["actions"]
    assert [one["action"] for one in looks].count("view-bidders") == 2


async def test_the_report_of_a_sale_is_made_for_print(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    lot_id = public_server.new_lot("A lot that is reported")
    sale_id = lot_id.rpartition("-")[0]
    public_server.open_lot(lot_id, 3_600_000)
    public_server.register(lot_id, "report.ann")
    public_server.bid(lot_id, "report.ann", 700)
    public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "enough"})
    async with visitors.page(size="phone", language="zh-CN") as page:
        await sign_in(page, clerk)
        await page.wait_for_selector("#new-lot")
        await page.goto(f"/ops?sale={sale_id}")
        await page.click("#sale-report")
        row = page.locator(f"[data-lot={lot_id}]")
        await expect(row).to_contain_text(text("report.outcome.sold", "zh-CN"))
        await expect(row).to_contain_text("¥7")
        await expect(page.locator("#report-lots figure")).to_have_count(1)
        assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []
        await take_screenshot(page, "report")
        await page.emulate_media(media="print")
        await expect(page.locator("#print")).to_be_hidden()
        await page.goto("/ops/report?sale=nowhere")
        await expect(page.locator("#report-facts")).to_have_text(text("ops.problem.sale-unknown", "zh-CN"))
