"""One item that cannot be processed is set aside with its error, and everything else goes on."""

from dataclasses import replace

from sqlalchemy import text

from auction.books.faults import Fault
from auction.payments.gateway import Reply
from auction.services.catalogue import lots
from auction.services.settlement.finance_views import list_settlements
from tests.settlement.acts import settlement, statuses
from tests.settlement.conftest import DAY_MS, HOUR_MS, Stage
from tests.settlement.unreliable import UnreliableGateway


class OddGateway(UnreliableGateway):
    """A provider that answers one release with something that nobody understands."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.gateway, lambda _: None)
        self.odd_ref: str | None = None

    async def release(self, operation_id: str, *, ref: str) -> Reply:
        if ref == self.odd_ref:
            raise KeyError("cancellation_reason")
        return await super().release(operation_id, ref=ref)


async def faults(stage: Stage) -> list[Fault]:
    return list((await list_settlements(stage.context)).faults)


async def test_an_odd_answer_about_one_operation_delays_no_other(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    for bidder in ("ann", "bob", "cleo"):
        await stage.register(lot_id, bidder)
    gateway = OddGateway(stage)
    (bobs,) = [one for one in await stage.deposits_of(lot_id) if one.bidder_id == "bob"]
    gateway.odd_ref = bobs.provider_ref
    stage.context = replace(stage.context, gateway=gateway)
    await stage.close(lot_id)

    assert await statuses(stage, lot_id) == {"ann": ["released"], "bob": ["releasing"], "cleo": ["released"]}
    (fault,) = await faults(stage)
    assert (fault.stage, fault.item_id, fault.lot_id) == ("payment", f"release-{bobs.deposit_id}", lot_id)
    assert fault.error == "KeyError: 'cancellation_reason'"
    assert fault.next_try_at_ms > stage.clock()

    gateway.odd_ref = None
    await stage.pass_time(HOUR_MS)
    assert (await statuses(stage, lot_id))["bob"] == ["released"]
    assert await faults(stage) == []


async def test_a_lot_whose_settlement_cannot_be_opened_delays_no_other(stage: Stage) -> None:
    ended = []
    for number in range(3):
        # terms of their own: equal ones are read once
        lot_id = await stage.open_lot(settlement(grace_ms=number))
        await stage.register(lot_id, "ann")
        await stage.bid(lot_id, "ann", 500)
        await lots.close_lot(stage.context, lot_id, reason="sold", actor="olga")
        ended.append(lot_id)
    broken = ended[1]
    await alter_terms(stage, broken, "terms - 'bidding'")
    await stage.settle()

    opened = {row.settlement.lot_id for row in (await list_settlements(stage.context)).rows}
    assert opened == {ended[0], ended[2]}
    (fault,) = await faults(stage)
    assert (fault.stage, fault.lot_id) == ("opening", broken)
    await alter_terms(stage, broken, 'terms || \'{"bidding": "direct"}\'')
    await stage.pass_time(HOUR_MS)
    assert await stage.state(broken) == "awarded"
    assert await faults(stage) == []


async def test_a_settlement_that_cannot_move_on_delays_no_other_and_no_other_stage(stage: Stage) -> None:
    first, second = [await stage.sold_lot([("ann", 500)], settlement()) for _ in range(2)]
    await alter_terms(stage, first, "terms - 'bidding'")
    await stage.pass_time(DAY_MS)

    assert await stage.state(second) == "relisted"
    (fault,) = await faults(stage)
    assert (fault.stage, fault.lot_id) == ("deadline", first)
    await alter_terms(stage, first, 'terms || \'{"bidding": "direct"}\'')
    await stage.pass_time(HOUR_MS)
    assert await stage.state(first) == "relisted"


async def alter_terms(stage: Stage, lot_id: str, expression: str) -> None:
    """Damage the stored terms of a lot, or mend them."""
    async with stage.context.books.transaction() as tx:
        statement = f"UPDATE lots SET terms = {expression} WHERE lot_id = :lot_id"
        await tx.session.execute(text(statement), {"lot_id": lot_id})
