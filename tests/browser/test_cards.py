"""A bidder saves a card on their page, puts a deposit down with it, and removes another one."""

from playwright.async_api import expect

from tests.browser.conftest import sign_up, take_screenshot
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.browser.test_money import TEN_MINUTES_MS, terms


async def test_a_saved_card_holds_a_deposit_and_another_is_removed(public_server, visitors):
    lot_id = public_server.new_lot("No. 001", **terms())
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    async with visitors.page() as page:
        await sign_up(page, "cards.ann", back_to="/me")
        await page.goto("/me")
        await page.select_option("#new-card", "sandbox-ok")
        await page.click("#save-card")
        cards = page.locator(".saved-card")
        await expect(cards).to_have_count(1)
        await page.select_option("#new-card", "sandbox-slow")
        await page.click("#save-card")
        await expect(cards).to_have_count(2)
        await take_screenshot(page, "cards")
        await page.set_viewport_size({"width": 390, "height": 844})
        await take_screenshot(page, "cards-phone")
        assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []
        await page.set_viewport_size({"width": 1280, "height": 900})

        # the newest is first: the one that is slow goes
        await cards.first.get_by_role("button").click()
        await expect(cards).to_have_count(1)
        method_id = await cards.first.get_attribute("data-card")

        await page.goto(f"/lots/{lot_id}")
        await page.select_option("#register-method", method_id)
        await page.check("#accept-terms")
        await page.click("#register")
        await expect(page.locator("#register")).to_have_count(0)

        # what a deposit rests on stays
        await page.goto("/me")
        await cards.first.get_by_role("button").click()
        await expect(page.locator("#card-form .notice.bad")).to_be_visible()
        await expect(cards).to_have_count(1)
