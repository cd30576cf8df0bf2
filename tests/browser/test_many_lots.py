"""A clerk runs many lots from one screen: finds them, selects them, and acts on all of them at once."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PublicServer, Visitors, enter_staff, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.browser.test_staff import request_act, sign_in

LOTS = 120


@pytest.fixture(scope="module")
def clerk(public_server: PublicServer) -> str:
    """The user name of a clerk of the house."""
    folder = public_server.command.folder
    return enter_staff(folder, "many.olga", "ops", AUCTION_DATA_DIR=str(folder / "var"))


@pytest.fixture(scope="module")
def sale(public_server: PublicServer) -> str:
    """A sale with 120 drafts, three of them open, two with bids."""
    public_server.ask("POST", "/ops/sales", {"title": "One hundred and twenty", "sale_id": "many"})
    body = {"sale_id": "many", "title": "No. {number} of the launch", "count": LOTS, "preset": "jd-flash"}
    public_server.ask("POST", "/ops/lots/series", {**body, "list_price_fen": 8_990_000})
    for number in (1, 2, 3):
        public_server.open_lot(f"many-{number:03}", 3_600_000)
        public_server.register(f"many-{number:03}", "many.bidder")
    public_server.bid("many-002", "many.bidder", 500)
    public_server.bid("many-003", "many.bidder", 900)
    return "many"


async def rows(page: Page) -> list[str]:
    found: list[str] = await page.eval_on_selector_all("#lots .row", "rows => rows.map(row => row.dataset.lot)")
    return found


async def bulk(page: Page, act: str, *, reason: str | None = None) -> None:
    """Choose an act for the selected lots, do it, and read what became of each."""
    await page.click(f"#bulk-{act}")
    if reason is not None:
        await page.fill("#act-reason", reason)
    await page.click("#act-confirm")
    await page.wait_for_selector("#results")


async def test_a_clerk_finds_lots_and_the_address_keeps_what_was_looked_for(
    visitors: Visitors, clerk: str, sale: str
) -> None:
    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.select_option("#filter-sale", sale)
        await page.select_option("#filter-sort", "price")
        await page.select_option("#filter-status", "running")
        await expect(page.locator("#shown")).to_contain_text("3 ")
        assert await rows(page) == ["many-003", "many-002", "many-001"]
        await page.reload()
        await expect(page.locator("#filter-status")).to_have_value("running")
        await expect(page.locator("#filter-sale")).to_have_value(sale)
        await expect(page.locator("#lots .row")).to_have_count(3)
        assert await rows(page) == ["many-003", "many-002", "many-001"]
        await page.click("[data-lot=many-002]")
        await expect(page.locator("#panel-title")).to_contain_text("No. 002")
        assert "sort=price" in page.url
        await page.select_option("#filter-status", "")
        await page.fill("#filter-words", "17")
        await expect(page.locator("#lots .row")).to_have_count(1)
        assert await rows(page) == ["many-017"]
        await page.fill("#filter-words", "nowhere")
        await expect(page.locator("#lots")).to_contain_text(text("ops.filter.none"))


async def test_acts_on_many_lots_tell_what_became_of_each(
    public_server: PublicServer, visitors: Visitors, clerk: str, sale: str
) -> None:
    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.wait_for_selector("#new-lot")
        await page.goto(f"/ops?sale={sale}")
        await expect(page.locator("#lots .row")).to_have_count(LOTS)
        await take_screenshot(page, "many-lots", full_page=False)
        page_height = await page.evaluate("document.documentElement.scrollHeight - innerHeight")
        assert page_height < 200, "120 lots stay one screen"
        assert await serious_findings(page) == []
        for number in (1, 2, 3, 40, 41):
            await page.check(f"[data-select=many-{number:03}]")
        await expect(page.locator("#selected")).to_have_text(text("ops.bulk.selected", n=5))
        # another clerk pauses one meanwhile: the others are paused all the same
        await page.click("#bulk-pause")
        public_server.ask("POST", "/ops/lots/many-001/pause", {"reason": "first"})
        await page.fill("#act-reason", "a fault in the stream")
        await take_screenshot(page, "bulk-pause", full_page=False)
        await page.click("#act-confirm")
        await expect(page.locator("#results [data-outcome=done]")).to_have_count(2)
        await expect(page.locator("#results [data-outcome=refused]")).to_have_count(1)
        await take_screenshot(page, "bulk-results", full_page=False)
        await page.click("#act-back")
        assert public_server.shown("many-003")["status"] == "paused"
        # those that were refused, or that the act is not for, stay selected
        await expect(page.locator("#selected")).to_have_text(text("ops.bulk.selected", n=3))
        await bulk(page, "schedule")
        await page.click("#act-back")
        drafts = [public_server.ask("GET", "/ops/lots")["sales"]]
        scheduled = [lot for found in drafts[0] for lot in found["lots"] if lot["lot_id"] in {"many-040", "many-041"}]
        assert [lot["status"] for lot in scheduled] == ["scheduled"] * 2
        assert scheduled[1]["opens_at_ms"] == scheduled[0]["ends_at_ms"]
        # the list sends only what changed
        async with page.expect_response(lambda answer: "/ops/lots?since=" in answer.url) as asked:
            pass
        assert len(await (await asked.value).body()) < 10_000


async def test_requests_for_many_lots_are_confirmed_by_another_clerk_at_once(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    lots = [public_server.new_lot(f"Pair {number}") for number in (1, 2)]
    for lot_id in lots:
        public_server.open_lot(lot_id, 3_600_000)
        await request_act(public_server.command.folder, lot_id, "close-lot")
    async with visitors.page(size="phone", language="zh-CN") as page:
        await sign_in(page, clerk)
        await page.wait_for_selector("#new-lot")
        await page.goto("/ops?q=pair")
        await page.click("#select-all")
        await page.wait_for_selector("#bulk-confirm-0")
        assert not await is_wider_than_its_window(page)
        await take_screenshot(page, "bulk-phone", full_page=False)
        await bulk(page, "confirm-0", reason="I agree")
        await expect(page.locator("#results [data-outcome=done]")).to_have_count(2)
    assert [public_server.shown(lot_id)["status"] for lot_id in lots] == ["closed"] * 2
