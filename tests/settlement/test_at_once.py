"""Two of everybody at once on one settlement, in two houses on the same servers: one wins, the other is told so."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.http.problems import ROWS
from auction.books import archive_queries, deposits, unsettled_lots
from auction.books.unit_of_work import Transaction
from auction.bootstrap import open_context
from auction.domain.errors import AuctionError, ProblemCode
from auction.domain.settlement import BidderPolicy
from auction.domain.states import Disposition, OperationKind
from auction.payments.sandbox import FILE_NAME, SandboxGateway
from auction.services.catalogue import lots
from auction.services.context import AppContext
from auction.services.payments import registration_deposits
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement import award_payment, handover, payment_default, relists, runner_up_offers, voids
from auction.services.settlement.awards import open_settlements
from auction.services.settlement.deadlines import settle
from auction.settings import load_settings
from tests.settlement.conftest import DAY_MS, NOTICE_SECRET, SECRET, YUAN, Stage

ROUNDS = 3
"""How often each race is run: who wins differs from round to round."""
CASCADE = {"settlement": {"cascade": {"depth": 1, "price": "own_bid", "offer_window_ms": DAY_MS}}}
BIDS = [("bob", 400), ("ann", 500)]


@pytest.fixture
async def other(stage: Stage, valkey_url: str, books_url: str, tmp_path: Path) -> AsyncIterator[AppContext]:
    """A second house on the servers of the first, with a line of its own to the provider; neither bars defaulters."""
    forgiving = replace(stage.context.money, bidders=BidderPolicy(multiplier_percent=100, bar_after=1_000))
    stage.context = replace(stage.context, money=forgiving)
    settings = load_settings(
        redis_url=valkey_url,
        database_url=books_url,
        secret_key=SECRET,
        data_dir=tmp_path,
        payment_provider="sandbox",
    )
    async with open_context(settings) as opened:
        await opened.gateway.close()
        gateway = SandboxGateway(tmp_path / FILE_NAME, notice_secret=NOTICE_SECRET, clock_ms=stage.clock)
        yield replace(opened, gateway=gateway, clock_ms=stage.clock, money=forgiving)
        await gateway.close()


async def race(*acts: Awaitable[Any]) -> list[Any]:
    """Do it all at once: what each gave, or the code it was refused with, which HTTP answers with 409."""
    ends = await asyncio.gather(*acts, return_exceptions=True)
    for end in ends:
        if isinstance(end, AuctionError):
            assert ROWS[end.code].status == 409, end.code
        elif isinstance(end, BaseException):
            raise end
    return [str(end.code) if isinstance(end, AuctionError) else end for end in ends]


def refusals(ends: list[Any]) -> list[str]:
    return [end for end in ends if isinstance(end, str)]


async def steps(stage: Stage, lot_id: str) -> Counter[str]:
    """How often each step was taken."""
    return Counter(step.step for step in (await stage.detail(lot_id)).steps)


async def test_two_workers_open_sixteen_settlements_once_each(stage: Stage, other: AppContext) -> None:
    lot_ids = []
    await lots.create_sale(stage.context, title="A sale", sale_id="many", actor="olga")
    for _ in range(16):
        lot_id = await stage.open_lot(sale_id="many")
        await stage.register(lot_id, "ann")
        await stage.bid(lot_id, "ann", 500)
        await lots.close_lot(stage.context, lot_id, reason="sold", actor="olga")
        lot_ids.append(lot_id)
    await stage.archive()

    async def open_all(context: AppContext) -> int:
        opened = 0
        while some := await open_settlements(context, limit=3):
            opened += some
        return opened

    opened = await asyncio.gather(open_all(stage.context), open_all(other), open_all(stage.context), open_all(other))
    assert sum(opened) == 16
    async with stage.context.books.reading() as tx:
        (row,) = await tx.rows(
            text(
                "SELECT (SELECT count(*) FROM awards) AS awards, "
                "(SELECT count(*) FROM settlement_steps) AS steps, "
                "(SELECT count(*) FROM journal_entries WHERE kind = 'award') AS entries"
            )
        )
    assert dict(row) == {"awards": 16, "steps": 16, "entries": 16}


async def test_a_worker_that_read_its_list_before_another_opened_it_opens_nothing_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot_id = await stage.sold_lot(BIDS)

    async def stale(tx: Transaction, **_: object) -> list[archive_queries.LotResult]:
        return list((await archive_queries.results_of(tx, [lot_id])).values())

    monkeypatch.setattr(unsettled_lots, "results_to_settle", stale)
    assert await open_settlements(stage.context) == 0
    assert (await steps(stage, lot_id))["awarded"] == 1


async def test_the_end_of_a_deposit_is_decided_once(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        (held,) = await stage.deposits(lot_id, "ann")

        async def decide(context: AppContext, end: Disposition, deposit_id: str = held.deposit_id) -> int:
            async with context.books.transaction() as tx:
                return len(await deposits.set_disposition(tx, [deposit_id], end, reason="a race"))

        ends = decide(stage.context, Disposition.APPLY), decide(other, Disposition.FORFEIT)
        assert sum(await asyncio.gather(*ends)) == 1


async def test_two_settlers_meet_a_deadline_once(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS, CASCADE)
        stage.clock.forward(DAY_MS)
        await asyncio.gather(*(settle(context) for context in (stage.context, other) * 3))
        await stage.settle()
        taken = await steps(stage, lot_id)
        assert (taken["defaulted"], taken["offered"]) == (1, 1)
        stage.clock.forward(DAY_MS)
        await asyncio.gather(*(settle(context) for context in (stage.context, other) * 3))
        await stage.settle()
        taken = await steps(stage, lot_id)
        assert (taken["offer-lapsed"], taken["relisted"]) == (1, 1)


@pytest.mark.parametrize("stage", ["charge"], indirect=True)
async def test_two_cashiers_give_each_deposit_back_once(stage: Stage, other: AppContext) -> None:
    lot_id = await stage.open_lot()
    for number in range(20):
        await stage.register(lot_id, f"bidder{number}")
    await lots.close_lot(stage.context, lot_id, reason="no bids", actor="olga")
    await stage.archive()
    await settle(stage.context)

    await asyncio.gather(*(perform_due(context) for context in (stage.context, other) * 2))
    moved = await stage.gateway.movements()
    assert (moved.charged_fen, moved.refunded_fen) == (2_000 * YUAN, 2_000 * YUAN)
    assert {deposit.status for deposit in await stage.deposits(lot_id)} == {"released"}


async def test_two_of_staff_relist_a_lot_once(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS, CASCADE)
        await award_payment.refuse_award(stage.context, f"a-{lot_id}-1", bidder_id="ann")
        ends = await race(
            relists.relist_by_staff(stage.context, lot_id, actor="olga"),
            relists.relist_by_staff(other, lot_id, actor="petra"),
        )
        assert refusals(ends) == [ProblemCode.WRONG_STATE]
        assert (await steps(stage, lot_id))["relisted"] == 1


async def test_relisting_and_offering_at_once_leave_the_lot_with_one_of_the_two(
    stage: Stage, other: AppContext
) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS, CASCADE)
        await award_payment.refuse_award(stage.context, f"a-{lot_id}-1", bidder_id="ann")
        ends = await race(
            relists.relist_by_staff(stage.context, lot_id, actor="olga"),
            runner_up_offers.offer_by_staff(other, lot_id, actor="petra"),
        )
        assert refusals(ends) == [ProblemCode.WRONG_STATE]
        assert await stage.state(lot_id) in {"relisted", "offered"}


async def test_one_person_who_asks_twice_at_once_is_still_one_person(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        ends = await race(
            voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged"),
            voids.void_settlement(other, lot_id, actor="olga", reason="forged"),
        )
        assert refusals(ends) == [ProblemCode.SAME_PERSON]
        assert await stage.state(lot_id) == "awarded"


async def test_of_three_persons_at_once_one_asks_one_agrees_and_one_is_late(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        ends = await race(
            voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged"),
            voids.void_settlement(other, lot_id, actor="petra", reason="forged"),
            voids.void_settlement(other, lot_id, actor="quentin", reason="forged"),
        )
        assert refusals(ends) == [ProblemCode.WRONG_STATE]
        assert ends.count(None) == 1
        assert (await steps(stage, lot_id))["void"] == 1
        await stage.settle()


async def test_two_of_staff_hand_a_lot_over_once(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        await stage.pay(lot_id)
        await award_payment.choose_centre(stage.context, f"a-{lot_id}-1", bidder_id="ann", delivery_centre="Wuhan")
        ends = await race(
            handover.confirm_handover(stage.context, lot_id, actor="olga"),
            handover.confirm_handover(other, lot_id, actor="petra"),
        )
        assert refusals(ends) == [ProblemCode.WRONG_STATE]


async def test_handing_over_and_voiding_at_once_do_one_of_the_two(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        await stage.pay(lot_id)
        await award_payment.choose_centre(stage.context, f"a-{lot_id}-1", bidder_id="ann", delivery_centre="Wuhan")
        await voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged")
        ends = await race(
            handover.confirm_handover(stage.context, lot_id, actor="olga"),
            voids.void_settlement(other, lot_id, actor="petra", reason="forged"),
        )
        assert refusals(ends) == [ProblemCode.WRONG_STATE]
        assert await stage.state(lot_id) in {"settled", "void"}
        await stage.settle()


async def test_a_winner_who_pays_with_two_cards_at_once_pays_once(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        ends = await race(
            award_payment.pay_award(stage.context, f"a-{lot_id}-1", bidder_id="ann", key="the-first-card"),
            award_payment.pay_award(other, f"a-{lot_id}-1", bidder_id="ann", key="the-other-card"),
        )
        # none: the second came between the charge and the deposit, found nothing left to charge, and waited with it
        assert len(refusals(ends)) <= 1
        assert set(refusals(ends)) <= {ProblemCode.WRONG_STATE, ProblemCode.PAYMENT_PENDING}
        await stage.settle()
        charges = [one for one in (await stage.detail(lot_id)).operations if one.kind == "charge"]
        assert [one.amount_fen for one in charges] == [400 * YUAN]
        assert await stage.state(lot_id) == "paid"


async def test_a_payment_asked_for_twice_under_one_key_is_one_payment(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        ends = await race(
            *(
                award_payment.pay_award(context, f"a-{lot_id}-1", bidder_id="ann", key="the-only-key")
                for context in (stage.context, other)
            )
        )
        assert refusals(ends) == []
        await stage.settle()
        assert [one.kind for one in (await stage.detail(lot_id)).operations].count(OperationKind.CHARGE) == 1
        assert await stage.state(lot_id) == "paid"


async def test_paying_and_refusing_at_once_do_one_of_the_two(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        ends = await race(
            award_payment.pay_award(stage.context, f"a-{lot_id}-1", bidder_id="ann", key="the-first-card"),
            award_payment.refuse_award(other, f"a-{lot_id}-1", bidder_id="ann"),
        )
        assert len(refusals(ends)) == 1
        await stage.settle()
        assert await stage.state(lot_id) in {"paid", "relisted"}


async def test_a_winner_pays_while_two_of_staff_declare_a_default_and_one_side_wins(
    stage: Stage, other: AppContext
) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS)
        await payment_default.default_by_staff(stage.context, lot_id, actor="olga", reason="no answer")
        ends = await race(
            award_payment.pay_award(stage.context, f"a-{lot_id}-1", bidder_id="ann", key="the-first-card"),
            payment_default.default_by_staff(other, lot_id, actor="petra", reason="no answer"),
        )
        assert len(refusals(ends)) == 1
        assert set(refusals(ends)) <= {ProblemCode.WRONG_STATE, ProblemCode.PAYMENT_PENDING}
        await stage.settle()
        assert await stage.state(lot_id) in {"paid", "relisted"}


async def test_an_offer_that_is_accepted_and_declined_at_once_has_one_answer(stage: Stage, other: AppContext) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS, CASCADE)
        await award_payment.refuse_award(stage.context, f"a-{lot_id}-1", bidder_id="ann")
        await stage.settle()
        ends = await race(
            runner_up_offers.accept_offer(stage.context, f"o-{lot_id}-1", bidder_id="bob"),
            runner_up_offers.decline_offer(other, f"o-{lot_id}-1", bidder_id="bob"),
        )
        assert refusals(ends) == [ProblemCode.OFFER_OVER]
        await stage.settle()
        (offer,) = (await stage.detail(lot_id)).offers
        assert offer.status in {"accepted", "declined"}
        assert len((await stage.detail(lot_id)).awards) == (2 if offer.status == "accepted" else 1)


async def test_an_offer_that_is_withdrawn_while_it_is_accepted_leaves_no_award_behind(
    stage: Stage, other: AppContext
) -> None:
    for _ in range(ROUNDS):
        lot_id = await stage.sold_lot(BIDS, CASCADE)
        await award_payment.refuse_award(stage.context, f"a-{lot_id}-1", bidder_id="ann")
        await stage.settle()
        stage.clock.forward(1)
        await voids.void_settlement(stage.context, lot_id, actor="olga", reason="forged")
        stage.clock.forward(1)
        ends = await race(
            runner_up_offers.accept_offer(stage.context, f"o-{lot_id}-1", bidder_id="bob"),
            voids.void_settlement(other, lot_id, actor="petra", reason="forged"),
        )
        # accepted first: what olga wanted void was an offer, and petra asks anew
        accepted = ends[1] is not None
        assert refusals(ends) == ([] if accepted else [ProblemCode.OFFER_OVER])
        assert await stage.state(lot_id) == ("awarded" if accepted else "void")
        await stage.settle()


async def test_a_bidder_who_registers_twice_at_once_puts_down_one_deposit(stage: Stage, other: AppContext) -> None:
    lot_id = await stage.open_lot()
    await asyncio.gather(
        *(
            registration_deposits.register(context, lot_id, bidder_id="ann", name="Ann")
            for context in (stage.context, other, stage.context, other)
        )
    )
    assert (await stage.gateway.movements()).held_fen == 100 * YUAN


async def test_two_lots_paid_at_once_from_one_purse_are_both_paid_in_the_end(stage: Stage, other: AppContext) -> None:
    terms = {"deposit": {"policy": "purse", "multiplier": 10, "amount_fen": 1_000 * YUAN}}
    first = await stage.open_lot(terms)
    second = await stage.open_lot(terms, sale_id=first.rpartition("-")[0])
    for lot_id in (first, second):
        await stage.register(lot_id, "ann")
        await stage.bid(lot_id, "ann", 3_000)
    await stage.close(first)
    await stage.close(second)
    await race(
        award_payment.pay_award(stage.context, f"a-{first}-1", bidder_id="ann", key="for-the-first"),
        award_payment.pay_award(other, f"a-{second}-1", bidder_id="ann", key="for-the-second"),
    )
    await stage.settle()
    for lot_id in (first, second):
        if await stage.state(lot_id) != "paid":
            await stage.pay(lot_id, key="for-the-rest-of-it")
        assert await stage.state(lot_id) == "paid"
    assert await stage.gateway.balance_fen() == 6_000 * YUAN
