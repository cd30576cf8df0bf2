"""What late and failed answers of the payment provider do to deposits."""

from auction.books import deposits, operations, waiting_operations
from auction.books.deposits import Deposit
from auction.domain.states import DepositReason, DepositStatus, FailureCode, OperationStatus
from auction.services.catalogue import lots
from auction.services.payments.deposit_outcomes import capture_of
from auction.services.payments.gateway_calls import perform
from auction.services.settlement.awards import open_settlements
from tests.settlement.conftest import Stage


async def held_deposit(stage: Stage) -> Deposit:
    """Ann's deposit for an open lot, with an intent to capture it."""
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    async with stage.context.books.transaction() as tx:
        (held,) = await deposits.deposits_of_lot(tx, lot_id)
        await operations.intend(tx, [capture_of(held, held.amount_fen)], at_ms=stage.clock.ms)
    return held


async def release(stage: Stage, deposit: Deposit) -> None:
    """Close the lot without a bid, which intends the release."""
    await lots.close_lot(stage.context, deposit.lot_id, reason="the test says so", actor="olga")
    await stage.archive()
    assert await open_settlements(stage.context) == 1


async def status_of(stage: Stage, deposit: Deposit) -> tuple[DepositStatus, str | None]:
    async with stage.context.books.reading() as tx:
        found = await deposits.find(tx, deposit.deposit_id)
    return found.status, found.reason


async def test_a_capture_that_fails_after_the_release_leaves_the_deposit_released(stage: Stage) -> None:
    deposit = await held_deposit(stage)
    await release(stage, deposit)
    await perform(stage.context, f"release-{deposit.deposit_id}")
    assert await status_of(stage, deposit) == (DepositStatus.RELEASED, DepositReason.NOT_WON)

    capture = await perform(stage.context, f"capture-{deposit.deposit_id}")
    assert (capture.status, capture.failure) == (OperationStatus.FAILED, FailureCode.ALREADY_RELEASED)
    assert await status_of(stage, deposit) == (DepositStatus.RELEASED, DepositReason.NOT_WON)


async def test_a_deposit_captured_before_its_release_is_refunded(stage: Stage) -> None:
    deposit = await held_deposit(stage)
    await release(stage, deposit)
    await perform(stage.context, f"capture-{deposit.deposit_id}")
    assert await status_of(stage, deposit) == (DepositStatus.RELEASING, DepositReason.NOT_WON)

    superseded = await perform(stage.context, f"release-{deposit.deposit_id}")
    assert (superseded.status, superseded.failure) == (OperationStatus.FAILED, FailureCode.ALREADY_CAPTURED)
    assert await status_of(stage, deposit) == (DepositStatus.RELEASING, DepositReason.NOT_WON)
    await perform(stage.context, f"refund-{deposit.deposit_id}")
    assert await status_of(stage, deposit) == (DepositStatus.RELEASED, DepositReason.NOT_WON)
    async with stage.context.books.reading() as tx:
        assert await waiting_operations.stuck_of_lots(tx, [deposit.lot_id], attempts=1) == {}
