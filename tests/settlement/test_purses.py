"""A purse secures every lot that it admits: each has its share from the leading bid until its award has ended."""

from typing import Any

import pytest

from auction.books import bidders
from auction.books.deposits import Deposit
from auction.domain.accounts import JournalAccount
from auction.domain.bidding import Bid, Refused
from auction.domain.errors import RefusalCode
from auction.services.payments import registration_deposits
from auction.services.registration.power_sync import sync_waiting_powers
from auction.services.settlement import runner_up_offers
from tests.settlement.acts import cascade, charged, either_way, refuse, settlement, statuses, void
from tests.settlement.conftest import DAY_MS, YUAN, Stage


def purse(yuan: int, multiplier: int = 10) -> dict[str, Any]:
    return {"deposit": {"policy": "purse", "multiplier": multiplier, "amount_fen": yuan * YUAN}}


async def lots_of_a_sale(stage: Stage, number: int, terms: dict[str, Any], *bidders_: str) -> list[str]:
    """So many open lots of one sale, with bidders who have one purse for all of them."""
    lot_ids = [await stage.open_lot(terms)]
    sale_id = lot_ids[0].rpartition("-")[0]
    lot_ids += [await stage.open_lot(terms, sale_id=sale_id) for _ in range(number - 1)]
    for bidder in bidders_ or ("ann",):
        for lot_id in lot_ids:
            await stage.register(lot_id, bidder)
    return lot_ids


async def available_fen(stage: Stage, lot_id: str, bidder: str, yuan: int) -> int:
    """What a bid that is refused as over the purse may be at most."""
    await sync_waiting_powers(stage.context)
    (answer,) = await stage.context.ledger.place_bids(lot_id, [Bid(bidder, yuan * YUAN, "key-refused")])
    assert isinstance(answer, Refused), answer
    assert answer.code == RefusalCode.OVER_PURSE
    return int(answer.facts["available_fen"])


async def shares(stage: Stage, lot_id: str) -> list[tuple[int, str]]:
    """The shares of purses that a lot used, in yuan, and where they are."""
    found = [one for one in await stage.deposits(lot_id) if one.part_of is not None]
    return [(one.amount_fen // YUAN, str(one.status)) for one in found]


async def the_purse(stage: Stage, lot_id: str) -> Deposit:
    (found,) = [one for one in await stage.deposits_of(lot_id) if one.part_of is None]
    return found


async def forfeited(stage: Stage, lot_id: str) -> int:
    """What a default on a lot forfeited, in yuan."""
    return (await stage.the_default(lot_id)).forfeited_fen // YUAN


@either_way
async def test_five_lots_cannot_be_won_in_turn_on_a_purse_that_secures_one(stage: Stage) -> None:
    lot_ids = await lots_of_a_sale(stage, 5, purse(1_000))
    await stage.bid(lot_ids[0], "ann", 10_000)
    await stage.close(lot_ids[0])
    for lot_id in lot_ids[1:]:
        assert await available_fen(stage, lot_id, "ann", 1) == 0
    await refuse(stage, lot_ids[0])
    assert await forfeited(stage, lot_ids[0]) == 1_000
    assert await shares(stage, lot_ids[0]) == [(1_000, "forfeited")]
    assert (await the_purse(stage, lot_ids[0])).status == "shared"
    # it has ended; what secured it is lost
    for lot_id in lot_ids[1:]:
        assert await available_fen(stage, lot_id, "ann", 1) == 0


async def test_a_purse_is_free_again_once_the_award_is_void(stage: Stage) -> None:
    first, second = await lots_of_a_sale(stage, 2, purse(1_000))
    await stage.bid(first, "ann", 10_000)
    await stage.close(first)
    assert await available_fen(stage, second, "ann", 1) == 0
    await void(stage, first)
    await sync_waiting_powers(stage.context)
    await stage.bid(second, "ann", 10_000)


@either_way
async def test_paying_a_cheap_lot_leaves_what_secures_a_dear_one(stage: Stage) -> None:
    cheap, dear = await lots_of_a_sale(stage, 2, purse(1_000))
    await stage.bid(cheap, "ann", 10)
    await stage.bid(dear, "ann", 9_990)
    await stage.close(cheap)
    assert (await stage.pay(cheap)).status == "paid"
    assert await shares(stage, cheap) == [(1, "applied")]
    await sync_waiting_powers(stage.context)
    power = await stage.context.ledger.power(dear, "ann")
    assert power is not None
    assert (power.purse_fen, power.held_fen) == (9_990 * YUAN, 999 * YUAN)
    await stage.close(dear)
    await refuse(stage, dear)
    assert await forfeited(stage, dear) == 999
    assert await statuses(stage, dear) == {"ann": ["forfeited"]}


@either_way
async def test_a_default_on_a_cheap_lot_costs_its_share_alone(stage: Stage) -> None:
    first, second = await lots_of_a_sale(stage, 2, purse(100_000))
    await stage.bid(first, "ann", 10)
    await stage.close(first)
    await refuse(stage, first)
    assert await forfeited(stage, first) == 1
    # the other 99,999 go on to secure the sale, and come back after it
    await sync_waiting_powers(stage.context)
    await stage.bid(second, "ann", 999_990)
    await stage.close(second)
    assert (await the_purse(stage, first)).status == "held"
    assert (await stage.pay(second)).status == "paid"
    await stage.settle()
    assert (await the_purse(stage, first)).status == "shared"


async def test_the_accounts_of_each_lot_close_though_they_share_a_purse(stage: Stage) -> None:
    first, second, third = await lots_of_a_sale(stage, 3, purse(1_000) | settlement(), "ann", "bob")
    await stage.bid(first, "bob", 10)
    await stage.bid(second, "ann", 500)
    await stage.bid(third, "ann", 700)
    for lot_id in (first, second, third):
        await stage.close(lot_id)
    await stage.pay(second)
    await refuse(stage, third)
    await stage.buy(first)
    assert (await the_purse_of(stage, first, "ann")).status == "released"
    closed = (
        JournalAccount.DEPOSITS_HELD,
        JournalAccount.BUYER_RECEIVABLE,
        JournalAccount.REFUND_PAYABLE,
        JournalAccount.MEMO_AUTHORISED,
    )
    for lot_id in (first, second, third):
        assert [await stage.balance(lot_id, account) for account in closed] == [0, 0, 0, 0]
    assert await stage.balance(second, JournalAccount.CASH) == 500
    assert await stage.balance(first, JournalAccount.CASH) == 0


async def the_purse_of(stage: Stage, lot_id: str, bidder: str) -> Deposit:
    (found,) = [one for one in await stage.deposits(lot_id, bidder) if one.part_of is None]
    return found


@charged
async def test_shares_of_a_fen_are_rounded_up(stage: Stage) -> None:
    """Held 100 fen at 3x: two lots at 1.00 take 34 and 34; with a third it would be 102."""
    terms = {"deposit": {"policy": "purse", "multiplier": 3, "amount_fen": 100}}
    first, second, third = await lots_of_a_sale(stage, 3, terms)
    await stage.bid(first, "ann", 1)
    await stage.bid(second, "ann", 1)
    assert await available_fen(stage, third, "ann", 1) == 96
    await stage.close(first)
    await stage.close(second)
    for lot_id in (first, second):
        await refuse(stage, lot_id)
        assert [one.amount_fen for one in await stage.deposits(lot_id) if one.part_of] == [34]
    assert await available_fen(stage, third, "ann", 1) == 96


async def test_a_share_is_taken_from_several_deposits_of_a_purse(stage: Stage) -> None:
    first, second = await lots_of_a_sale(stage, 2, purse(1_000))
    await registration_deposits.top_up(
        stage.context, first, bidder_id="ann", amount_fen=500 * YUAN, key="top-up-1", payment_method="sandbox-ok"
    )
    await stage.bid(first, "ann", 12_000)
    await stage.close(first)
    await refuse(stage, first)
    assert await forfeited(stage, first) == 1_200
    assert sorted(await shares(stage, first)) in (
        [(200, "forfeited"), (1_000, "forfeited")],
        [(500, "forfeited"), (700, "forfeited")],
    )
    assert await available_fen(stage, second, "ann", 3_001) == 3_000 * YUAN


async def test_an_offer_stands_on_the_purse_until_it_is_declined(stage: Stage) -> None:
    first, second = await lots_of_a_sale(stage, 2, purse(1_000) | cascade(), "ann", "bob")
    await stage.bid(first, "bob", 8_000)
    await stage.bid(first, "ann", 9_000)
    await stage.close(first)
    await refuse(stage, first)
    assert await stage.state(first) == "offered"
    assert await available_fen(stage, second, "bob", 2_001) == 2_000 * YUAN
    offer = (await stage.detail(first)).offers[-1]
    await runner_up_offers.decline_offer(stage.context, offer.offer_id, bidder_id="bob")
    await sync_waiting_powers(stage.context)
    await stage.bid(second, "bob", 10_000)


async def test_a_runner_up_of_another_lot_keeps_the_purse_from_being_released(stage: Stage) -> None:
    first, second = await lots_of_a_sale(stage, 2, purse(1_000) | cascade(), "ann", "bob")
    await stage.bid(first, "bob", 8_000)
    await stage.bid(first, "ann", 9_000)
    await stage.bid(second, "bob", 10)
    await stage.close(first)
    await stage.close(second)
    assert (await stage.pay(second)).status == "paid"
    assert (await the_purse_of(stage, first, "bob")).status == "held"
    await refuse(stage, first)
    await stage.accept(first)
    await stage.pass_time(2 * DAY_MS)
    assert [one.forfeited_fen // YUAN for one in (await stage.detail(first)).defaults] == [900, 800]


async def test_an_offer_takes_no_more_than_the_purse_has_left(stage: Stage) -> None:
    """Made while the purse serves another lot: nobody is asked for what other lots stand on."""
    first, second = await lots_of_a_sale(stage, 2, purse(1_000) | cascade(), "ann", "bob")
    await stage.bid(first, "bob", 8_000)
    await stage.bid(first, "ann", 9_000)
    await stage.close(first)
    await stage.bid(second, "bob", 9_000)
    await stage.close(second)
    await refuse(stage, first)
    async with stage.context.books.reading() as tx:
        assert await bidders.share_of(tx, lot_id=first, bidder_id="bob") == 100 * YUAN


@pytest.mark.parametrize("stage", ["authorisation"], indirect=True)
async def test_a_purse_that_cannot_be_captured_lapses_with_all_its_shares(stage: Stage) -> None:
    lot_ids = [await stage.open_lot(purse(1_000))]
    lot_ids.append(await stage.open_lot(purse(1_000), sale_id=lot_ids[0].rpartition("-")[0]))
    for lot_id in lot_ids:
        await stage.register(lot_id, "ann", payment_method="sandbox-capture-fails")
        await stage.bid(lot_id, "ann", 10)
        await stage.close(lot_id)
    await refuse(stage, lot_ids[0])
    assert await forfeited(stage, lot_ids[0]) == 0
    assert await shares(stage, lot_ids[0]) == [(1, "lapsed")]
    assert (await the_purse(stage, lot_ids[0])).status == "lapsed"
    assert (await stage.pay(lot_ids[1], method="sandbox-ok")).status == "paid"


async def test_a_void_after_the_payment_gives_the_share_back_to_the_bidder(stage: Stage) -> None:
    first, second = await lots_of_a_sale(stage, 2, purse(1_000))
    await stage.bid(first, "ann", 10)
    await stage.bid(second, "ann", 10)
    await stage.close(first)
    await stage.pay(first)
    await void(stage, first)
    await stage.close(second)
    await void(stage, second)
    assert (await the_purse(stage, first)).status == "released"
    moved = await stage.gateway.movements()
    assert (moved.held_fen, moved.cash_fen) == (0, 0)


@charged
async def test_the_house_bears_the_part_of_a_lost_dispute_that_a_share_has_used(stage: Stage) -> None:
    first = await stage.open_lot(purse(1_000))
    second = await stage.open_lot(purse(1_000), sale_id=first.rpartition("-")[0])
    for lot_id in (first, second):
        await stage.register(lot_id, "ann", payment_method="sandbox-dispute-lost")
    await stage.bid(first, "ann", 4_000)
    await stage.close(first)
    await refuse(stage, first)
    assert await forfeited(stage, first) == 400
    assert await shares(stage, first) == [(400, "forfeited")]

    # after the delay of the card, 1,000 are disputed, and then lost: 600 were left of the purse
    await stage.pass_time(3_000)
    await stage.check()
    (answer,) = await stage.context.ledger.place_bids(second, [Bid("ann", YUAN, "key-refused")])
    assert isinstance(answer, Refused), answer
    assert answer.code == RefusalCode.OVER_LIMIT
    await stage.pass_time(3_000)
    await stage.check()
    assert (await the_purse(stage, first)).status == "lapsed"
    assert await forfeited(stage, first) == 400
    assert await stage.balance(first, JournalAccount.DISPUTE_LOSS) == 400
    assert await stage.gateway.balance_fen() == 0
