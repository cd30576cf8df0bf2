"""Automatic bidding on a lot's page: a maximum is set, raised, passed and withdrawn, and its owner alone sees it."""

from playwright.async_api import Page, expect

from auction.services.identity.roles import Role
from tests.browser.conftest import PublicServer, register, sign_up, take_screenshot
from tests.browser.page_texts import text

TEN_MINUTES_MS = 600_000


async def auto_lot(server: PublicServer, page: Page, bidder: str) -> str:
    """An open lot with automatic bids at 20 yuan, led by carl; the page's visitor is registered."""
    lot_id = server.new_lot(auto_bids=True)
    server.open_lot(lot_id, TEN_MINUTES_MS)
    server.register(lot_id, "carl")
    server.bid(lot_id, "carl", 2_000)
    await sign_up(page, bidder, back_to=f"/lots/{lot_id}")
    await register(page)
    return lot_id


def amounts(server: PublicServer, lot_id: str) -> list[int]:
    return [bid["amount_fen"] for bid in server.ask("GET", f"/lots/{lot_id}/bids")["bids"]]


async def test_a_maximum_bids_for_its_owner_who_sees_it_after_a_reload(public_server, visitors):
    async with visitors.page(size="phone") as page:
        lot_id = await auto_lot(public_server, page, "max.mia")
        await expect(page.locator('[data-term="auto-bids"]')).to_have_text(text("terms.auto-bids-on"))
        await expect(page.locator("#maximum-own")).to_be_hidden()
        await page.fill("#maximum-amount", "100")
        await page.click("#maximum-set")
        done = text("lot.maximum-accepted", amount="100.00", price="21.00")
        await expect(page.locator("#outcome")).to_contain_text(done)
        await expect(page.locator("#maximum-own-text")).to_have_text(text("lot.maximum-own", amount="100.00"))
        assert amounts(public_server, lot_id) == [2_000, 2_100]

        answered = public_server.bid(lot_id, "carl", 5_000)
        assert (answered["leading"], answered["price_fen"]) == (False, 5_000)
        await expect(page.locator("#price-figure")).to_have_text("51.00")
        await expect(page.locator("#standing")).to_contain_text(text("lot.you-lead", paddle=2))
        await page.reload()
        await expect(page.locator("#maximum-own-text")).to_have_text(text("lot.maximum-own", amount="100.00"))
        await expect(page.locator("#maximum-own")).to_be_visible()
        await take_screenshot(page, "maximum-phone")

        await page.fill("#maximum-amount", "60")
        await page.click("#maximum-set")
        await expect(page.locator("#maximum-own-text")).to_have_text(text("lot.maximum-own", amount="60.00"))
        await page.fill("#maximum-amount", "50")
        await page.click("#maximum-set")
        low = text("problem.maximum-too-low", price_fen="51.00")
        await expect(page.locator("#outcome")).to_contain_text(low)
        await page.click("#maximum-withdraw")
        withdrawn = text("lot.maximum-withdrawn", price="51.00")
        await expect(page.locator("#outcome")).to_contain_text(withdrawn)
        await expect(page.locator("#maximum-own")).to_be_hidden()
        assert amounts(public_server, lot_id) == [2_000, 2_100, 5_000, 5_100]


async def test_a_maximum_that_is_passed_is_gone_and_a_bid_below_one_says_so(public_server, visitors):
    async with visitors.page(size="desk") as page:
        lot_id = await auto_lot(public_server, page, "max.max")
        public_server.ask(
            "POST",
            f"/lots/{lot_id}/bids",
            {"maximum_fen": 8_000},
            who="carl",
            role=Role.BIDDER,
            **{"Idempotency-Key": "maximum-of-carl"},
        )
        # carl leads with a maximum from here on
        await page.fill("#own-amount", "30")
        await page.click("#own-bid")
        answered = text("lot.accepted-answered", amount="30.00")
        await expect(page.locator("#outcome")).to_contain_text(answered)
        await expect(page.locator("#price-figure")).to_have_text("31.00")
        await page.fill("#maximum-amount", "70")
        await page.click("#maximum-set")
        passed = text("lot.maximum-passed", amount="70.00")
        await expect(page.locator("#outcome")).to_contain_text(passed)
        await expect(page.locator("#price-figure")).to_have_text("71.00")
        await page.fill("#maximum-amount", "1,00,0")
        await page.click("#maximum-set")
        await expect(page.locator("#maximum-wrong")).to_have_text(text("amount.grouping"))
        await page.fill("#maximum-amount", "90")
        await page.click("#maximum-set")
        await expect(page.locator("#maximum-own-text")).to_have_text(text("lot.maximum-own", amount="90.00"))
        await take_screenshot(page, "maximum-desktop")
        public_server.bid(lot_id, "carl", 9_100)
        await expect(page.locator("#maximum-own")).to_be_hidden()


async def test_other_lots_show_no_such_form(public_server, visitors):
    async with visitors.page() as page:
        lot_id = public_server.new_lot()
        public_server.open_lot(lot_id, TEN_MINUTES_MS)
        await sign_up(page, "no.max", back_to=f"/lots/{lot_id}")
        await register(page)
        await expect(page.locator("#bid-form")).to_be_visible()
        await expect(page.locator("#maximum-form")).to_be_hidden()
