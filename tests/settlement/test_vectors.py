from auction.domain.journal import Account
from tests.settlement.conftest import DAY_MS, YUAN, Stage


def settlement(**more: object) -> dict[str, object]:
    return {"settlement": {"payment_window_ms": DAY_MS, **more}}


def deposit(yuan: int) -> dict[str, object]:
    return {"deposit": {"policy": "flat", "amount_fen": yuan * YUAN}}


async def test_a_shortfall_is_paid_from_the_deposit_and_the_rest_is_claimed(stage: Stage) -> None:
    terms = deposit(100_000) | settlement(default_liability="shortfall")
    lot_id = await stage.sold_lot([("ann", 1_552_000)], terms)
    await stage.pass_time(DAY_MS)
    assert await stage.state(lot_id) == "relisted"

    resold = await stage.resell(lot_id, [("bob", 1_204_000)])
    await stage.pay(resold)

    default = await stage.the_default(lot_id)
    assert default.split is not None
    assert (default.split["gap_fen"], default.claim_fen) == (100_000 * YUAN, 248_000 * YUAN)
    assert await stage.balance(lot_id, Account.FORFEIT_SUSPENSE) == 0


async def test_the_no_show_of_78_million_costs_100_yuan_under_deposit_only(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 78_193_399)], deposit(100) | settlement())
    await stage.pass_time(DAY_MS)
    resold = await stage.resell(lot_id, [("bob", 89_900)])
    await stage.pay(resold)

    default = await stage.the_default(lot_id)
    assert (default.forfeited_fen, default.claim_fen) == (100 * YUAN, 0)
    assert await stage.balance(lot_id, Account.SHORTFALL_RECEIVABLE) == 0


async def test_the_no_show_of_78_million_is_claimed_under_shortfall(stage: Stage) -> None:
    terms = deposit(100) | settlement(default_liability="shortfall")
    lot_id = await stage.sold_lot([("ann", 78_193_399)], terms)
    await stage.pass_time(DAY_MS)
    await stage.pay(await stage.resell(lot_id, [("bob", 89_900)]))

    assert (await stage.the_default(lot_id)).claim_fen == 78_103_399 * YUAN
