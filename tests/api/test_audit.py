"""The audit log: every act of staff is in it, with who, what, why, before and after."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import create_app
from api.http.config import ApiConfig
from auction.books import audit, catalogue
from auction.domain.approval_actions import ApprovalAction
from auction.services.context import AppContext
from tests.api.conftest import OPS, SECRET, TERMS, Asker
from tests.api.test_money_desk import AUDITOR, told
from tests.settlement.conftest import Stage

ROOT = Path(__file__).parents[2]
WRITES_NOTHING = {"/api/v1/ops/terms/check"}
LEDGER_ACTS = {"open_now", "reschedule", "pause", "resume", "extend", "close_now", "void", "restate"}
"""Their events are audited by the archiver, as the tests below show of each."""


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


def names_of(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= names_of(constant)
    return found


def is_audited(function: Callable[..., Any], seen: set[Callable[..., Any]]) -> bool:
    """Whether a function stores an audit row, or calls one of ours that does."""
    if function is audit.record_action:
        return True
    if function in seen:
        return False
    seen.add(function)
    names = names_of(inspect.unwrap(function).__code__)
    if "ledger" in names and names & LEDGER_ACTS:
        return True
    globals_: dict[str, Any] = inspect.unwrap(function).__globals__
    known: list[Any] = [globals_.get(name) for name in names]
    known += [getattr(one, name, None) for one in known if isinstance(one, ModuleType) for name in names]
    ours = (one for one in known if isinstance(one, FunctionType) and one.__module__.startswith(("auction", "api")))
    return any(is_audited(one, seen) for one in ours)


def routes_of(router: Any, prefix: str = "") -> Iterator[tuple[str, APIRoute]]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield prefix + route.path, route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from routes_of(included, prefix + route.include_context.prefix)


def staff_writes(app: FastAPI) -> dict[str, APIRoute]:
    documented = {
        path for path, methods in app.openapi()["paths"].items() if "/ops/" in path and methods.keys() - {"get", "head"}
    }
    found = {
        path: route
        for path, route in routes_of(app)
        if path in documented and (route.methods or set()) - {"GET", "HEAD"}
    }
    assert found.keys() == documented
    return found


def unaudited(app: FastAPI) -> set[str]:
    writes = staff_writes(app)
    return {path for path, route in writes.items() if not is_audited(route.endpoint, set())} - WRITES_NOTHING


def fastapi_of(context: AppContext) -> FastAPI:
    endpoint: Any = create_app(context, ApiConfig(secret=SECRET))
    app: FastAPI = endpoint._app
    return app


async def test_every_write_of_staff_is_audited(context: AppContext) -> None:
    app = fastapi_of(context)
    assert len(staff_writes(app)) > 20
    assert unaudited(app) == set()

    @app.post("/api/v1/ops/forgotten")
    async def forgotten() -> None:
        await context.ledger.now_ms()

    app.openapi_schema = None
    assert unaudited(app) == {"/api/v1/ops/forgotten"}


async def last_act(stage: Stage, asker: Asker, lot_id: str) -> dict[str, Any]:
    await stage.archive()
    found: dict[str, Any] = (await told(asker, f"/ops/audit?lot_id={lot_id}", AUDITOR))["actions"][0]
    return found


async def test_each_act_on_a_lot_is_audited_with_who_why_before_and_after(stage: Stage, asker: Asker) -> None:
    await asker.ops("/sales", {"title": "A sale", "sale_id": "acts"}, 201)
    lots = [
        (await asker.ops("/lots", {"sale_id": "acts", "title": "A lot", "terms": TERMS}, 201))["lot_id"]
        for _ in range(2)
    ]
    lot_id = lots[0]
    now_ms = await stage.context.ledger.now_ms()
    first, second, third = (
        {"opens_at_ms": now_ms + wait_ms, "closes_at_ms": now_ms + 2 * wait_ms}
        for wait_ms in (3_600_000, 7_200_000, 9_000_000)
    )
    await asker.ops(f"/lots/{lot_id}/schedule", first)
    for times in (second, third):
        await asker.http.put(f"/api/v1/ops/lots/{lot_id}/schedule", json=times, headers=OPS)
    moved = await last_act(stage, asker, lot_id)
    assert (moved["actor"], moved["action"], moved["details"]["after"]) == ("olga", "reschedule-lot", third)
    assert moved["details"]["before"] == {"status": "scheduled", **second}
    async with stage.context.books.reading() as tx:
        record = await catalogue.find_lot(tx, lot_id)
    assert {"opens_at_ms": record.opens_at_ms, "closes_at_ms": record.closes_at_ms} == third
    await asker.ops(f"/lots/{lot_id}/open", {"duration_ms": 3_600_000})
    assert (await last_act(stage, asker, lot_id))["action"] == "open-lot"
    await asker.register(lot_id, "ann")
    await asker.register(lot_id, "bob")
    await asker.bid(lot_id, 100)
    high = (await asker.bid(lot_id, 900, bidder="bob")).json()["seq"]
    why = {"reason": "a doubt"}
    expected: list[tuple[str, Mapping[str, object] | None, str, str | None, str]] = [
        ("extend", {"by_ms": 5, **why}, "extend-lot", "a doubt", "open"),
        ("pause", why, "pause-lot", "a doubt", "open"),
        (f"bids/{high}/void", why, "void-bid", "a doubt", "paused"),
        ("resume", None, "resume-lot", None, "paused"),
        ("close", why, "close-lot", "a doubt", "open"),
    ]
    for path, body, action, reason, status_before in expected:
        done = await asker.ops(f"/lots/{lot_id}/{path}", body)
        act = await last_act(stage, asker, lot_id)
        assert (act["actor"], act["action"], act["reason"]) == ("olga", action, reason)
        assert (act["details"]["seq"], act["details"]["epoch"]) == (done["seq"], done["epoch"])
        assert act["details"]["before"]["status"] == status_before
        if action == "void-bid":
            bid = act["details"]["before"]["bid"]
            assert (bid["bidder_id"], bid["amount_fen"], bid["leading"]) == ("bob", 900, True)
            assert act["details"]["after"] == {"seq": high, "price_fen": 100, "leader": 1}
    assert act["details"]["after"] == {"status": "closed", "outcome": "sold", "price_fen": 100, "leader": 1}

    await asker.ops(f"/lots/{lots[1]}/open", {"duration_ms": 3_600_000})
    await asker.ops(f"/lots/{lots[1]}/void", why)
    assert (await last_act(stage, asker, lots[1]))["action"] == "void-lot"


async def test_a_retried_and_a_refused_act_are_no_second_one(stage: Stage, asker: Asker) -> None:
    lot_id = await asker.open_lot()
    key = {**OPS, "Idempotency-Key": "pause-001"}
    answers: list[httpx.Response] = [
        await asker.post(f"/ops/lots/{lot_id}/pause", {"reason": "rain"}, key) for _ in range(2)
    ]
    refused = await asker.post(f"/ops/lots/{lot_id}/pause", {"reason": "rain"}, OPS)
    assert [answer.status_code for answer in answers] + [refused.status_code] == [200, 200, 409]
    await stage.archive()
    await stage.archive()
    acts = (await told(asker, f"/ops/audit?lot_id={lot_id}", AUDITOR))["actions"]
    assert [act["action"] for act in acts].count("pause-lot") == 1


def test_every_act_that_is_recorded_can_be_looked_for_on_the_page():
    sources = [*(ROOT / "auction").rglob("*.py"), *(ROOT / "api").rglob("*.py")]
    recorded = {act for source in sources for act in re.findall(r'action="([a-z-]+)"', source.read_text("utf-8"))}
    script = (ROOT / "api/web/static/js/audit/action_text.js").read_text("utf-8")
    assert len(recorded) > 20
    assert {*recorded, *map(str, ApprovalAction)} <= set(re.findall(r'^  "([a-z-]+)",$', script, re.MULTILINE))
