"""What a bid would cost in all is told before it is made: on the buttons, beside the price, in the confirmation, in the
terms; and that there is a reserve, never how high."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PublicServer, register, sign_up
from tests.browser.page_texts import part, text

TEN_MINUTES_MS = 600_000
TERMS = {
    "reserve_fen": 1_000_000,
    "review_above_fen": 50_000_000,
    "soft_close": {"window_ms": 60_000, "extension_ms": 60_000, "hard_stop_ms": 1_800_000},
    "settlement": {"buyer_fee_bps": 250, "grace_ms": 3_600_000},
}


def lot_with_costs(server: PublicServer) -> str:
    lot_id = server.new_lot("With a fee", preset="jd-flash", **TERMS)
    server.open_lot(lot_id, TEN_MINUTES_MS)
    server.register(lot_id, "carl")
    server.bid(lot_id, "carl", 100_000)
    return lot_id


async def term(page: Page, name: str, expected: str) -> None:
    await expect(page.locator(f"#terms [data-term={name}]")).to_have_text(expected)


async def test_the_price_with_the_fee_is_on_every_button_beside_the_price_and_in_the_confirmation(
    public_server, visitors
):
    lot_id = lot_with_costs(public_server)
    async with visitors.page(size="phone") as page:
        await sign_up(page, "costs.ann", back_to=f"/lots/{lot_id}")
        await register(page)
        beside = text("lot.price-with-fee", total="1,025.00", percent="2.5")
        await expect(page.locator("#price-with-fee")).to_have_text(beside)
        for number, total in enumerate(("1,026.02", "1,035.25", "1,076.25")):
            button = page.locator("#steps button").nth(number)
            await expect(button.locator(".total")).to_have_text(text("lot.bid-with-fee", total=total))

        await page.fill("#own-amount", "20,000")
        await expect(page.locator("#own-total")).to_contain_text("20,500.00")
        await page.click("#own-bid")
        confirmed = text("lot.confirm-fee", total="20,500.00", percent="2.5")
        await expect(page.locator("#confirm-fee")).to_have_text(confirmed)
        await page.click("#confirm-yes")
        await expect(page.locator("#price-with-fee")).to_contain_text("20,500.00")
        await page.goto("/")
        total = text("sales.with-fee", total="20,500.00")
        await expect(page.locator(f"a[href='/lots/{lot_id}'] .with-fee")).to_have_text(total)


async def test_the_terms_tell_fee_grace_latest_end_review_and_reserve(public_server, visitors):
    lot_id = lot_with_costs(public_server)
    async with visitors.page() as page:
        await page.goto(f"/lots/{lot_id}")
        await term(page, "fee", text("terms.fee-percent", n="2.5"))
        await term(page, "grace", "1 hour")
        await term(page, "hard-stop", "30 minutes")
        await term(page, "review", text("terms.review-at", amount="500,000"))
        await term(page, "reserve", text("terms.reserve-unmet"))
        await expect(page.locator("#reserve")).to_have_text(text("lot.reserve-unmet"))
        assert "10,000" not in await page.inner_text("main")

        public_server.register(lot_id, "dirk")
        public_server.bid(lot_id, "dirk", 1_000_000)
        await expect(page.locator("#reserve")).to_have_text(text("lot.reserve-met"))
        await term(page, "reserve", text("terms.reserve-met"))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_a_lot_without_fee_or_reserve_says_none(public_server, visitors, language):
    lot_id = public_server.new_lot("Without a fee")
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    async with visitors.page(language=language) as page:
        await page.goto(f"/lots/{lot_id}")
        await term(page, "fee", text("terms.none", language))
        await term(page, "reserve", text("terms.reserve-none", language))
        await expect(page.locator("#reserve")).to_be_hidden()
        await expect(page.locator("#price-with-fee")).to_be_hidden()
        assert part("sales.with-fee", language) not in await page.inner_text("main")
