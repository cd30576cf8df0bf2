"""The front page shows the newest sales, and earlier ones on request."""

from playwright.async_api import expect

from tests.browser.conftest import PublicServer, Visitors, take_screenshot


async def test_earlier_sales_are_shown_on_request_and_one_sale_alone_by_its_address(
    public_server: PublicServer, visitors: Visitors
) -> None:
    lot_id = public_server.new_lot("In an early sale")
    public_server.open_lot(lot_id, 3_600_000)
    for number in range(20):
        public_server.ask("POST", "/ops/sales", {"title": f"Later {number}", "sale_id": f"{lot_id}-later-{number}"})
    card = f"#sales a[href='/lots/{lot_id}']"
    async with visitors.page(size="phone") as page:
        await page.goto("/")
        await expect(page.locator("#older")).to_be_visible()
        await expect(page.locator(card)).to_have_count(0)
        await take_screenshot(page, "sales-older")
        await page.click("#older")
        await expect(page.locator(card)).to_contain_text("In an early sale")
        # and it stays there while the page asks again
        async with page.expect_response("**/api/v1/sales?*cursor=*"):
            pass
        await expect(page.locator(card)).to_have_count(1)

        await page.goto(f"/?sale={lot_id.rpartition('-')[0]}")
        await expect(page.locator("#sales a")).to_have_count(1)
        await expect(page.locator("#older")).to_be_hidden()
