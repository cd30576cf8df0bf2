"""Cards that are saved at Stripe: a customer for each payer, a setup that the page confirms, and charges with it later."""

import itertools
import os

import httpx
import pytest

from auction.payments.gateway import CardSetup, ReplyStatus
from auction.payments.stripe import StripeGateway
from tests.payments.conftest import STRIPE_KEY

# the library hands its form to httpx in a way that httpx is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

VISA, CONFIRMED_BY_OWNER = "4242424242424242", "4000002500003155"
_numbers = itertools.count(1)


def fresh(word: str) -> str:
    return f"{word}-{os.getpid()}-{next(_numbers)}-cards"


async def confirmed_on_the_page(address: str, setup: CardSetup, number: str = VISA) -> int:
    """What Stripe's own form does with what somebody typed; the status of its answer."""
    card = {"number": number, "exp_month": "12", "exp_year": "2040", "cvc": "123"}
    form = {f"payment_method_data[card][{name}]": value for name, value in card.items()}
    form |= {"payment_method_data[type]": "card", "client_secret": setup.client_secret, "key": "pk_test_12345"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{address}/v1/setup_intents/{setup.setup_ref}/confirm", data=form)
    return answer.status_code


async def test_a_card_is_saved_once_its_owner_has_confirmed_it_and_charged_later(
    localstripe: str, stripe_gateway: StripeGateway
) -> None:
    payer = fresh("bidder")
    setup = await stripe_gateway.start_saving(payer=payer, customer=None)
    assert await stripe_gateway.saved_card(setup.setup_ref, payer=payer, card=None) is None
    assert await confirmed_on_the_page(localstripe, setup) == 200
    saved = await stripe_gateway.saved_card(setup.setup_ref, payer=payer, card="pm_ignored")
    assert saved is not None
    assert (saved.customer, saved.brand, saved.last4, saved.exp_month, saved.exp_year) == (
        setup.customer, "visa", "4242", 12, 2040,
    )  # fmt: skip
    assert saved.payment_method.startswith(f"{setup.customer}:pm_")
    charge = await stripe_gateway.charge(
        fresh("charge"), amount_fen=10_000, payment_method=saved.payment_method, payer=payer
    )
    assert (charge.status, charge.instrument) == (ReplyStatus.SUCCEEDED, saved.instrument)


async def test_a_payer_is_one_customer_however_often_a_page_begins(stripe_gateway: StripeGateway) -> None:
    payer = fresh("bidder")
    first = await stripe_gateway.start_saving(payer=payer, customer=None)
    again = await stripe_gateway.start_saving(payer=payer, customer=None)
    later = await stripe_gateway.start_saving(payer=payer, customer=first.customer)
    assert first.customer == again.customer == later.customer
    assert len({one.setup_ref for one in (first, again, later)}) == 3


async def test_a_card_whose_owner_has_still_to_confirm_is_not_saved(
    localstripe: str, stripe_gateway: StripeGateway
) -> None:
    setup = await stripe_gateway.start_saving(payer=fresh("bidder"), customer=None)
    assert await confirmed_on_the_page(localstripe, setup, CONFIRMED_BY_OWNER) == 200
    assert await stripe_gateway.saved_card(setup.setup_ref, payer="x", card=None) is None


async def test_no_setup_is_no_card_and_secrets_do_not_print(stripe_gateway: StripeGateway) -> None:
    assert await stripe_gateway.saved_card("seti_nowhere", payer="x", card=None) is None
    setup = await stripe_gateway.start_saving(payer=fresh("bidder"), customer=None)
    assert setup.client_secret not in repr(setup)


async def test_a_card_is_taken_from_its_customer_once(localstripe: str, stripe_gateway: StripeGateway) -> None:
    setup = await stripe_gateway.start_saving(payer=fresh("bidder"), customer=None)
    await confirmed_on_the_page(localstripe, setup)
    saved = await stripe_gateway.saved_card(setup.setup_ref, payer="x", card=None)
    assert saved is not None
    for _ in range(2):
        await stripe_gateway.forget_card(saved.payment_method)
    async with httpx.AsyncClient(auth=(STRIPE_KEY, "")) as client:
        found = (await client.get(f"{localstripe}/v1/payment_methods/{saved.payment_method.rpartition(':')[2]}")).json()
    assert found["customer"] is None
