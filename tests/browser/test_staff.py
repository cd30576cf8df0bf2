import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from auction import embedded
from auction.books import approvals
from auction.books.unit_of_work import Books
from auction.domain.approval_actions import ApprovalAction
from auction.presets import LANGUAGES, all_presets
from tests.browser.conftest import PASSWORD, enter_staff, sign_up, take_screenshot
from tests.browser.page_texts import part, text
from tests.browser.test_looks import LOOKS, is_wider_than_its_window, serious_findings

CLERK = "night.clerk"


def enter_clerk(folder: Path, **settings: str) -> str:
    """Have the house of these settings make a clerk's account on its command line; the user name."""
    return enter_staff(folder, CLERK, "ops", **settings)


@pytest.fixture(scope="module")
def clerk(public_server):
    """The user name of a clerk of the house."""
    folder = public_server.command.folder
    return enter_clerk(folder, AUCTION_DATA_DIR=str(folder / "var"))


async def sign_in(page: Page, username: str) -> None:
    await page.goto("/ops")
    await page.click("#gate-sign-in")
    await page.fill("#username", username)
    await page.fill("#password", PASSWORD)
    await page.click("#sign-button")
    await page.wait_for_selector("#content:not([hidden])")


async def act(page: Page, name: str, *, reason: str | None = None) -> str:
    """Choose an action, read its consequence, and do it."""
    await page.click(f"#act-{name}")
    sentence = await page.inner_text("#act-sentence")
    if reason is not None:
        await page.fill("#act-reason", reason)
    await page.click("#act-confirm")
    await page.wait_for_selector("#act:not([open])", state="attached")
    await page.wait_for_selector("#lot-outcome:not([hidden])")
    return sentence


async def test_a_clerk_runs_a_lot_from_its_preset_to_the_hammer(public_server, visitors, clerk):
    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click("#new-sale")
        await page.fill("#sale-title", "Launch of the tests")
        await page.fill("#sale-id", "staff-tests")
        await page.click("#act-confirm")

        # a contradiction is said at once, and mended
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await page.fill("#lot-title", "No. 001")
        await page.select_option("#lot-preset", "jd-flash")
        await page.fill("#term-cap_fen", "0.50")
        await expect(page.locator("#term-cap_fen-wrong")).to_have_text(
            text("ops.wrong.cap-under-start", cap_fen="0.50", start_fen="1")
        )
        await expect(page.locator("#create-lot")).to_be_disabled()
        await page.fill("#term-cap_fen", "")
        await page.fill("#term-start_price_fen", "12,00o")
        await expect(page.locator("#term-start_price_fen-wrong")).to_have_text(text("amount.form"))
        await page.fill("#term-start_price_fen", "220,00")
        await expect(page.locator("#term-start_price_fen-wrong")).to_have_text(text("amount.grouping"))
        await page.fill("#term-start_price_fen", "２")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await page.click("#create-lot")

        lot_id = "staff-tests-001"
        await expect(page.locator("#panel-title")).to_have_text("No. 001")
        # a draft is edited: what was entered is there, and only what is changed changes
        await page.click("#act-edit")
        await expect(page.locator("#term-start_price_fen")).to_have_value("2")
        await page.fill("#lot-title", "No. 001 of 100")
        await page.fill("#term-cap_fen", "90000000")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await take_screenshot(page, "edit-draft", full_page=True)
        await page.click("#create-lot")
        await expect(page.locator("#panel-title")).to_have_text("No. 001 of 100")
        assert public_server.shown(lot_id)["terms"]["cap_fen"] == 9_000_000_000
        assert public_server.shown(lot_id)["terms"]["start_price_fen"] == 200
        await page.click("#act-open")
        await page.fill("#act-duration", "20")
        await page.select_option("#act-duration-unit", "60000")
        await expect(page.locator("#act-sentence")).to_contain_text("20:00")
        await page.click("#act-confirm")
        await expect(page.locator("#lot-status")).to_have_text(text("status.open"))
        for bidder in ("staff.ann", "staff.bob"):
            public_server.register(lot_id, bidder)
        public_server.bid(lot_id, "staff.ann", 500)
        public_server.bid(lot_id, "staff.bob", 99_900)
        await expect(page.locator("#lot-price")).to_have_text("¥999.00")
        await expect(page.locator("#log li").first).to_contain_text("staff.bob")

        said = await act(page, "pause", reason="a doubt about paddle 2")
        assert "No. 001 of 100" in said
        assert "19:" in said
        await expect(page.locator("#lot-status")).to_have_text(text("status.paused"))
        said = await act(page, "void-bid", reason="typed by mistake")
        facts = {"price": "¥999", "paddle": 2, "bidder": "staff.bob", "title": "No. 001 of 100"}
        assert said == text("ops.sentence.void-leading-bid", **facts)
        await expect(page.locator("#lot-price")).to_have_text("¥5.00")
        await expect(page.locator("#log li.voided")).to_contain_text("¥999.00")
        assert public_server.shown(lot_id)["epoch"] == 2
        await act(page, "resume")
        ends_at_ms = public_server.shown(lot_id)["ends_at_ms"]
        await act(page, "extend", reason="the line was slow")
        assert public_server.shown(lot_id)["ends_at_ms"] == ends_at_ms + 300_000
        said = await act(page, "close", reason="enough")
        assert "paddle 1" in said
        await expect(page.locator("#lot-status")).to_have_text(text("status.closed"))
        await expect(page.locator("#lot-actions")).to_contain_text(text("ops.nothing-to-do"))
        sold = {"cause": text("ops.cause.staff"), "price": "5.00", "paddle": 1, "bidder": "staff.ann"}
        await expect(page.locator("#log li").first).to_contain_text(text("ops.event.closed.sold", **sold))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_presets_are_offered_in_their_order_under_their_labels_and_with_their_usual_duration(
    public_server, visitors, clerk, language
):
    draft = public_server.new_lot("A lot for a court", preset="cn-judicial")
    presets = all_presets()
    judicial = next(preset for preset in presets if preset.name == "cn-judicial")
    async with visitors.page(language=language) as page:
        await sign_in(page, clerk)
        await page.click("#new-lot")
        options = page.locator("#lot-preset option")
        await expect(options).to_have_text([preset.labels[language].name for preset in presets])
        await page.select_option("#lot-preset", judicial.name)
        await expect(page.locator("#preset-about")).to_have_text(judicial.labels[language].description)

        await page.goto(f"/ops#lot={draft}")
        await expect(page.locator("#panel")).to_contain_text(judicial.labels[language].name)
        await page.click("#act-schedule")
        opens, closes = [
            datetime.fromisoformat(await page.input_value(field)) for field in ("#act-opens", "#act-closes")
        ]
        assert closes - opens == timedelta(milliseconds=judicial.default_duration_ms)


async def test_only_what_the_status_allows_is_offered(public_server, visitors, clerk):
    lot_id = public_server.new_lot("One after the other")

    async def offered(page: Page) -> list[str]:
        return list(await page.eval_on_selector_all("#lot-actions button", "all => all.map(one => one.id.slice(4))"))

    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        assert await offered(page) == ["schedule", "open"]
        await act(page, "schedule")
        await expect(page.locator("#lot-actions button").first).to_have_id("act-reschedule")
        assert await offered(page) == ["reschedule", "open", "void"]
        public_server.open_lot(lot_id, 600_000)
        await page.wait_for_selector("#act-pause")
        assert await offered(page) == ["pause", "extend", "close", "void"]
        public_server.ask("POST", f"/ops/lots/{lot_id}/pause", {"reason": "somebody else"})
        await page.wait_for_selector("#act-resume")
        assert await offered(page) == ["resume", "extend", "close", "void-bid", "void"]
        await expect(page.locator("#act-void-bid")).to_be_disabled()
        await act(page, "void", reason="a rehearsal")
        await expect(page.locator("#lot-status")).to_have_text(text("status.void"))


async def test_a_double_click_acts_once(public_server, visitors, clerk):
    lot_id = public_server.new_lot("Twice")
    public_server.open_lot(lot_id, 600_000)
    ends_at_ms = public_server.shown(lot_id)["ends_at_ms"]
    asked = []

    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await page.click("#act-extend")
        await page.fill("#act-reason", "a slow line")
        page.on("request", lambda request: asked.append(request.url) if "/extend" in request.url else None)
        await page.dblclick("#act-confirm")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#lot-outcome:not([hidden])")

    assert len(asked) == 1
    assert public_server.shown(lot_id)["ends_at_ms"] == ends_at_ms + 300_000


async def request_act(folder: Path, lot_id: str, act: str, subject: str | None = None) -> None:
    """Have another member of staff request an act, as in a house where that needs two."""
    with embedded.joined(folder / "var") as (_, url):
        books = Books.connect(url)
        now_ms = time.time_ns() // 1_000_000
        async with books.transaction() as tx:
            await approvals.request(
                tx,
                lot_id=lot_id,
                action=ApprovalAction(act),
                reason="a typing error",
                asked_by="dora",
                asked_at_ms=now_ms,
                expires_at_ms=now_ms + 1_800_000,
                subject=subject,
            )
        await books.close()


async def test_what_another_person_has_requested_is_confirmed_or_withdrawn(public_server, visitors, clerk):
    folder = public_server.command.folder
    lot_id = public_server.new_lot("Two persons")
    public_server.open_lot(lot_id, 600_000)
    for bidder, amount_fen in (("two.ann", 100), ("two.bob", 500)):
        public_server.register(lot_id, bidder)
        public_server.bid(lot_id, bidder, amount_fen)
    public_server.ask("POST", f"/ops/lots/{lot_id}/pause", {"reason": "a doubt"})
    seq = public_server.shown(lot_id)["seq"] - 1

    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await request_act(folder, lot_id, "void-bid", f"seq={seq}")
        notice = page.locator("#pending-act")
        await expect(notice).to_contain_text("dora")
        await expect(notice).to_contain_text(text("ops.pending.act.void-bid", seq=seq))
        await expect(page.locator("#act-resume")).to_be_disabled()
        await take_screenshot(page, "two-persons", full_page=True)
        await page.click("#pending-confirm")
        await expect(page.locator("#act-sentence")).to_contain_text(
            text("ops.pending.asked", who="dora", reason="a typing error")
        )
        await page.fill("#act-reason", "seen")
        await page.click("#act-confirm")
        await expect(page.locator("#lot-price")).to_have_text("¥1.00")
        await expect(notice).to_be_hidden()
        await expect(page.locator("#act-resume")).to_be_enabled()

        await request_act(folder, lot_id, "void-lot")
        await page.click("#pending-withdraw")
        await expect(page.locator("#lot-outcome")).to_have_text(text("ops.pending.withdrawn"))
        await expect(notice).to_be_hidden()
        await expect(page.locator("#lot-status")).to_have_text(text("status.paused"))


async def test_what_follows_a_default_is_agreed_in_words_and_its_floor_follows_the_list_price(
    public_server, visitors, clerk
):
    other = public_server.new_lot("Another")

    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.wait_for_selector(f"[data-lot={other}]")
        await page.goto("/ops#new")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        floor = page.locator("#term-settlement-cascade-floor_fen")
        await expect(floor).to_have_value("44,950")
        await expect(page.locator("#preview")).to_contain_text(text("terms.runner.2"))
        await expect(page.locator("#preview")).to_contain_text(part("terms.waterfall-rest.house"))

        # another term of the settlement is changed by hand: the floor still follows
        await page.select_option("#term-settlement-waterfall", "gap,cost,commission")
        await page.select_option("#term-settlement-rest_to", "seller")
        await page.fill("#term-settlement-reauction_cost_fen", "1200")
        await page.fill("#lot-list-price", "1299")
        await expect(floor).to_have_value("649.50")
        order = (
            text("terms.waterfall.gap"),
            text("terms.waterfall.cost-of", cost="1,200"),
            text("terms.waterfall.commission"),
        )
        used = text("terms.waterfall-rest.seller", steps=text("terms.waterfall-then").join(order))
        await expect(page.locator("#preview [data-term=waterfall]")).to_have_text(used)
        await page.fill("#term-settlement-resale_window_ms", "0.5")
        await expect(page.locator("#term-settlement-resale_window_ms-wrong")).to_contain_text(
            part("ops.wrong.resale-under-payment")
        )
        await page.fill("#term-settlement-resale_window_ms", "30")

        # changed by hand it stays, and where nobody is asked it is not there
        await floor.fill("700")
        await page.fill("#lot-list-price", "1399")
        await page.fill("#lot-title", "Guarded")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await expect(floor).to_have_value("700")
        await page.select_option("#term-settlement-cascade-depth", "0")
        await expect(floor).to_be_hidden()
        await page.select_option("#term-settlement-cascade-depth", "1")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await page.click("#create-lot")
        await expect(page.locator("#panel-title")).to_have_text("Guarded")
        lot_id = page.url.partition("#lot=")[2]

    settlement = public_server.shown(lot_id)["terms"]["settlement"]
    assert (settlement["waterfall"], settlement["rest_to"]) == (["gap", "cost", "commission"], "seller")
    assert (settlement["reauction_cost_fen"], settlement["resale_window_ms"]) == (120_000, 30 * 86_400_000)
    assert (settlement["cascade"]["floor_fen"], settlement["cascade"]["depth"]) == (70_000, 1)


async def test_an_action_without_a_reason_or_too_late_is_explained_beside_it(public_server, visitors, clerk):
    lot_id = public_server.new_lot("Too late")
    public_server.open_lot(lot_id, 600_000)

    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await page.click("#act-close")
        await page.click("#act-confirm")
        await expect(page.locator("#act-reason-wrong")).to_be_visible()
        await page.fill("#act-reason", "ab")
        await page.click("#act-confirm")
        await expect(page.locator("#act-reason-wrong")).to_have_text(text("ops.mistyped.short", n=3))
        assert public_server.shown(lot_id)["status"] == "open"
        public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "somebody else"})
        await expect(page.locator("#act-wrong")).to_contain_text(text("status.closed"))
        await expect(page.locator("#act-confirm")).to_be_disabled()
        await page.keyboard.press("Escape")
        await expect(page.locator("#act")).to_be_hidden()


async def test_an_action_whose_answer_is_lost_says_so(public_server, visitors, clerk):
    lot_id = public_server.new_lot("Lost")
    public_server.open_lot(lot_id, 600_000)

    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await page.route("**/extend", lambda route: route.abort())
        await page.click("#act-extend")
        await page.fill("#act-reason", "a slow line")
        await page.click("#act-confirm")
        await expect(page.locator("#act-wrong")).to_have_text(text("ops.problem.no-connection"))
        await expect(page.locator("#act-confirm")).to_be_enabled()


async def test_the_desk_is_closed_to_visitors_and_bidders(visitors):
    async with visitors.page() as page:
        await page.goto("/ops")
        await expect(page.locator("#gate")).to_contain_text(text("ops.gate.nobody"))
        await sign_up(page, "curious.carl")
        await page.wait_for_selector("#sign-out")
        await page.goto("/ops")
        await expect(page.locator("#gate")).to_contain_text(
            text("ops.gate.role", name="Curious.Carl", role=text("ops.role.bidder"))
        )
        await expect(page.locator("#content")).to_be_hidden()


async def test_trouble_is_told_and_taken_back(public_server, visitors, clerk):
    lot_id = public_server.new_lot("In trouble")
    public_server.open_lot(lot_id, 600_000)
    health = {"ready": True, "ledger": "ok", "books": "ok", "migrations": "ok"}
    told = {**health, "archive": {"behind_ms": 42_000, "shards": 2}}

    async def tell(route: Route) -> None:
        await route.fulfill(body=json.dumps(told), content_type="application/json")

    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await page.route("**/ops/health", tell)
        await expect(page.locator("[data-trouble=archive]")).to_have_text(
            text("ops.trouble.archive", lag="00:42", shards=2)
        )
        told = {**health, "archive": None, "books": "The books do not answer."}
        await page.route("**/ops/lots", lambda route: route.fulfill(
            status=503, body=json.dumps({"code": "books-away", "detail": "away"}), content_type="application/json"
        ))  # fmt: skip
        await expect(page.locator("[data-trouble=books]")).to_be_visible()
        # running lots are still told of by the ledger
        public_server.register(lot_id, "staff.ann")
        public_server.bid(lot_id, "staff.ann", 7_700)
        await expect(page.locator("#lot-price")).to_have_text("¥77.00")
        await page.unroute("**/ops/lots")
        await page.unroute("**/ops/health")
        await expect(page.locator("#banners p")).to_have_count(0)
        await page.context.set_offline(True)
        await expect(page.locator("[data-trouble=connection]")).to_be_visible(timeout=20_000)
        await page.context.set_offline(False)
        await expect(page.locator("#banners p")).to_have_count(0, timeout=20_000)
        await page.context.clear_cookies()
        await expect(page.locator("#signed-out")).to_be_visible()


@pytest.fixture(scope="module")
def evening(public_server):
    """Lots in every status, one of them held with a story."""
    held = public_server.new_lot("首发限量版 No. 001 · First of its line", review_above_fen=100_000)
    public_server.open_lot(held, 1_200_000)
    for bidder in ("staff.ann", "staff.bob"):
        public_server.register(held, bidder)
    price = 100
    while public_server.shown(held)["status"] == "open":
        public_server.bid(held, ("staff.ann", "staff.bob")[len(str(price)) % 2], price)
        price *= 10
    running = public_server.new_lot("典藏版 No. 002", preset="guarded-flash")
    public_server.open_lot(running, 1_200_000)
    coming = public_server.new_lot("No. 003", preset="cn-judicial")
    now_ms = public_server.shown(running)["now_ms"]
    times = {"opens_at_ms": now_ms + 3_600_000, "closes_at_ms": now_ms + 7_200_000}
    public_server.ask("POST", f"/ops/lots/{coming}/schedule", times)
    public_server.new_lot("A draft", preset="ebay-proxy")
    over = public_server.new_lot("Over")
    public_server.open_lot(over, 600_000)
    public_server.ask("POST", f"/ops/lots/{over}/close", {"reason": "a rehearsal"})
    return held


@pytest.mark.parametrize("size, language, scheme", LOOKS)
async def test_the_desk_fits_and_has_no_serious_accessibility_finding(  # noqa: PLR0917 - each is a fixture
    visitors, evening, clerk, size, language, scheme
):
    findings: list[str] = []
    name = f"{size}-{language}-{scheme}"
    async with visitors.page(size=size, language=language, scheme=scheme) as page:

        async def look(what: str, *, whole: bool = True) -> None:
            await page.wait_for_timeout(300)
            await take_screenshot(page, f"ops-{what}-{name}", full_page=whole)
            findings.extend(f"{what}: {finding}" for finding in await serious_findings(page))
            if await is_wider_than_its_window(page):
                findings.append(f"{what}: wider than its window")

        await page.goto("/ops")
        await page.wait_for_selector("#gate-sign-in")
        await look("gate")
        await sign_in(page, clerk)
        await page.wait_for_selector(f"[data-lot={evening}]")
        await look("lots")
        await page.click(f"[data-lot={evening}]")
        await page.wait_for_selector("#log li")
        await look("held")
        await page.click("#act-resume")
        await look("resume", whole=False)
        await page.click("#act-back")
        await page.click("#act-void-bid")
        await page.wait_for_selector("#act-reason")
        await page.click("#act-confirm")
        await look("void-bid", whole=False)
        await page.click("#act-back")
        await page.goto("/ops#new")
        await page.wait_for_selector("#verdict[data-sound=yes]")
        await look("new-lot")
        await page.fill("#term-cap_fen", "0.50")
        await page.wait_for_selector("#term-cap_fen-wrong:not([hidden])")
        await look("contradiction", whole=False)
    assert findings == []
