"""Staff run many lots: the list sends what changed, and one act is done on many, each for itself."""

from dataclasses import replace
from typing import Any

import pytest

from auction.books import approvals, audit
from auction.domain.approval_actions import ApprovalAction
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from tests.api.conftest import OPS, TERMS, Asker, new_key, signed

MINUTE_MS = 60_000
EVE = signed("eve", Role.OPS)
LONG_AGO = "00000000-1"


async def series_of(asker: Asker, count: int, sale_id: str = "launch") -> list[str]:
    """Drafts in a sale of their own."""
    await asker.ops("/sales", {"title": "Launch day", "sale_id": sale_id}, 201)
    body = {"sale_id": sale_id, "title": "No. {number}", "count": count, "terms": TERMS}
    return [lot["lot_id"] for lot in (await asker.ops("/lots/series", body, 201))["lots"]]


async def listed(asker: Asker, since: str | None = None) -> dict[str, Any]:
    answer = await asker.get("/ops/lots" + (f"?since={since}" if since else ""), OPS)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lots_in(answer: dict[str, Any]) -> list[str]:
    return [lot["lot_id"] for sale in answer["sales"] for lot in sale["lots"]]


async def bulk(asker: Asker, act: str, lot_ids: list[str], **body: Any) -> list[dict[str, Any]]:
    lots = [{"lot_id": lot_id} for lot_id in lot_ids]
    answer = await asker.post(f"/ops/bulk/{act}", {"lots": lots, **body}, OPS)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [one["lot_id"] for one in results] == lot_ids
    return results


def told(results: list[dict[str, Any]]) -> list[str]:
    return [one["problem"]["code"] if one["outcome"] == "refused" else one["outcome"] for one in results]


async def test_a_page_is_sent_what_changed_since_it_last_asked(asker: Asker) -> None:
    lots = await series_of(asker, 300)
    first = await asker.get("/ops/lots", OPS)
    assert lots_in(first.json()) == lots
    assert first.json()["complete"] is True
    nothing = await asker.get(f"/ops/lots?since={first.json()['revision']}", OPS)
    assert (nothing.json()["sales"], nothing.json()["complete"]) == ([], False)
    assert len(nothing.content) * 1000 < len(first.content)

    await asker.ops(f"/lots/{lots[7]}/open", {"duration_ms": MINUTE_MS})
    await asker.ops("/sales", {"title": "Another", "sale_id": "later"}, 201)
    changed = await listed(asker, nothing.json()["revision"])
    assert {sale["sale_id"]: lots_in({"sales": [sale]}) for sale in changed["sales"]} == {
        "later": [],
        "launch": [lots[7]],
    }
    await asker.register(lots[7])
    await asker.bid(lots[7], 300)
    (sale,) = (await listed(asker, changed["revision"]))["sales"]
    assert (sale["title"], sale["lots"][0]["price_fen"]) == ("Launch day", 300)


async def test_a_draft_that_is_edited_has_changed_and_a_revision_that_is_not_known_gets_everything(
    asker: Asker,
) -> None:
    lots = await series_of(asker, 2)
    before = await listed(asker)
    body = {"title": "No. 1", "list_price_fen": None, "terms": {"reserve_fen": 900}}
    await asker.http.put(f"/api/v1/ops/lots/{lots[0]}", json=body, headers=OPS)
    assert lots_in(await listed(asker, before["revision"])) == lots[:1]
    everything = await listed(asker, LONG_AGO)
    assert (lots_in(everything), everything["complete"]) == (lots, True)
    # the other process's part is kept, for when it answers again
    assert LONG_AGO in everything["revision"]
    wrong = await asker.get("/ops/lots?since=yesterday", OPS)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "since")


async def test_many_lots_run_from_schedule_to_close_and_each_is_told_of(asker: Asker, context: AppContext) -> None:
    lots = await series_of(asker, 6)
    opens_at_ms = await context.ledger.now_ms() + 3_600_000
    times = {"opens_at_ms": opens_at_ms, "duration_ms": 10 * MINUTE_MS, "every_ms": MINUTE_MS}
    results = await bulk(asker, "schedule", lots[:4], **times)
    assert told(results) == ["done"] * 4
    assert [one["lot"]["opens_at_ms"] for one in results] == [opens_at_ms + n * MINUTE_MS for n in range(4)]
    results = await bulk(asker, "reschedule", [*lots[:2], lots[5]], **{**times, "every_ms": 0})
    assert told(results) == ["done", "done", "wrong-status"]
    assert results[1]["lot"]["opens_at_ms"] == opens_at_ms
    # one that is refused, or not there, stops no other
    assert told(await bulk(asker, "schedule", [lots[0], "elsewhere-001", "Not an id", lots[4]], **times)) == [
        "wrong-status",
        "lot-unknown",
        "lot-unknown",
        "done",
    ]
    assert told(await bulk(asker, "open", lots, duration_ms=MINUTE_MS)) == ["done"] * 6
    assert told(await bulk(asker, "pause", lots[:3], reason="a fault")) == ["done"] * 3
    assert told(await bulk(asker, "pause", lots, reason="a fault")) == ["wrong-status"] * 3 + ["done"] * 3
    assert told(await bulk(asker, "resume", lots)) == ["done"] * 6
    extended = await bulk(asker, "extend", lots, by_ms=MINUTE_MS, reason="a fault")
    assert told(extended) == ["done"] * 6
    assert all(one["lot"]["ends_at_ms"] - one["lot"]["now_ms"] > MINUTE_MS for one in extended)
    closed = await bulk(asker, "close", lots, reason="enough")
    assert [one["lot"]["status"] for one in closed] == ["closed"] * 6
    assert {(one["pending"], one["problem"]) for one in closed} == {(None, None)}
    assert (await listed(asker))["sales"][0]["lots"][3]["status"] == "closed"


async def test_an_act_whose_answer_was_lost_is_not_done_twice(asker: Asker) -> None:
    lots = await series_of(asker, 3)
    await bulk(asker, "open", lots, duration_ms=MINUTE_MS)
    sent = {"lots": [{"lot_id": lot_id} for lot_id in lots], "by_ms": MINUTE_MS, "reason": "a fault"}
    headers = {**OPS, "Idempotency-Key": new_key()}
    once = (await asker.post("/ops/bulk/extend", sent, headers)).json()
    twice = (await asker.post("/ops/bulk/extend", sent, headers)).json()
    assert [one["lot"]["ends_at_ms"] for one in once["results"]] == [
        one["lot"]["ends_at_ms"] for one in twice["results"]
    ]


@pytest.mark.parametrize(
    "act, wrong, code",
    [
        ("pause", {"lots": [], "reason": "a fault"}, "out-of-range"),
        ("pause", {"lots": [{"lot_id": f"launch-{n}"} for n in range(301)], "reason": "a fault"}, "out-of-range"),
        ("pause", {"lots": [{"lot_id": "launch-001"}] * 2, "reason": "a fault"}, "malformed"),
        ("pause", {"lots": [{"lot_id": "launch-001"}]}, "missing-field"),
        ("open", {"lots": [{"lot_id": "launch-001"}]}, "malformed"),
        (
            "open",
            {"lots": [{"lot_id": "launch-001"}], "duration_ms": 5, "closes_at_ms": 1_893_456_000_000},
            "malformed",
        ),
        ("extend", {"lots": [{"lot_id": "launch-001"}], "by_ms": 0, "reason": "a fault"}, "out-of-range"),
    ],
)
async def test_a_wrong_request_does_nothing(asker: Asker, act: str, wrong: dict[str, Any], code: str) -> None:
    lots = await series_of(asker, 1)
    await bulk(asker, "open", lots, duration_ms=MINUTE_MS)
    answer = await asker.post(f"/ops/bulk/{act}", wrong, OPS)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert (await asker.get(f"/lots/{lots[0]}")).json()["status"] == "open"


async def test_three_hundred_lots_with_long_ids_fit_in_one_request(asker: Asker) -> None:
    lots = [f"{'a-long-sale-name' * 3}-{n:03}" for n in range(300)]
    assert set(told(await bulk(asker, "pause", lots, reason="a fault"))) == {"lot-unknown"}


class TestTwoPersons:
    """Acts that need two persons become a request a lot."""

    @pytest.fixture
    async def context(self, context: AppContext) -> AppContext:
        return replace(context, two_persons=True)

    async def test_many_requests_are_made_and_confirmed_at_once(self, asker: Asker, context: AppContext) -> None:
        lots = [await asker.open_lot() for _ in range(3)]
        for lot_id in lots[:2]:
            await asker.bid(lot_id, 100)
        # before the first bid one person may extend
        assert told(await bulk(asker, "extend", lots, by_ms=MINUTE_MS, reason="a fault")) == [
            "requested",
            "requested",
            "done",
        ]
        assert told(await bulk(asker, "close", lots, reason="enough")) == ["act-pending", "act-pending", "requested"]
        async with context.books.reading() as tx:
            waiting = await approvals.waiting_for_acts(tx, [ApprovalAction.EXTEND_LOT], now_ms=context.clock_ms())
        named = [{"lot_id": one.lot_id, "pending_id": one.approval_id} for one in waiting]
        body = {"lots": [*named, {"lot_id": lots[2]}], "by_ms": MINUTE_MS, "reason": "I agree"}
        answer = await asker.post("/ops/bulk/extend", body, EVE)
        assert told(answer.json()["results"]) == ["done", "done", "act-pending"]
        async with context.books.reading() as tx:
            acts = await audit.staff_actions_of(tx, audit.AuditFilter(lot_id=str(named[0]["lot_id"])))
        assert [one.action for one in acts][:2] == ["approve-extend-lot", "ask-extend-lot"]
