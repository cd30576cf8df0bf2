"""Books what comes in at the house's bank: a receipt pays the award whose reference it carries, up to what is due.

What pays no award, or is more than was due, is in suspense until it is matched or returned. Parts add up: the award is
paid once transfers, charges and deposits cover it.
"""

import hashlib
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, timedelta

from auction.books import audit, bank_receipts, journal, outgoing_transfers, settlements
from auction.books.approvals import Approval
from auction.books.bank_receipts import BankReceipt, ReceiptFacts
from auction.books.journal import Cause
from auction.books.outgoing_transfers import OutgoingTransfer
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import transfer_entries
from auction.domain.accounts import JournalAccount
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongState
from auction.domain.payment_reference import numbers_in
from auction.domain.states import AwardStatus, CauseKind, ReceiptStatus, ReturnReason, StepName
from auction.services.context import AppContext
from auction.services.second_person import NO_CONFIRMATION, Confirmation
from auction.services.settlement.dual_control import TWO_PERSONS_FROM_FEN, request_or_approve
from auction.services.settlement.payment_outcomes import apply_deposits, secured_fen
from auction.services.settlement.transitions import LockedSettlement, add_step, lock_settlement

FIRST_DATE = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Entered:
    """A receipt as it is after somebody entered it, and the request that waits for a second person, or None."""

    receipt: BankReceipt
    waiting: Approval | None
    is_new: bool
    """Whether this call booked it, or asked for it."""


async def book_receipt(
    context: AppContext,
    facts: ReceiptFacts,
    *,
    actor: str,
    source: str = "",
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Entered:
    """Book a receipt, and match it to the award whose reference its remittance text holds.

    The same bank reference books nothing twice. From 10,000 yuan on it needs two persons: until another one enters the
    same, it waits, and can be entered anew with other facts.

    Raises RequestRefused(bank-reference-used, same-person), BooksAway.
    """
    now_ms = context.clock_ms()
    check_value_date(facts.value_date, now_ms)
    lot_id = await _lot_of(context, facts.remittance)
    async with context.books.transaction() as tx:
        locked = None if lot_id is None else await lock_settlement(tx, lot_id)
        receipt = await bank_receipts.enter(tx, facts, source=source, actor=actor, at_ms=now_ms)
        if receipt.is_booked:
            _check_same(receipt, facts)
            return Entered(receipt, None, is_new=False)
        if receipt.facts != facts:
            receipt = await bank_receipts.correct(tx, receipt.receipt_id, facts, actor=actor, at_ms=now_ms)
        if facts.amount_fen >= TWO_PERSONS_FROM_FEN:
            waiting = await request_or_approve(
                context,
                tx,
                None,
                ApprovalAction.BANK_RECEIPT,
                actor=actor,
                reason=facts.bank_reference,
                now_ms=now_ms,
                since_ms=0,
                subject=subject_of(receipt),
                confirmation=confirmation,
            )
            if waiting is not None:
                return Entered(receipt, waiting, is_new=True)
        receipt = await bank_receipts.mark_booked(tx, receipt.receipt_id, actor=actor, at_ms=now_ms)
        cause = _cause("receipt", receipt, actor)
        award = await _award_named(tx, facts.remittance)
        matched_fen = 0
        if award is not None and locked is not None and award.lot_id == locked.lot_id:
            matched_fen = await _pay(context, tx, receipt, award, locked, actor=actor, now_ms=now_ms, cause=cause)
        if matched_fen < receipt.amount_fen:
            rest_fen = receipt.amount_fen - matched_fen
            entry = transfer_entries.receipt_suspended(receipt_id=receipt.receipt_id, amount_fen=rest_fen)
            await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
        await audit.record_action(
            tx,
            actor=actor,
            action="book-receipt",
            lot_id=lot_id if matched_fen else None,
            details={**_audited(receipt), "matched_fen": matched_fen},
        )
        receipt = await _receipt(tx, receipt.receipt_id)
    return Entered(receipt, None, is_new=True)


async def match_receipt(context: AppContext, receipt_id: int, which: str, *, actor: str) -> BankReceipt:
    """Match what is unmatched of a receipt to a due award, up to what is due of it. Asked again, nothing changes.

    `which` is the award's id or its payment reference.

    Raises NotFound(bank-receipt-unknown, award-unknown), RequestRefused(nothing-unmatched, payment-pending),
    WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        await _receipt(tx, receipt_id)
        award = await _award(tx, which)
        award_id = award.award_id
        locked = await lock_settlement(tx, award.lot_id)
        receipt, award = await _receipt(tx, receipt_id, locked=True), await _award(tx, award_id)
        if any(one.award_id == award_id for one in await bank_receipts.matches_of_receipts(tx, [receipt_id])):
            return receipt
        _check_unmatched(receipt)
        if award.status is not AwardStatus.DUE:
            raise WrongState("match a receipt to its award", award.status, [AwardStatus.DUE])
        cause = _cause("match", receipt, actor)
        matched_fen = await _pay(context, tx, receipt, award, locked, actor=actor, now_ms=now_ms, cause=cause)
        if matched_fen == 0:
            raise RequestRefused(
                ProblemCode.PAYMENT_PENDING, "Everything has come for this award; its deposit is being collected."
            )
        entry = transfer_entries.receipt_cleared(receipt_id=receipt_id, award_id=award_id, amount_fen=matched_fen)
        await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
        details = {**_audited(receipt), "award_id": award_id, "matched_fen": matched_fen}
        await audit.record_action(tx, actor=actor, action="match-receipt", lot_id=award.lot_id, details=details)
        return await _receipt(tx, receipt_id)


async def return_receipt(
    context: AppContext, receipt_id: int, *, actor: str, reason: str, payee_account: str | None = None
) -> BankReceipt:
    """Ask for what is unmatched of a receipt to be sent back to who paid it. Asked again, nothing changes.

    `payee_account` None: the account that it came from. Raises NotFound(bank-receipt-unknown),
    RequestRefused(nothing-unmatched), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        receipt = await _receipt(tx, receipt_id, locked=True)
        transfer_id = f"return-{receipt_id}"
        if await outgoing_transfers.find(tx, transfer_id) is not None:
            return receipt
        _check_unmatched(receipt)
        transfer = OutgoingTransfer(
            transfer_id=transfer_id,
            receipt_id=receipt_id,
            award_id=None,
            lot_id=transfer_entries.NO_LOT,
            bidder_id=None,
            amount_fen=receipt.unmatched_fen,
            payee_name=receipt.payer_name,
            payee_account=receipt.payer_account if payee_account is None else payee_account,
            why=ReturnReason.UNMATCHED,
            reason=reason,
            asked_by=actor,
            asked_at_ms=now_ms,
        )
        await outgoing_transfers.ask(tx, transfer)
        entry = transfer_entries.transfer_return_owed(
            transfer_id=transfer_id,
            lot_id=transfer_entries.NO_LOT,
            bidder_id=None,
            amount_fen=receipt.unmatched_fen,
            source=JournalAccount.UNMATCHED_RECEIPTS,
        )
        await journal.post(tx, [entry], cause=_cause("return", receipt, actor), at_ms=now_ms)
        await audit.record_action(tx, actor=actor, action="return-receipt", reason=reason, details=_audited(receipt))
        return await bank_receipts.add_returned(tx, receipt_id, amount_fen=receipt.unmatched_fen)


async def _pay(
    context: AppContext,
    tx: Transaction,
    receipt: BankReceipt,
    award: Award,
    locked: LockedSettlement,
    *,
    actor: str,
    now_ms: int,
    cause: Cause,
) -> int:
    """Let a receipt pay an award of the locked lot, up to what is due, and complete the payment where it is covered.

    How much it pays, in fen: 0 where the award is not due any more.
    """
    amount_fen = min(receipt.unmatched_fen, award.due_fen)
    if award.status is not AwardStatus.DUE or amount_fen == 0:
        return 0
    await bank_receipts.add_match(
        tx, receipt.receipt_id, award.award_id, amount_fen=amount_fen, actor=actor, at_ms=now_ms
    )
    entry = transfer_entries.transfer_received(
        receipt_id=receipt.receipt_id,
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        amount_fen=amount_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    award = await settlements.record_received(tx, award.award_id, received_fen=award.received_fen + amount_fen)
    await add_step(
        tx,
        award.lot_id,
        locked.settlement.state,
        StepName.TRANSFER_RECEIVED,
        actor=actor,
        at_ms=now_ms,
        details={
            "award_id": award.award_id,
            "receipt_id": receipt.receipt_id,
            "bank_reference": receipt.bank_reference,
            "amount_fen": amount_fen,
            "missing_fen": award.due_fen,
        },
    )
    if await secured_fen(tx, locked.record, locked.terms, award) >= award.due_fen:
        await apply_deposits(context, tx, locked, award, now_ms=now_ms, cause=cause)
    return amount_fen


# --- what is checked --------------------------------------------------------------------------------------------------


def check_value_date(value_date: str, now_ms: int) -> None:
    """Raises RequestRefused(value-date-invalid) for a day that is none, or that has not come anywhere on earth."""
    last = (datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(hours=14)).date()
    try:
        if FIRST_DATE <= date.fromisoformat(value_date) <= last and len(value_date) == len("2000-01-01"):
            return
    except ValueError:
        pass
    raise RequestRefused(
        ProblemCode.VALUE_DATE_INVALID,
        f"The value date must be a day from {FIRST_DATE} to {last}, as YYYY-MM-DD; got {value_date[:20]!r}.",
        {"field": "value_date"},
    )


def subject_of(receipt: BankReceipt) -> str:
    """What two persons have to agree on: this receipt with exactly these facts."""
    facts = "\x1f".join(map(str, astuple(receipt.facts)))
    return f"receipt-{receipt.receipt_id}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def _check_same(receipt: BankReceipt, facts: ReceiptFacts) -> None:
    for field in ("amount_fen", "value_date"):
        if getattr(receipt.facts, field) != getattr(facts, field):
            raise RequestRefused(
                ProblemCode.BANK_REFERENCE_USED,
                f"The bank reference {facts.bank_reference} is booked with another {field}: "
                f"{getattr(receipt.facts, field)}.",
                {"field": field},
            )


def _check_unmatched(receipt: BankReceipt) -> None:
    if not receipt.is_booked:
        raise WrongState("match or return a bank receipt", receipt.status, [ReceiptStatus.BOOKED])
    if receipt.unmatched_fen == 0:
        raise RequestRefused(
            ProblemCode.NOTHING_UNMATCHED,
            f"Nothing of bank receipt {receipt.bank_reference} is unmatched any more.",
        )


async def _lot_of(context: AppContext, remittance: str) -> str | None:
    async with context.books.reading() as tx:
        award = await _award_named(tx, remittance)
    return None if award is None else award.lot_id


async def _award_named(tx: Transaction, remittance: str) -> Award | None:
    """The award whose reference is in a remittance text; None where there is none, or where there are several."""
    named = await bank_receipts.awards_by_number(tx, numbers_in(remittance))
    return next(iter(named.values())) if len(named) == 1 else None


async def _receipt(tx: Transaction, receipt_id: int, *, locked: bool = False) -> BankReceipt:
    found = await bank_receipts.find(tx, receipt_id, locked=locked)
    if found is None:
        raise NotFound(ProblemCode.BANK_RECEIPT_UNKNOWN, f"There is no bank receipt {receipt_id}.")
    return found


async def _award(tx: Transaction, which: str) -> Award:
    found = await settlements.find_award(tx, which) or await _award_named(tx, which)
    if found is None:
        raise NotFound(ProblemCode.AWARD_UNKNOWN, f"There is no award {which[:100]}, by id or by payment reference.")
    return found


def _cause(what: str, receipt: BankReceipt, actor: str) -> Cause:
    return Cause(CauseKind.STAFF_ACTION, f"{what}:{receipt.receipt_id}:{actor}"[:120])


def _audited(receipt: BankReceipt) -> dict[str, object]:
    return {
        "receipt_id": receipt.receipt_id,
        "bank_reference": receipt.bank_reference,
        "amount_fen": receipt.amount_fen,
        "value_date": receipt.value_date,
    }
