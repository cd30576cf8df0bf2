"""A bidder sees where they are signed in, ends one session, and all others."""

import re

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.conftest import PASSWORD, PublicServer, Visitors, sign_up, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1"


def status_of(server: PublicServer, token: str) -> int:
    """What a token is answered."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.address}/api/v1/auth/sessions", headers=headers, trust_env=False).status_code


@pytest.mark.parametrize("size, language", [("desk", "en"), ("phone", "zh-CN")])
async def test_a_bidder_ends_other_sessions(
    public_server: PublicServer, visitors: Visitors, size: str, language: str
) -> None:
    async with visitors.page(size=size, language=language) as page:
        username = f"sessions.{size}"
        await sign_up(page, username, back_to="/me")

        def sign_in(client: str) -> str:
            answer = httpx.post(
                f"{public_server.address}/api/v1/auth/token",
                data={"username": username, "password": PASSWORD},
                headers={"User-Agent": client},
                timeout=30,
                trust_env=False,
            )
            return str(answer.raise_for_status().json()["access_token"])

        tokens = [sign_in(client) for client in (IPHONE, "auction-robot/1.0", "auction-robot/2.0")]
        await page.goto("/me")
        lines = page.locator("#sessions > li")
        await expect(lines).to_have_count(4)
        await expect(lines.first).to_contain_text(text("sessions.this", language))
        iphone = text("sessions.browser-on", language, browser="Safari", device="iPhone")
        await expect(lines.filter(has_text=iphone)).to_have_count(1)
        await expect(lines.filter(has_text="auction-robot/1.0")).to_have_count(1)
        assert not await is_wider_than_its_window(page)
        assert await serious_findings(page) == []
        await take_screenshot(page, f"sessions-{size}-{language}")

        await lines.filter(has_text=iphone).get_by_role("button").click()
        await expect(lines).to_have_count(3)
        await expect(page.locator("#sessions-outcome")).to_contain_text(re.compile("Safari"))
        await page.click("#end-others")
        await expect(lines).to_have_count(1)
        await expect(page.locator("#end-others")).to_be_hidden()
        assert [status_of(public_server, token) for token in tokens] == [401] * 3
