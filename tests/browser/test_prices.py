"""The page of all prices: each published lot with its figures, on a desk and on a phone."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import take_screenshot
from tests.browser.page_texts import text

TEN_MINUTES_MS = 600_000


@pytest.mark.parametrize("size", ["desk", "phone"])
async def test_every_published_lot_has_its_prices(public_server, visitors, size):
    draft = public_server.new_lot("A draft that nobody sees")
    lot_id = public_server.new_lot(reserve_fen=5_000_000, settlement={"buyer_fee_bps": 500})
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    public_server.register(lot_id, "carl")
    public_server.bid(lot_id, "carl", 123_400)
    async with visitors.page(size=size) as page:
        await page.goto("/")
        await page.click("#prices-link")
        row = page.locator(f'[data-lot="{lot_id}"]')
        await expect(row).to_contain_text("¥1,234.00")
        await expect(row).to_contain_text("¥89,900.00")
        await expect(row).to_contain_text(text("prices.unmet"))
        await expect(row).to_contain_text("5%")
        await expect(page.locator(f'[data-lot="{draft}"]')).to_have_count(0)
        await take_screenshot(page, f"prices-{size}", full_page=False)
        width = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0
        await page.goto(f"/lots/{lot_id}")
        await expect(page.locator("#calendar-link")).to_be_visible()
        file = await page.request.get(await page.locator("#calendar-link").get_attribute("href"))
        assert "BEGIN:VEVENT" in await file.text()
