"""What a page loads, as a real browser sees it: one language, nothing from elsewhere, nothing its own policy refuses."""

import re
from itertools import product
from urllib.parse import urlsplit

from playwright.async_api import Page, Request, expect

from tests.browser.conftest import PHRASES, take_screenshot
from tests.browser.page_texts import text

LOT_PAGE_BYTES_MAX = 100_000
"""Of a first visit, over the wire: some seconds on a slow phone's network."""
BYTES_RECEIVED = """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
  .reduce((sum, entry) => sum + entry.transferSize, 0)"""
SHIFTS = """() => new Promise((resolve) => {
  const shifts = [];
  const isOfList = ({ node }) => node?.closest?.("#bids");
  new PerformanceObserver((seen) => shifts.push(...seen.getEntries()
      .filter((entry) => !entry.sources.every(isOfList))
      .map((entry) => [entry.value, entry.sources.map(({ node }) => node?.id || node?.nodeName)])))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(shifts), 200);
})"""
"""What moved on the page, and by how much; a new bid moves those below it in the list of bids."""
PATHS = (
    "/",
    "/sign-in",
    "/sign-up",
    "/me",
    "/ops",
    "/ops/settlements",
    "/ops/audit",
    "/lots/none-such",
    "/lots/none-such/record",
)


class Loaded:
    """The addresses a page asked for, and those that were refused, by the browser or by whoever was asked."""

    def __init__(self, page: Page) -> None:
        self.addresses: list[str] = []
        self.refused: list[str] = []
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("requestfailed", self._fail)
        page.on("response", lambda answer: self._answer(answer.url, answer.status))

    def hosts(self) -> set[str]:
        return {urlsplit(address).netloc for address in self.addresses if not address.startswith("data:")}

    def texts(self) -> set[str]:
        return {
            urlsplit(address).path.removeprefix("/static/i18n/").partition("/")[0].removesuffix(".js")
            for address in self.addresses
            if "/static/i18n/" in address
        }

    def _fail(self, request: Request) -> None:
        # a page that is left no longer waits for what it asked the API
        if "/api/" not in request.url or request.failure != "net::ERR_ABORTED":
            self.refused.append(f"{request.url}: {request.failure}")

    def _answer(self, address: str, status: int) -> None:
        if status >= 400 and "/api/" not in address:
            self.refused.append(f"{address}: {status}")


async def test_a_page_fetches_the_texts_of_its_language_alone_and_of_the_other_once_it_is_switched(visitors):
    for language, other in (("en", "zh-CN"), ("zh-CN", "en")):
        async with visitors.page(language=language) as page:
            before = Loaded(page)
            await page.goto("/")
            await expect(page.locator("#sign-in")).to_be_visible()
            assert before.texts() == {language}

            after = Loaded(page)
            await page.click("#language")
            await page.wait_for_selector(f"html[lang='{other}'] #sign-in")
            assert after.texts() == {other}


async def test_a_page_loads_from_its_own_server_alone_and_nothing_it_names_is_missing(visitors):
    async with visitors.page() as page:
        for path in PATHS:
            loaded = Loaded(page)
            await page.goto(path)
            await expect(page.locator("#sign-in")).to_be_visible()
            assert (path, loaded.refused) == (path, [])
            assert (path, loaded.hosts()) == (path, {urlsplit(page.url).netloc})
            assert (path, await page.locator("[data-i18n]:empty").count()) == (path, 0)


async def test_an_unknown_page_is_said_in_the_language_of_the_visitor_and_leads_back(visitors):
    for language, size in product(PHRASES, ("phone", "desk")):
        async with visitors.page(language=language, size=size) as page:
            answer = await page.goto("/no/such/page")
            assert answer is not None
            assert answer.status == 404
            await expect(page.locator("h1")).to_have_text(text("not-found.title", language))
            await take_screenshot(page, f"not-found-{size}-{language}")
            await page.click("#to-sales")
            await expect(page).to_have_url(re.compile(r"//[^/]+/$"))


async def test_the_documentation_of_the_api_needs_nothing_from_elsewhere(visitors):
    async with visitors.page() as page:
        loaded = Loaded(page)
        await page.goto("/docs")
        description = await (await page.request.get("/openapi.json")).json()
        operations = sum(len(path) for path in description["paths"].values())
        await expect(page.locator(".opblock")).to_have_count(operations)
        assert loaded.refused == []
        assert loaded.hosts() == {urlsplit(page.url).netloc}

        # and what is tried out there is answered
        health = page.locator(".opblock", has_text="/healthz")
        await health.locator(".opblock-summary-control").click()
        await health.get_by_role("button", name="Try it out").click()
        await health.get_by_role("button", name="Execute").click()
        await expect(health.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
        assert loaded.refused == []


async def test_the_first_visit_to_a_lot_is_small_and_nothing_jumps_while_others_bid(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 600_000)
    for bidder in ("carl", "dana"):
        public_server.register(lot_id, bidder)
    public_server.bid(lot_id, "carl", 100)
    for size in ("phone", "desk"):
        async with visitors.page(size=size) as page:
            await page.goto(f"/lots/{lot_id}")
            await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
            assert await page.evaluate(BYTES_RECEIVED) <= LOT_PAGE_BYTES_MAX, size
            for bidder in ("dana", "carl"):
                amount_fen = public_server.ask("GET", f"/lots/{lot_id}")["price_fen"] + 100
                public_server.bid(lot_id, bidder, amount_fen)
                await expect(page.locator("#price-figure")).to_have_text(f"{amount_fen / 100:.2f}")
            assert (size, await page.evaluate(SHIFTS)) == (size, [])
