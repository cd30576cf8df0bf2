"""Declares a lot void after its close: everything is reversed and all money refunded. Needs two persons of staff."""

from dataclasses import replace

from auction.books import audit, bidders, catalogue, defaults, deposits, journal, operations, reversals, settlements
from auction.books.approvals import Approval
from auction.books.catalogue import DRAFT
from auction.books.defaults import Default
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import dispute_entries, waiver_entries
from auction.domain import journal as postings
from auction.domain.accounts import JournalAccount
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.lot import LotStatus
from auction.domain.provider_event_states import ReversalStatus
from auction.domain.states import (
    AwardStatus,
    CauseKind,
    DefaultStatus,
    DepositReason,
    DepositStatus,
    Disposition,
    OfferStatus,
    OperationKind,
    ReturnReason,
    SettlementAction,
    SettlementState,
    StepName,
)
from auction.domain.waterfall import Split
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import refund_deposit, refund_of
from auction.services.second_person import NO_CONFIRMATION, Confirmation
from auction.services.settlement.dual_control import ANY_REQUEST, request_or_approve
from auction.services.settlement.payment_outcomes import (
    check_no_open_charge,
    check_not_taken_back,
    refund_of_payment,
    refund_payment,
    release_remaining,
)
from auction.services.settlement.transfer_returns import return_transfers
from auction.services.settlement.transitions import LockedSettlement, add_step, lock_settlement, move


async def void_settlement(
    context: AppContext,
    lot_id: str,
    *,
    actor: str,
    reason: str,
    agrees_to: int | None = ANY_REQUEST,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Declare a closed lot void before it is settled, which needs two persons: the request that waits, or None: done.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(approval-waiting, same-person, payment-pending,
    relisted-lot-first, claim-collected), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.VOID)
        await _check_relisted_is_void(tx, locked)
        waiting = await request_or_approve(
            context,
            tx,
            lot_id,
            ApprovalAction.VOID,
            actor=actor,
            reason=reason,
            now_ms=now_ms,
            since_ms=locked.settlement.changed_at_ms,
            agrees_to=agrees_to,
            confirmation=confirmation,
        )
        if waiting is not None:
            return waiting
        cause = Cause(CauseKind.STAFF_ACTION, f"void:{lot_id}:{actor}")
        award = await settlements.live_award(tx, lot_id)
        if award is not None:
            await _void_award(context, tx, award, now_ms=now_ms, cause=cause)
        offer = await settlements.open_offer(tx, lot_id)
        if offer is not None:
            await settlements.close_offer(tx, offer.offer_id, OfferStatus.WITHDRAWN, at_ms=now_ms)
            await bidders.end_share(tx, lot_id=lot_id, bidder_id=offer.bidder_id)
        await _return_forfeited(tx, locked, now_ms=now_ms, cause=cause)
        await release_remaining(tx, locked, now_ms=now_ms, cause=cause)
        await move(
            tx,
            lot_id,
            SettlementAction.VOID,
            actor=actor,
            at_ms=now_ms,
            deadline_at_ms=None,
            reason=reason,
            details={"award_id": None if award is None else award.award_id},
        )
    return None


async def _void_award(context: AppContext, tx: Transaction, award: Award, *, now_ms: int, cause: Cause) -> None:
    """Reverse an award, due or paid, and refund everything that was received for it."""
    requested = await operations.operations_of_award(tx, award.award_id)
    check_no_open_charge(requested)
    await check_not_taken_back(context, tx, award, [ReversalStatus.OPEN])
    is_due = award.status is AwardStatus.DUE
    entry = (postings.award_reversed if is_due else postings.sale_reversed)(
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    for deposit in await deposits.change_disposition(
        tx, award.award_id, Disposition.RELEASE, reason=DepositReason.VOID
    ):
        if deposit.is_cash:
            await refund_deposit(tx, deposit, now_ms=now_ms, cause=cause)
    refunded = {one.operation_id for one in requested if one.kind is OperationKind.REFUND}
    paid = [one for one in requested if one.is_received_charge and f"refund-{one.operation_id}" not in refunded]
    applied = [
        one for one in await deposits.deposits_for_award(tx, award.award_id) if one.status is DepositStatus.APPLIED
    ]
    source = JournalAccount.BUYER_RECEIVABLE if is_due else JournalAccount.REFUND_PAYABLE
    transferred_fen = await return_transfers(tx, award, source, why=ReturnReason.VOID, now_ms=now_ms, cause=cause)
    if is_due:
        for one in paid:
            await refund_payment(tx, one, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause)
    else:
        if award.waived_fen:
            waiver = waiver_entries.waiver_reversed(
                award_id=award.award_id, lot_id=award.lot_id, bidder_id=award.bidder_id, amount_fen=award.waived_fen
            )
            await journal.post(tx, [waiver], cause=cause, at_ms=now_ms)
        # the reversed sale owes the buyer everything already, but for what they took back by disputes
        lost = await _recover_disputed(tx, award, now_ms=now_ms, cause=cause)
        for one in paid:
            if one.amount_fen > lost.get(one.operation_id, 0):
                refund = refund_of_payment(one, one.amount_fen - lost.get(one.operation_id, 0))
                await operations.intend(tx, [refund], at_ms=now_ms)
        left_fen = award.received_fen - transferred_fen - sum(one.amount_fen for one in paid)
        for deposit in applied:
            # the part above what was due was refunded when the deposit was applied
            part_fen = min(left_fen, deposit.captured_fen or 0)
            left_fen -= part_fen
            if part_fen > lost.get(deposit.deposit_id, 0):
                await _intend_return(tx, deposit, part_fen - lost.get(deposit.deposit_id, 0), now_ms)
    await settlements.mark_award_void(tx, award.award_id)
    await bidders.end_share(tx, lot_id=award.lot_id, bidder_id=award.bidder_id)


async def _recover_disputed(tx: Transaction, award: Award, *, now_ms: int, cause: Cause) -> dict[str, int]:
    """Book that the buyer has got back what they took by disputes: charge or deposit -> how much, in fen."""
    lost: dict[str, int] = {}
    for one in await reversals.live_of_award(tx, award.award_id):
        entry = dispute_entries.dispute_recovered(
            reversal_id=one.reversal_id, lot_id=one.lot_id, bidder_id=one.bidder_id, amount_fen=one.amount_fen
        )
        await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
        key = one.deposit_id or one.operation_id
        lost[key] = lost.get(key, 0) + one.amount_fen
    return lost


async def _intend_return(tx: Transaction, deposit: Deposit, amount_fen: int, now_ms: int) -> None:
    """Intend a refund under its own id: the part above what was due may have been refunded under the usual one."""
    refund = refund_of(deposit, amount_fen)
    await operations.intend(tx, [replace(refund, operation_id=f"{refund.operation_id}-void")], at_ms=now_ms)


async def _check_relisted_is_void(tx: Transaction, locked: LockedSettlement) -> None:
    """Raises RequestRefused(relisted-lot-first) while the lot that this one was relisted as is on sale or sold."""
    child_id = locked.settlement.relisted_as
    if child_id is None:
        return
    child, settled = await catalogue.find_lot(tx, child_id), await settlements.find(tx, child_id)
    state = child.status if settled is None else settled.state
    if state in {DRAFT, LotStatus.VOID, SettlementState.VOID}:
        return
    is_over = state == SettlementState.SETTLED
    raise RequestRefused(
        ProblemCode.RELISTED_LOT_FIRST,
        f"It was relisted as lot {child_id}, which is {state}"
        + (", handed over: neither can be void any more." if is_over else ". Declare that one void first."),
        {"lot_id": child_id, "state": state},
    )


async def _return_forfeited(tx: Transaction, locked: LockedSettlement, *, now_ms: int, cause: Cause) -> None:
    """Refund the forfeited deposits of defaults, which do not count against their bidders any more.

    What a waterfall did is reversed before.
    """
    for default in await defaults.of_lot(tx, locked.lot_id):
        if default.status is DefaultStatus.RETURNED:
            continue
        theirs = await deposits.deposits_for_award(tx, default.default_id)
        if any(deposit.status is DepositStatus.HELD for deposit in theirs):
            raise RequestRefused(
                ProblemCode.PAYMENT_PENDING, "A forfeited deposit is being captured; wait for its outcome."
            )
        if default.collected_fen:
            raise RequestRefused(
                ProblemCode.CLAIM_COLLECTED,
                f"A part of the claim for lot {default.lot_id} was paid; it cannot be void any more.",
                {"lot_id": default.lot_id},
            )
        seller_owes_fen = await _reverse_waterfall(tx, default, now_ms=now_ms, cause=cause)
        for deposit in theirs:
            if deposit.status is DepositStatus.FORFEITED:
                entry = postings.forfeiture_returned(
                    deposit_id=deposit.deposit_id,
                    lot_id=deposit.lot_id,
                    bidder_id=deposit.bidder_id,
                    amount_fen=deposit.captured_fen or 0,
                )
                await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
                await _intend_return(tx, deposit, deposit.captured_fen or 0, now_ms)
        await defaults.mark_returned(tx, default.default_id, seller_owes_fen=seller_owes_fen, at_ms=now_ms)


async def _reverse_waterfall(tx: Transaction, default: Default, *, now_ms: int, cause: Cause) -> int:
    """Take back what was divided and claimed. What the seller was paid, and owes the house now, in fen."""
    if default.split is None:
        return 0
    about = {"default_id": default.default_id, "lot_id": default.lot_id, "bidder_id": default.bidder_id}
    entries = []
    divided = Split(**default.split)
    if divided.forfeited_fen:
        entries.append(postings.waterfall_reversed(**about, split=divided))
    if default.is_claimed:
        entries.append(postings.claim_reversed(**about, amount_fen=default.claim_left_fen))
    await journal.post(tx, entries, cause=cause, at_ms=now_ms)
    return divided.seller_fen


async def record_seller_repaid(context: AppContext, lot_id: str, *, actor: str, reason: str) -> None:
    """Record that the seller has paid back what they owe, since a lot was declared void or its payment was taken back.

    `reason` names the receipt.

    Raises NotFound(settlement-unknown), RequestRefused(no-claim), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        owed = [one for one in await defaults.of_lot(tx, lot_id) if one.seller_owes_fen]
        clawed_back = [one for one in await reversals.of_lots(tx, [lot_id]) if one.seller_owes_fen]
        if not owed and not clawed_back:
            raise RequestRefused(ProblemCode.NO_CLAIM, f"The seller owes nothing for lot {lot_id}.", {"lot_id": lot_id})
        cause = Cause(CauseKind.STAFF_ACTION, f"seller-repaid:{lot_id}:{actor}")
        entries = [
            postings.seller_repaid(default_id=one.default_id, lot_id=lot_id, amount_fen=one.seller_owes_fen)
            for one in owed
        ] + [
            dispute_entries.claw_back_repaid(reversal_id=one.reversal_id, lot_id=lot_id, amount_fen=one.seller_owes_fen)
            for one in clawed_back
        ]
        await journal.post(tx, entries, cause=cause, at_ms=now_ms)
        for one in owed:
            await defaults.mark_seller_repaid(tx, one.default_id)
        for taken_back in clawed_back:
            await reversals.mark_repaid(tx, taken_back.reversal_id)
        amount_fen = sum(one.seller_owes_fen for one in owed) + sum(one.seller_owes_fen for one in clawed_back)
        await audit.record_action(
            tx, actor=actor, action="seller-repaid", lot_id=lot_id, reason=reason, details={"amount_fen": amount_fen}
        )
        await add_step(
            tx,
            lot_id,
            locked.settlement.state,
            StepName.SELLER_REPAID,
            actor=actor,
            at_ms=now_ms,
            reason=reason,
            details={"amount_fen": amount_fen},
        )
