"""Cards that bidders save: each pays with their own alone, by an id of the house's, and removes what is not needed."""

import asyncio

import pytest

from auction.books import bidders
from auction.books.saved_methods import SavedMethod
from auction.domain.errors import AuctionError, NotFound, PaymentsAway, RequestRefused
from auction.payments.gateway import GatewayAway
from auction.services.payments import saved_cards
from tests.settlement.acts import deposit
from tests.settlement.conftest import DAY_MS, YUAN, Stage


async def save(stage: Stage, bidder: str, card: str = "sandbox-ok:4242") -> SavedMethod:
    setup = await saved_cards.start_saving(stage.context, bidder_id=bidder, name=bidder.title())
    return await saved_cards.finish_saving(stage.context, bidder_id=bidder, setup_ref=setup.setup_ref, card=card)


async def refused(act) -> str:
    with pytest.raises(AuctionError) as caught:
        await act
    return caught.value.code


async def test_a_bidder_registers_and_pays_with_a_saved_card(stage: Stage) -> None:
    card = await save(stage, "ann")
    lot_id = await stage.open_lot(deposit(100))
    await stage.register(lot_id, "ann", payment_method=card.method_id)
    (held,) = await stage.deposits_of(lot_id)
    assert held.payment_method == "sandbox-ok:4242"
    await stage.bid(lot_id, "ann", 500)
    await stage.close(lot_id)
    await stage.pay(lot_id, method=card.method_id)
    assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 500 * YUAN


async def test_another_bidders_card_is_not_there(stage: Stage) -> None:
    anns = await save(stage, "ann")
    await save(stage, "bob", "sandbox-ok:5555")
    lot_id = await stage.open_lot(deposit(100))
    assert await refused(stage.register(lot_id, "bob", payment_method=anns.method_id)) == "payment-method-unknown"
    assert await refused(saved_cards.remove_card(stage.context, anns.method_id, bidder_id="bob")) == (
        "payment-method-unknown"
    )
    assert await stage.deposits_of(lot_id) == []
    assert [one.method_id for one in await saved_cards.saved_cards_of(stage.context, "ann")] == [anns.method_id]
    sold = await stage.sold_lot([("bob", 500)], deposit(100))
    with pytest.raises(NotFound):
        await stage.pay(sold, method=anns.method_id)
    assert await stage.state(sold) == "awarded"


async def test_the_same_setup_saves_one_card_also_at_once_and_nobody_elses(stage: Stage) -> None:
    setup = await saved_cards.start_saving(stage.context, bidder_id="ann", name="Ann")
    await saved_cards.start_saving(stage.context, bidder_id="bob", name="Bob")

    def finish(bidder: str):
        return saved_cards.finish_saving(
            stage.context, bidder_id=bidder, setup_ref=setup.setup_ref, card="sandbox-ok:4242"
        )

    first, second = await asyncio.gather(finish("ann"), finish("ann"))
    assert first == second
    assert await refused(finish("bob")) == "payment-method-unknown"
    assert await saved_cards.saved_cards_of(stage.context, "bob") == []


@pytest.mark.parametrize("card", [None, "no-such-card"])
async def test_what_was_not_confirmed_is_not_saved(stage: Stage, card: str | None) -> None:
    setup = await saved_cards.start_saving(stage.context, bidder_id="ann", name="Ann")
    code = await refused(
        saved_cards.finish_saving(stage.context, bidder_id="ann", setup_ref=setup.setup_ref, card=card)
    )
    assert code == "payment-method-unconfirmed"
    assert await saved_cards.saved_cards_of(stage.context, "ann") == []


async def test_a_card_that_a_deposit_rests_on_is_removed_when_that_is_over(stage: Stage) -> None:
    card = await save(stage, "ann")
    lot_id = await stage.open_lot(deposit(100))
    await stage.register(lot_id, "ann", payment_method=card.method_id)
    assert await refused(saved_cards.remove_card(stage.context, card.method_id, bidder_id="ann")) == (
        "payment-method-in-use"
    )
    await stage.close(lot_id)
    await stage.pass_time(DAY_MS)
    await saved_cards.remove_card(stage.context, card.method_id, bidder_id="ann")
    assert await saved_cards.saved_cards_of(stage.context, "ann") == []
    other = await stage.open_lot(deposit(100))
    assert await refused(stage.register(other, "ann", payment_method=card.method_id)) == "payment-method-unknown"


async def test_a_card_that_the_provider_does_not_forget_stays(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    card = await save(stage, "ann")

    async def away(payment_method: str) -> None:
        raise GatewayAway("no answer")

    monkeypatch.setattr(stage.gateway, "forget_card", away)
    with pytest.raises(PaymentsAway):
        await saved_cards.remove_card(stage.context, card.method_id, bidder_id="ann")
    assert await saved_cards.saved_cards_of(stage.context, "ann") == [card]


async def test_where_the_provider_moves_money_only_saved_cards_pay(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await save(stage, "ann")
    monkeypatch.setattr(type(stage.gateway), "accepts_tokens", False)
    monkeypatch.setattr(type(stage.gateway), "default_payment_method", None)
    lot_id = await stage.open_lot(deposit(100))
    assert await refused(stage.register(lot_id, "ann", payment_method="pm_anybodys")) == "payment-method-unknown"
    assert await refused(stage.register(lot_id, "ann", payment_method="cus_1:pm_1")) == "payment-method-unknown"
    with pytest.raises(RequestRefused) as caught:
        await stage.register(lot_id, "ann")
    assert (caught.value.code, caught.value.facts) == ("payment-method-missing", {"field": "payment_method"})
    outcome = await stage.register(lot_id, "ann", payment_method=card.method_id)
    assert outcome.registration is not None


async def test_a_card_that_two_save_links_them(stage: Stage) -> None:
    await save(stage, "ann", "sandbox-ok:shared")
    await save(stage, "eve", "sandbox-ok:shared")

    async with stage.context.books.reading() as tx:
        assert await bidders.linked_to(tx, {"eve"}) == {"ann", "eve"}
