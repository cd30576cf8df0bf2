"""What every lot was offered and sold for, for everybody: as JSON and as CSV."""

import csv
import io
from typing import Any

from auction.services.catalogue import lot_views
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from auction.workers.archiver import Archiver
from auction.workers.settler import Settler
from tests.api.conftest import OPS, TERMS, Asker, signed

FINANCE = signed("fia", Role.FINANCE)
FEES = {"settlement": {"buyer_fee_bps": 250}}


async def prices(asker: Asker, query: str = "") -> dict[str, Any]:
    answer = await asker.get(f"/prices{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sold_lot(asker: Asker, **terms: Any) -> str:
    lot_id = await asker.open_lot(terms={**FEES, **terms})
    assert (await asker.bid(lot_id, 9_999)).status_code == 201
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    return lot_id


async def test_a_sold_lot_has_its_final_price_and_the_fee_on_top(asker: Asker):
    lot_id = await sold_lot(asker, reserve_fen=5_000)
    (lot,) = (await prices(asker))["lots"]
    assert (lot["lot_id"], lot["outcome"], lot["bids"], lot["reserve_met"]) == (lot_id, "sold", 1, True)
    assert (lot["price_fen"], lot["final_price_fen"]) == (9_999, 9_999)
    assert (lot["buyer_fee_bps"], lot["buyer_fee_fen"], lot["total_fen"]) == (250, 249, 10_248)
    assert "reserve_fen" not in lot


async def test_what_was_not_sold_has_no_final_price(asker: Asker):
    unmet = await sold_lot(asker, reserve_fen=50_000)
    running = await asker.open_lot()
    void = await asker.open_lot()
    await asker.ops(f"/lots/{void}/void", {"reason": "for the test"})
    found = {lot["lot_id"]: lot for lot in (await prices(asker))["lots"]}
    assert {lot_id: lot["outcome"] for lot_id, lot in found.items()} == {
        unmet: "reserve-unmet",
        running: None,
        void: "void",
    }
    assert {lot["final_price_fen"] for lot in found.values()} == {None}
    assert (found[unmet]["price_fen"], found[unmet]["reserve_met"]) == (9_999, False)
    assert found[running]["price_fen"] is None


async def test_a_lot_that_was_not_paid_for_has_no_final_price(asker: Asker, context: AppContext):
    lot_id = await sold_lot(asker)
    await Archiver(context.books, context.stream).catch_up()
    await Settler(context).settle()
    assert (await prices(asker))["lots"][0]["final_price_fen"] == 9_999
    default, said = f"/ops/settlements/{lot_id}/default", {"reason": "for the test"}
    (asked,) = (await asker.post(default, said, FINANCE)).json()["settlement"]["approvals"]
    second = signed("fred", Role.FINANCE)
    ended = await asker.post(default, {**said, "pending_id": asked["pending_id"]}, second)
    assert ended.status_code == 200, ended.text
    (lot,) = (await prices(asker))["lots"]
    assert (lot["final_price_fen"], lot["total_fen"], lot["outcome"]) == (None, None, "sold")


async def test_drafts_are_nobodys_business(asker: Asker):
    sale = await asker.ops("/sales", {"title": "A sale", "sale_id": "drafts"}, 201)
    await asker.ops("/lots", {"sale_id": sale["sale_id"], "title": "A secret", "terms": TERMS}, 201)
    for path in ("/prices", "/prices.csv"):
        for who in (None, OPS):
            assert "A secret" not in (await asker.get(path, who)).text


async def test_pages_have_each_lot_once(asker: Asker, monkeypatch: Any):
    monkeypatch.setattr(lot_views, "LOTS_PAGE_MAX", 2)
    ids = {await asker.open_lot() for _ in range(3)}
    sale_id = next(iter(ids)).rpartition("-")[0]
    for number in range(4):
        lot = {"sale_id": sale_id, "title": f"Lot {number}", "terms": TERMS}
        lot_id = (await asker.ops("/lots", lot, 201))["lot_id"]
        await asker.ops(f"/lots/{lot_id}/open", {"duration_ms": 3_600_000})
        ids.add(lot_id)
    seen: list[str] = []
    query = "?limit=1"
    while True:
        page = await prices(asker, query)
        seen += [lot["lot_id"] for lot in page["lots"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=1&cursor={page['next_cursor']}"
    assert len(seen) == len(ids) == 7
    assert set(seen) == ids
    assert (await asker.get("/prices?cursor=nowhere")).status_code == 404
    assert (await asker.get("/prices?limit=0")).status_code == 422


async def test_the_file_is_for_spreadsheets(asker: Asker):
    await sold_lot(asker)
    answer = await asker.get("/prices.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["final_price_fen"], row["final_price_yuan"], row["total_yuan"]) == ("9999", "99.99", "102.48")
    assert (row["list_price_fen"], row["list_price_yuan"]) == ("", "")
    assert row["ends_at_utc"].endswith("Z")
