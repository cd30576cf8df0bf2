"""The published record in a browser: anybody sees it, and its chain, its signature and receipts are checked there."""

import json
import re

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from auction.domain.events import BidPlaced, Closed, Event, Opened, Scheduled
from tests.browser.conftest import PHRASES, PublicServer, Visitors, register, sign_up, take_screenshot
from tests.browser.page_texts import part, text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.cli.processes import until
from tests.unit.test_published_record import KEYS, chained

ADDRESS = re.compile(r"/ledger\.jsonl$")


def is_published(server: PublicServer, lot_id: str) -> bool:
    return httpx.get(f"{server.address}/api/v1/lots/{lot_id}/ledger.jsonl", trust_env=False).status_code == 200


async def serve_lines(page: Page, change) -> None:
    """Let the page be given a record that was changed on its way."""

    async def answer(route: Route) -> None:
        found = await route.fetch()
        lines = (await found.text()).splitlines(keepends=True)
        await route.fulfill(response=found, body="".join(change(lines)))

    await page.unroute_all(behavior="wait")
    await page.route(ADDRESS, answer)


@pytest.mark.parametrize("size, language", [("desk", "en"), ("phone", "zh-CN")])
async def test_anybody_checks_the_record_of_a_lot_and_a_bidder_their_receipt(
    public_server: PublicServer, visitors: Visitors, size: str, language: str
):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 3_600_000)
    public_server.register(lot_id, "carl")
    other = public_server.bid(lot_id, "carl", 100)
    async with visitors.page(size=size, language=language) as page:
        await sign_up(page, f"record.{size}", back_to=f"/lots/{lot_id}")
        await register(page)
        await expect(page.locator("#record")).to_be_hidden()
        await page.locator("#steps button").first.click()
        await expect(page.locator("#outcome")).to_contain_text("2.00")
        public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "for the test"})
        until(lambda: is_published(public_server, lot_id), "the record is published")

        await page.click("#record-link")
        checks = page.locator("#checks")
        await expect(checks.locator("li[data-tone=good]")).to_have_count(2)
        await expect(checks).to_contain_text(part("record.signed", language))
        await expect(page.locator("#events")).to_contain_text(
            text("record.event.bid", language, paddle=2, price="2.00")
        )
        await page.click("#kept-button")
        answers = page.locator("#receipt-answers li")
        await expect(answers).to_have_count(1)
        await expect(answers).to_have_attribute("data-tone", "good")
        await expect(page.locator("#events li.marked")).to_contain_text("¥2.00")
        await take_screenshot(page, f"record-{size}-{language}")
        assert await serious_findings(page) == []
        assert not await is_wider_than_its_window(page)

        await page.fill("#receipt", other["receipt"])
        await page.click("#receipt-button")
        await expect(answers).to_contain_text("¥1.00")
        parts = other["receipt"].split(".")
        await page.fill("#receipt", ".".join([*parts[:8], "900", *parts[9:]]))
        await page.click("#receipt-button")
        await expect(answers).to_have_attribute("data-tone", "bad")
        await expect(answers).to_contain_text(text("record.receipt-fault.not-signed", language))
        await page.fill("#receipt", "R1.nothing")
        await page.click("#receipt-button")
        await expect(answers).to_contain_text(text("record.receipt-fault.malformed", language))


def changed(number: int, old: str, new: str):
    def change(lines: list[str]) -> list[str]:
        assert old in lines[number], lines[number]
        return [*lines[:number], lines[number].replace(old, new), *lines[number + 1 :]]

    return change


def forged(lines: list[str]) -> list[str]:
    """A price changed, every later head computed anew, and the end made to fit: all but the signature."""
    from auction.books.chain import GENESIS, head_with

    head, made = GENESIS, []
    for line in lines[:-1]:
        body = re.sub(r',"head":"[0-9a-f]{64}"\}\n$', "}", line).replace('"price_fen":100,', '"price_fen":150,')
        head = head_with(head, body.encode())
        made.append(f'{body[:-1]},"head":"{head.hex()}"}}\n')
    return [*made, json.dumps(json.loads(lines[-1]) | {"head": head.hex()}) + "\n"]


async def test_what_was_done_to_a_record_is_named_in_the_browser(public_server: PublicServer, visitors: Visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 3_600_000)
    public_server.register(lot_id, "carl")
    receipt = public_server.bid(lot_id, "carl", 100)["receipt"]
    async with visitors.page() as page:
        await page.goto(f"/lots/{lot_id}/record")
        await expect(page.locator("#failure")).to_have_text(text("problem.record-not-published"))
        public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "for the test"})
        until(lambda: is_published(public_server, lot_id), "the record is published")
        # scheduled, opened, admitted, the bid, the close, the end
        tamperings = [
            (changed(3, '"price_fen":100', '"price_fen":150'), text("record.fault.changed", seq=4)),
            (lambda lines: [*lines[:3], *lines[4:]], text("record.fault.missing", seq=4)),
            (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], text("record.fault.moved", seq=4)),
            (lambda lines: [*lines[:4], lines[3], *lines[4:]], text("record.fault.doubled", seq=4, first=4)),
            (lambda lines: [*lines[:4], "{}\n", *lines[4:]], text("record.fault.no-line")),
            (lambda lines: lines[:5], text("record.fault.cut")),
            (lambda lines: [*lines, lines[3]], text("record.fault.after-end", end=6)),
            (changed(5, '"events":5', '"events":6'), text("record.fault.count", said=6, found=5)),
            (changed(5, '"epoch":1', '"epoch":2'), text("record.fault.not-signed")),
            (forged, text("record.fault.not-signed")),
        ]
        for change, fault in tamperings:
            await serve_lines(page, change)
            await page.goto(f"/lots/{lot_id}/record")
            await expect(page.locator("#checks")).to_contain_text(text("record.not-whole"))
            await expect(page.locator("#checks")).to_contain_text(fault)
        await take_screenshot(page, "record-forged")
        await page.fill("#receipt", receipt)
        await page.click("#receipt-button")
        await expect(page.locator("#receipt-answers")).to_contain_text(text("record.receipt-fault.differs", seq=4))


async def test_a_record_of_20_000_events_is_paged_and_checked(public_server: PublicServer, visitors: Visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 3_600_000)
    events: list[Event] = [Scheduled("aa", 1, 9_000, 0), Opened(9_000, 0, "eve")]
    events += [BidPlaced("b", 1 + n % 90, 100 * n, f"k{n}", 100 * n, 1, 9_000) for n in range(1, 20_001)]
    events.append(Closed("sold", 2_000_000, "b", 1, "time", "", ""))
    lines = b"".join(chained(list(enumerate(events, 1))))
    async with visitors.page(size="phone") as page:
        await page.route(ADDRESS, lambda route: route.fulfill(body=lines, content_type="application/jsonl"))
        await page.route("**/auction-keys.json", lambda route: route.fulfill(json={"keys": KEYS.published()}))
        await page.goto(f"/lots/{lot_id}/record")
        await expect(page.locator("#checks")).to_contain_text(text("record.whole", count="20,003"))
        await expect(page.locator("#checks")).to_contain_text(text("record.signed", kid=KEYS.key_at(0).kid))
        await expect(page.locator("#shown")).to_have_text(
            text("record.shown", first="20,001", last="20,003", count="20,003")
        )
        await expect(page.locator("#later")).to_be_disabled()
        await page.click("#earlier")
        await expect(page.locator("#events li")).to_have_count(100)
        await page.fill("#go-to-seq", "5002")
        await page.locator("#go-to button").click()
        await expect(page.locator("#events li.marked")).to_contain_text("¥5,000.00")
        await page.locator("#events li.marked summary").click()
        await expect(page.locator("#events li.marked code")).to_contain_text('"seq":5002,')
        await take_screenshot(page, "record-long", full_page=False)


async def test_a_browser_without_ed25519_says_so_and_still_checks_the_chain(
    public_server: PublicServer, visitors: Visitors
):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 3_600_000)
    public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "for the test"})
    until(lambda: is_published(public_server, lot_id), "the record is published")
    async with visitors.page(language=next(iter(PHRASES))) as page:
        language = next(iter(PHRASES))
        await page.add_init_script("SubtleCrypto.prototype.importKey = () => Promise.reject(new Error('unknown'))")
        await page.goto(f"/lots/{lot_id}/record")
        await expect(page.locator("#checks li[data-tone=good]")).to_have_count(1)
        await expect(page.locator("#checks")).to_contain_text(text("record.cannot-verify", language))
        await expect(page.locator("#receipt-button")).to_be_disabled()
        await expect(page.locator("#no-receipts")).to_be_visible()
    async with visitors.page() as page:
        await page.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")
        await page.goto(f"/lots/{lot_id}/record")
        await expect(page.locator("#checks")).to_have_text(text("record.cannot-hash"))
        await expect(page.locator("#events li")).to_have_count(3)
