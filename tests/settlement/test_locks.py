"""Two who change one settlement at the same moment, each stopped where the other comes between: what holds then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

from sqlalchemy import text

from auction.books import operations, settlements
from auction.books.operations import Operation
from auction.domain.errors import PaymentsAway
from auction.domain.states import OperationKind, OperationStatus
from auction.services.payments import gateway_calls, registration_deposits
from auction.services.settlement import award_payment, voids
from tests.settlement.acts import PURSE, behind_a_bad_line
from tests.settlement.conftest import DAY_MS, YUAN, Stage
from tests.settlement.unreliable import Fault

WAITERS = "SELECT count(*) AS waiting FROM pg_locks WHERE NOT granted"


async def waiters(stage: Stage, count: int) -> None:
    """Return once so many transactions wait for a lock."""
    while True:
        async with stage.context.books.reading() as tx:
            (row,) = await tx.rows(text(WAITERS))
        if row["waiting"] >= count:
            return
        await asyncio.sleep(0.01)


@asynccontextmanager
async def settlement_locked(stage: Stage, lot_id: str) -> AsyncIterator[None]:
    """Somebody else has the settlement of a lot; whoever wants it comes in the order of asking."""
    async with stage.context.books.transaction() as tx:
        await settlements.lock(tx, lot_id)
        yield


async def in_this_order(stage: Stage, lot_id: str, *acts: Awaitable[object]) -> None:
    """Begin each act once the one before waits for the lot, then let all go on."""
    async with asyncio.TaskGroup() as tasks, settlement_locked(stage, lot_id):
        for number, act in enumerate(acts, 1):
            tasks.create_task(act)  # type: ignore[arg-type]
            await waiters(stage, number)


async def open_operations(stage: Stage, lot_id: str, kind: OperationKind) -> list[Operation]:
    async with stage.context.books.reading() as tx:
        found = await operations.operations_of_lot(tx, lot_id)
    return [one for one in found if one.kind is kind and not one.is_resolved]


async def record(stage: Stage, operation: Operation) -> None:
    """Have the provider do it, and record what it says."""
    gateway = stage.gateway
    if operation.kind is OperationKind.CAPTURE:
        reply = await gateway.capture(
            operation.operation_id, ref=str(operation.target_ref), amount_fen=operation.amount_fen
        )
    else:
        found = await gateway.look_up(operation.operation_id, operation.kind)
        assert found is not None
        reply = found
    await gateway_calls.resolve(stage.context, operation.operation_id, reply)


async def purse_lots(stage: Stage, first_method: str = "sandbox-ok") -> tuple[str, str]:
    """A lot that ann put a purse of two deposits down for, and another of the sale that she won at 20,000."""
    first = await stage.open_lot(PURSE)
    second = await stage.open_lot(PURSE, sale_id=first.rpartition("-")[0])
    await stage.register(first, "ann", payment_method=first_method)
    await registration_deposits.top_up(stage.context, first, bidder_id="ann", amount_fen=1_000 * YUAN, key="top-up-1")
    await stage.register(second, "ann")
    await stage.bid(second, "ann", 20_000)
    await stage.close(second)
    return first, second


async def test_a_capture_that_waits_for_a_payment_counts_it(stage: Stage) -> None:
    first, second = await purse_lots(stage, "sandbox-capture-fails")
    faults: dict[OperationKind, Fault] = {OperationKind.CAPTURE: "before"}
    award = await stage.award(second)
    behind_a_bad_line(stage, faults)
    with suppress(PaymentsAway):
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")
    failing, good = await open_operations(stage, first, OperationKind.CAPTURE)
    deposits = {one.deposit_id: one for one in await stage.deposits_of(first)}
    if deposits[str(good.deposit_id)].payment_method != "sandbox-ok":
        failing, good = good, failing
    await record(stage, failing)
    # the failed part is paid by another charge, whose outcome comes together with the capture's
    with suppress(PaymentsAway):
        await award_payment.pay_award(
            stage.context, award.award_id, bidder_id="ann", key="pay-key-2", payment_method="sandbox-slow"
        )
    stage.clock.forward(4_000)
    (charge,) = await open_operations(stage, second, OperationKind.CHARGE)
    await in_this_order(stage, second, record(stage, charge), record(stage, good))

    assert await stage.state(second) == "paid"
    await stage.pass_time(DAY_MS)
    assert await stage.state(second) == "paid"


async def test_a_void_and_the_capture_of_a_purse_wait_for_each_other_in_no_circle(stage: Stage) -> None:
    first, second = await purse_lots(stage)
    faults: dict[OperationKind, Fault] = {OperationKind.CAPTURE: "before"}
    award = await stage.award(second)
    behind_a_bad_line(stage, faults)
    with suppress(PaymentsAway):
        await award_payment.pay_award(stage.context, award.award_id, bidder_id="ann", key="pay-key-1")
    assert await voids.void_settlement(stage.context, second, actor="olga", reason="forged") is not None
    capture, other = await open_operations(stage, first, OperationKind.CAPTURE)
    void = voids.void_settlement(stage.context, second, actor="petra", reason="so it is")
    await in_this_order(stage, second, void, record(stage, capture))
    await record(stage, other)
    faults.clear()
    stage.clock.forward(30_000)
    await stage.settle()

    assert await stage.state(second) == "void"
    async with stage.context.books.reading() as tx:
        found = await operations.operations_of_lot(tx, first)
    assert {one.status for one in found} == {OperationStatus.SUCCEEDED}
    assert await stage.gateway.balance_fen() == 0


async def test_a_winner_whose_deposit_covers_the_price_does_not_default(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 80)])
    await stage.pass_time(DAY_MS)

    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 80 * YUAN


async def test_a_winner_who_refuses_defaults_though_the_deposit_would_cover_the_price(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 80)])
    award = await stage.award(lot_id)
    await award_payment.refuse_award(stage.context, award.award_id, bidder_id="ann")
    await stage.settle()

    assert await stage.state(lot_id) == "relisted"
