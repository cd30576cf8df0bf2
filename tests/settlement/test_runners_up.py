"""What runners-up are offered after a default, and what secures it."""

from auction.services.settlement import runner_up_offers
from tests.settlement.acts import cascade, offers, refuse
from tests.settlement.conftest import YUAN, Stage


async def test_a_free_decline_makes_the_lot_no_cheaper_for_the_next(stage: Stage) -> None:
    terms = cascade(depth=3, price="clean", floor_fen=1 * YUAN)
    lot_id = await stage.sold_lot([("bob", 3), ("dora", 900), ("cleo", 1_000), ("ann", 5_000)], terms)
    await refuse(stage, lot_id)
    await runner_up_offers.decline_offer(stage.context, f"o-{lot_id}-1", bidder_id="cleo")
    await stage.settle()

    assert await offers(stage, lot_id) == [("cleo", 901, "declined"), ("dora", 900, "open")]


async def test_a_runner_up_who_defaulted_makes_no_price_any_more(stage: Stage) -> None:
    terms = cascade(depth=3, price="clean", floor_fen=1 * YUAN)
    lot_id = await stage.sold_lot([("bob", 3), ("dora", 900), ("cleo", 1_000), ("ann", 5_000)], terms)
    await refuse(stage, lot_id)
    await stage.accept(lot_id)
    await refuse(stage, lot_id)

    assert await offers(stage, lot_id) == [("cleo", 901, "accepted"), ("dora", 4, "open")]
