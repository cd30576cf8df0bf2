"""A card whose bank wants its owner: a payment and deposits that are confirmed, declined, left and gone on with."""

from playwright.async_api import Page, expect

from tests.browser.conftest import PublicServer, register, sign_up, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.browser.test_money import TEN_MINUTES_MS, story, terms, until_state

CARD = "sandbox-3ds"


async def won_lot(public_server: PublicServer, page: Page, username: str) -> str:
    """A lot that somebody new has won for 5,000 yuan; they are on their own page."""
    lot_id = public_server.new_lot("To be confirmed", **terms())
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    await sign_up(page, username, back_to=f"/lots/{lot_id}")
    await register(page)
    await page.fill("#own-amount", "5,000")
    await page.click("#own-bid")
    await page.click("#confirm-yes")
    await expect(page.locator("#leader")).to_have_text(text("lot.you-lead", paddle=1))
    public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "the hammer falls"})
    until_state(public_server, lot_id, "awarded")
    await page.goto("/me")
    return lot_id


async def pay(page: Page) -> None:
    """Choose the card that wants its owner, and pay."""
    await page.locator("[data-award] select").first.select_option(CARD)
    await page.click("[data-act=pay]")
    await expect(page.locator(".confirmation")).to_be_visible()


async def test_a_payment_is_left_gone_on_with_declined_and_made_after_all(public_server, visitors):
    async with visitors.page(size="phone") as page:
        lot_id = await won_lot(public_server, page, "confirm.ann")
        award = page.locator("[data-award]")
        await pay(page)
        await expect(award.locator(".confirmation-words")).to_have_text(text("confirmation.words", amount="5,150.00"))
        await expect(award.locator("[data-act=pay]")).to_be_hidden()
        await page.set_viewport_size({"width": 390, "height": 844})
        await take_screenshot(page, "confirmation-award-phone")
        assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []

        # left, and gone on with; the bank's page is declined
        await page.reload()
        await award.locator("[data-act=decline]").click()
        await expect(award).to_contain_text(text("confirmation.authentication_failed"))
        await expect(award.locator(".confirmation")).to_be_hidden()

        # cancelled, for another card
        await pay(page)
        await award.locator("[data-act=cancel-confirmation]").click()
        await expect(award).to_contain_text(text("confirmation.authentication_missing"))
        await expect(award.locator("[data-act=pay]")).to_be_enabled()

        await pay(page)
        await award.locator("[data-act=confirm]").click()
        await expect(award.locator(".badge")).to_have_text(text("award.paid"))
        await expect(award).to_contain_text(text("award.pay-done", title="To be confirmed"))
        charges = [one for one in story(public_server, lot_id)["operations"] if one["kind"] == "charge"]
        assert sorted((one["status"], one["failure"]) for one in charges) == [
            ("failed", "authentication_failed"), ("failed", "authentication_missing"), ("succeeded", None),
        ]  # fmt: skip


async def test_deposits_are_confirmed_in_the_box_where_they_are_put_down(public_server, visitors):
    lot_id = public_server.new_lot("A ladder to confirm", preset="guarded-flash")
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    async with visitors.page(language="zh-CN") as page:
        await sign_up(page, "confirm.bo", back_to=f"/lots/{lot_id}")
        gate = page.locator("#gate")

        async def ask() -> None:
            await page.select_option("#register-method", CARD)
            await page.check("#accept-terms")
            await page.click("#register")
            await expect(gate.locator(".confirmation")).to_be_visible()

        await ask()
        await take_screenshot(page, "confirmation-lot")
        await gate.locator("[data-act=decline]").click()
        refused = text("confirmation.authentication_failed", "zh-CN")
        await expect(gate.locator(".notice.bad")).to_have_text(refused)

        await ask()
        await page.goto("/me")
        await expect(page.locator("[data-deposit][data-status=pending]")).to_contain_text(
            text("deposit.where.unconfirmed", "zh-CN")
        )
        await page.goto(f"/lots/{lot_id}")
        await expect(gate.locator(".confirmation")).to_be_visible()
        await page.set_viewport_size({"width": 390, "height": 844})
        await take_screenshot(page, "confirmation-lot-phone")
        assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []
        await page.set_viewport_size({"width": 1280, "height": 800})
        await gate.locator("[data-act=confirm]").click()
        await page.wait_for_selector("#bid-form:not([hidden])")

        # a higher deposit, and through a reload
        await page.click("#top-up summary")
        await page.select_option("#top-up-method", CARD)
        await page.click("#top-up-send")
        more = page.locator("#more .confirmation")
        await expect(more).to_be_visible()
        await page.reload()
        await expect(more).to_be_visible()
        await take_screenshot(page, "confirmation-top-up")
        await more.locator("[data-act=confirm]").click()
        await expect(page.locator("#standing")).to_contain_text("100,000")
