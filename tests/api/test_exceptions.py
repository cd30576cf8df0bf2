"""The exception queue over HTTP: who reads it, who closes an exception, and that it is closed once."""

import pytest

from auction.domain.provider_event_states import ProviderEventType
from auction.payments.gateway import NOTHING, Notice
from auction.payments.sandbox.notices import encode_notice, signed_headers
from auction.services.context import AppContext
from auction.services.provider_events.receipt import receive_notice
from tests.api.conftest import OPS, Asker, signed
from tests.api.test_money import refused
from tests.api.test_money_desk import AUDITOR, FIN, FLO, told
from tests.settlement.conftest import NOTICE_SECRET, YUAN, Stage


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


async def raise_exception(stage: Stage, number: str) -> None:
    """A payment in another currency, which is never applied."""
    other = ProviderEventType.OTHER_CURRENCY
    body = encode_notice(Notice(number, None, None, f"dp-{number}", NOTHING, other, "ch-1"))
    await receive_notice(stage.context, "sandbox", body, signed_headers(body, NOTICE_SECRET, stage.clock() / 1000))


async def test_finance_closes_an_exception_once_and_others_only_read(stage: Stage, asker: Asker) -> None:
    for number in ("e1", "e2", "e3"):
        await raise_exception(stage, number)
    refused(await asker.get("/ops/exceptions"), 401, "unauthorized")
    refused(await asker.get("/ops/exceptions", signed("ann")), 403, "forbidden")
    page = await told(asker, "/ops/exceptions?limit=2", AUDITOR)
    assert [one["event_id"] for one in page["exceptions"]] == ["e3", "e2"]
    rest = await told(asker, f"/ops/exceptions?limit=2&before={page['next_before']}", OPS)
    assert ([one["event_id"] for one in rest["exceptions"]], rest["next_before"]) == (["e1"], None)
    first = rest["exceptions"][0]
    assert (first["type"], first["reason"], first["ref"], first["lot_id"]) == (
        "other-currency",
        "other-currency",
        "dp-e1",
        None,
    )

    path = f"/ops/exceptions/{first['exception_id']}/close"
    reason = {"reason": "of the shop next door"}
    for who in (signed("ann"), OPS, AUDITOR):
        refused(await asker.post(path, reason, who), 403, "forbidden")
    for _ in range(2):
        closed = (await asker.post(path, reason, FIN)).json()
        assert (closed["status"], closed["closed_by"], closed["closed_reason"]) == ("closed", "fin", reason["reason"])
    assert refused(await asker.post(path, reason, FLO), 409, "exception-closed")["closed_by"] == "fin"
    refused(await asker.post("/ops/exceptions/999/close", reason, FIN), 404, "exception-unknown")
    assert len((await told(asker, "/ops/exceptions"))["exceptions"]) == 2
    assert len((await told(asker, "/ops/exceptions?status=closed"))["exceptions"]) == 1
    acts = (await told(asker, "/ops/audit", AUDITOR))["actions"]
    assert [one["action"] for one in acts].count("close-exception") == 1


async def test_a_disputed_award_says_how_much_and_is_not_handed_over(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("ann", 1_000)])
    await stage.pay(lot_id, method="sandbox-dispute-won")
    await stage.pass_time(3_000)
    row = (await told(asker, f"/ops/settlements/{lot_id}"))["settlement"]
    assert row["disputed_fen"] == 900 * YUAN
    problem = refused(
        await asker.post(f"/ops/settlements/{lot_id}/handover-confirmed", None, FIN), 409, "payment-disputed"
    )
    assert (problem["amount_fen"], problem["reversal_status"]) == (900 * YUAN, "open")
    await stage.pass_time(3_000)
