"""Paid, and not fetched: the deadline, the storage fee, and the delivery centre that staff choose."""

import pytest

from auction.domain.accounts import JournalAccount
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.services.settlement import bidder_views, handover
from auction.services.settlement.finance_views import list_settlements
from auction.services.settlement.handover import StoragePayment
from tests.settlement.acts import settlement
from tests.settlement.conftest import DAY_MS, YUAN, Stage

TERMS = settlement(handover_window_ms=10 * DAY_MS, storage_fee_fen=50 * YUAN)


async def by_staff(stage: Stage, lot_id: str, centre: str = "Wuhan") -> None:
    await handover.choose_centre_by_staff(
        stage.context, lot_id, delivery_centre=centre, actor="olga", reason="does not answer"
    )


async def test_a_lot_that_nobody_fetches_goes_where_staff_say_and_costs_a_fee(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 500)], TERMS)
    with pytest.raises(WrongState):
        await by_staff(stage, lot_id)
    await stage.pay(lot_id)
    (own,) = await bidder_views.awards_of(stage.context, "ann")
    assert own.fetch_by_ms == stage.clock() + 10 * DAY_MS
    (row,) = (await list_settlements(stage.context)).rows
    assert (row.settlement.deadline_at_ms, row.storage_fee_fen) == (own.fetch_by_ms, 0)
    with pytest.raises(RequestRefused) as early:
        await by_staff(stage, lot_id)
    assert early.value.code == ProblemCode.HANDOVER_NOT_OVERDUE

    await stage.pass_time(12 * DAY_MS)
    (row,) = (await list_settlements(stage.context)).rows
    assert (row.settlement.deadline_at_ms, row.fetch_by_ms, row.storage_fee_fen) == (
        None,
        own.fetch_by_ms,
        100 * YUAN,
    )
    with pytest.raises(RequestRefused) as nowhere:
        await by_staff(stage, lot_id, "Atlantis")
    assert nowhere.value.code == ProblemCode.DELIVERY_CENTRE_UNKNOWN
    await by_staff(stage, lot_id)
    await by_staff(stage, lot_id)

    for storage in (None, StoragePayment(101 * YUAN, "too much")):
        with pytest.raises(RequestRefused) as owed:
            await handover.confirm_handover(stage.context, lot_id, actor="olga", storage=storage)
        assert (owed.value.code, owed.value.facts) == (ProblemCode.STORAGE_FEE_OWED, {"amount_fen": 100 * YUAN})
    paid = StoragePayment(80 * YUAN, "receipt 7; the rest waived, the centre was closed")
    await handover.confirm_handover(stage.context, lot_id, actor="olga", storage=paid)
    assert await stage.state(lot_id) == "settled"
    assert await stage.balance(lot_id, JournalAccount.STORAGE_INCOME) == -80
    steps = [step.step for step in (await stage.detail(lot_id)).steps]
    assert steps[-4:] == ["handover-overdue", "delivery-centre-chosen", "storage-fee-paid", "settled"]


async def test_terms_without_a_fee_give_thirty_days_and_cost_nothing(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 500)])
    await stage.pay(lot_id)
    await stage.pass_time(400 * DAY_MS)
    steps = [step.step for step in (await stage.detail(lot_id)).steps]
    assert [step for step in steps if step == "handover-overdue"] == ["handover-overdue"]
    await by_staff(stage, lot_id)
    await handover.confirm_handover(stage.context, lot_id, actor="olga")
    assert await stage.state(lot_id) == "settled"
