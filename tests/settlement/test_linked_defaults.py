"""Defaults count against every account with the same card, device or identity."""

from typing import Any

import pytest

from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.registration.identity_levels import set_identity
from auction.services.verification.money_checks import check_money
from tests.settlement.acts import refuse
from tests.settlement.conftest import YUAN, Stage


async def default_of(stage: Stage, bidder: str, **more: Any) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, bidder, **more)
    await stage.bid(lot_id, bidder, 500)
    await stage.close(lot_id)
    await refuse(stage, lot_id)
    # what was put down at the same moment counts as before it
    stage.clock.forward(1)


async def test_a_second_account_on_the_same_device_deposits_more_after_the_firsts_default(stage: Stage) -> None:
    await default_of(stage, "ann", device="phone-1")
    lot_id = await stage.open_lot()
    with pytest.raises(RequestRefused) as refused:
        await stage.register(lot_id, "anna", device="phone-1", deposit_fen=100 * YUAN)
    assert (refused.value.code, refused.value.facts) == (ProblemCode.DEPOSIT_TOO_LOW, {"minimum_fen": 150 * YUAN})
    outcome = await stage.register(lot_id, "bob", deposit_fen=100 * YUAN)
    assert outcome.registration is not None


async def test_two_accounts_with_one_default_each_are_both_barred(stage: Stage) -> None:
    await default_of(stage, "ann", device="phone-1")
    await default_of(stage, "anna", device="phone-1", deposit_fen=150 * YUAN)
    lot_id = await stage.open_lot()
    for bidder in ("ann", "anna", "annabel"):
        with pytest.raises(RequestRefused) as refused:
            await stage.register(lot_id, bidder, device="phone-1")
        assert refused.value.code == ProblemCode.BIDDER_BARRED


async def test_a_card_that_is_known_from_a_default_gives_no_power_until_the_deposit_is_raised(stage: Stage) -> None:
    await default_of(stage, "ann", payment_method="sandbox-ok:one")
    lot_id = await stage.open_lot()
    # nothing links her before the card is known
    outcome = await stage.register(lot_id, "anna", payment_method="sandbox-ok:one")
    assert outcome.registration is not None
    assert outcome.registration.limit_fen == 0


async def test_a_card_of_two_defaulters_is_barred_once_it_is_known(stage: Stage) -> None:
    for _ in range(2):
        await default_of(stage, "ann", payment_method="sandbox-ok:one", deposit_fen=150 * YUAN)
    lot_id = await stage.open_lot()
    with pytest.raises(RequestRefused) as refused:
        await stage.register(lot_id, "anna", payment_method="sandbox-ok:one")
    assert refused.value.code == ProblemCode.BIDDER_BARRED
    (deposit,) = await stage.deposits_of(lot_id)
    assert (deposit.status, deposit.reason) == ("releasing", "bidder-barred")


async def test_an_identity_that_is_verified_later_restates_what_its_accounts_may_bid(stage: Stage) -> None:
    await default_of(stage, "ann")
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "anna")
    for bidder in ("ann", "anna"):
        await set_identity(stage.context, bidder, level=1, identity_mark="f" * 64, actor="olga")
    found = (await stage.register(lot_id, "anna")).registration
    assert found is not None
    assert found.limit_fen == 0
    assert [one.broken for one in await check_money(stage.context) if one.broken] == []
