"""What the staff page reads and asks: the desk, event logs, health, presets, terms as they are written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import fields
from typing import Any

import pytest

from api.schemas.staff import EventResponse
from auction.domain import events
from auction.domain.terms_reader import read_terms
from auction.presets import all_presets
from auction.services.catalogue.event_log import LoggedEvent, list_events
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, TERMS, signed

READING = ("/ops/lots", "/ops/health", "/ops/presets", "/ops/lots/launch-001/events")


def because(reason: str = "a reason") -> dict[str, str]:
    return {"reason": reason}


async def log_of(asker: Any, lot_id: str, **wanted: object) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    answer = await asker.get(f"/ops/lots/{lot_id}/events?{query}", OPS)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kinds(log: dict[str, Any]) -> list[str]:
    return [event["kind"] for event in log["events"]]


def seqs(log: dict[str, Any]) -> list[int]:
    return [event["seq"] for event in log["events"]]


@asynccontextmanager
async def archiving(context: Any) -> AsyncIterator[Archiver]:
    archiver = Archiver(context.books, context.stream)
    task = asyncio.create_task(archiver.run())
    try:
        yield archiver
    finally:
        archiver.stop()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("path", READING)
async def test_the_desk_is_for_ops_alone(asker, path):
    await asker.ops("/sales", {"title": "Launch", "sale_id": "launch"}, 201)
    await asker.ops("/lots", {"sale_id": "launch", "title": "No. 001", "terms": TERMS}, 201)

    assert (await asker.get(path)).status_code == 401
    assert (await asker.get(path, signed("ann"))).status_code == 403
    assert (await asker.get(path, OPS)).status_code == 200


async def test_the_desk_shows_every_lot_with_drafts_and_reserves(asker):
    await asker.ops("/sales", {"title": "Launch", "sale_id": "launch"}, 201)
    await asker.ops("/lots", {"sale_id": "launch", "title": "A draft", "terms": {**TERMS, "reserve_fen": 500}}, 201)
    lot_id = await asker.open_lot()
    await asker.bid(lot_id, 700)

    desk = (await asker.get("/ops/lots", OPS)).json()

    assert desk["now_ms"] > 1_700_000_000_000
    lots = {lot["lot_id"]: lot for sale in desk["sales"] for lot in sale["lots"]}
    assert lots["launch-001"]["status"] == "draft"
    assert lots["launch-001"]["terms"]["reserve_fen"] == 500
    assert (lots[lot_id]["status"], lots[lot_id]["price_fen"], lots[lot_id]["bids"]) == ("open", 700, 1)


async def test_the_event_log_tells_all_that_happened_newest_first(asker):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    await asker.bid(lot_id, 100)
    await asker.bid(lot_id, 900, bidder="bob")
    await asker.ops(f"/lots/{lot_id}/pause", because("a doubt"))
    await asker.ops(f"/lots/{lot_id}/bids/6/void", because("not theirs"))
    await asker.ops(f"/lots/{lot_id}/resume", {"review_above_fen": 5_000})
    await asker.ops(f"/lots/{lot_id}/extend", {"by_ms": 1_000, **because("a slow line")})
    await asker.ops(f"/lots/{lot_id}/close", because("enough"))

    log = await log_of(asker, lot_id)

    told = ["closed", "extended", "resumed", "voided", "paused", "bid", "bid", "admitted", "admitted", "opened"]
    assert kinds(log) == [*told, "scheduled"]
    assert seqs(log) == list(range(11, 0, -1))
    assert "next_before_seq" not in log
    closed, _, resumed, voided, paused, bid, *_ = log["events"]
    assert (closed["outcome"], closed["price_fen"], closed["leader"], closed["leader_bidder"]) == (
        "sold",
        100,
        1,
        "ann",
    )
    assert (closed["reason"], closed["by"], closed["cause"]) == ("enough", "olga", "staff")
    assert resumed["review_above_fen"] == 5_000
    assert (voided["bid_seq"], voided["price_fen"], voided["epoch"], paused["epoch"]) == (6, 100, 2, 1)
    assert (bid["bidder"], bid["paddle"], bid["price_fen"], bid["leading"]) == ("bob", 2, 900, True)


async def test_the_log_of_a_draft_is_empty_and_that_of_no_lot_is_not_there(asker):
    await asker.ops("/sales", {"title": "Launch", "sale_id": "launch"}, 201)
    await asker.ops("/lots", {"sale_id": "launch", "title": "No. 001", "terms": TERMS}, 201)

    assert await log_of(asker, "launch-001") == {"events": []}
    assert (await asker.get("/ops/lots/launch-002/events", OPS)).json()["code"] == "lot-unknown"


async def test_the_log_never_tells_a_maximum(asker):
    lot_id = await asker.open_lot(terms={"bidding": "proxy"})
    await asker.bid(lot_id, 77_700)

    answer = await asker.get(f"/ops/lots/{lot_id}/events", OPS)

    assert answer.json()["events"][0]["price_fen"] == 100
    assert "77700" not in answer.text


def test_no_event_has_a_field_that_shows_more_than_was_meant():
    meant = set(EventResponse.model_fields)
    for kind in events.KINDS.values():
        plain = {"str": "x", "int": 1}
        row = [kind.kind, *(plain[str(getattr(field.type, "__name__", field.type))] for field in fields(kind))]
        shown = EventResponse.of(LoggedEvent(1, 1, 1, events.from_row(row))).model_dump(exclude_none=True)
        assert set(shown) <= meant
        assert not {"key", "amount_fen", "ceiling_fen"} & set(shown)


async def test_pages_of_the_log_join_without_a_hole(asker, context):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    for number in range(1, 8):
        await asker.bid(lot_id, number * 100, bidder="ann" if number % 2 else "bob")
    await Archiver(context.books, context.stream).catch_up()
    for number in range(8, 12):
        await asker.bid(lot_id, number * 100, bidder="ann" if number % 2 else "bob")

    first = await log_of(asker, lot_id, limit=6)
    second = await log_of(asker, lot_id, limit=6, before_seq=first["next_before_seq"])
    rest = await log_of(asker, lot_id, before_seq=second["next_before_seq"])
    fresh = await log_of(asker, lot_id, after_seq=first["events"][0]["seq"] - 2)
    hurried = await log_of(asker, lot_id, after_seq=3, limit=2)

    assert seqs(first) + seqs(second) + seqs(rest) == list(range(15, 0, -1))
    assert "next_before_seq" not in rest
    assert seqs(fresh) == [15, 14]
    assert "next_before_seq" not in fresh
    assert (seqs(hurried), hurried["next_before_seq"]) == ([15, 14], 14)


async def test_the_log_without_bids_finds_the_actions_between_many(asker, context):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    for number in range(1, 9):
        await asker.bid(lot_id, number * 100, bidder="ann" if number % 2 else "bob")
    await asker.ops(f"/lots/{lot_id}/pause", because())

    assert kinds(await log_of(asker, lot_id, without_bids="true")) == ["paused", "opened", "scheduled"]
    await Archiver(context.books, context.stream).catch_up()
    assert kinds(await log_of(asker, lot_id, without_bids="true")) == ["paused", "opened", "scheduled"]


async def test_the_log_is_whole_while_the_archive_moves_on(asker, context):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    async with archiving(context):
        for number in range(1, 40):
            await asker.bid(lot_id, number * 100, bidder="ann" if number % 2 else "bob")
            page = await list_events(context, lot_id, limit=50)
            assert [one.seq for one in page.events] == list(range(number + 4, 0, -1))


async def test_other_lots_of_the_shard_stay_out_of_the_log(asker):
    lots = [await asker.open_lot() for _ in range(3)]
    for lot_id in lots:
        await asker.bid(lot_id, 100)

    for lot_id in lots:
        assert seqs(await log_of(asker, lot_id)) == [4, 3, 2, 1]


async def test_health_tells_how_far_the_archive_is_behind(asker, context):
    await asker.open_lot()
    await asyncio.sleep(0.05)

    behind = (await asker.get("/ops/health", OPS)).json()
    await Archiver(context.books, context.stream).catch_up()
    level = (await asker.get("/ops/health", OPS)).json()

    assert {behind[part] for part in ("ledger", "books", "migrations")} == {"ok"}
    assert behind["ready"] is True
    assert behind["archive"]["behind_ms"] >= 50
    assert behind["archive"]["shards"] == 1
    assert level["archive"] == {"behind_ms": 0, "shards": 0}


async def test_presets_come_complete_and_follow_the_list_price(asker):
    presets = (await asker.get("/ops/presets", OPS)).json()["presets"]
    priced = (await asker.get("/ops/presets?list_price_fen=1000000", OPS)).json()["presets"]

    assert [one["name"] for one in presets] == [preset.name for preset in all_presets()]
    assert all(read_terms(one["terms"]) for one in presets)
    assert all(set(one["labels"]) == {"en", "zh-CN"} for one in presets)
    judicial = next(one for one in presets if one["name"] == "cn-judicial")
    assert (judicial["default_duration_ms"], judicial["order"]) == (86_400_000, 3)
    assert judicial["labels"]["zh-CN"]["name"] == "司法拍卖"
    guarded = next(one["terms"] for one in priced if one["name"] == "guarded-flash")
    assert guarded["review_above_fen"] == 5_000_000
    assert guarded["settlement"]["cascade"]["floor_fen"] == 500_000


async def test_terms_are_checked_without_creating_anything(asker):
    desk = (await asker.get("/ops/lots", OPS)).json()["sales"]

    sound = await asker.ops("/terms/check", {"preset": "jd-flash", "terms": {"cap_fen": 500}})
    wrong = await asker.ops("/terms/check", {"preset": "jd-flash", "terms": {"cap_fen": 50, "reserve_fen": 70}})
    nothing = await asker.ops("/terms/check", {})
    unknown = await asker.post("/ops/terms/check", {"preset": "none-such"}, OPS)

    assert sound["contradictions"] == []
    assert (sound["terms"]["cap_fen"], sound["terms"]["start_price_fen"]) == (500, 100)
    assert wrong["terms"] is None
    assert [(one["code"], one["field"], one["facts"]) for one in wrong["contradictions"]] == [
        ("reserve-under-start", "reserve_fen", {"reserve_fen": 70, "start_fen": 100}),
        ("cap-under-start", "cap_fen", {"cap_fen": 50, "start_fen": 100}),
        ("cap-under-reserve", "cap_fen", {"cap_fen": 50, "reserve_fen": 70}),
    ]
    assert {one["code"] for one in nothing["contradictions"]} == {"missing"}
    assert unknown.json()["code"] == "preset-unknown"
    assert (await asker.get("/ops/lots", OPS)).json()["sales"] == desk


async def test_away_servers_are_told_not_guessed(asker, context, monkeypatch):
    lot_id = await asker.open_lot()

    async def away(*_: object, **__: object) -> Any:
        from auction.domain.errors import BooksAway

        raise BooksAway

    monkeypatch.setattr("api.routes.ops.archive_lag", away)
    assert (await asker.get("/ops/health", OPS)).json()["archive"] is None
    monkeypatch.setattr("api.routes.ops.list_events", away)
    answer = await asker.get(f"/ops/lots/{lot_id}/events", OPS)
    assert (answer.status_code, answer.json()["code"]) == (503, "books-away")
    assert answer.headers["retry-after"]
