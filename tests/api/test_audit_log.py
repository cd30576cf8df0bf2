"""The audit log beyond acts: sign-ins and refusals, who read whose name, exports; its filter, its files, its head."""

import csv
import io
import json
from typing import Any

import pytest

from auction.books import audit
from auction.services.context import AppContext
from auction.signing.audit_head import PublishedHead
from auction.signing.public_keys import PublicKeys
from auction.workers.audit_chain import AuditChainWriter
from tests.api.conftest import OPS, Asker
from tests.api.test_money_desk import AUDITOR, told
from tests.settlement.conftest import Stage

PASSWORD = "a password of the tests"


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


async def acts(asker: Asker, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await told(asker, f"/ops/audit?limit=1000&{query}", AUDITOR))["actions"]
    return found


async def test_sign_ins_their_refusals_and_their_ends_are_audited(stage: Stage, asker: Asker) -> None:
    new = {"username": "dora", "password": PASSWORD, "name": "Dora"}
    subject = (await asker.post("/auth/accounts", new, {})).json()["subject"]

    async def sign_in(username: str, password: str) -> Any:
        form = {"username": username, "password": password}
        return await asker.http.post("/api/v1/auth/token", data=form, headers={"User-Agent": "A phone"})

    assert (await sign_in("dora", "wrong password")).status_code == 401
    assert (await sign_in("my secret password", PASSWORD)).status_code == 401
    assert (await sign_in("nobody", PASSWORD)).status_code == 401
    tokens = [(await sign_in("Dora", PASSWORD)).json()["access_token"] for _ in range(3)]
    bearer = {"Authorization": f"Bearer {tokens[0]}"}
    ended = await asker.http.delete("/api/v1/auth/sessions", headers=bearer)
    assert ended.json() == {"ended": 2}
    assert (await asker.http.get("/api/v1/auth/sessions", headers=bearer)).json()["sessions"][0]["is_this"]
    for token, status in zip(tokens, (200, 401, 401), strict=True):
        answer = await asker.http.get("/api/v1/auth/sessions", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
    assert (await asker.http.delete("/api/v1/auth/session", headers=bearer)).status_code == 204

    found = [(one["actor"], one["action"]) for one in await acts(asker)]
    kinds = ["sign-out", "end-session", "end-session", "sign-in", "sign-in", "sign-in"]
    assert found[:6] == [(subject, kind) for kind in kinds]
    refusals = [("unknown-account", "refuse-sign-in")] * 2 + [(subject, "refuse-sign-in")]
    assert found[6:] == refusals
    refused = (await acts(asker, "action=refuse-sign-in"))[-1]
    assert refused["details"] == {"code": "credentials-wrong", "address": "127.0.0.1", "client": "A phone"}
    signed_in = (await acts(asker, f"person={subject}&action=sign-in"))[0]
    assert (signed_in["details"]["client"], signed_in["details"]["role"]) == ("A phone", "bidder")
    assert PASSWORD not in json.dumps(await acts(asker))
    assert "secret password" not in json.dumps(await acts(asker))


async def test_whose_names_staff_read_is_audited_once_a_session(stage: Stage, asker: Asker) -> None:
    lot_id = await asker.open_lot()
    await asker.register(lot_id, "ann")
    await asker.bid(lot_id, 100)
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "the end"})
    await stage.archive()
    await stage.settle()
    for _ in range(3):
        shown = await told(asker, "/ops/settlements", AUDITOR)
    assert set(shown["names"]) <= {"ann"}
    await told(asker, f"/ops/settlements/{lot_id}", AUDITOR)
    await told(asker, "/ops/sessions/ann", OPS)
    found = await acts(asker, "action=read-names")
    by = [(one["actor"], one["details"]["what"], one["details"]["persons"]) for one in found]
    assert ("olga", "sessions", ["ann"]) in by
    assert len(by) == len({(actor, tuple(persons)) for actor, _, persons in by})
    assert {one["action_id"] for one in found} <= {one["action_id"] for one in await acts(asker, "person=ann")}


async def test_rows_are_found_by_who_what_which_lot_whom_and_when(stage: Stage, asker: Asker) -> None:
    first, second = await asker.open_lot(), await asker.open_lot()
    for lot_id in (first, second):
        await asker.ops(f"/lots/{lot_id}/pause", {"reason": "rain"})
    await stage.archive()
    paused = await acts(asker, "action=pause-lot")
    assert {one["lot_id"] for one in paused} == {first, second}
    assert [one["lot_id"] for one in await acts(asker, f"action=pause-lot&lot_id={first}")] == [first]
    assert await acts(asker, "actor=nobody") == []
    assert {one["actor"] for one in await acts(asker, "actor=olga")} == {"olga"}
    sale_id = paused[0]["sale_id"] or (await acts(asker, "action=create-lot"))[0]["sale_id"]
    assert all(one["sale_id"] == sale_id for one in await acts(asker, f"sale_id={sale_id}"))
    at_ms = paused[0]["at_ms"]
    assert paused[0] in await acts(asker, f"from_ms={at_ms}&until_ms={at_ms + 1}")
    assert paused[0] not in await acts(asker, f"from_ms={at_ms + 1}")
    assert paused[0] not in await acts(asker, f"until_ms={at_ms}")
    pages: list[dict[str, Any]] = []
    before: str | None = ""
    while before is not None:
        page = await told(asker, f"/ops/audit?limit=2{before}", AUDITOR)
        pages += page["actions"]
        before = None if page["next_before_id"] is None else f"&before_id={page['next_before_id']}"
    assert pages == await acts(asker)
    for wrong in ("actor=", "actor=a%20b", "from_ms=-1", "lot_id=No!", "action=%00", "person=" + "x" * 65):
        assert (await asker.http.get(f"/api/v1/ops/audit?{wrong}", headers=AUDITOR)).status_code == 422
    assert (await asker.http.get("/api/v1/ops/audit", headers=OPS)).status_code == 403
    assert (await asker.http.get("/api/v1/ops/audit.csv", headers=OPS)).status_code == 403


async def test_files_have_every_row_with_its_place_in_the_chain_and_are_audited(stage: Stage, asker: Asker) -> None:
    lot_id = await asker.open_lot()
    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "=cmd()"})
    await stage.archive()
    await AuditChainWriter(stage.context.books).append()
    lines = await asker.http.get("/api/v1/ops/audit.jsonl?action=pause-lot", headers=AUDITOR)
    assert lines.headers["content-type"] == "application/jsonl"
    (row,) = [json.loads(line) for line in lines.text.splitlines()]
    assert (row["lot_id"], row["reason"], len(row["sha256"])) == (lot_id, "=cmd()", 64)
    table = await asker.http.get("/api/v1/ops/audit.csv?action=pause-lot", headers=AUDITOR)
    (cells,) = csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff")))
    assert (cells["reason"], cells["position"]) == ("'=cmd()", str(row["position"]))
    exports = await acts(asker, "action=export")
    assert [one["details"] for one in exports] == [{"what": "audit", "wanted": {"action": "pause-lot"}}] * 2
    await asker.http.get("/api/v1/ops/results.csv", headers=AUDITOR)
    assert (await acts(asker, "action=export"))[0]["details"] == {"what": "results"}

    head = await asker.http.get("/.well-known/auction-audit.json")
    keys = PublicKeys.parse((await asker.http.get("/.well-known/auction-keys.json")).content)
    published = PublishedHead.parse(head.content)
    assert published.is_signed(keys)
    async with stage.context.books.reading() as tx:
        found = await audit.chained_actions_of(tx, audit.AuditFilter())
    assert [sha256 for _, position, sha256 in found if position == published.rows] == [published.sha256]
