"""An award that is paid by bank transfer, on the pages of its winner and of finance, from the statement to the end."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import enter_staff, sign_up, take_screenshot
from tests.browser.page_texts import part, text
from tests.browser.test_looks import is_wider_than_its_window, serious_findings
from tests.browser.test_money import TEN_MINUTES_MS, sign_in_to_board, subject_of, terms


@pytest.fixture(scope="module")
def staff(public_server):
    """Two user names of finance."""
    folder = public_server.command.folder
    settings = {"AUCTION_DATA_DIR": str(folder / "var")}
    return [enter_staff(folder, f"bank.{name}", "finance", **settings) for name in ("mina", "milo")]


async def looked_at(page: Page, name: str) -> None:
    """Take pictures at the size of a desk and of a phone; it fits, and has no serious finding."""
    await take_screenshot(page, name)
    size = page.viewport_size
    await page.set_viewport_size({"width": 390, "height": 844})
    await take_screenshot(page, f"{name}-phone")
    assert not await is_wider_than_its_window(page)
    assert await serious_findings(page) == []
    await page.set_viewport_size(size or {"width": 1280, "height": 900})


async def confirmed(page: Page, selector: str, outcome: str, **fields: str) -> None:
    """Choose an action of the bank's view, fill its fields in, and read what came of it."""
    await page.click(selector)
    for name, value in fields.items():
        await page.fill(f"#act-{name}", value)
    await page.click("#act-confirm")
    await expect(page.locator("#bank-outcome")).to_have_text(outcome)


async def test_a_winner_pays_by_two_transfers_that_finance_imports_and_matches(public_server, visitors, staff):
    lot_id = public_server.new_lot("首发限量版 No. 001", **terms())
    public_server.open_lot(lot_id, TEN_MINUTES_MS)
    async with visitors.page(language="zh-CN") as ann, visitors.page() as mina, visitors.page(language="zh-CN") as milo:
        await sign_up(ann, "transfer.ann")
        winner = await subject_of(ann)
        public_server.register(lot_id, winner)
        public_server.bid(lot_id, winner, 1_200_000)
        public_server.ask("POST", f"/ops/lots/{lot_id}/close", {"reason": "the hammer falls"})
        await ann.goto("/me")
        award = ann.locator("[data-award]")
        await award.locator(".transfer summary").click()
        reference = await award.locator("[data-row=reference] .value").inner_text()
        await expect(award.locator("[data-row=amount] .value")).to_have_text("¥12,500.00")
        await expect(award.locator("[data-row=number] .value")).to_have_text("4000 0212 1900 0000 123")
        await award.locator("[data-copy=reference]").click()
        await looked_at(ann, "transfer-how")

        # a statement in GBK: one line says what it pays, one does not, one is wrong
        rows = [
            "交易日期,对方户名,对方账号,借方金额,贷方金额,附言,流水号",
            f'2025-10-24,李四,6222 0202 0001,,"9,000.00",车款 {reference},G1',
            "2025-10-24,李四,6222 0202 0001,,3500.00,尾款,G2",
            "2025-10-24,王五,6222 0202 0002,,abc,,G3",
        ]
        csv = {"name": "october.csv", "mimeType": "text/csv", "buffer": "\r\n".join(rows).encode("gbk")}
        await sign_in_to_board(mina, staff[0])
        await mina.click("#view-bank")
        await mina.set_input_files("#statement-file", csv)
        lines = mina.locator(".statement-line")
        await expect(lines.nth(0).locator(".pays")).to_have_attribute("data-by", "reference")
        await expect(lines.nth(1)).to_contain_text(text("bank.line.no-award"))
        await expect(lines.nth(2)).to_contain_text(text("bank.wrong.amount", value="abc"))
        await looked_at(mina, "bank-preview")
        await mina.click("#statement-book")
        await expect(lines.nth(0)).to_contain_text(text("bank.line.booked"))
        facts = {"arrived": "9,000.00", "missing": "3,500.00"}
        await expect(award.locator(".sum")).to_have_text(text("transfer.sum", "zh-CN", **facts))

        # the other one fits by its amount, now that so much is missing
        rest = mina.locator("[data-reference=G2]")
        await expect(rest.locator(".proposal")).to_contain_text(part("bank.proposed.amount"))
        await rest.locator("[data-act=match]").click()
        await expect(mina.locator("#act-award")).to_have_value(reference)
        await mina.click("#act-confirm")
        await expect(mina.locator("#bank-outcome")).to_have_text(text("bank.match.done"))
        await expect(award.locator(".badge")).to_have_text(text("award.paid", "zh-CN"))
        await looked_at(ann, "transfer-paid")

        # what pays nothing: two persons book it, it goes back, and two persons send it
        told = {"bank_reference": "G4", "amount_fen": "20,000", "value_date": "2025-10-24", "payer_name": "赵六"}
        await confirmed(mina, "#act-book", text("bank.asked"), **told, payer_account="6222 0202 0003")
        await sign_in_to_board(milo, staff[1])
        await milo.click("#view-bank")
        done = text("bank.agree.done", "zh-CN")
        await confirmed(milo, "[data-reference=G4] [data-act=agree]", done)
        done = text("bank.return.done", "zh-CN")
        await confirmed(milo, "[data-reference=G4] [data-act=return]", done, reason="非本场成交")
        await confirmed(milo, "[data-transfer] [data-act=send]", text("bank.asked", "zh-CN"))
        await looked_at(milo, "bank-returns")
        await confirmed(mina, "[data-transfer] [data-act=send]", text("bank.send.done"))
        sent = {"bank_reference": "OUT-1", "value_date": "2025-10-25"}
        await confirmed(mina, "[data-transfer] [data-act=confirm]", text("bank.confirm.done"), **sent)
        await expect(mina.locator("[data-transfer]")).to_have_count(0)
        await mina.click("[data-open=false]")
        await expect(mina.locator("[data-reference]")).to_have_count(3)
        await mina.fill("#receipts-q", "g2")
        await expect(mina.locator("[data-reference]")).to_have_count(1)
        await looked_at(mina, "bank-all")

        await mina.click("#view-lots")
        await mina.fill("#search-words", reference)
        await expect(mina.locator("#lots [data-lot]")).to_have_count(1)
        await looked_at(mina, "lots-search")
