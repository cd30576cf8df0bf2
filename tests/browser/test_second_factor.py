"""Staff set up an authenticator at their first sign-in, and the second person agrees with a fresh code of their own."""

import time
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect
from pyotp import TOTP

from auction.services.authenticator_codes import STEP_S
from auction.services.identity.second_factor import RECOVERY_CODES
from auction.services.identity.tokens import TokenKeys
from tests.browser.conftest import CHROMIUM, PASSWORD, PublicServer, enter_staff, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.cli.processes import SECRET, free_port, served

WIDTHS = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 800}}


@pytest.fixture(scope="session")
def public_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublicServer]:
    """A house with second factors, where acts on lots need two persons."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium-headless-shell)")
    port = free_port()
    folder = tmp_path_factory.mktemp("house-with-codes")
    with served(folder, port, AUCTION_SECOND_FACTOR="1", AUCTION_TWO_PERSONS="1") as command:
        yield PublicServer(f"http://127.0.0.1:{port}", command, TokenKeys(SECRET))


def enter(server: PublicServer, username: str) -> str:
    folder = server.command.folder
    return enter_staff(folder, username, "ops", AUCTION_DATA_DIR=str(folder / "var"))


async def send_password(page: Page, username: str) -> None:
    await page.goto("/sign-in?next=/ops")
    await page.fill("#username", username)
    await page.fill("#password", PASSWORD)
    await page.click("#sign-button")


async def set_up(page: Page, username: str) -> tuple[str, list[str]]:
    """Sign in for the first time: the secret and the recovery codes."""
    await send_password(page, username)
    await page.wait_for_selector("#setup-form:not([hidden])")
    secret = (await page.inner_text("#secret")).replace(" ", "")
    await page.fill("#first-code", TOTP(secret).now())
    await page.click("#setup-button")
    await page.wait_for_selector("#recovery:not([hidden])")
    return secret, await page.locator("#recovery-codes li").all_inner_texts()


async def enter_page(page: Page) -> None:
    await page.click("#recovery-saved")
    await page.wait_for_selector("#content:not([hidden])")


async def test_a_first_sign_in_sets_up_an_authenticator_and_a_recovery_code_stands_in_for_it(public_server, visitors):
    username = enter(public_server, "first.factor")
    async with visitors.page() as page:
        await send_password(page, username)
        await page.wait_for_selector("#setup-form:not([hidden])")
        await expect(page.locator("#qr")).to_have_js_property("complete", True)
        assert await page.evaluate("document.getElementById('qr').naturalWidth") > 0
        await page.fill("#first-code", "000 000x")
        await page.click("#setup-button")
        await expect(page.locator("#failure")).to_have_text(text("problem.code-wrong"))
        for name, size in WIDTHS.items():
            await page.set_viewport_size(size)
            await take_screenshot(page, f"second-factor-setup-{name}")
            assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []
        _, codes = await set_up(page, username)
        assert len(set(codes)) == RECOVERY_CODES
        for name, size in WIDTHS.items():
            await page.set_viewport_size(size)
            await take_screenshot(page, f"second-factor-recovery-{name}")
            assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []
        await enter_page(page)
    async with visitors.page(language="zh-CN") as page:
        await send_password(page, username)
        await page.wait_for_selector("#code-form:not([hidden])")
        await expect(page.locator("#code-title")).to_have_text(text("factor.code-title", "zh-CN"))
        for name, size in WIDTHS.items():
            await page.set_viewport_size(size)
            await take_screenshot(page, f"second-factor-code-{name}")
        assert await serious_findings(page) == []
        await page.click("#code-button")
        await expect(page.locator("#failure")).to_have_text(text("factor.missing", "zh-CN"))
        # a recovery code lets another phone be set up, and the next one signs in
        await page.fill("#code", codes[0])
        await page.click("#other-phone")
        await page.wait_for_selector("#setup-form:not([hidden])")
        await send_password(page, username)
        await page.fill("#code", codes[1])
        await page.click("#code-button")
        await page.wait_for_selector("#content:not([hidden])")


async def test_the_second_person_agrees_on_the_page_with_a_fresh_code(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 600_000)
    public_server.register(lot_id, "ann")
    public_server.bid(lot_id, "ann", 100)
    first, second = enter(public_server, "dora.two"), enter(public_server, "eve.two")
    async with visitors.page() as page:
        await set_up(page, first)
        await enter_page(page)
        await page.goto(f"/ops#lot={lot_id}")
        await page.click("#act-close")
        await page.fill("#act-reason", "the cars are sold")
        await page.click("#act-confirm")
        await page.wait_for_selector("#pending-act:not([hidden])")
    async with visitors.page() as page:
        secret, _ = await set_up(page, second)
        await enter_page(page)
        await page.goto(f"/ops#lot={lot_id}")
        await page.click("#pending-confirm")
        await page.fill("#act-reason", "agreed")
        await page.click("#act-confirm")
        await expect(page.locator("#act-wrong")).to_have_text(text("problem.code-required"))
        await page.fill("#act-code", "000000")
        await page.click("#act-confirm")
        await expect(page.locator("#act-wrong")).to_have_text(text("problem.code-wrong"))
        for name, size in WIDTHS.items():
            await page.set_viewport_size(size)
            await take_screenshot(page, f"second-factor-agree-{name}", full_page=False)
        assert await serious_findings(page) == []
        # the code after the one that was used to set it up
        await page.fill("#act-code", TOTP(secret).at(int(time.time()) + STEP_S))
        await page.click("#act-confirm")
        await page.wait_for_selector("#lot-outcome:not([hidden])")
    assert public_server.shown(lot_id)["status"] in {"closed", "awarded"}


async def test_a_bidder_is_blocked_once_the_second_person_agrees(public_server, visitors):
    lot_id = public_server.new_lot()
    public_server.open_lot(lot_id, 600_000)
    public_server.register(lot_id, "shill.sam")
    public_server.bid(lot_id, "shill.sam", 100)
    first, second = enter(public_server, "dora.three"), enter(public_server, "eve.three")
    async with visitors.page() as page:
        await set_up(page, first)
        await enter_page(page)
        await page.goto(f"/ops#lot={lot_id}")
        await expect(page.locator("#activity .small-chart")).to_have_count(2)
        await page.click("#show-bidders")
        await page.click("[data-bidder='shill.sam'] button")
        await page.fill("#act-reason", "bids for the seller")
        await page.click("#act-confirm")
        mine = page.locator("#bidder-requests [data-pending]")
        await expect(mine).to_contain_text("bids for the seller")
        await expect(mine.locator("button.main")).to_be_hidden()
    async with visitors.page() as page:
        secret, _ = await set_up(page, second)
        await enter_page(page)
        await page.click("#bidder-requests [data-pending] button.main")
        await page.fill("#act-reason", "agreed")
        await page.click("#act-confirm")
        await expect(page.locator("#act-wrong")).to_have_text(text("problem.code-required"))
        await page.fill("#act-code", TOTP(secret).at(int(time.time()) + STEP_S))
        await page.click("#act-confirm")
        done = text("ops.block-bidder.done-leads", name="shill.sam", lots=lot_id)
        await expect(page.locator("#bidder-requests .notice.good")).to_have_text(done)
        await expect(page.locator("#bidder-requests [data-pending]")).to_have_count(0)
        await take_screenshot(page, "bidder-blocked", full_page=False)
        assert await serious_findings(page) == []
    assert public_server.ask("GET", "/ops/bidders/shill.sam")["blocked"] is True
