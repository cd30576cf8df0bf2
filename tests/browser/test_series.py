"""A series of lots is made in the form for a new lot."""

from itertools import pairwise

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PublicServer, Visitors, enter_staff, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window
from tests.browser.test_staff import sign_in


@pytest.fixture(scope="module")
def clerk(public_server: PublicServer) -> str:
    """The user name of a clerk of the house."""
    folder = public_server.command.folder
    return enter_staff(folder, "series.clerk", "ops", AUCTION_DATA_DIR=str(folder / "var"))


async def test_twelve_lots_are_made_and_scheduled_one_after_the_other(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    public_server.ask("POST", "/ops/sales", {"title": "A launch", "sale_id": "series"})
    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click("#new-lot")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await page.select_option("#lot-sale", "series")
        await expect(page.locator("#series-count")).to_be_hidden()
        await page.fill("#lot-title", "No. 001")
        await page.check("#lot-series")
        await expect(page.locator("#create-lot")).to_have_text(text("ops.create-series"))
        await page.fill("#series-count", "twelve")
        await page.click("#create-lot")
        await expect(page.locator("#series-count-wrong")).to_have_text(text("ops.mistyped.whole"))
        await page.fill("#series-count", "12")
        await page.click("#create-lot")
        await expect(page.locator("#lot-title-wrong")).to_have_text(
            text("ops.mistyped.number-place", number="{number}")
        )
        await page.fill("#lot-title", "No. {number} of 12")
        await page.check("#series-timed")
        assert not await is_wider_than_its_window(page)
        await take_screenshot(page, "series")
        await page.click("#create-lot")
        await expect(page.locator("#panel-title")).to_have_text("No. 001 of 12")
        await expect(page.locator("#lot-status")).to_have_text(text("status.scheduled"))
        await expect(page.locator("[data-lot^=series-]")).to_have_count(12)

        # the same once more creates nothing
        await page.click("#new-lot")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await page.select_option("#lot-sale", "series")
        await page.fill("#lot-title", "No. {number} of 12")
        await page.check("#lot-series")
        await page.click("#create-lot")
        await expect(page.locator("#lot-wrong")).to_have_text(text("problem.titles-exist"))
    lots = public_server.ask("GET", "/sales/series")["lots"]
    assert [lot["title"] for lot in lots] == [f"No. {number:03} of 12" for number in range(1, 13)]
    assert all(after["opens_at_ms"] == lot["ends_at_ms"] for lot, after in pairwise(lots))
