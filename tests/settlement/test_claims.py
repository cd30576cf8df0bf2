"""Claims that defaulters pay in parts: what the seller, the house and earlier defaulters' losses get of it."""

import pytest

from auction.domain.accounts import JournalAccount
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.settlement import waterfall
from auction.services.settlement.claim_collection import collect_claim
from tests.settlement.acts import deposit, refuse, settlement, void
from tests.settlement.conftest import DAY_MS, YUAN, Stage

SHORTFALL = settlement(default_liability="shortfall", buyer_fee_bps=300)


async def seller_fen(stage: Stage, lot_id: str) -> int:
    """What the seller was paid for a lot."""
    entries = (await stage.detail(lot_id)).entries
    return -sum(
        line.amount_fen
        for entry in entries
        if entry.kind == "seller-paid"
        for line in entry.lines
        if line.account is JournalAccount.CASH
    )


async def test_a_claim_is_paid_in_parts_to_the_seller_and_the_house_and_the_rest_written_off(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 10_000)], deposit(100) | SHORTFALL)
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 5_000)]))
    default = await stage.the_default(lot_id)
    assert default.claim_fen == (4_900 + 300) * YUAN

    async def collect(yuan: int, reference: str, actor: str = "olga") -> object:
        return await collect_claim(
            stage.context, lot_id, default.default_id, amount_fen=yuan * YUAN, reference=reference, actor=actor
        )

    assert await collect(4_000, "R-1") is None
    assert await collect(4_000, "R-1") is None, "the same receipt is booked once"
    with pytest.raises(RequestRefused) as other:
        await collect(4_001, "R-1")
    assert other.value.code == ProblemCode.RECEIPT_USED
    assert await seller_fen(stage, lot_id) == 4_100 * YUAN
    with pytest.raises(RequestRefused) as much:
        await collect(1_201, "R-2")
    assert (much.value.code, much.value.facts) == (ProblemCode.CLAIM_EXCEEDED, {"amount_fen": 1_200 * YUAN})
    assert await collect(1_000, "R-2") is None
    assert await seller_fen(stage, lot_id) == 5_000 * YUAN
    assert await stage.balance(lot_id, JournalAccount.COMMISSION_INCOME) == -100
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 200
    await stage.check()

    for person in ("olga", "petra"):
        await waterfall.write_off(stage.context, lot_id, actor=person, reason="bankrupt")
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 0
    assert await stage.balance(lot_id, JournalAccount.CLAIM_CLEARING) == 0
    with pytest.raises(RequestRefused):
        await collect(100, "R-3")


async def test_what_is_collected_enters_the_waterfall_of_the_earlier_defaulter(stage: Stage) -> None:
    bands = [
        {"deposit_fen": 50 * YUAN, "limit_fen": 9_000 * YUAN},
        {"deposit_fen": 5_000 * YUAN, "limit_fen": None},
    ]
    liable = settlement(
        default_liability="shortfall",
        seller_commission_bps=500,
        rest_to="seller",
        cascade={"depth": 1, "price": "own_bid"},
    )
    lot_id = await stage.open_lot({"deposit": {"policy": "ladder", "bands": bands}} | liable)
    await stage.register(lot_id, "ann", deposit_fen=5_000 * YUAN)
    await stage.register(lot_id, "bob")
    await stage.bid(lot_id, "bob", 8_000)
    await stage.bid(lot_id, "ann", 10_000)
    await stage.close(lot_id)
    await refuse(stage, lot_id)
    await stage.accept(lot_id)
    await refuse(stage, lot_id)
    await stage.buy(await stage.resell(lot_id, [("cleo", 5_000)]))
    ann, bob = (await stage.detail(lot_id)).defaults
    # the commission of bob's sale is 400, of ann's 500, of which her deposit paid 50
    assert (ann.claim_fen, bob.claim_fen) == (450 * YUAN, (2_950 + 400) * YUAN)

    await collect_claim(stage.context, lot_id, bob.default_id, amount_fen=3_350 * YUAN, reference="R-1", actor="olga")
    ann, bob = (await stage.detail(lot_id)).defaults
    assert (ann.claim_left_fen, ann.reduced_fen, bob.claim_left_fen) == (0, 450 * YUAN, 0)
    # 50 of ann's deposit, then 400 of bob's sale and 450 of hers; the rest is the seller's
    assert await stage.balance(lot_id, JournalAccount.COMMISSION_INCOME) == -900
    assert await seller_fen(stage, lot_id) == (5_000 + 2_500) * YUAN
    assert await stage.balance(lot_id, JournalAccount.SHORTFALL_RECEIVABLE) == 0
    assert await stage.balance(lot_id, JournalAccount.CLAIM_CLEARING) == 0


async def test_two_persons_record_a_large_receipt(stage: Stage) -> None:
    lot_id = await stage.sold_lot([("ann", 50_000)], deposit(100) | SHORTFALL)
    await stage.pass_time(DAY_MS)
    await stage.buy(await stage.resell(lot_id, [("bob", 5_000)]))
    default = await stage.the_default(lot_id)

    async def collect(actor: str) -> object:
        return await collect_claim(
            stage.context, lot_id, default.default_id, amount_fen=10_000 * YUAN, reference="R-1", actor=actor
        )

    assert await collect("olga") is not None
    with pytest.raises(RequestRefused) as alone:
        await collect("olga")
    assert alone.value.code == ProblemCode.SAME_PERSON
    assert (await stage.the_default(lot_id)).collected_fen == 0
    assert await collect("petra") is None
    assert (await stage.the_default(lot_id)).collected_fen == 10_000 * YUAN


async def test_a_lot_whose_claim_was_paid_in_part_cannot_be_void(stage: Stage) -> None:
    terms = deposit(100) | settlement(default_liability="percent", percent_bps=2_000, when_exhausted="unsold")
    lot_id = await stage.sold_lot([("ann", 10_000)], terms)
    await stage.pass_time(DAY_MS)
    await stage.pass_time(30 * DAY_MS)
    default = await stage.the_default(lot_id)
    await collect_claim(stage.context, lot_id, default.default_id, amount_fen=500 * YUAN, reference="R-1", actor="olga")
    with pytest.raises(RequestRefused) as refused:
        await void(stage, lot_id)
    assert refused.value.code == ProblemCode.CLAIM_COLLECTED
