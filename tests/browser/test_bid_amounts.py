"""The amount that is sent is the amount that was seen: on a button from its press on, and in a retry after a refusal."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PublicServer, register, sign_up
from tests.browser.page_texts import text

TEN_MINUTES_MS = 600_000


async def watched_lot(server: PublicServer, page: Page, bidder: str) -> str:
    """An open lot at 20 yuan, led by carl; the page's visitor is registered, and the first button says 21."""
    lot_id = server.new_lot()
    server.open_lot(lot_id, TEN_MINUTES_MS)
    server.register(lot_id, "carl")
    server.bid(lot_id, "carl", 2_000)
    await sign_up(page, bidder, back_to=f"/lots/{lot_id}")
    await register(page)
    await expect(page.locator("#steps button").first).to_have_attribute("data-amount-fen", "2100")
    return lot_id


def amounts(server: PublicServer, lot_id: str) -> list[int]:
    return [bid["amount_fen"] for bid in server.ask("GET", f"/lots/{lot_id}/bids")["bids"]]


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
async def test_a_button_bids_what_stood_on_it_when_it_was_pressed(public_server, visitors, how):
    async with visitors.page() as page:
        lot_id = await watched_lot(public_server, page, f"press.{how}")
        button = page.locator("#steps button").first
        if how == "mouse":
            await button.hover()
            await page.mouse.down()
        else:
            await button.focus()
            await page.keyboard.down("Space")
        public_server.register(lot_id, "dirk")
        public_server.bid(lot_id, "dirk", 15_000)
        await expect(page.locator("#price-figure")).to_have_text("150.00")
        await expect(button).to_have_attribute("data-amount-fen", "2100")
        if how == "mouse":
            await page.mouse.up()
        else:
            await page.keyboard.up("Space")

        facts = {"amount": "21.00", "price_fen": "150.00", "minimum_fen": "151.00"}
        await expect(page.locator("#outcome")).to_contain_text(text("problem.bid-too-low", **facts))
        assert amounts(public_server, lot_id) == [2_000, 15_000]
        await expect(button).to_have_attribute("data-amount-fen", "15100")


async def test_a_refused_amount_is_bid_again_in_one_tap_at_what_is_accepted_now(public_server, visitors):
    async with visitors.page(size="phone") as page:
        lot_id = await watched_lot(public_server, page, "retry.rita")
        await page.fill("#own-amount", "20.50")
        await page.click("#own-bid")
        retry = page.locator("#outcome [data-retry]")
        await expect(retry).to_have_attribute("data-amount-fen", "2100")
        public_server.register(lot_id, "dirk")
        public_server.bid(lot_id, "dirk", 3_000)
        await expect(retry).to_have_attribute("data-amount-fen", "3100")
        await retry.click()
        await expect(page.locator("#leader")).to_have_text(text("lot.you-lead", paddle=2))
        await expect(retry).to_have_count(0)
        assert amounts(public_server, lot_id) == [2_000, 3_000, 3_100]


async def test_a_press_that_leaves_the_button_bids_nothing_and_shows_the_new_amount(public_server, visitors):
    async with visitors.page() as page:
        lot_id = await watched_lot(public_server, page, "leave.lena")
        button = page.locator("#steps button").first
        await button.hover()
        await page.mouse.down()
        public_server.register(lot_id, "dirk")
        public_server.bid(lot_id, "dirk", 15_000)
        await expect(page.locator("#price-figure")).to_have_text("150.00")
        await page.locator("#title").hover()
        await page.mouse.up()
        await expect(button).to_have_attribute("data-amount-fen", "15100")
        await expect(page.locator("#outcome .bad")).to_have_count(0)
        assert amounts(public_server, lot_id) == [2_000, 15_000]


async def test_three_clicks_make_one_bid(public_server, visitors):
    async with visitors.page() as page:
        lot_id = await watched_lot(public_server, page, "triple.tom")
        await page.locator("#steps button").first.click(click_count=3)
        await expect(page.locator("#outcome")).to_contain_text(text("lot.accepted", amount="21.00"))
        assert amounts(public_server, lot_id) == [2_000, 2_100]


async def test_bids_go_over_the_live_channel_and_by_http_where_it_gives_no_answer(public_server, visitors):
    async with visitors.page() as page:
        sent, requests = [], []

        def follow(socket):
            socket.on("framesent", lambda frame: sent.append(json.loads(frame)))

        page.on("websocket", follow)
        page.on("request", lambda request: requests.append(request) if request.method == "POST" else None)
        # the channel's answers to bids, and they alone, can be lost
        await page.add_init_script(
            """
            const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
            Object.defineProperty(WebSocket.prototype, "onmessage", {
              set(handler) {
                set.call(this, (said) => {
                  if (!(window.answersAreLost && said.data.startsWith('{"type":"placed"'))) handler?.(said);
                });
              },
            });
            """
        )
        lot_id = await watched_lot(public_server, page, "wire.wanda")
        await page.click("#steps button >> nth=0")
        await expect(page.locator("#leader")).to_have_text(text("lot.you-lead", paddle=2))
        assert [frame["amount_fen"] for frame in sent if frame["type"] == "place"] == [2_100]
        assert [request.url for request in requests if request.url.endswith("/bids")] == []

        public_server.bid(lot_id, "carl", 3_000)
        await expect(page.locator("#steps button").first).to_have_attribute("data-amount-fen", "3100")
        await page.evaluate("window.answersAreLost = true")
        await page.click("#steps button >> nth=0")
        await expect(page.locator("#outcome")).to_contain_text("31.00")
        await expect(page.locator("#outcome")).not_to_contain_text(text("lot.sending", amount="31.00"))
        (by_http,) = [request for request in requests if request.url.endswith("/bids")]
        (first, second) = [frame for frame in sent if frame["type"] == "place"]
        assert first["key"] != second["key"]
        assert await by_http.header_value("idempotency-key") == second["key"]
        assert amounts(public_server, lot_id) == [2_000, 2_100, 3_000, 3_100]
