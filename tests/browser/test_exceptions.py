"""What the payment provider told and could not be applied, on the page of finance."""

import time
from pathlib import Path

import pytest
from playwright.async_api import expect

from auction.domain.provider_event_states import ProviderEventType
from auction.payments.gateway import Notice, Reply, ReplyStatus
from auction.payments.sandbox import FILE_NAME
from auction.payments.sandbox.file import SandboxFile
from auction.payments.sandbox.notices import encode_notice
from tests.browser.conftest import enter_staff
from tests.browser.page_texts import text
from tests.browser.test_money import act, sign_in_to_board


def tell(path: Path, ref: str) -> None:
    """Let the provider tell of a dispute in another currency."""
    reply = Reply(ReplyStatus.SUCCEEDED, ref, amount_fen=12_345)
    notice = Notice(f"n-{ref}", None, None, ref, reply, ProviderEventType.OTHER_CURRENCY, "ch-elsewhere")
    file = SandboxFile(path)
    with file.transaction():
        file.queue_notice(encode_notice(notice), due_at_ms=time.time_ns() // 1_000_000, place=0.0)
    file.close()


@pytest.fixture(scope="module")
def desk(public_server) -> str:
    folder = public_server.command.folder
    return enter_staff(folder, "desk.nora", "finance", AUCTION_DATA_DIR=str(folder / "var"))


async def test_finance_sees_an_exception_and_closes_it_with_a_reason(public_server, visitors, desk):
    tell(public_server.command.folder / "var" / FILE_NAME, "dp-browser")
    async with visitors.page() as page:
        await sign_in_to_board(page, desk)
        queue = page.locator("#exceptions")
        await expect(queue).to_contain_text("dp-browser")
        await expect(queue).to_contain_text("¥123.45")
        await expect(queue).to_contain_text(text("exceptions.reason.other-currency"))
        await act(page, "[data-exception] button", reason="of the shop next door")
        await expect(queue).to_be_hidden()
