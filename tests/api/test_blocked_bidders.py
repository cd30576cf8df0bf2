"""Staff block a bidder: no registration and no bid from then on, until two persons agree that they may again."""

from dataclasses import replace

import pytest

from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, Asker, signed
from tests.api.test_two_persons import DORA, EVE, act, code_of, pending_of

FINANCE = signed("fay", Role.FINANCE)


@pytest.fixture
async def context(context: AppContext) -> AppContext:
    """A house in which such acts need two persons."""
    return replace(context, two_persons=True)


async def blocked(asker: Asker, what: str = "block") -> dict[str, object]:
    requested = await act(asker, f"/bidders/ann/{what}", DORA)
    assert requested.status_code == 202
    done = await act(asker, f"/bidders/ann/{what}", EVE, agrees_to=requested.json()["pending_id"])
    assert done.status_code == 200
    found: dict[str, object] = done.json()
    return found


async def test_who_is_blocked_can_neither_bid_nor_register_until_they_are_unblocked(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot(bidders=("ann", "bob"))
    assert (await asker.bid(lot_id, 100)).status_code == 201
    standing = await blocked(asker)
    assert (standing["blocked"], standing["blocked_reason"], standing["leads"]) == (True, "a typing error", [lot_id])
    # what stands goes on standing, and others go on
    assert (await asker.bid(lot_id, 200, bidder="bob")).status_code == 201
    assert code_of(await asker.bid(lot_id, 300)) == (409, "over-limit")
    other = await asker.open_lot(bidders=())
    refused = await asker.register(other, "ann")
    assert code_of(refused) == (409, "bidder-barred")
    assert refused.json()["cause"] == "blocked"
    await Archiver(context.books, context.stream).catch_up()
    top = (await asker.get(f"/ops/lots/{lot_id}/top-bidders", OPS)).json()["bidders"]
    assert {one["bidder_id"]: one["blocked"] for one in top} == {"ann": True, "bob": False}

    assert (await blocked(asker, "unblock"))["blocked"] is False
    assert (await asker.bid(lot_id, 300)).status_code == 201
    assert (await asker.register(other, "ann")).status_code == 201


async def test_blocking_needs_two_persons_and_a_registered_bidder(asker: Asker):
    await asker.open_lot()
    assert code_of(await act(asker, "/bidders/nobody/block", DORA)) == (404, "bidder-unknown")
    assert code_of(await act(asker, "/bidders/ann/unblock", DORA)) == (409, "bidder-not-blocked")
    requested = (await act(asker, "/bidders/ann/block", DORA)).json()
    assert (requested["act"], requested["subject"]) == ("block-bidder", "ann")
    assert (await act(asker, "/bidders/ann/block", DORA)).json()["pending_id"] == requested["pending_id"]
    assert code_of(await act(asker, "/bidders/ann/block", EVE)) == (409, "approval-waiting")
    assert (await asker.get("/ops/bidders/ann", OPS)).json()["blocked"] is False
    assert [one["act"] for one in await pending_of(asker)] == ["block-bidder"]
    withdrawn = await asker.http.delete(f"/api/v1/ops/pending/{requested['pending_id']}", headers=EVE)
    assert withdrawn.status_code == 204
    assert await pending_of(asker) == []


async def test_a_block_is_in_the_audit_log_and_twice_changes_nothing(asker: Asker):
    await asker.open_lot()
    before = await blocked(asker)
    assert await blocked(asker) == before
    actions = (await asker.get("/ops/audit", FINANCE)).json()["actions"]
    found = [one["action"] for one in actions if one["action"].endswith("block-bidder")]
    assert sorted(found) == ["approve-block-bidder"] * 2 + ["ask-block-bidder"] * 2 + ["block-bidder"]


async def test_only_staff_of_the_desk_block(asker: Asker):
    await asker.open_lot()
    assert (await act(asker, "/bidders/ann/block", signed("ann"))).status_code == 403
    assert (await act(asker, "/bidders/ann/block", FINANCE)).status_code == 403
    assert (await asker.get("/ops/bidders/ann", signed("ann"))).status_code == 403
