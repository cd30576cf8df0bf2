"""What a bid needs on a phone stays in reach, nothing moves under a finger, and a page without a network says so."""

from typing import Any

from playwright.async_api import Page, Route, expect

from auction.services.identity.tokens import Role
from tests.browser.conftest import PublicServer, register, sign_up, take_screenshot
from tests.browser.page_texts import part, text

TEN_MINUTES_MS = 600_000
WINDOWS = {"390x844": (390, 844), "360x640": (360, 640), "844x390": (844, 390)}
LADDER: dict[str, Any] = {
    "deposit": {
        "policy": "ladder",
        "bands": [
            {"deposit_fen": 100_000, "limit_fen": 6_000_000_000},
            {"deposit_fen": 500_000, "limit_fen": None},
        ],
    }
}
IN_REACH = (
    "#bar-price",
    "#bar-time",
    "#standing",
    "#outcome .notice",
    *(f"#steps button:nth-child({n})" for n in (1, 2, 3)),
)

# of each selector: whether all of it is in the window and nothing else lies over its middle
REACHABLE = """(selectors) => selectors.filter((selector) => {
  const place = document.querySelector(selector);
  const box = place.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const inside = box.width > 0 && box.x >= 0 && box.y >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
  return !(inside && (place.contains(top) || top?.contains(place)));
})"""
OUTSIDE = """() => [...document.querySelectorAll(".card, .bid-bar, .steps .button")].flatMap((card) => {
  const { left, right } = card.getBoundingClientRect();
  return [...card.querySelectorAll("*")].filter((one) => {
    const box = one.getBoundingClientRect();
    // the bar lies over the card that it belongs to
    const isElsewhere = one.closest(".bid-bar") && !card.closest(".bid-bar");
    return box.width > 1 && !isElsewhere && !one.closest(".unseen, svg") && (box.right > right + 1 || box.left < left - 1);
  }).map((one) => `${one.tagName}#${one.id}.${one.className}: ${one.textContent}`.slice(0, 90));
})"""

# what holds more than fits into it
WIDER = """() => [...document.querySelectorAll("html, main, .card, .stage, .bids, .bid-bar, .bar-facts, .steps")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${one.tagName}#${one.id}.${one.className}`)"""


async def outbid_on_a_ladder_lot(server: PublicServer, page: Page, bidder: str, language: str = "en") -> None:
    """A lot at 54,949,924 yuan on which the page's visitor has bid and been outbid by carl."""
    lot_id = server.new_lot("首发限量版 No. 001 · First of its line", **LADDER)
    server.open_lot(lot_id, TEN_MINUTES_MS)
    await sign_up(page, bidder, back_to=f"/lots/{lot_id}")
    await register(page)
    await page.locator("#steps button").first.click()
    await expect(page.locator("#outcome")).to_contain_text(part("lot.accepted", language))
    server.ask(
        "POST",
        f"/lots/{lot_id}/registrations",
        {"accept_terms": True, "deposit_fen": 500_000},
        who="carl",
        role=Role.BIDDER,
    )
    server.bid(lot_id, "carl", 5_494_992_400)
    await expect(page.locator("#standing")).to_have_attribute("data-leading", "outbid")


async def test_price_time_standing_result_and_buttons_are_in_reach_at_every_scroll(public_server, visitors):
    missing = {}
    for language, scheme in (("en", "light"), ("zh-CN", "dark")):
        async with visitors.page(language=language, scheme=scheme) as page:
            await page.set_viewport_size({"width": 390, "height": 844})
            await outbid_on_a_ladder_lot(public_server, page, f"reach.{scheme}", language)
            for name, (width, height) in WINDOWS.items():
                await page.set_viewport_size({"width": width, "height": height})
                for part_of_page in (0, 0.5, 1):
                    await page.evaluate("part => scrollTo(0, part * document.body.scrollHeight)", part_of_page)
                    await take_screenshot(page, f"bar-{name}-{language}-{scheme}-{part_of_page}", full_page=False)
                    if out := await page.evaluate(REACHABLE, IN_REACH):
                        missing[name, language, part_of_page] = out
                await take_screenshot(page, f"bar-{name}-{language}-{scheme}-whole")
                header = await page.locator(".page-header").bounding_box()
                assert header is not None
                assert header["height"] < 64, (name, header)
                assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), name
            await page.set_viewport_size({"width": 1280, "height": 800})
            await page.evaluate("scrollTo(0, 0)")
            await take_screenshot(page, f"bar-1280x800-{language}-{scheme}", full_page=False)
    assert missing == {}


async def test_text_of_twice_the_size_stays_inside_its_card(public_server, visitors):
    async with visitors.page(size="phone") as page:
        await outbid_on_a_ladder_lot(public_server, page, "large.lena")
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        await take_screenshot(page, "twice-the-size")
        assert await page.evaluate(OUTSIDE) == []
        assert await page.evaluate(WIDER) == []


async def test_an_extension_is_told_without_moving_anything(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 2 * 60_000)
    public_server.register(lot_id, "carl")
    public_server.register(lot_id, "dirk")
    async with visitors.page(size="phone") as page:
        await page.goto(f"/lots/{lot_id}")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        before = await page.locator("#bidding").bounding_box()
        public_server.bid(lot_id, "carl", 100)
        await expect(page.locator("#extended")).to_be_visible()
        assert await page.locator("#bidding").bounding_box() == before


async def test_a_page_without_a_network_stops_bidding_says_why_and_reads_the_lot_anew(public_server, visitors):
    async with visitors.page(size="phone") as page:
        lot_id = public_server.new_lot()
        public_server.open_lot(lot_id, TEN_MINUTES_MS)
        await sign_up(page, "off.olga", back_to=f"/lots/{lot_id}")
        await register(page)
        await page.locator("#steps button").first.click()
        await expect(page.locator("#standing")).to_have_attribute("data-leading", "yes")
        await page.context.set_offline(True)
        await expect(page.locator("#connection")).to_be_visible()
        await expect(page.locator("#own-hint")).to_have_text(text("lot.offline-wait"))
        for button in await page.locator("#steps button, #own-bid").all():
            await expect(button).to_have_attribute("aria-disabled", "true")
        public_server.register(lot_id, "carl")
        public_server.bid(lot_id, "carl", 5_000)
        await page.context.set_offline(False)
        await expect(page.locator("#price-figure")).to_have_text("50.00")
        await expect(page.locator("#standing")).to_have_attribute("data-leading", "outbid")
        await expect(page.locator("#steps button").first).to_be_enabled()


async def test_a_bid_by_keyboard_leaves_the_focus_where_it_was(public_server, visitors):
    async with visitors.page() as page:
        lot_id = public_server.new_lot()
        public_server.open_lot(lot_id, TEN_MINUTES_MS)
        await sign_up(page, "keys.kim", back_to=f"/lots/{lot_id}")
        await register(page)
        button = page.locator("#steps button").nth(1)
        await button.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#outcome")).to_contain_text(part("lot.accepted"))
        await expect(page.locator("#standing")).to_have_attribute("data-leading", "yes")
        await expect(button).to_be_focused()
        public_server.register(lot_id, "carl")
        public_server.bid(lot_id, "carl", 5_000)
        await expect(page.locator("#outcome")).to_contain_text(part("lot.accepted-overtaken"))
        await page.keyboard.press("Enter")
        await expect(page.locator("#standing")).to_have_attribute("data-leading", "yes")
        await expect(button).to_be_focused()


async def test_a_bid_that_comes_while_the_list_is_fetched_stays_in_it(public_server, visitors):
    async with visitors.page() as page:
        lot_id = public_server.new_lot()
        public_server.open_lot(lot_id, TEN_MINUTES_MS)
        for bidder in ("carl", "dirk"):
            public_server.register(lot_id, bidder)
        public_server.bid(lot_id, "carl", 100)
        fetched = 0

        async def answer_late(route: Route) -> None:
            """The list as it was before the bid that is made once it is asked for."""
            nonlocal fetched
            fetched += 1
            answer = await route.fetch()
            if fetched == 2:
                public_server.bid(lot_id, "dirk", 5_000)
                await expect(page.locator("#price-figure")).to_have_text("50.00")
            await route.fulfill(response=answer)

        await page.route(f"**/lots/{lot_id}/bids?*", answer_late)
        await page.goto(f"/lots/{lot_id}")
        await expect(page.locator("#bids li")).to_have_count(2)
        assert fetched == 2
