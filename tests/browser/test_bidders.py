import os
import signal

from playwright.async_api import expect

from tests.browser.conftest import register, sign_up
from tests.browser.page_texts import part, text

MINUTE_MS = 60_000


async def test_a_bidder_bids_is_outbid_loses_the_connection_comes_back_and_sees_the_close(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 10 * MINUTE_MS)
    async with visitors.page() as ann, visitors.page(size="phone") as bob:
        await sign_up(ann, "ann.one", back_to=f"/lots/{lot_id}")
        await sign_up(bob, "bob.one", back_to=f"/lots/{lot_id}")
        await expect(ann.locator("#standing")).to_be_hidden()
        await register(ann)
        await register(bob)

        await ann.click("#steps button >> nth=0")
        await expect(ann.locator("#outcome")).to_contain_text(text("lot.accepted", amount="1.00"))
        await expect(ann.locator("#leader")).to_have_text(text("lot.you-lead", paddle=1))
        await expect(bob.locator("#price-figure")).to_have_text("1.00")
        await expect(bob.locator("#leader")).to_have_text(text("lot.leads", paddle=1))

        await bob.fill("#own-amount", "8")
        await bob.click("#own-bid")
        await expect(bob.locator("#leader")).to_have_text(text("lot.you-lead", paddle=2))
        await expect(ann.locator("#price-figure")).to_have_text("8.00")
        await expect(ann.locator("#standing")).to_contain_text(text("lot.outbid", paddle=2))
        await expect(ann.locator("#outcome")).to_contain_text(part("lot.accepted-overtaken"))
        title = await ann.locator("#title").text_content()
        await expect(ann).to_have_title(text("lot.tab-outbid", price="8.00", title=title))
        await expect(bob).to_have_title(text("lot.tab-leading", price="8.00", title=title))
        await expect(ann.locator("link[rel=icon]")).to_have_attribute("href", "/static/icon-outbid.svg")
        await ann.check("#alerts-on")
        await ann.reload()
        await expect(ann.locator("#alerts-on")).to_be_checked()
        await expect(ann.locator("#standing")).to_contain_text(text("lot.outbid", paddle=2))
        await expect(ann.locator("#bids li")).to_have_count(2)

        os.kill(public_server.command.started()["live 1"][-1], signal.SIGKILL)
        await expect(ann.locator("#connection")).to_be_visible()
        await expect(ann.locator("#own-bid")).to_be_disabled()
        await expect(ann.locator("#connection")).to_be_hidden()
        await ann.fill("#own-amount", "9")
        await ann.click("#own-bid")
        await expect(bob.locator("#price-figure")).to_have_text("9.00")
        await expect(bob.locator("#bids li")).to_have_count(3)

        public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "end of the test"})
        await expect(ann.locator("#status")).to_have_attribute("data-status", "closed")
        await expect(ann.locator("#leader")).to_have_text(text("outcome.title.won"))
        await expect(ann.locator("#standing")).to_be_hidden()
        await expect(bob.locator("#state-note")).to_have_attribute("data-viewer", "bidder")
        await expect(bob.locator("#state-note")).to_contain_text(text("outcome.not-won"))
        await expect(bob.locator("#bid-form")).to_be_hidden()


async def test_a_late_bid_shows_the_extension_to_everyone(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 2 * MINUTE_MS)
    public_server.register(lot_id, "carl")
    async with visitors.page() as watcher:
        await watcher.goto(f"/lots/{lot_id}")
        await expect(watcher.locator("#connection")).to_have_attribute("data-state", "live")
        public_server.bid(lot_id, "carl", 100)
        await expect(watcher.locator("#extended")).to_be_visible()
        await expect(watcher.locator("#time-left")).to_contain_text("04:5")


async def test_a_refusal_says_why_and_what_would_be_accepted(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 10 * MINUTE_MS)
    public_server.register(lot_id, "carl")
    async with visitors.page() as page:
        await sign_up(page, "dora", back_to=f"/lots/{lot_id}")
        await register(page)
        public_server.bid(lot_id, "carl", 500_000)
        await expect(page.locator("#price-figure")).to_have_text("5,000.00")
        await page.fill("#own-amount", "4,000")
        await page.click("#own-bid")
        facts = {"amount": "4,000.00", "price_fen": "5,000.00", "minimum_fen": "5,001.00"}
        await expect(page.locator("#outcome")).to_contain_text(text("problem.bid-too-low", **facts))
        await page.fill("#own-amount", "much")
        await page.click("#own-bid")
        await expect(page.locator("#own-wrong")).to_have_text(text("amount.form"))
        await page.fill("#own-amount", "６０，００")
        await page.click("#own-bid")
        await expect(page.locator("#own-wrong")).to_have_text(text("amount.grouping"))
        await page.fill("#own-amount", "６，０００")
        await page.click("#own-bid")
        await expect(page.locator("#price-figure")).to_have_text("6,000.00")


async def test_a_jump_above_ten_times_the_price_is_asked_twice(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 10 * MINUTE_MS)
    async with visitors.page() as page:
        await sign_up(page, "emma", back_to=f"/lots/{lot_id}")
        await register(page)
        await page.fill("#own-amount", "78193399")
        await page.click("#own-bid")
        asked = text("lot.confirm-text", amount="78,193,399.00", price="1.00")
        await expect(page.locator("#confirm-text")).to_have_text(asked)
        await page.click("#confirm button[value=no]")
        assert public_server.shown(lot_id)["bids"] == 0
        await page.click("#own-bid")
        await page.click("#confirm-yes")
        await expect(page.locator("#price-figure")).to_have_text("78,193,399.00")


async def test_a_voided_bid_takes_the_price_back_and_a_pause_cannot_be_mistaken(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 10 * MINUTE_MS)
    for bidder in ("carl", "dirk"):
        public_server.register(lot_id, bidder)
    public_server.bid(lot_id, "carl", 100)
    wrong = public_server.bid(lot_id, "dirk", 9_999_900)
    async with visitors.page(language="zh-CN") as page:
        await page.goto(f"/lots/{lot_id}")
        await expect(page.locator("#price-figure")).to_have_text("99,999.00")
        public_server.ask("POST", f"/ops/lots/{lot_id}/pause", {"reason": "a bid in question"})
        await expect(page.locator("#status")).to_have_text(text("status.paused", "zh-CN"))
        await expect(page.locator("#state-note")).to_have_text(text("lot.note.paused", "zh-CN"))
        public_server.ask("POST", f"/ops/lots/{lot_id}/bids/{wrong['seq']}/void", {"reason": "typed by mistake"})
        await expect(page.locator("#price-figure")).to_have_text("1.00")
        await expect(page.locator(f"#bids li[data-seq='{wrong['seq']}']")).to_have_class("voided")


async def test_a_wrong_password_is_said_and_a_taken_name_too(public_server, visitors):
    async with visitors.page() as page:
        await sign_up(page, "frank")
        await expect(page.locator(".who")).to_have_text("Frank")
        await page.click("#sign-out")
        await expect(page.locator("#sign-in")).to_be_visible()
        await page.goto("/sign-in")
        await page.fill("#username", "frank")
        await page.fill("#password", "something else")
        await page.click("#sign-button")
        await expect(page.locator("#failure")).to_have_text(text("problem.credentials-wrong"))
        await page.goto("/sign-up")
        await page.fill("#username", "Frank")
        await page.fill("#name", "Frank")
        await page.fill("#password", "something else")
        await page.click("#sign-button")
        await expect(page.locator("#failure")).to_have_text(text("problem.username-taken"))
        await page.fill("#password", "short")
        await page.click("#sign-button")
        await expect(page.locator("#failure")).to_have_text(text("sign.short-password"))


async def test_an_unknown_lot_and_a_sale_without_lots_are_said_in_words(public_server, visitors):
    async with visitors.page() as page:
        await page.goto("/lots/nothing-001")
        await expect(page.locator("#failure")).to_contain_text(text("lot.unknown"))
        await page.goto("/?sale=nothing")
        await expect(page.locator("#sales")).to_contain_text(text("sales.none"))
