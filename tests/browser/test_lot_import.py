"""A clerk imports a list of lots: sees what is wrong where, corrects it, and creates all at once."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import FilePayload, expect

from tests.browser.conftest import PublicServer, Visitors, enter_staff, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.browser.test_staff import sign_in

DAY = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%d")
LIST = f"title,start_price,opens_at,closes_at\nNo. 001,{{price}},{DAY} 20:00,{DAY} 20:30\nNo. 002,2,,\n"


@pytest.fixture(scope="module")
def clerk(public_server: PublicServer) -> str:
    """The user name of a clerk of the house."""
    folder = public_server.command.folder
    return enter_staff(folder, "import.clerk", "ops", AUCTION_DATA_DIR=str(folder / "var"))


async def test_a_list_is_corrected_created_and_not_doubled(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    public_server.ask("POST", "/ops/sales", {"title": "An import", "sale_id": "imported"})
    async with visitors.page(size="phone") as page:
        await sign_in(page, clerk)
        await page.click("#import-lots")
        await page.select_option("#import-sale", "imported")
        column = text("ops.column.start_price")
        await page.fill("#import-text", LIST.format(price="x"))
        what = text("ops.cell.amount", value="x")
        await expect(page.locator("#import-lines .wrong")).to_have_text(
            text("ops.import.wrong", line=2, column=column, what=what)
        )
        await expect(page.locator("#import-create")).to_be_disabled()
        assert not await is_wider_than_its_window(page)
        await take_screenshot(page, "import-wrong")
        listed: FilePayload = {
            "name": "lots.csv",
            "mimeType": "text/csv",
            "buffer": LIST.format(price="1").encode("gbk"),
        }
        await page.set_input_files("#import-file", listed)
        await expect(page.locator("#import-summary")).to_have_text(text("ops.import.sound", n=2))
        await take_screenshot(page, "import-sound")
        assert await serious_findings(page) == []
        await page.click("#import-create")
        await expect(page.locator("[data-lot^=imported-]")).to_have_count(2)
        await page.click("#import-lots")
        await page.select_option("#import-sale", "imported")
        await page.set_input_files("#import-file", listed)
        await expect(page.locator("#import-summary")).to_have_text(text("ops.import.known"))
        await expect(page.locator("#import-create")).to_be_disabled()
    lots = public_server.ask("GET", "/sales/imported")["lots"]
    assert [(lot["title"], lot["status"]) for lot in lots] == [("No. 001", "scheduled"), ("No. 002", "draft")]
