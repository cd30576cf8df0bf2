"""A list of lots is previewed with what is wrong by line and column, and created all or none."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auction.books import audit, catalogue
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from tests.api.conftest import OPS, Asker, signed

HEAD = "title,preset,list_price,start_price,step,reserve,cap,review_above,deposit,opens_at,closes_at"
DAY = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%d")
SOUND = f"""{HEAD}
No. 1,,"89,900",2,1,500,,,1000,{DAY} 20:00,{DAY} 20:30
No. 2,guarded-flash,89900,,,,,,,,
"""
MINUTE_MS = 60_000
AT_MS = int(datetime.fromisoformat(f"{DAY}T20:00+08:00").timestamp()) * 1000


async def sent(asker: Asker, text: str | bytes, *, create: bool = False, **query: str) -> Any:
    raw = text.encode() if isinstance(text, str) else text
    wanted = {
        "sale_id": "launch",
        "preset": "jd-flash",
        "zone": "Asia/Shanghai",
        "create": str(create).lower(),
        **query,
    }
    headers = {**OPS, "Content-Type": "text/csv"}
    return await asker.http.post("/api/v1/ops/lots/import", content=raw, params=wanted, headers=headers)


@pytest.fixture
async def sale(asker: Asker) -> str:
    await asker.ops("/sales", {"title": "Launch day", "sale_id": "launch"}, 201)
    return "launch"


async def lots_of(context: AppContext, sale_id: str) -> list[catalogue.LotRecord]:
    async with context.books.reading() as tx:
        return await catalogue.lots_of_sales(tx, [sale_id])


def wrong(answer: Any) -> list[tuple[int, str, str]]:
    assert answer.status_code == 200, answer.text
    lines = answer.json()["lines"]
    found = [(one["line"], cell["column"], cell["error"]) for one in lines for cell in one["wrong"]]
    assert answer.json()["wrong_lines"] == len({line for line, _, _ in found})
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
async def test_a_list_is_previewed_and_created_once(
    asker: Asker, context: AppContext, sale: str, encoding: str, delimiter: str
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(csv.reader(io.StringIO(SOUND)))
    raw = out.getvalue().replace("No. 2", "典藏版 No. 2").encode(encoding)
    preview = await sent(asker, raw)
    assert wrong(preview) == []
    first, second = preview.json()["lines"]
    assert (first["line"], first["title"], first["preset"], first["list_price_fen"]) == (
        2,
        "No. 1",
        "jd-flash",
        8_990_000,
    )
    assert (first["start_price_fen"], first["reserve_fen"]) == (200, 50_000)
    assert (first["opens_at_ms"], first["closes_at_ms"]) == (AT_MS, AT_MS + 30 * MINUTE_MS)
    assert (second["title"], second["preset"], second["opens_at_ms"]) == ("典藏版 No. 2", "guarded-flash", None)
    assert await lots_of(context, sale) == []

    made = await sent(asker, raw, create=True)
    assert [one["lot_id"] for one in made.json()["lines"]] == ["launch-001", "launch-002"]
    one, two = await lots_of(context, sale)
    assert (one.status, two.status, one.opens_at_ms) == ("scheduled", "draft", AT_MS)
    assert one.terms["deposit"]["amount_fen"] == 100_000
    assert one.terms["increments"] == [{"from_fen": 0, "step_fen": 100}]
    assert (await asker.get("/lots/launch-001")).json()["status"] == "scheduled"
    async with context.books.reading() as tx:
        acts = [act for act in await audit.staff_actions_of(tx) if act.action == "import-lots"]
    assert [act.details["lots"] for act in acts] == [2]

    # the same once more is told, not doubled
    again = await sent(asker, raw)
    assert again.json()["known"] is True
    assert wrong(again) == [(2, "title", "exists"), (3, "title", "exists")]
    refused = await sent(asker, raw, create=True)
    assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (422, "lot-list-invalid", "known")
    assert len(await lots_of(context, sale)) == 2


async def test_everything_wrong_is_named_by_line_and_column_and_nothing_is_created(
    asker: Asker, context: AppContext, sale: str
) -> None:
    await asker.ops("/lots", {"sale_id": sale, "title": "There", "preset": "jd-flash"}, 201)
    text = f"""{HEAD}
Sound,,,,,,,,,,
,,,,,,,,,{DAY} 20:00,{DAY} 20:30

Sound,,"22,00",0,-5,x,,,,,
No preset,nowhere,,,,,,,,,
Half,,,,,,,,,{DAY} 20:00,
Backwards,,,,,,,,,{DAY} 20:00,{DAY}T19:00
Over,,,,,,,,,2020-01-01 20:00,2020-01-01 21:00
No time,,,,,,,,,tomorrow,2027-13-01 20:00
There,,,,,,,,,,
Cap,,,100,,,50,,,,
{"x" * 201},,,,,,,,,,
"""
    answer = await sent(asker, text)
    assert wrong(answer) == [
        (3, "title", "missing"),
        (5, "list_price", "amount"),
        (5, "start_price", "amount"),
        (5, "step", "amount"),
        (5, "reserve", "amount"),
        (5, "title", "repeated"),
        (6, "preset", "preset"),
        (7, "closes_at", "alone"),
        (8, "closes_at", "order"),
        (9, "closes_at", "order"),
        (10, "opens_at", "time"),
        (10, "closes_at", "time"),
        (11, "title", "exists"),
        (12, "terms", "terms"),
        (13, "title", "text"),
    ]
    assert answer.json()["known"] is False
    (contradiction,) = answer.json()["lines"][9]["wrong"][0]["contradictions"]
    assert (contradiction["field"], contradiction["code"]) == ("cap_fen", "cap-under-start")
    refused = await sent(asker, text, create=True)
    assert (refused.status_code, refused.json()["reason"]) == (422, "cells")
    assert [lot.title for lot in await lots_of(context, sale)] == ["There"]


@pytest.mark.parametrize(
    "text, query, status, code, reason",
    [
        (b"", {}, 422, None, None),
        (b"\n\n", {}, 422, "lot-list-invalid", "empty"),
        (b"title\n", {}, 422, "lot-list-invalid", "empty"),
        (b"\xff\xff\xff", {}, 422, "lot-list-invalid", "encoding"),
        (b"name\nNo. 1\n", {}, 422, "lot-list-invalid", "columns"),
        (b"title,colour\nNo. 1,red\n", {}, 422, "lot-list-invalid", "columns"),
        (b"title,title\nNo. 1,red\n", {}, 422, "lot-list-invalid", "columns"),
        (b"title\n" + b"".join(b"No. %d\n" % n for n in range(301)), {}, 422, "lot-list-invalid", "lines"),
        (b"title\nNo. 1\n", {"zone": "Mars/Olympus"}, 422, "lot-list-invalid", "zone"),
        (b"title\nNo. 1\n", {"zone": "../etc/passwd"}, 422, "lot-list-invalid", "zone"),
        (b"title\nNo. 1\n", {"preset": "nowhere"}, 422, "preset-unknown", None),
        (b"title\nNo. 1\n", {"sale_id": "elsewhere"}, 404, "sale-unknown", None),
        (b"title\nNo. 1\n" + b"x" * 1_100_000, {}, 413, "payload-too-large", None),
    ],
)
async def test_what_is_no_list_is_refused_in_words(  # noqa: PLR0917 - a case and its parts
    asker: Asker,
    context: AppContext,
    sale: str,
    text: bytes,
    query: dict[str, str],
    status: int,
    code: str,
    reason: str,
) -> None:
    answer = await sent(asker, text, create=True, **query)
    assert answer.status_code == status, answer.text
    assert code in {None, answer.json()["code"]}
    assert answer.json().get("reason") == reason
    assert await lots_of(context, sale) == []


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_the_template_is_a_sound_list(asker: Asker, sale: str, language: str) -> None:
    answer = await asker.get(f"/ops/lots/import/template.csv?language={language}", OPS)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    preview = await sent(asker, answer.content)
    assert wrong(preview) == []
    first = preview.json()["lines"][0]
    assert first["closes_at_ms"] - first["opens_at_ms"] == 30 * MINUTE_MS


async def test_only_those_who_run_lots_may_import(asker: Asker, sale: str) -> None:
    for who in (signed("ann"), signed("fay", Role.FINANCE)):
        headers = {**who, "Content-Type": "text/csv"}
        answer = await asker.http.post("/api/v1/ops/lots/import?sale_id=launch", content=SOUND, headers=headers)
        assert answer.status_code == 403
