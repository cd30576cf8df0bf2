"""Lots that a visitor watches come first on the front page."""

from playwright.async_api import expect

from tests.browser.conftest import take_screenshot
from tests.browser.page_texts import text

TEN_MINUTES_MS = 600_000


async def test_a_watched_lot_comes_first_until_it_is_not_watched_any_more(public_server, visitors):
    lots = [public_server.new_lot() for _ in range(2)]
    for lot_id in lots:
        public_server.open_lot(lot_id, TEN_MINUTES_MS)
    async with visitors.page(size="phone") as page:
        await page.goto(f"/lots/{lots[0]}")
        watch = page.locator("#watch")
        await expect(watch).to_have_text(text("lot.watch"))
        await watch.click()
        await expect(watch).to_have_attribute("aria-pressed", "true")
        await take_screenshot(page, "watch-phone", full_page=False)
        await page.reload()
        await expect(watch).to_have_text(text("lot.watched"))
        await page.goto("/")
        first = page.locator(".group").first
        await expect(first.locator("h2")).to_have_text(text("sales.watched"))
        await expect(first.locator(f'a[href="/lots/{lots[0]}"]')).to_be_visible()
        await expect(page.locator(f'a[href="/lots/{lots[0]}"]')).to_have_count(1)
        await page.goto(f"/lots/{lots[0]}")
        await watch.click()
        await expect(watch).to_have_text(text("lot.watch"))
        await page.goto("/")
        await expect(page.locator(".group").first.locator("h2")).to_have_text(text("sales.on"))
