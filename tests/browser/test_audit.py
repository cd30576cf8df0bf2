"""The audit log's page: found by who, what, which lot and when; older rows, details, files; on a phone as well."""

import pytest
from playwright.async_api import Page, expect

from auction.services.identity.tokens import Role
from tests.browser.conftest import PublicServer, Visitors, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings


async def signed_in(server: PublicServer, page: Page, role: Role) -> None:
    """Somebody of the staff, by a token in the page's cookie."""
    token = server.token("ada", role)
    await page.context.add_cookies([{"name": "auction_session", "value": token, "url": server.address}])


@pytest.mark.parametrize("size, language", [("desk", "en"), ("phone", "zh-CN")])
async def test_an_auditor_finds_acts_and_saves_them(
    public_server: PublicServer, visitors: Visitors, size: str, language: str
) -> None:
    lot_ids = [public_server.new_lot() for _ in range(2)]
    for lot_id in lot_ids:
        public_server.open_lot(lot_id, 3_600_000)
        for _ in range(14):
            public_server.ask("POST", f"/ops/lots/{lot_id}/pause", {"reason": "a doubt about the lights"})
            public_server.ask("POST", f"/ops/lots/{lot_id}/resume")
    async with visitors.page(size=size, language=language) as page:
        await signed_in(public_server, page, Role.AUDITOR)
        await page.goto("/ops/settlements")
        await page.locator("#page-nav a[href='/ops/audit']").click()
        await expect(page.locator("#acts > li")).to_have_count(50)
        await page.fill("#audit-lot_id", lot_ids[0])
        await page.select_option("#audit-action", "pause-lot")
        await page.click("#show")
        acts = page.locator("#acts > li")
        await expect(acts).to_have_count(14)
        await expect(acts.first).to_contain_text(text("audit.action.pause-lot", language))
        await expect(acts.first.locator(".reason")).to_have_text("a doubt about the lights")
        await acts.first.locator("summary").click()
        await expect(acts.first.locator(".facts")).to_contain_text(text("audit.fact.before", language))
        assert "action=pause-lot" in page.url
        assert f"lot_id={lot_ids[0]}" in str(await page.get_attribute("#csv", "href"))
        assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []
        await take_screenshot(page, f"audit-{size}-{language}")
        async with page.expect_download() as saved:
            await page.click("#jsonl")
        assert (await saved.value).suggested_filename == "audit.jsonl"

        await page.reload()
        await expect(acts).to_have_count(14)
        await page.fill("#audit-lot_id", "No such lot!")
        await page.click("#show")
        await expect(page.locator("#audit-lot_id-wrong")).to_have_text(text("audit.wrong.lot_id", language))
        await page.fill("#audit-lot_id", "none-such")
        await page.click("#show")
        await expect(page.locator("#none")).to_be_visible()
        await page.click("#clear")
        await expect(acts).to_have_count(50)
        await page.click("#older")
        await expect(acts).not_to_have_count(50)
        assert len(set(await acts.locator("time").all_inner_texts())) > 1


async def test_others_are_told_whose_page_it_is(public_server: PublicServer, visitors: Visitors) -> None:
    async with visitors.page() as page:
        await page.goto("/ops/audit")
        await expect(page.locator("#gate")).to_contain_text(text("audit.gate.nobody", "en"))
        await signed_in(public_server, page, Role.OPS)
        await page.reload()
        await expect(page.locator("#gate")).to_contain_text("finance staff and auditors")
        await expect(page.locator("#page-nav a[href='/ops/audit']")).to_have_count(0)
