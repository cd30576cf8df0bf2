"""Sales that last longer than a hold: it is renewed before it expires, and given back where a lot was never opened."""

from dataclasses import replace

from auction.domain.states import OperationKind
from auction.payments.gateway import Reply, ReplyStatus
from auction.services.catalogue import lots
from auction.services.registration.power_sync import sync_waiting_powers
from tests.settlement.acts import behind_a_bad_line, statuses
from tests.settlement.conftest import DAY_MS, HOUR_MS, TERMS, YUAN, Stage
from tests.settlement.unreliable import Fault, UnreliableGateway

BEFORE_EXPIRY_MS = 5 * DAY_MS + 12 * HOUR_MS
"""A hold lasts seven days, and is renewed in the sixth."""


class RefusingGateway(UnreliableGateway):
    """The sandbox behind a bank that declines every new hold."""

    async def hold(
        self,
        operation_id: str,
        *,
        amount_fen: int,
        payment_method: str,
        payer: str,
        ref: str | None = None,
        on_session: bool = False,
    ) -> Reply:
        del operation_id, amount_fen, payment_method, payer, ref
        return Reply(ReplyStatus.FAILED, "", failure="card_declined")


async def test_a_hold_is_renewed_before_it_expires_and_never_becomes_a_charge(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    asked = await stage.register(lot_id, "ann")
    assert asked.deposit is not None
    refs = {asked.deposit.provider_ref}
    for times in range(2, 5):
        await stage.pass_time(BEFORE_EXPIRY_MS)
        (deposit,) = await stage.deposits_of(lot_id)
        refs.add(deposit.provider_ref)
        assert (deposit.status, deposit.captured_fen, len(refs)) == ("held", None, times)
        assert deposit.expires_at_ms == stage.clock() + 7 * DAY_MS
        moved = await stage.gateway.movements()
        assert (moved.held_fen, moved.cash_fen) == (100 * YUAN, 0)
        await stage.check()
    await stage.bid(lot_id, "ann", 500)
    await stage.close(lot_id)
    assert (await stage.pay(lot_id)).status == "paid"
    assert await stage.gateway.balance_fen() == 500 * YUAN


async def test_a_hold_that_cannot_be_renewed_is_captured_before_it_expires(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    await stage.register(lot_id, "ann")
    reached = stage.context
    stage.context = replace(stage.context, gateway=RefusingGateway(stage.gateway, lambda _: None))
    await stage.pass_time(BEFORE_EXPIRY_MS)
    (deposit,) = await stage.deposits_of(lot_id)
    assert (deposit.status, deposit.captured_fen) == ("held", None)
    stage.context = reached
    await stage.pass_time(DAY_MS)
    (deposit,) = await stage.deposits_of(lot_id)
    assert (deposit.status, deposit.captured_fen) == ("held", 100 * YUAN)


async def test_a_renewal_that_comes_after_the_release_is_given_back(stage: Stage) -> None:
    lot_id = await stage.open_lot()
    for bidder in ("ann", "bob"):
        await stage.register(lot_id, bidder)
    faults: dict[OperationKind, Fault] = {OperationKind.HOLD: "after"}
    reached = stage.context
    behind_a_bad_line(stage, faults)
    await stage.pass_time(BEFORE_EXPIRY_MS)
    await stage.bid(lot_id, "ann", 500)
    await stage.close(lot_id)
    assert (await statuses(stage, lot_id))["bob"] == ["released"]
    stage.context = reached
    await stage.pass_time(HOUR_MS)
    assert await statuses(stage, lot_id) == {"ann": ["held"], "bob": ["released"]}
    assert (await stage.gateway.movements()).held_fen == 100 * YUAN


async def test_deposits_of_a_lot_that_was_never_opened_go_back_by_themselves(stage: Stage) -> None:
    sale_id = "missed"
    await lots.create_sale(stage.context, title="A sale", sale_id=sale_id, actor="olga")
    purse = {"deposit": {"policy": "purse", "multiplier": 10, "amount_fen": 700 * YUAN}}
    lot_ids = []
    for terms in (TERMS, TERMS | purse):
        view = await lots.create_lot(stage.context, sale_id=sale_id, title="No. 001", terms=terms, actor="olga")
        lot_ids.append(view.record.lot_id)
        now_ms = await stage.context.ledger.now_ms()
        await lots.schedule_lot(
            stage.context, lot_ids[-1], opens_at_ms=now_ms + HOUR_MS, closes_at_ms=now_ms + 2 * HOUR_MS, actor="olga"
        )
        await stage.archive()
        await stage.register(lot_ids[-1], "ann")
    await stage.pass_time(DAY_MS)
    assert [one.status for lot_id in lot_ids for one in await stage.deposits_of(lot_id)] == ["held", "held"]
    await stage.pass_time(3 * HOUR_MS)
    await sync_waiting_powers(stage.context)
    assert [one.status for lot_id in lot_ids for one in await stage.deposits_of(lot_id)] == ["released", "released"]
    for lot_id in lot_ids:
        power = await stage.context.ledger.power(lot_id, "ann")
        assert power is not None
        assert power.limit_fen == 0
