"""Bids that a fault lost: their bidders prove them, staff decide, and nothing of the lot is settled before that."""

import csv
import io
from typing import Any

import pytest

from auction.domain.events import FreezeCause
from auction.ledger.rebuild import LedgerRebuild
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from auction.services.recovery.restore import Restorer
from auction.services.settlement.deadlines import settle
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, Asker, signed

FINANCE = signed("fay", Role.FINANCE)
REASON = {"reason": "the receipt was looked at"}


async def archive(context: AppContext) -> None:
    await Archiver(context.books, context.stream).catch_up()


async def lose_what_is_not_archived(context: AppContext) -> None:
    """The ledger is emptied, and restored from the archive."""
    ledger = context.ledger
    await ledger.redis.flushall()
    rebuild = LedgerRebuild(ledger.redis, ledger.keys)
    restorer = Restorer(context.books, rebuild, shards=ledger.keys.shards, lineage=ledger.lineage, spooled={})
    assert (await restorer.restore(None, by="olga", reason="a test", dry_run=False)).is_complete
    await archive(context)


def received(answer: dict[str, Any]) -> dict[str, Any]:
    """What a bidder presents of the answer to a bid."""
    return {name: answer[name] for name in ("seq", "amount_fen", "at_ms", "receipt")}


@pytest.fixture
async def loss(asker: Asker, context: AppContext) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A lot that lost bob's bid of 200 and kept ann's of 100, and what both hold."""
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    kept = (await asker.bid(lot_id, 100)).json()
    await archive(context)
    lost = (await asker.bid(lot_id, 200, bidder="bob")).json()
    await lose_what_is_not_archived(context)
    return lot_id, received(kept), received(lost)


async def test_a_receipt_finds_its_bid_or_proves_that_it_was_lost(
    asker: Asker, loss: tuple[str, dict[str, Any], dict[str, Any]]
):
    lot_id, kept, lost = loss
    path = f"/lots/{lot_id}/claims"
    stands = await asker.post(path, kept, signed("ann"))
    assert (stands.status_code, stands.json()["standing"], stands.json()["claim"]) == (200, "stands", None)

    claimed = await asker.post(path, lost, signed("bob"))
    assert (claimed.status_code, claimed.json()["standing"]) == (201, "lost")
    assert claimed.json()["claim"]["status"] == "open"
    again = await asker.post(path, lost, signed("bob"))
    assert (again.status_code, again.json()) == (200, claimed.json())

    for body, bidder in (
        (lost, "ann"),
        ({**lost, "amount_fen": 900}, "bob"),
        ({**lost, "seq": kept["seq"]}, "bob"),
        ({**lost, "receipt": "A" * 24}, "bob"),
    ):
        forged = await asker.post(path, body, signed(bidder))
        assert (forged.status_code, forged.json()["code"]) == (422, "receipt-invalid")
    assert (await asker.post("/lots/launch-009/claims", lost, signed("bob"))).status_code == 404
    assert (await asker.post(path, {**lost, "receipt": "no such thing"}, signed("bob"))).status_code == 422
    assert (await asker.post(path, lost, OPS)).status_code == 403

    report = (await asker.get("/ops/recovery", OPS)).json()
    (claim,) = report["claims"]
    assert (claim["lot_id"], claim["bidder_id"], claim["seq"], claim["amount_fen"]) == (lot_id, "bob", lost["seq"], 200)
    assert (report["claims_open"], report["names"]["bob"]) == (1, "Bob")
    rows = csv.DictReader(io.StringIO((await asker.get("/ops/recovery.csv", OPS)).text.removeprefix("\ufeff")))
    found = {row["what"]: row for row in rows}
    assert (found["claim"]["bidder"], found["claim"]["receipt"], found["claim"]["claim_status"]) == (
        "bob",
        lost["receipt"],
        "open",
    )
    assert found["restored"]["settlement_held"] == "False"


async def test_a_bid_that_is_not_archived_yet_is_neither_found_nor_lost(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot()
    bid = received((await asker.bid(lot_id, 100)).json())
    path = f"/lots/{lot_id}/claims"
    assert (await asker.post(path, bid, signed("ann"))).json()["standing"] == "pending"
    await archive(context)
    assert (await asker.post(path, bid, signed("ann"))).json()["standing"] == "stands"


async def test_a_lot_that_lost_bids_is_settled_once_staff_have_decided_and_others_do_not_wait(
    asker: Asker, context: AppContext, loss: tuple[str, dict[str, Any], dict[str, Any]]
):
    lot_id, _, lost = loss
    other = await asker.open_lot()
    await asker.bid(other, 100)
    (claim_id,) = [(await asker.post(f"/lots/{lot_id}/claims", lost, signed("bob"))).json()["claim"]["claim_id"]]
    await asker.ops(f"/lots/{lot_id}/resume")
    for closing in (lot_id, other):
        await asker.ops(f"/lots/{closing}/close", {"reason": "a test"})
    await archive(context)

    await settle(context)
    assert (await asker.get(f"/ops/settlements/{other}", FINANCE)).status_code == 200
    assert (await asker.get(f"/ops/settlements/{lot_id}", FINANCE)).status_code == 404
    (restored,) = (await asker.get("/ops/recovery", OPS)).json()["restored"]
    assert (restored["settlement_held"], restored["decided_at_ms"]) == (True, None)

    release = f"/ops/recovery/lots/{lot_id}/release"
    waits = await asker.post(release, REASON, FINANCE)
    assert (waits.status_code, waits.json()["code"], waits.json()["claims"]) == (409, "claims-undecided", 1)
    claim = f"/ops/recovery/claims/{claim_id}"
    assert (await asker.post(f"{claim}/accept", REASON, signed("bob"))).status_code == 403
    assert (await asker.post("/ops/recovery/claims/999/accept", REASON, OPS)).json()["code"] == "claim-unknown"
    for _ in range(2):
        accepted = (await asker.post(f"{claim}/accept", REASON, OPS)).json()
        assert (accepted["status"], accepted["decided_by"], accepted["reason"]) == (
            "accepted",
            "olga",
            REASON["reason"],
        )
    assert (await asker.post(f"{claim}/decline", REASON, OPS)).json()["code"] == "claim-decided"
    own = (await asker.post(f"/lots/{lot_id}/claims", lost, signed("bob"))).json()["claim"]
    assert (own["status"], own["reason"]) == ("accepted", REASON["reason"])

    released = (await asker.post(release, REASON, FINANCE)).json()["restored"][0]
    assert (released["settlement_held"], released["decided_by"]) == (False, "fay")
    assert (await asker.post(release, REASON, FINANCE)).json()["code"] == "nothing-held"
    await settle(context)
    assert (await asker.get(f"/ops/settlements/{lot_id}", FINANCE)).json()["settlement"]["state"] == "awarded"
    actions = (await asker.get(f"/ops/audit?lot_id={lot_id}", FINANCE)).json()["actions"]
    assert {"restore-lot", "accept-claim", "release-settlement"} <= {action["action"] for action in actions}


async def test_a_restored_lot_that_staff_declare_void_is_refunded_at_once(
    asker: Asker, context: AppContext, loss: tuple[str, dict[str, Any], dict[str, Any]]
):
    lot_id, _, _ = loss
    await asker.ops(f"/lots/{lot_id}/void", {"reason": "too much was lost"})
    await archive(context)
    await settle(context)
    assert (await asker.get(f"/ops/settlements/{lot_id}", FINANCE)).json()["settlement"]["state"] == "void"


async def test_a_purse_is_kept_while_a_lot_of_its_sale_is_frozen(asker: Asker, context: AppContext):
    purse = {"deposit": {"policy": "purse", "multiplier": 10, "amount_fen": 1_000}}
    lot_id = await asker.open_lot(terms=purse)
    await context.ledger.freeze(lot_id, FreezeCause.FORKED)
    await archive(context)
    await settle(context)
    (deposit,) = (await asker.get("/me/deposits", signed("ann"))).json()["deposits"]
    assert deposit["status"] == "held"
