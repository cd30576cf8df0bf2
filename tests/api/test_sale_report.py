"""The report of a sale adds up what the record of each lot says."""

from typing import Any

import pytest

from auction.books import lot_activity
from auction.domain.events import BidPlaced, Event, Extended, Opened, Paused, Resumed
from auction.services.catalogue.sale_report import LotSummary
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, TERMS, Asker, signed

SOFT = {"soft_close": {"window_ms": 7_200_000, "extension_ms": 7_200_000, "hard_stop_ms": None}}


async def reported(asker: Asker, context: AppContext, sale_id: str) -> Any:
    await Archiver(context.books, context.stream).catch_up()
    answer = await asker.get(f"/ops/sales/{sale_id}/report", signed("fay", Role.FINANCE))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_lot_is_reported_with_its_result_bidders_and_what_moved_its_end(
    asker: Asker, context: AppContext
) -> None:
    lot_id = await asker.open_lot(bidders=("ann", "bob", "cid"), terms=SOFT)
    sale_id = lot_id.rpartition("-")[0]
    await asker.ops("/lots", {"sale_id": sale_id, "title": "A draft", "terms": TERMS}, 201)
    for place, bidder in enumerate(("ann", "bob", "ann"), 1):
        assert (await asker.bid(lot_id, 100 * place, bidder=bidder)).status_code == 201
    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "a doubt"})
    seq = (await asker.get(f"/lots/{lot_id}/bids")).json()["bids"][-1]["seq"]
    await asker.ops(f"/lots/{lot_id}/bids/{seq}/void", {"reason": "not theirs"})
    await asker.ops(f"/lots/{lot_id}/resume")
    await asker.ops(f"/lots/{lot_id}/extend", {"by_ms": 60_000, "reason": "a slow line"})
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "enough"})
    report = await reported(asker, context, sale_id)
    (lot,) = report["lots"]
    assert (lot["outcome"], lot["price_fen"], lot["winner_paddle"]) == ("sold", 200, 2)
    assert (lot["registered"], lot["bidders"], lot["bids"], lot["voided_bids"]) == (3, 2, 3, 1)
    assert lot["extensions_by_bids"] >= 1
    assert (lot["extensions_by_staff"], lot["pauses"]) == (1, 1)
    assert sum(part["bids"] for part in lot["parts"]) == 3
    async with context.books.reading() as tx:
        activity = await lot_activity.bid_activity(tx, lot_id)
    assert [(part["at_ms"], part["bids"], part["price_fen"]) for part in lot["parts"]] == [
        (part.at_ms, part.bids, part.price_fen) for part in activity.parts
    ]


def test_only_bids_that_move_the_end_count_as_extensions_by_bids() -> None:
    def bid(ends_at_ms: int, price_fen: int = 100) -> BidPlaced:
        return BidPlaced("ann", 1, price_fen, "key-00001", price_fen, 1, ends_at_ms)

    summary = LotSummary()
    events: list[Event] = [
        Opened(1000, 0, ""),
        bid(1000),
        bid(1500),
        Paused(300, "a doubt", "olga"),
        Resumed(2000, 0, 0, "olga"),
        bid(2000),
        Extended(2500, 0, "more", "olga"),
        bid(2500),
        bid(2600),
    ]
    for seq, event in enumerate(events, 1):
        summary.add(seq, seq * 10, event)
    assert (summary.extensions_by_bids, summary.extensions_by_staff, summary.pauses) == (2, 1, 1)
    assert LotSummary().activity().parts == []


@pytest.mark.parametrize("who, status", [(None, 401), (signed("ann"), 403), (OPS, 404)])
async def test_the_report_is_for_staff_and_of_a_sale_that_there_is(
    asker: Asker, who: dict[str, str] | None, status: int
) -> None:
    assert (await asker.get("/ops/sales/nowhere/report", who)).status_code == status
