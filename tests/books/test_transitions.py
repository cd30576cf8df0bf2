from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import pytest
from sqlalchemy.exc import StatementError

from auction.books import approvals, defaults, deposits, operations, registration_batches, settlements
from auction.books.registration_batches import Held
from auction.books.transitions import InvalidTransition
from auction.books.unit_of_work import Books, Transaction
from auction.domain.approval_actions import ApprovalAction
from auction.domain.states import (
    ALLOWED,
    LIVE_AWARD,
    STATE_AFTER,
    UNRESOLVED_DEFAULT,
    UNRESOLVED_OPERATION,
    AwardStatus,
    DefaultStatus,
    DepositStatus,
    Disposition,
    OfferStatus,
    OperationStatus,
    SettlementAction,
    SettlementState,
)
from tests.books.conftest import Sql

Act = Callable[[Transaction], Awaitable[object]]

RECORDS = """
INSERT INTO bidders (bidder_id, name) VALUES ('ann', 'Ann');
INSERT INTO deposits (deposit_id, lot_id, bidder_id, request_key, policy, method, amount_fen, payment_method, provider)
    VALUES ('d1', 'launch-001', 'ann', 'registration', 'flat', 'authorisation', 100, 'sandbox-ok', 'sandbox');
INSERT INTO payment_operations (operation_id, kind, lot_id, bidder_id, provider, payment_method, amount_fen,
        next_try_at_ms, first_operation_id, attempt_number)
    VALUES ('op-1', 'hold', 'launch-001', 'ann', 'sandbox', 'sandbox-ok', 100, 0, 'op-1', 1);
INSERT INTO settlements (lot_id, state, outcome, opened_at_ms, changed_at_ms)
    VALUES ('launch-001', 'awarded', 'sold', 1, 1);
INSERT INTO awards (award_id, lot_id, bidder_id, paddle, source, price_fen, fee_fen, awarded_at_ms, pay_by_ms,
        default_at_ms)
    VALUES ('a-1', 'launch-001', 'ann', 1, 'hammer', 1000, 0, 1, 2, 2);
INSERT INTO offers (offer_id, lot_id, bidder_id, paddle, number, price_fen, own_bid_fen, offered_at_ms, expires_at_ms)
    VALUES ('o-1', 'launch-001', 'ann', 1, 1, 900, 900, 1, 2);
INSERT INTO defaults (default_id, lot_id, bidder_id, price_fen, fee_fen, commission_fen, cause, at_ms, resolve_by_ms)
    VALUES ('a-1', 'launch-001', 'ann', 1000, 0, 0, 'deadline', 1, 2);
"""
"""One record of each kind on lot launch-001."""


@pytest.fixture
async def records(launch: str, sql: Sql) -> None:
    for statement in RECORDS.split(";")[:-1]:
        await sql(statement)


def deposit_is(status: DepositStatus, disposition: Disposition | None, captured_fen: int | None) -> dict[str, Any]:
    return {"status": status, "disposition": disposition, "captured_fen": captured_fen}


DEPOSITS = [
    *(
        deposit_is(status, disposition, captured_fen)
        for status in (DepositStatus.HELD, DepositStatus.RELEASING)
        for disposition in Disposition
        for captured_fen in (None, 100)
    ),
    *(deposit_is(DepositStatus.HELD, None, captured_fen) for captured_fen in (None, 100)),
    *(deposit_is(status, None, None) for status in (DepositStatus.PENDING, DepositStatus.FAILED, DepositStatus.LAPSED)),
    deposit_is(DepositStatus.RELEASED, Disposition.RELEASE, None),
    deposit_is(DepositStatus.APPLIED, Disposition.APPLY, 100),
    deposit_is(DepositStatus.FORFEITED, Disposition.FORFEIT, 100),
]
"""Every state of a deposit that the table allows, but for those where only the status differs from another."""


def is_open_hold(row: Mapping[str, Any]) -> bool:
    return row["status"] in (DepositStatus.HELD, DepositStatus.RELEASING)


DEPOSIT_TRANSITIONS: dict[str, tuple[Act, Callable[[Mapping[str, Any]], bool]]] = {
    "held": (
        lambda tx: registration_batches.mark_all_held(tx, [Held("d1", "h1", None, 9, None)], at_ms=5),
        lambda row: row["status"] is DepositStatus.PENDING,
    ),
    "failed": (
        lambda tx: deposits.mark_failed(tx, "d1", reason="declined", at_ms=5),
        lambda row: row["status"] is DepositStatus.PENDING,
    ),
    "captured": (
        lambda tx: deposits.mark_captured(tx, "d1", captured_fen=100),
        lambda row: is_open_hold(row) and row["captured_fen"] is None,
    ),
    "lapsed": (
        lambda tx: deposits.mark_lapsed(tx, "d1", reason="expired", at_ms=5),
        lambda row: is_open_hold(row) and row["captured_fen"] is None,
    ),
    "refunding": (
        lambda tx: deposits.mark_refunding(tx, "d1"),
        lambda row: is_open_hold(row) and row["disposition"] is Disposition.RELEASE and row["captured_fen"] is not None,
    ),
    "applied": (
        lambda tx: deposits.mark_applied(tx, "d1", at_ms=5),
        lambda row: row == deposit_is(DepositStatus.HELD, Disposition.APPLY, 100),
    ),
    "forfeited": (
        lambda tx: deposits.mark_forfeited(tx, "d1", at_ms=5),
        lambda row: row == deposit_is(DepositStatus.HELD, Disposition.FORFEIT, 100),
    ),
}

AWARD_TRANSITIONS: dict[str, tuple[Act, Collection[AwardStatus]]] = {
    "received": (lambda tx: settlements.record_received(tx, "a-1", received_fen=10), {AwardStatus.DUE}),
    "paid": (lambda tx: settlements.mark_award_paid(tx, "a-1", at_ms=5), {AwardStatus.DUE}),
    "defaulted": (lambda tx: settlements.mark_award_defaulted(tx, "a-1"), {AwardStatus.DUE}),
    "centre": (lambda tx: settlements.set_delivery_centre(tx, "a-1", "Wuhan"), {AwardStatus.PAID}),
    "settled": (lambda tx: settlements.mark_award_settled(tx, "a-1", at_ms=5), {AwardStatus.PAID}),
    "void": (lambda tx: settlements.mark_award_void(tx, "a-1"), {AwardStatus.DUE, AwardStatus.PAID}),
}
DEFAULT_TRANSITIONS: dict[str, tuple[Act, Collection[DefaultStatus]]] = {
    "cost": (lambda tx: defaults.set_cost(tx, "a-1", cost_fen=7), UNRESOLVED_DEFAULT),
    "resale": (lambda tx: defaults.set_resale(tx, "a-1", lot_id="launch-002", price_fen=7), UNRESOLVED_DEFAULT),
    "collected": (lambda tx: defaults.mark_collected(tx, "a-1", forfeited_fen=7), {DefaultStatus.COLLECTING}),
    "resolved": (
        lambda tx: defaults.mark_resolved(tx, "a-1", split={}, unmet={}, gap_met_fen=0, claim_fen=7, at_ms=5),
        {DefaultStatus.COLLECTED},
    ),
    "returned": (
        lambda tx: defaults.mark_returned(tx, "a-1", seller_owes_fen=0, at_ms=5),
        {*UNRESOLVED_DEFAULT, DefaultStatus.RESOLVED},
    ),
    "written off": (lambda tx: defaults.mark_written_off(tx, "a-1"), {DefaultStatus.RESOLVED}),
}
OPERATION_TRANSITIONS: dict[str, Act] = {
    "pending": lambda tx: operations.mark_pending(tx, "op-1", provider_ref="r1", next_try_at_ms=5),
    "succeeded": lambda tx: operations.mark_succeeded(tx, "op-1", provider_ref="r1", at_ms=5),
    "failed": lambda tx: operations.mark_failed(tx, "op-1", provider_ref="r1", failure="expired", at_ms=5),
    "succeeded with others": lambda tx: operations.mark_all_succeeded(tx, ["op-1"], at_ms=5),
}


async def is_refused(books: Books, act: Act) -> bool:
    """Whether the transition is refused; it is rolled back either way."""

    class Undo(Exception):
        pass

    try:
        async with books.transaction() as tx:
            await act(tx)
            raise Undo
    except InvalidTransition:
        return True
    except Undo:
        return False


@pytest.mark.parametrize("name", DEPOSIT_TRANSITIONS)
async def test_a_deposit_leaves_only_the_states_that_the_transition_names(
    books: Books, records: None, sql: Sql, name: str
) -> None:
    act, may_leave = DEPOSIT_TRANSITIONS[name]
    for row in DEPOSITS:
        await sql(
            "UPDATE deposits SET status = :status, disposition = :disposition, captured_fen = :captured_fen", **row
        )
        assert await is_refused(books, act) is not may_leave(row), row


@pytest.mark.parametrize("name", AWARD_TRANSITIONS)
async def test_an_award_leaves_only_the_statuses_that_the_transition_names(
    books: Books, records: None, sql: Sql, name: str
) -> None:
    act, leaving = AWARD_TRANSITIONS[name]
    for status in AwardStatus:
        await sql("UPDATE awards SET status = :status", status=status)
        assert await is_refused(books, act) is (status not in leaving), status


@pytest.mark.parametrize("name", DEFAULT_TRANSITIONS)
async def test_a_default_leaves_only_the_statuses_that_the_transition_names(
    books: Books, records: None, sql: Sql, name: str
) -> None:
    act, leaving = DEFAULT_TRANSITIONS[name]
    for status in DefaultStatus:
        await sql("UPDATE defaults SET status = :status", status=status)
        assert await is_refused(books, act) is (status not in leaving), status


async def test_a_claim_is_written_off_once(books: Books, records: None, sql: Sql) -> None:
    await sql("UPDATE defaults SET status = 'resolved', written_off = true")
    assert await is_refused(books, lambda tx: defaults.mark_written_off(tx, "a-1"))


@pytest.mark.parametrize("name", OPERATION_TRANSITIONS)
async def test_an_operation_is_resolved_once(books: Books, records: None, sql: Sql, name: str) -> None:
    for status in OperationStatus:
        await sql("UPDATE payment_operations SET status = :status", status=status)
        assert await is_refused(books, OPERATION_TRANSITIONS[name]) is (status not in UNRESOLVED_OPERATION), status


async def test_an_offer_is_answered_once(books: Books, records: None, sql: Sql) -> None:
    for status in OfferStatus:
        await sql("UPDATE offers SET status = :status", status=status)
        refused = await is_refused(books, lambda tx: settlements.close_offer(tx, "o-1", OfferStatus.ACCEPTED, at_ms=5))
        assert refused is (status is not OfferStatus.OPEN), status


@pytest.mark.parametrize("action", SettlementAction)
async def test_a_settlement_leaves_only_the_states_that_allow_the_action(
    books: Books, records: None, sql: Sql, action: SettlementAction
) -> None:
    for state in SettlementState:
        await sql("UPDATE settlements SET state = :state", state=state)
        refused = await is_refused(
            books, lambda tx: settlements.move(tx, "launch-001", action, at_ms=5, deadline_at_ms=None)
        )
        assert refused is (state not in ALLOWED[action]), state


async def test_an_action_leads_to_its_state_and_carries_what_goes_with_it(
    books: Books, records: None, sql: Sql
) -> None:
    async with books.transaction() as tx:
        await settlements.move(tx, "launch-001", SettlementAction.DEFAULT, at_ms=5, deadline_at_ms=6)
        await settlements.move(tx, "launch-001", SettlementAction.OFFER, at_ms=7, deadline_at_ms=8, offers_made=1)
    assert await sql("SELECT state, changed_at_ms, deadline_at_ms, offers_made, relisted_as FROM settlements") == [
        ("offered", 7, 8, 1, None)
    ]
    async with books.transaction() as tx:
        await settlements.move(tx, "launch-001", SettlementAction.LAPSE, at_ms=9, deadline_at_ms=9)
        await settlements.move(
            tx, "launch-001", SettlementAction.RELIST, at_ms=10, deadline_at_ms=None, relisted_as="launch-001"
        )
    assert await sql("SELECT state, changed_at_ms, deadline_at_ms, offers_made, relisted_as FROM settlements") == [
        ("relisted", 10, None, 1, "launch-001")
    ]


async def test_a_request_is_approved_once(books: Books, records: None) -> None:
    async with books.transaction() as tx:
        requested = await approvals.request(
            tx,
            lot_id="launch-001",
            action=ApprovalAction.VOID,
            reason="a reason",
            asked_by="olga",
            asked_at_ms=1,
            expires_at_ms=9,
        )
        approved = await approvals.approve(tx, requested.approval_id, by="petra", at_ms=5)
    assert (approved.action, approved.agreed_by) == (ApprovalAction.VOID, "petra")
    assert await is_refused(books, lambda tx: approvals.approve(tx, requested.approval_id, by="quinn", at_ms=6))


async def test_a_refused_transition_names_record_and_transition(books: Books, records: None) -> None:
    async with books.transaction() as tx:
        await settlements.mark_award_paid(tx, "a-1", at_ms=5)
        with pytest.raises(InvalidTransition, match="award a-1 to paid"):
            await settlements.mark_award_paid(tx, "a-1", at_ms=6)
        with pytest.raises(InvalidTransition, match="award a-2 to void"):
            await settlements.mark_award_void(tx, "a-2")


async def test_rows_carry_members_and_refuse_what_is_none(books: Books, records: None) -> None:
    async with books.transaction() as tx:
        deposit = await deposits.find(tx, "d1")
        assert deposit.status is DepositStatus.PENDING
        assert deposit.disposition is None
        (award,) = await settlements.live_awards(tx, ["launch-001"])
        assert award.status in LIVE_AWARD
        assert type(award.status) is AwardStatus
        (default,) = await defaults.of_lot(tx, "launch-001")
        assert default.is_unresolved
        with pytest.raises(StatementError, match="'hold' is not a valid DepositStatus"):
            await deposits._mark(tx, "d1", deposits.AVAILABLE, status="hold")


def test_every_action_leads_to_a_state_and_every_state_is_reached() -> None:
    assert STATE_AFTER.keys() == ALLOWED.keys() == set(SettlementAction)
    assert set(STATE_AFTER.values()) == set(SettlementState)
