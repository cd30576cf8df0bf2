"""Staff watch a lot in a storm: bids over time, registrations, and on request who bids, which is audited."""

import pytest

from auction.books import audit
from auction.domain.codes import RefusalCode
from auction.domain.errors import LedgerAway
from auction.ledger.refusal_counts import refusals_of
from auction.services import refusal_log
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from auction.services.refusal_log import RefusalLog
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, TERMS, Asker, signed
from tests.browser.page_texts import texts_of

FINANCE = signed("fay", Role.FINANCE)


async def test_bids_and_registrations_are_summed_up_as_archived(asker: Asker, context: AppContext) -> None:
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    for place, bidder in enumerate(("ann", "bob", "ann"), 1):
        assert (await asker.bid(lot_id, 100 * place, bidder=bidder)).status_code == 201
    before = (await asker.get(f"/ops/lots/{lot_id}/activity", OPS)).json()
    assert (before["parts"], before["registrations"], before["recent_registrations"]) == ([], 2, 2)
    await Archiver(context.books, context.stream).catch_up()
    found = (await asker.get(f"/ops/lots/{lot_id}/activity", FINANCE)).json()
    assert sum(part["bids"] for part in found["parts"]) == 3
    assert found["parts"][-1]["price_fen"] == 300
    assert all(part["at_ms"] % found["width_ms"] == 0 for part in found["parts"])
    assert found["last_registration_at_ms"] is not None

    # a bid that is voided counts, and makes no price
    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "a doubt"})
    seq = (await asker.get(f"/lots/{lot_id}/bids")).json()["bids"][-1]["seq"]
    await asker.ops(f"/lots/{lot_id}/bids/{seq}/void", {"reason": "not theirs"})
    await Archiver(context.books, context.stream).catch_up()
    found = (await asker.get(f"/ops/lots/{lot_id}/activity", OPS)).json()
    assert (sum(part["bids"] for part in found["parts"]), found["parts"][-1]["price_fen"]) == (3, 200)


async def test_who_bids_is_told_with_names_and_each_look_is_audited(asker: Asker, context: AppContext) -> None:
    lot_id = await asker.open_lot(bidders=("ann", "bob"), terms={"bidding": "proxy"})
    await asker.bid(lot_id, 77_700)
    await asker.bid(lot_id, 500, bidder="bob")
    await Archiver(context.books, context.stream).catch_up()
    answer = await asker.get(f"/ops/lots/{lot_id}/top-bidders", OPS)
    first, second = answer.json()["bidders"]
    assert (first["bidder_id"], first["name"], first["paddle"], first["bids"]) == ("ann", "Ann", 1, 1)
    assert (second["bidder_id"], second["best_fen"]) == ("bob", 600)
    # never a maximum
    assert "77700" not in answer.text
    async with context.books.reading() as tx:
        looks = [
            act
            for act in await audit.staff_actions_of(tx, audit.AuditFilter(lot_id=lot_id))
            if act.action == "view-bidders"
        ]
    assert [(look.actor, look.details["bidders"]) for look in looks] == [("olga", ["ann", "bob"])]


async def test_activity_is_for_staff_and_names_for_those_who_run_lots(asker: Asker) -> None:
    lot_id = await asker.open_lot()
    for path in ("activity", "top-bidders"):
        assert (await asker.get(f"/ops/lots/{lot_id}/{path}")).status_code == 401
        assert (await asker.get(f"/ops/lots/{lot_id}/{path}", signed("ann"))).status_code == 403
        assert (await asker.get(f"/ops/lots/nowhere-001/{path}", OPS)).json()["code"] == "lot-unknown"
    assert (await asker.get(f"/ops/lots/{lot_id}/top-bidders", FINANCE)).status_code == 403
    await asker.ops("/sales", {"title": "A sale", "sale_id": "drafts"}, 201)
    await asker.ops("/lots", {"sale_id": "drafts", "title": "A draft", "terms": TERMS}, 201)
    assert (await asker.get("/ops/lots/drafts-001/activity", OPS)).json()["parts"] == []


async def test_refused_bids_are_counted_by_reason_over_all_processes(asker: Asker, context: AppContext) -> None:
    lot_id = await asker.open_lot(terms={"cap_fen": 100_000})
    for amount_fen, bidder in ((100, "ann"), (50, "ann"), (150, "eve"), (50, "ann"), (200_000, "ann")):
        await asker.bid(lot_id, amount_fen, bidder=bidder)
    await context.refusals.report(context.ledger)
    other = RefusalLog()
    other.count(lot_id, "bid-too-low")
    await other.report(context.ledger)
    await other.report(context.ledger)
    refusals = (await asker.get(f"/ops/lots/{lot_id}/activity", OPS)).json()["refusals"]
    assert sum(refusals.values()) == 5
    assert refusals["not-registered"] == 1
    assert list(refusals.values()) == sorted(refusals.values(), reverse=True)
    # a lot that nobody made is not counted
    await asker.bid("nowhere-001", 100)
    await context.refusals.report(context.ledger)
    assert await refusals_of(context.ledger, "nowhere-001") == {}


async def test_what_could_not_be_reported_is_kept(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_given: object) -> None:
        raise LedgerAway

    counted = RefusalLog()
    counted.count("launch-001", "bid-too-low")
    monkeypatch.setattr(refusal_log, "add_refusals", away)
    with pytest.raises(LedgerAway):
        await counted.report(context.ledger)
    monkeypatch.undo()
    counted.count("launch-001", "bid-too-low")
    await counted.report(context.ledger)
    assert await refusals_of(context.ledger, "launch-001") == {"bid-too-low": 2}


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_reason_has_a_name_for_staff(language: str) -> None:
    counted = {str(code) for code in RefusalCode} - {str(RefusalCode.LOT_UNKNOWN)}
    assert {code for code in counted if f"ops.refusal.{code}" not in texts_of(language)} == set()
