"""Cards that a bidder saves, over HTTP: seen, named and removed by their owner alone."""

from typing import Any

import httpx
import pytest

from auction.services.context import AppContext
from tests.api.conftest import Asker, signed
from tests.api.test_money import refused
from tests.settlement.conftest import Stage

PATH = "/me/payment-methods"
DEPOSIT = {"deposit": {"policy": "flat", "amount_fen": 10_000}}


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


async def save(asker: Asker, bidder: str = "ann", card: str = "sandbox-ok:4242") -> dict[str, Any]:
    setup = await asker.post(f"{PATH}/setups", {}, signed(bidder))
    assert setup.status_code == 201, setup.text
    assert setup.json()["publishable_key"] is None
    made = await asker.post(PATH, {"setup_id": setup.json()["setup_id"], "card": card}, signed(bidder))
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def remove(client: httpx.AsyncClient, method_id: str, bidder: str = "ann") -> httpx.Response:
    return await client.delete(f"/api/v1{PATH}/{method_id}", headers=signed(bidder))


async def test_a_card_is_saved_named_and_removed(asker: Asker, client: httpx.AsyncClient) -> None:
    card = await save(asker)
    assert card["method_id"].startswith("card-")
    assert "sandbox-ok" not in str(card)
    listed = (await asker.get(PATH, signed())).json()
    assert listed == {"payment_methods": [card]}
    lot_id = await asker.open_lot(bidders=(), terms=DEPOSIT)
    answer = await asker.register(lot_id, payment_method=card["method_id"])
    assert answer.status_code == 201, answer.text
    refused(await remove(client, card["method_id"]), 409, "payment-method-in-use")
    other = await save(asker, card="sandbox-ok:5555")
    assert (await remove(client, other["method_id"])).status_code == 204
    assert (await asker.get(PATH, signed())).json() == {"payment_methods": [card]}
    refused(await remove(client, other["method_id"]), 404, "payment-method-unknown")


async def test_another_bidders_card_is_refused_as_not_there(asker: Asker, client: httpx.AsyncClient) -> None:
    anns = await save(asker)
    assert (await asker.get(PATH, signed("bob"))).json() == {"payment_methods": []}
    lot_id = await asker.open_lot(bidders=(), terms=DEPOSIT)
    refused(await asker.register(lot_id, "bob", payment_method=anns["method_id"]), 404, "payment-method-unknown")
    refused(await remove(client, anns["method_id"], "bob"), 404, "payment-method-unknown")
    assert (await asker.get(PATH, signed())).json() == {"payment_methods": [anns]}


@pytest.mark.parametrize("card", [None, "no-such-card"])
async def test_a_setup_that_was_not_confirmed_saves_nothing(asker: Asker, card: str | None) -> None:
    setup = (await asker.post(f"{PATH}/setups", {}, signed())).json()
    body = {"setup_id": setup["setup_id"], "card": card}
    refused(await asker.post(PATH, body, signed()), 409, "payment-method-unconfirmed")
    refused(await asker.post(PATH, {"setup_id": "nowhere"}, signed()), 409, "payment-method-unconfirmed")


async def test_only_the_page_where_cards_are_saved_loads_the_providers_form(
    asker: Asker, client: httpx.AsyncClient, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = (await client.get("/me")).headers["content-security-policy"]
    assert "stripe" not in sandbox
    monkeypatch.setattr(type(context.gateway), "provider", "stripe")
    policies = {path: (await client.get(path)).headers["content-security-policy"] for path in ("/", "/me", "/ops")}
    assert [path for path, policy in policies.items() if "stripe" in policy] == ["/me"]
    assert "script-src 'self' https://js.stripe.com;" in policies["/me"]
    assert "frame-src https://js.stripe.com https://hooks.stripe.com;" in policies["/me"]
    assert "https://api.stripe.com" in policies["/me"]
