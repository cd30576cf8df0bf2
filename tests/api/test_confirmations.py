"""Payments and deposits that a bidder confirms with their bank, over HTTP: by their owner alone, and never by a log."""

from typing import Any

import httpx
import pytest

from auction.services.context import AppContext
from tests.api.conftest import Asker, signed
from tests.api.test_money import refused
from tests.settlement.conftest import Stage

PATH = "/me/confirmations"
DEPOSIT = {"deposit": {"policy": "flat", "amount_fen": 10_000}}


@pytest.fixture
def context(stage: Stage) -> AppContext:
    return stage.context


async def asked_to_confirm(asker: Asker) -> tuple[str, dict[str, Any]]:
    """A lot, and the deposit that ann is to confirm."""
    lot_id = await asker.open_lot(bidders=(), terms=DEPOSIT)
    answer = await asker.register(lot_id, payment_method="sandbox-3ds")
    assert answer.status_code == 202, answer.text
    assert answer.json()["paddle"] is None
    found: dict[str, Any] = answer.json()["confirmation"]
    return lot_id, found


async def test_a_deposit_is_confirmed_and_its_owner_admitted(asker: Asker) -> None:
    lot_id, waits = await asked_to_confirm(asker)
    assert (waits["lot_id"], waits["amount_fen"], waits["requires_action"]) == (lot_id, 10_000, True)
    listed = (await asker.get(PATH, signed())).json()
    assert listed["confirmations"] == [waits]
    (deposit,) = (await asker.get("/me/deposits", signed())).json()["deposits"]
    assert deposit["confirmation"] == waits
    path = f"{PATH}/{waits['confirmation_id']}"
    opened = await asker.post(f"{path}/open", {}, signed())
    assert (opened.status_code, opened.json()) == (
        200,
        {**waits, "provider": "sandbox", "publishable_key": None, "client_secret": None},
    )
    assert "no-store" in opened.headers["cache-control"]
    # not decided: asking changes nothing
    assert (await asker.post(f"{path}/outcome", {}, signed())).json() == waits
    done = (await asker.post(f"{path}/outcome", {"confirmed": True}, signed())).json()
    assert (done["status"], done["requires_action"]) == ("succeeded", False)
    assert (await asker.register(lot_id)).status_code == 200
    assert (await asker.get(PATH, signed())).json()["confirmations"] == []


async def test_a_cancelled_deposit_makes_way_for_another_card(asker: Asker) -> None:
    lot_id, waits = await asked_to_confirm(asker)
    path = f"{PATH}/{waits['confirmation_id']}"
    ended = (await asker.post(f"{path}/cancel", {}, signed())).json()
    assert (ended["status"], ended["failure"]) == ("failed", "authentication_missing")
    assert (await asker.post(f"{path}/open", {}, signed())).json()["client_secret"] is None
    assert (await asker.register(lot_id, payment_method="sandbox-ok")).status_code == 201


@pytest.mark.parametrize("act", ["open", "outcome", "cancel"])
async def test_a_confirmation_is_not_there_for_anybody_else(asker: Asker, act: str) -> None:
    _, waits = await asked_to_confirm(asker)
    refused(
        await asker.post(f"{PATH}/{waits['confirmation_id']}/{act}", {}, signed("bob")), 404, "confirmation-unknown"
    )
    refused(await asker.post(f"{PATH}/nowhere/{act}", {}, signed()), 404, "confirmation-unknown")
    assert (await asker.get(PATH, signed("bob"))).json()["confirmations"] == []


async def test_only_pages_where_payments_are_confirmed_load_the_providers_script(
    client: httpx.AsyncClient, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(context.gateway), "provider", "stripe")
    paths = ("/", "/me", "/lots/launch-001", "/ops", "/ops/settlements", "/sign-in")
    policies = {path: (await client.get(path)).headers["content-security-policy"] for path in paths}
    assert [path for path, policy in policies.items() if "stripe" in policy] == ["/me", "/lots/launch-001"]
