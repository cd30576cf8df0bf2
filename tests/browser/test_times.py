"""The times of a lot on the staff pages: rescheduling, extending and closing a paused lot, and changes of clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PublicServer, Visitors, enter_staff, take_screenshot
from tests.browser.page_texts import text
from tests.browser.test_staff import act, sign_in

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def clerk(public_server: PublicServer) -> str:
    """The user name of a clerk of the house."""
    folder = public_server.command.folder
    return enter_staff(folder, "times.clerk", "ops", AUCTION_DATA_DIR=str(folder / "var"))


def scheduled(server: PublicServer, title: str, **terms: Any) -> tuple[str, int]:
    """A lot that opens in a day, and when."""
    lot_id = server.new_lot(title, **terms)
    opens_at_ms = server.shown_now() + 86_400_000
    times = {"opens_at_ms": opens_at_ms, "closes_at_ms": opens_at_ms + 3_600_000}
    server.ask("POST", f"/ops/lots/{lot_id}/schedule", times)
    return lot_id, opens_at_ms


async def test_a_scheduled_lot_is_rescheduled_and_whoever_watches_it_sees_that(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    lot_id, opens_at_ms = scheduled(public_server, "Moved by an hour")
    async with visitors.page(size="phone") as watcher, visitors.page(zone="Asia/Shanghai") as page:
        await watcher.goto(f"/lots/{lot_id}")
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await page.click("#act-reschedule")
        await expect(page.locator("#act-opens-zone")).to_have_text("Asia/Shanghai, UTC+8")
        for field, minutes in (("#act-opens", 67), ("#act-closes", 120)):
            moved = datetime.fromisoformat(await page.input_value(field)) + timedelta(minutes=minutes)
            await page.fill(field, moved.isoformat(timespec="seconds"))
        await take_screenshot(page, "reschedule")
        await page.click("#act-confirm")
        await page.wait_for_selector("#lot-outcome:not([hidden])")
        await expect(page.locator("#log li").first).to_contain_text("Rescheduled")
        shown = public_server.shown(lot_id)
        assert shown["opens_at_ms"] == opens_at_ms // 1000 * 1000 + 67 * 60_000
        assert shown["ends_at_ms"] == opens_at_ms // 1000 * 1000 + 3 * 3_600_000
        opens = datetime.fromtimestamp(shown["opens_at_ms"] / 1000).astimezone()
        await expect(watcher.locator("#state-note")).to_contain_text(f"{opens:%M:%S}")
        await take_screenshot(watcher, "rescheduled-watcher")


async def test_a_time_that_clocks_skip_is_refused_and_of_one_they_show_twice_it_is_asked_which(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    lot_id, _ = scheduled(public_server, "In the night in which clocks change")
    year = datetime.now(UTC).year + 1
    # the last Sundays of March and October at 2:30
    spring, autumn = (
        next(
            day
            for number in range(31, 24, -1)
            if (day := datetime(year, month, number, 2, 30)).weekday() == 6  # noqa: DTZ001 - a wall-clock time
        )
        for month in (3, 10)
    )
    async with visitors.page(zone="Europe/Berlin") as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await page.click("#act-reschedule")
        await page.fill("#act-opens", spring.isoformat(timespec="seconds"))
        await page.fill("#act-closes", (spring + timedelta(days=1)).isoformat(timespec="seconds"))
        await page.click("#act-confirm")
        await expect(page.locator("#act-opens-wrong")).to_have_text(text("ops.mistyped.skipped", zone="Europe/Berlin"))
        await expect(page.locator("#act-opens-which")).to_be_hidden()
        await page.fill("#act-opens", autumn.isoformat(timespec="seconds"))
        await page.fill("#act-closes", (autumn + timedelta(days=1)).isoformat(timespec="seconds"))
        await page.click("#act-confirm")
        await expect(page.locator("#act-opens-wrong")).to_have_text(text("ops.mistyped.doubled", zone="Europe/Berlin"))
        await take_screenshot(page, "doubled-hour")
        second = autumn.replace(tzinfo=BERLIN, fold=1)
        await page.select_option("#act-opens-which", label=text("ops.moment.second", offset="UTC+1"))
        await page.click("#act-confirm")
        await page.wait_for_selector("#lot-outcome:not([hidden])")
    assert public_server.shown(lot_id)["opens_at_ms"] == int(second.timestamp() * 1000)


async def test_a_paused_lot_is_extended_up_to_its_hard_stop_and_closed(
    public_server: PublicServer, visitors: Visitors, clerk: str
) -> None:
    lot_id = public_server.new_lot(
        "Paused", soft_close={"window_ms": 1_000, "extension_ms": 1_000, "hard_stop_ms": 60_000}
    )
    public_server.open_lot(lot_id, 600_000)
    public_server.register(lot_id, "times.ann")
    async with visitors.page() as page:
        await sign_in(page, clerk)
        await page.click(f"[data-lot={lot_id}]")
        await act(page, "pause", reason="a look")
        left_ms = public_server.shown(lot_id)["remaining_ms"]
        await page.click("#act-extend")
        await page.fill("#act-reason", "a slow line")
        await page.click("#act-confirm")
        await expect(page.locator("#act-wrong")).to_have_text(text("problem.past-hard-stop"))
        await page.click("label[for=act-move-hard-stop]")
        await take_screenshot(page, "extend-paused")
        await page.click("#act-confirm")
        await page.wait_for_selector("#act:not([open])", state="attached")
        assert public_server.shown(lot_id)["remaining_ms"] == left_ms + 300_000
        await act(page, "close", reason="enough")
        await expect(page.locator("#lot-status")).to_have_text(text("status.closed"))
