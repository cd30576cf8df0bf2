"""Disputes: the provider takes a payment back until it is decided, and the house has it again, or has lost it.

While one is open, its bidder has no bidding power anywhere, a deposit that it takes back counts for nothing, and a lot
that it had paid is neither handed over nor defaulted on. What is lost, its bidder owes again while the award is due;
after the handover the seller owes what they were paid for the sale; the house bears the rest.
"""

from auction.books import (
    catalogue,
    defaults,
    deposits,
    journal,
    operations,
    reversals,
    runners_up,
    settlements,
)
from auction.books.deposits import Deposit
from auction.books.provider_events import ProviderEvent
from auction.books.reversals import Reversal
from auction.books.unit_of_work import Transaction
from auction.domain import dispute_entries as postings
from auction.domain.accounts import JournalAccount
from auction.domain.lot import ADMITTING
from auction.domain.money import share
from auction.domain.provider_event_states import ExceptionReason, ProviderEventType, ReversalKind, ReversalStatus
from auction.domain.states import (
    AwardStatus,
    DefaultStatus,
    DepositReason,
    DepositStatus,
    Disposition,
    FailureCode,
    OperationStatus,
    SettlementState,
    StepName,
)
from auction.domain.terms_reader import read_terms
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import refund_of, release_deposits
from auction.services.provider_events.decision import APPLIED, HARMLESS, WAITS, Decision, exceptional
from auction.services.provider_events.payment import LockedPayment, cause_of
from auction.services.registration.bidding_power import restate_everywhere
from auction.services.settlement.payment_outcomes import forfeit_deposit
from auction.services.settlement.transitions import SYSTEM_ACTOR, add_step

_ENDS = {
    ProviderEventType.DISPUTE_WON: ReversalStatus.WON,
    ProviderEventType.DISPUTE_LOST: ReversalStatus.LOST,
}
_STILL_NEEDED = (SettlementState.AWARDED, SettlementState.OFFERED, SettlementState.DEFAULTED)
"""States of a lot whose deposits may still be needed."""


async def apply(context: AppContext, tx: Transaction, event: ProviderEvent, payment: LockedPayment) -> Decision:
    """Apply that a dispute was opened or decided; a decision that comes before the opening stands for both."""
    if event.type is ProviderEventType.DISPUTE_INQUIRY:
        return exceptional(ExceptionReason.INQUIRY)
    now_ms = context.clock_ms()
    end = _ENDS.get(event.type)
    reversal = await reversals.lock(tx, provider=event.provider, ref=event.ref)
    if reversal is not None and end is None:
        return HARMLESS
    if reversal is not None and reversal.status is not ReversalStatus.OPEN:
        return HARMLESS if reversal.status is end else exceptional(ExceptionReason.CONTRADICTS)
    if end is ReversalStatus.LOST and any(one.attempts > 0 and not one.is_resolved for one in payment.open_refunds):
        # a refund that is at the provider is refused there, as the money is gone: its outcome comes first
        return WAITS
    if reversal is None:
        amount_fen = event.amount_fen or 0
        if not 0 < amount_fen <= payment.opening.amount_fen or payment.opening.status is OperationStatus.FAILED:
            return exceptional(ExceptionReason.AMOUNT_DIFFERS)
        if payment.deposit is not None and not payment.deposit.is_cash:
            # the capture's outcome comes first
            return WAITS
        reversal = await open_reversal(
            tx, event, payment, kind=ReversalKind.DISPUTE, amount_fen=amount_fen, now_ms=now_ms
        )
        payment = await _reread(tx, payment)
        await _add_step(tx, payment, StepName.DISPUTE_OPENED, amount_fen, now_ms)
    if end is ReversalStatus.WON:
        await _record_win(tx, event, payment, reversal, now_ms)
    elif end is ReversalStatus.LOST:
        await record_loss(tx, event, payment, reversal, now_ms)
    await restate_everywhere(context, tx, payment.opening.bidder_id)
    return APPLIED


async def open_reversal(
    tx: Transaction,
    event: ProviderEvent,
    payment: LockedPayment,
    *,
    kind: ReversalKind,
    amount_fen: int,
    now_ms: int,
) -> Reversal:
    """Record that the provider took money back: it is no cash any more, and a held deposit counts for nothing."""
    opening, deposit, award = payment.opening, payment.deposit, payment.award
    paid = deposit is None or deposit.status is DepositStatus.APPLIED
    reversal = Reversal(
        reversal_id=f"{event.provider}:{event.ref}",
        kind=kind,
        provider=event.provider,
        ref=event.ref,
        operation_id=opening.operation_id,
        deposit_id=opening.deposit_id,
        award_id=award.award_id if award is not None and paid else None,
        lot_id=opening.lot_id if award is None else award.lot_id,
        bidder_id=opening.bidder_id,
        amount_fen=amount_fen,
        status=ReversalStatus.OPEN,
        clawed_back_fen=0,
        seller_owes_fen=0,
        opened_at_ms=now_ms,
        decided_at_ms=None,
    )
    await reversals.add(tx, reversal)
    entry = postings.dispute_opened(**_about(reversal), amount_fen=amount_fen)
    await journal.post(tx, [entry], cause=cause_of(event), at_ms=now_ms)
    if kind is ReversalKind.DISPUTE and deposit is not None and deposit.status is DepositStatus.HELD:
        await reversals.mark_disputed(tx, deposit.deposit_id)
    return reversal


async def _reread(tx: Transaction, payment: LockedPayment) -> LockedPayment:
    deposit = payment.deposit and await deposits.lock(tx, payment.deposit.deposit_id)
    return LockedPayment(payment.opening, payment.requested, deposit, payment.award, payment.settlement)


# --- won --------------------------------------------------------------------------------------------------------------


async def _record_win(
    tx: Transaction, event: ProviderEvent, payment: LockedPayment, reversal: Reversal, now_ms: int
) -> None:
    entry = postings.dispute_won(**_about(reversal), amount_fen=reversal.amount_fen)
    await journal.post(tx, [entry], cause=cause_of(event), at_ms=now_ms)
    await reversals.decide(tx, reversal.reversal_id, ReversalStatus.WON, at_ms=now_ms)
    await _add_step(tx, payment, StepName.DISPUTE_WON, reversal.amount_fen, now_ms)
    if payment.deposit is not None and payment.deposit.status is DepositStatus.DISPUTED:
        deposit = await reversals.end_dispute(tx, payment.deposit.deposit_id, is_won=True, at_ms=now_ms)
        if deposit.is_available:
            await _use_again(tx, event, payment, deposit, now_ms)


async def _use_again(
    tx: Transaction, event: ProviderEvent, payment: LockedPayment, deposit: Deposit, now_ms: int
) -> None:
    """Forfeit a deposit whose bidder has defaulted meanwhile, or release it where nobody needs it any more."""
    for default in await defaults.of_lot(tx, deposit.lot_id):
        is_open = default.status in {DefaultStatus.COLLECTING, DefaultStatus.COLLECTED}
        if is_open and default.bidder_id == deposit.bidder_id and not deposit.is_purse:
            (deposit,) = await deposits.set_disposition(
                tx,
                [deposit.deposit_id],
                Disposition.FORFEIT,
                reason=DepositReason.DEFAULT,
                award_id=default.default_id,
            )
            await forfeit_deposit(tx, deposit, now_ms=now_ms, cause=cause_of(event))
            if default.status is DefaultStatus.COLLECTED:
                await defaults.add_forfeited(tx, default.default_id, amount_fen=deposit.captured_fen or 0)
            return
    lot = (await catalogue.lock_lot_statuses(tx, [deposit.lot_id]))[deposit.lot_id]
    if lot.status in ADMITTING or deposit.is_purse:
        return
    if payment.settlement is not None and payment.settlement.state in _STILL_NEEDED:
        award = await settlements.live_award(tx, deposit.lot_id)
        kept = await runners_up.kept_of_lot(tx, deposit.lot_id)
        if deposit.bidder_id in kept or (award is not None and award.bidder_id == deposit.bidder_id):
            return
    await release_deposits(tx, [deposit], reason=DepositReason.NOT_NEEDED, now_ms=now_ms, cause=cause_of(event))


# --- lost -------------------------------------------------------------------------------------------------------------


async def record_loss(
    tx: Transaction, event: ProviderEvent, payment: LockedPayment, reversal: Reversal, now_ms: int
) -> None:
    """Record that what was taken back is lost, and who bears it."""
    deposit, award = payment.deposit, payment.award
    step = StepName.DISPUTE_LOST if reversal.kind is ReversalKind.DISPUTE else StepName.REFUNDED_AT_PROVIDER
    seller_fen, account = 0, JournalAccount.DISPUTE_LOSS
    if deposit is not None and deposit.status is DepositStatus.DISPUTED:
        await _lose_deposit(tx, event, deposit, reversal, now_ms)
        await reversals.decide(tx, reversal.reversal_id, ReversalStatus.LOST, at_ms=now_ms)
        await _add_step(tx, payment, step, reversal.amount_fen, now_ms)
        return
    owed = [one for one in payment.open_refunds if one.amount_fen == reversal.amount_fen]
    if owed:
        # what was to be refunded has gone back to the bidder by the dispute
        account = JournalAccount.REFUND_PAYABLE
        if owed[0].is_resolved:
            await operations.mark_given_up(tx, owed[0].operation_id, failure=FailureCode.REFUNDED_OTHERWISE)
        else:
            await operations.mark_failed(
                tx, owed[0].operation_id, provider_ref=None, failure=FailureCode.REFUNDED_OTHERWISE, at_ms=now_ms
            )
        if deposit is not None:
            await deposits.mark_released(tx, [owed[0].deposit_id or deposit.deposit_id], at_ms=now_ms)
    elif reversal.award_id is not None and award is not None:
        if award.status is AwardStatus.DUE:
            account = JournalAccount.BUYER_RECEIVABLE
            await reversals.take_back(tx, award.award_id, reversal.amount_fen)
        elif award.status is AwardStatus.SETTLED:
            terms = read_terms((await catalogue.find_lot(tx, award.lot_id)).terms).settlement
            paid_fen = award.price_fen - share(award.price_fen, terms.seller_commission_bps)
            clawed_fen = sum(one.clawed_back_fen for one in await reversals.live_of_award(tx, award.award_id))
            seller_fen = min(reversal.amount_fen, max(0, paid_fen - clawed_fen))
    entry = postings.dispute_lost(
        **_about(reversal), amount_fen=reversal.amount_fen, account=account, seller_fen=seller_fen
    )
    await journal.post(tx, [entry], cause=cause_of(event), at_ms=now_ms)
    await reversals.decide(tx, reversal.reversal_id, ReversalStatus.LOST, clawed_back_fen=seller_fen, at_ms=now_ms)
    await _add_step(tx, payment, step, reversal.amount_fen, now_ms)


async def _lose_deposit(
    tx: Transaction, event: ProviderEvent, deposit: Deposit, reversal: Reversal, now_ms: int
) -> None:
    """End a deposit that a dispute has taken; of a purse the house bears what its shares had used before."""
    held_fen = deposit.cash_fen
    lost_fen = min(held_fen, reversal.amount_fen)
    entries = [
        postings.deposit_lost(
            deposit_id=deposit.deposit_id,
            lot_id=deposit.lot_id,
            bidder_id=deposit.bidder_id,
            held_fen=held_fen,
            disputed_fen=lost_fen,
        )
    ]
    if reversal.amount_fen > lost_fen:
        entries.append(
            postings.dispute_lost(
                **_about(reversal),
                amount_fen=reversal.amount_fen - lost_fen,
                account=JournalAccount.DISPUTE_LOSS,
                seller_fen=0,
            )
        )
    await journal.post(tx, entries, cause=cause_of(event), at_ms=now_ms)
    await reversals.end_dispute(tx, deposit.deposit_id, is_won=False, at_ms=now_ms)
    if held_fen > lost_fen:
        await operations.intend(tx, [refund_of(deposit, held_fen - lost_fen)], at_ms=now_ms)


# --- what all share ---------------------------------------------------------------------------------------------------


async def _add_step(tx: Transaction, payment: LockedPayment, step: StepName, amount_fen: int, now_ms: int) -> None:
    if payment.settlement is not None:
        await add_step(
            tx,
            payment.settlement.lot_id,
            payment.settlement.state,
            step,
            actor=SYSTEM_ACTOR,
            at_ms=now_ms,
            details={"amount_fen": amount_fen},
        )


def _about(reversal: Reversal) -> dict[str, str]:
    return {
        "reversal_id": reversal.reversal_id,
        "lot_id": reversal.lot_id,
        "bidder_id": reversal.bidder_id,
    }
