"""What a lot that has ended says of a bidder's own part: to that bidder alone, on the lot and in the list of sales."""

from typing import Any

import pytest

from auction.services.context import AppContext
from tests.api.conftest import OPS, Asker, signed
from tests.settlement.conftest import DAY_MS, YUAN, Stage

CASCADE = {"settlement": {"payment_window_ms": DAY_MS, "cascade": {"depth": 1, "price": "own_bid"}}}


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


async def part_of(asker: Asker, lot_id: str, headers: dict[str, str] | None) -> dict[str, Any]:
    """The fields of the asker's own part, without their prefix; the list of sales says the same."""
    lot = (await asker.get(f"/lots/{lot_id}", headers)).json()
    listed = (await asker.get(f"/sales/{lot_id.rpartition('-')[0]}", headers)).json()["lots"]
    assert next(one for one in listed if one["lot_id"] == lot_id) == lot | {"now_ms": listed[0]["now_ms"]}
    return {name.removeprefix("my_"): value for name, value in lot.items() if name.startswith("my_")}


async def test_a_bidder_is_told_of_their_award_offer_and_deposit_and_nobody_else_is(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.sold_lot([("bob", 1_000), ("ann", 2_000)], CASCADE)
    nothing = dict.fromkeys(("paddle", "award_status", "award_source", "offer_status", "deposit_status", "maximum_fen"))
    ann = nothing | {"paddle": 2, "award_status": "due", "award_source": "hammer", "deposit_status": "held"}
    bob = nothing | {"paddle": 1, "deposit_status": "held"}
    assert await part_of(asker, lot_id, signed("ann")) == ann
    assert await part_of(asker, lot_id, signed("bob")) == bob
    for headers in (None, signed("ghost"), OPS):
        assert await part_of(asker, lot_id, headers) == nothing

    await asker.post(f"/me/awards/a-{lot_id}-1/refuse", headers=signed("ann"))
    await stage.settle()
    assert (await part_of(asker, lot_id, signed("ann")))["award_status"] == "defaulted"
    assert await part_of(asker, lot_id, signed("bob")) == bob | {"offer_status": "open"}
    lot = (await asker.get(f"/lots/{lot_id}")).json()
    assert (lot["settlement"], lot["award_paddle"], lot["award_price_fen"]) == ("offered", None, None)

    await asker.post(f"/me/offers/o-{lot_id}-1/accept", headers=signed("bob"))
    after = {"award_status": "due", "award_source": "offer", "offer_status": "accepted"}
    assert await part_of(asker, lot_id, signed("bob")) == bob | after
    lot = (await asker.get(f"/lots/{lot_id}")).json()
    assert (lot["settlement"], lot["award_paddle"], lot["award_price_fen"]) == ("awarded", 1, 1_000 * YUAN)


async def test_no_part_is_told_while_bidding_goes_on(stage: Stage, asker: Asker) -> None:
    lot_id = await stage.open_lot(CASCADE)
    await stage.register(lot_id, "ann")
    assert set((await part_of(asker, lot_id, signed("ann"))).values()) == {None}
