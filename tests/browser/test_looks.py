"""How the pages look to those who watch and bid: they fit, and have no serious accessibility finding."""

import itertools

import pytest
from axe_core_python.async_playwright import Axe

from tests.browser.conftest import PHRASES, SIZES, register, sign_up, take_screenshot

SCHEMES = ("light", "dark")
# every combination in the slow lane; in `make test` each size, language and scheme once
LOOKS = [
    pytest.param(*look, marks=() if index in {1, 6} else pytest.mark.slow)
    for index, look in enumerate(itertools.product(SIZES, PHRASES, SCHEMES))
]
SERIOUS = {"serious", "critical"}


async def serious_findings(page) -> list[str]:
    found = await Axe().run(page)
    return [
        f"{finding['id']}: {finding['help']} ({finding['nodes'][0]['html'][:120]})"
        for finding in found["violations"]
        if finding["impact"] in SERIOUS
    ]


async def is_wider_than_its_window(page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.fixture(scope="module")
def night(public_server):
    """A lot with a story: thirty bids along a steep path."""
    lot_id = public_server.new_lot("首发限量版 No. 001 · First of its line")
    public_server.open_lot(lot_id, 10 * 60_000)
    for bidder in ("carl", "dirk"):
        public_server.register(lot_id, bidder)
    price = 100
    for number in range(30):
        public_server.bid(lot_id, ("carl", "dirk")[number % 2], price)
        price = price * 8 // 500 * 100 + 100 * (number + 2)
    coming = public_server.new_lot("典藏版 No. 002", preset="guarded-flash")
    now_ms = public_server.shown(lot_id)["now_ms"]
    public_server.ask(
        "POST", f"/ops/lots/{coming}/schedule", {"opens_at_ms": now_ms + 3_600_000, "closes_at_ms": now_ms + 7_200_000}
    )
    return lot_id


@pytest.mark.parametrize("size, language, scheme", LOOKS)
async def test_every_page_fits_and_has_no_serious_accessibility_finding(  # noqa: PLR0917 - each is a fixture
    public_server, visitors, night, size, language, scheme
):
    findings: list[str] = []
    name = f"{size}-{language}-{scheme}"
    async with visitors.page(size=size, language=language, scheme=scheme) as page:

        async def look(what: str) -> None:
            await page.wait_for_load_state("networkidle")
            await take_screenshot(page, f"{what}-{name}")
            findings.extend(f"{what}: {finding}" for finding in await serious_findings(page))
            if await is_wider_than_its_window(page):
                findings.append(f"{what}: wider than its window")

        await page.goto("/")
        await page.wait_for_selector(".lot-card")
        await look("sales")
        await page.goto(f"/lots/{night}")
        await page.wait_for_selector("#bids li")
        await look("lot-visitor")
        await page.goto("/sign-up")
        await look("sign-up")
        await sign_up(page, f"look.{name}".lower(), back_to=f"/lots/{night}")
        await page.wait_for_selector("#register")
        await look("lot-registration")
        await register(page)
        await page.click("#steps button >> nth=2")
        await page.wait_for_selector("#outcome .good")
        await look("lot-leading")
        public_server.bid(night, "carl", public_server.shown(night)["minimum_fen"] + 100_000)
        await page.wait_for_selector("#standing[data-leading=outbid]")
        await look("lot-outbid")
    assert findings == []
