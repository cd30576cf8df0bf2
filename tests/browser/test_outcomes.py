"""What the end of a lot says to each of those who look: on the lot page as it happens and after a reload, on the sales
page, and on a bidder's own page."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PublicServer, sign_up
from tests.browser.page_texts import text
from tests.browser.test_money import as_bidder, as_finance, award_of, subject_of, terms, until_state

TEN_MINUTES_MS = 600_000
ASKED = {"depth": 1, "price": "own_bid", "floor_percent": 0, "offer_window_ms": TEN_MINUTES_MS}


def contested_lot(server: PublicServer, title: str, bids: list[tuple[str, int]], **more: Any) -> str:
    """An open lot with these bids, the last one leading."""
    lot_id = server.new_lot(title, **terms(cascade=ASKED), **more)
    server.open_lot(lot_id, TEN_MINUTES_MS)
    for bidder, amount_fen in bids:
        server.register(lot_id, bidder)
        server.bid(lot_id, bidder, amount_fen)
    return lot_id


def close(server: PublicServer, lot_id: str) -> None:
    server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "the end of the test"})


async def says(page: Page, viewer: str, stage: str, *texts: str, action: str | None = None) -> None:
    """The lot page says this to who looks, as it is and after a reload; it leads on where there is something to do."""
    note = page.locator("#state-note")
    for again in (False, True):
        if again:
            await page.reload()
        await expect(note).to_have_attribute("data-viewer", viewer)
        await expect(note).to_have_attribute("data-stage", stage)
        for said in texts:
            await expect(note).to_contain_text(said)
        await expect(page.locator("#standing")).to_be_hidden()
        if action is None:
            await expect(page.locator("#to-me")).to_have_count(0)
        else:
            await expect(page.locator("#to-me")).to_have_attribute("data-action", action)


async def card_says(page: Page, lot_id: str, viewer: str, stage: str) -> None:
    """The sales page says the same of it, in short."""
    await page.goto("/")
    foot = page.locator(f"a[href='/lots/{lot_id}'] .foot")
    await expect(foot).to_have_attribute("data-viewer", viewer)
    await expect(foot).to_have_attribute("data-stage", stage)


async def test_below_the_reserve_nobody_is_told_to_have_won(public_server, visitors):
    async with visitors.page() as ann, visitors.page(size="phone") as bob, visitors.page() as watcher:
        await sign_up(ann, "unmet.ann")
        await sign_up(bob, "unmet.bob")
        bids = [(await subject_of(bob), 100_000), (await subject_of(ann), 200_000)]
        lot_id = contested_lot(public_server, "Below the reserve", bids, reserve_fen=900_000)
        for page in (ann, bob, watcher):
            await page.goto(f"/lots/{lot_id}")
            await expect(page.locator("#reserve")).to_have_text(text("lot.reserve-unmet"))
            await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        await expect(ann.locator("#leader")).to_have_text(text("lot.you-lead", paddle=2))
        close(public_server, lot_id)

        await says(
            ann, "highest-bidder", "reserve-unmet", text("outcome.highest-bidder"), text("outcome.deposit.released")
        )
        lost = (text("outcome.not-won"), text("outcome.lot.reserve-unmet"), text("outcome.deposit.released"))
        await says(bob, "bidder", "reserve-unmet", *lost)
        await says(watcher, "watcher", "reserve-unmet", text("outcome.lot.reserve-unmet"))
        await expect(watcher.locator("#price-label")).to_have_text(text("lot.highest-bid"))
        await card_says(ann, lot_id, "highest-bidder", "reserve-unmet")
        await card_says(watcher, lot_id, "watcher", "reserve-unmet")
        await ann.goto("/me")
        await expect(ann.locator("#registrations .badge")).to_have_text(text("outcome.badge.not-sold"))
        await expect(ann.locator("#no-awards")).to_be_visible()


async def test_a_refusal_an_offer_and_its_acceptance_reach_winner_runner_up_loser_and_watcher(public_server, visitors):
    async with (
        visitors.page() as winner,
        visitors.page(size="phone") as second,
        visitors.page() as third,
        visitors.page() as watcher,
    ):
        names = {"chain.win": winner, "chain.second": second, "chain.third": third}
        subjects = {}
        for name, page in names.items():
            await sign_up(page, name)
            subjects[name] = await subject_of(page)
        ranked = [("chain.third", 100_000), ("chain.second", 300_000), ("chain.win", 600_000)]
        lot_id = contested_lot(public_server, "Passed on", [(subjects[name], fen) for name, fen in ranked])
        for page in (winner, second, third, watcher):
            await page.goto(f"/lots/{lot_id}")
            await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        close(public_server, lot_id)
        await says(winner, "buyer", "awarded", text("outcome.buyer"), text("outcome.your-award.awarded"), action="pay")
        sold = text("outcome.lot.awarded", paddle=3, price="6,000.00")
        await says(watcher, "watcher", "awarded", sold)
        await says(second, "bidder", "awarded", text("outcome.not-won"), sold, text("outcome.deposit.kept"))
        await says(third, "bidder", "awarded", text("outcome.not-won"), sold, text("outcome.deposit.released"))

        award = award_of(public_server, subjects["chain.win"], lot_id)["award_id"]
        as_bidder(public_server, subjects["chain.win"], "POST", f"/me/awards/{award}/refuse", {})
        await says(winner, "defaulter", "offered", text("outcome.defaulter"), text("outcome.deposit.forfeited"))
        await says(second, "offered", "offered", text("outcome.offered-to-you"), action="answer")
        await says(third, "bidder", "offered", text("outcome.not-won"), text("outcome.lot.offered"))
        await says(watcher, "watcher", "offered", text("outcome.lot.offered"))

        await second.click("#to-me")
        await second.click("[data-offer] [data-act=accept]")
        await second.click("#act-confirm")
        await expect(second.locator("[data-award]")).to_have_attribute("data-status", "due")
        await second.goto(f"/lots/{lot_id}")
        mine = (text("outcome.runner-up-buyer"), text("outcome.your-award.awarded"))
        await says(second, "runner-up-buyer", "awarded", *mine, action="pay")
        await says(winner, "defaulter", "awarded", text("outcome.defaulter"))
        resold = text("outcome.lot.awarded", paddle=2, price="3,000.00")
        await says(watcher, "watcher", "awarded", resold)
        await says(third, "bidder", "awarded", text("outcome.not-won"), resold)
        await card_says(second, lot_id, "runner-up-buyer", "awarded")
        await card_says(winner, lot_id, "defaulter", "awarded")
        await winner.goto("/me")
        await expect(winner.locator("#registrations .badge")).to_have_text(text("outcome.badge.not-paid"))


@pytest.mark.parametrize("when", ["before the end", "after a default"])
async def test_a_void_lot_says_so_to_everybody(public_server, visitors, when):
    async with visitors.page() as winner, visitors.page() as watcher:
        await sign_up(winner, f"void.{when.split()[0]}")
        subject = await subject_of(winner)
        lot_id = contested_lot(public_server, f"Void {when}", [("void.other", 100_000), (subject, 200_000)])
        for page in (winner, watcher):
            await page.goto(f"/lots/{lot_id}")
            await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        if when == "before the end":
            public_server.ask("POST", f"/ops/lots/{lot_id}/void", {"reason": "a wrong description"})
        else:
            close(public_server, lot_id)
            await says(winner, "buyer", "awarded", text("outcome.buyer"), action="pay")
            award = award_of(public_server, subject, lot_id)["award_id"]
            as_bidder(public_server, subject, "POST", f"/me/awards/{award}/refuse", {})
            await says(winner, "defaulter", "offered", text("outcome.defaulter"))
            void = f"/ops/settlements/{lot_id}/void"
            requested = as_finance(public_server, "mina", "POST", void, {"reason": "a mistake"})
            (waiting,) = requested["settlement"]["approvals"]
            agreed = {"reason": "a mistake", "pending_id": waiting["pending_id"]}
            as_finance(public_server, "milo", "POST", void, agreed)
            until_state(public_server, lot_id, "void")
        await says(winner, "bidder", "void", text("outcome.lot.void"))
        await says(watcher, "watcher", "void", text("outcome.lot.void"))
        await expect(watcher.locator("#status")).to_have_attribute("data-status", "void")
        await card_says(winner, lot_id, "bidder", "void")


async def test_a_lot_without_a_bid_was_won_by_nobody(public_server, visitors):
    lot_id = contested_lot(public_server, "No bid", [])
    async with visitors.page(language="zh-CN") as watcher:
        await watcher.goto(f"/lots/{lot_id}")
        await expect(watcher.locator("#connection")).to_have_attribute("data-state", "live")
        close(public_server, lot_id)
        await says(watcher, "watcher", "no-bids", text("outcome.lot.no-bids", "zh-CN"))
        await card_says(watcher, lot_id, "watcher", "no-bids")
