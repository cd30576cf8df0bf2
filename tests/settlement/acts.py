"""Terms of tests about money, and acts and readings that several of them share."""

from dataclasses import replace
from typing import Any

import pytest

from auction.domain.states import OperationKind
from auction.services.settlement import award_payment, voids
from tests.settlement.conftest import DAY_MS, YUAN, Stage
from tests.settlement.unreliable import Fault, UnreliableGateway

charged = pytest.mark.parametrize("stage", ["charge"], indirect=True)
either_way = pytest.mark.parametrize("stage", ["authorisation", "charge"], indirect=True)

LADDER = {
    "deposit": {
        "policy": "ladder",
        "bands": [
            {"deposit_fen": 1_000 * YUAN, "limit_fen": 10_000 * YUAN},
            {"deposit_fen": 2_000 * YUAN, "limit_fen": 20_000 * YUAN},
        ],
    }
}
PURSE = {"deposit": {"policy": "purse", "multiplier": 10, "amount_fen": 1_000 * YUAN}}


def settlement(**more: object) -> dict[str, Any]:
    return {"settlement": {"payment_window_ms": DAY_MS, **more}}


def deposit(yuan: int) -> dict[str, Any]:
    return {"deposit": {"policy": "flat", "amount_fen": yuan * YUAN}}


def cascade(**more: object) -> dict[str, Any]:
    return settlement(cascade={"depth": 2, "price": "own_bid", "offer_window_ms": DAY_MS, **more})


async def statuses(stage: Stage, lot_id: str) -> dict[str, list[str]]:
    """Bidder -> where their deposits of a lot are."""
    found: dict[str, list[str]] = {}
    for one in await stage.deposits(lot_id):
        found.setdefault(one.bidder_id, []).append(one.status)
    return {bidder: sorted(theirs) for bidder, theirs in found.items()}


async def refuse(stage: Stage, lot_id: str) -> None:
    """The winner says that they will not pay."""
    award = await stage.award(lot_id)
    await award_payment.refuse_award(stage.context, award.award_id, bidder_id=award.bidder_id)
    await stage.settle()


async def void(stage: Stage, lot_id: str) -> None:
    """Two persons of staff undo a lot."""
    assert await voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged") is not None
    assert await voids.void_settlement(stage.context, lot_id, actor="petra", reason="so it is") is None
    await stage.settle()


async def offers(stage: Stage, lot_id: str) -> list[tuple[str, int, str]]:
    """To whom a lot was offered, for how many yuan, and what they said."""
    return [(one.bidder_id, one.price_fen // YUAN, one.status) for one in (await stage.detail(lot_id)).offers]


async def money_back_fen(stage: Stage) -> int:
    """What the provider still has of anybody's: taken, or kept aside."""
    moved = await stage.gateway.movements()
    return moved.held_fen + moved.cash_fen


def behind_a_bad_line(stage: Stage, fault: dict[OperationKind, Fault]) -> None:
    """From now on, calls of these kinds fail; empty the dictionary and they go through again."""
    stage.context = replace(stage.context, gateway=UnreliableGateway(stage.gateway, fault.get))
