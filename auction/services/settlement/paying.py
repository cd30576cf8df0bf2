"""What a winner does about an award: pays, refuses, says where to fetch the lot."""

import hashlib

from auction.books import deposits, operations, settlements
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Work
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongState
from auction.services.deposits import capture_of
from auction.services.house import House
from auction.services.payments import USUAL_METHOD, perform
from auction.services.power import held_for
from auction.services.settlement.defaulting import declare_default
from auction.services.settlement.moving import Matter, lock_matter, must_allow, note
from auction.services.settlement.receiving import apply_deposits


async def pay_award(
    house: House, award_id: str, *, bidder_id: str, key: str, payment_method: str | None = None
) -> Award:
    """Pay what is due: the rest by a charge, then the deposit is applied. The award as it is then.

    Under the same key again: the same payment, whatever became of it. Raises NotFound(award-unknown),
    RequestRefused(payment-declined, payment-pending, payment-late), WrongState, PaymentsAway, BooksAway.
    """
    operation_id = await _intend_payment(
        house, award_id, bidder_id=bidder_id, key=key, payment_method=payment_method or USUAL_METHOD
    )
    if operation_id is not None:
        operation = await perform(house, operation_id)
        if operation.status == "failed":
            raise RequestRefused(
                ProblemCode.PAYMENT_DECLINED,
                f"The payment was declined ({operation.failure}); nothing was taken. Pay with another method, "
                "under a new Idempotency-Key.",
                {"failure": operation.failure},
            )
    await perform_captures(house, award_id)
    async with house.books.reading() as work:
        found = await settlements.find_award(work, award_id)
    if found is None:
        raise _no_award(award_id)
    return found


async def _intend_payment(house: House, award_id: str, *, bidder_id: str, key: str, payment_method: str) -> str | None:
    """Commit what is to be charged: its operation's id; None: the deposit covers all, or nothing is left to do."""
    now_ms = house.clock_ms()
    operation_id = f"charge-{award_id}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    async with house.books.transaction() as work:
        award = await own_award(work, award_id, bidder_id)
        matter = await lock_matter(work, award.lot_id)
        award = await own_award(work, award_id, bidder_id)
        asked = await operations.operations_of_award(work, award_id)
        if any(one.operation_id == operation_id for one in asked):
            return operation_id
        if award.status != "due":
            raise WrongState("pay for it", award.status, ["due"])
        must_allow(matter.settlement, "pay")
        _check_time(award, now_ms)
        _check_none_under_way(asked)
        charge_fen = await _to_charge_fen(work, matter, award)
        if charge_fen == 0:
            await apply_deposits(
                house, work, matter, award, now_ms=now_ms, cause=Cause("bidder-action", f"pay:{award_id}")
            )
            return None
        intent = Intent(
            operation_id=operation_id,
            kind="charge",
            lot_id=award.lot_id,
            bidder_id=bidder_id,
            amount_fen=charge_fen,
            provider=house.gateway.provider,
            payment_method=payment_method,
            award_id=award_id,
        )
        await operations.intend(work, [intent], at_ms=now_ms)
    return operation_id


async def _to_charge_fen(work: Work, matter: Matter, award: Award) -> int:
    """What is due beyond the deposits that will be applied, those on their way counted, in fen."""
    held = await held_for(work, matter.record, matter.terms, award.bidder_id)
    secured_fen = sum(
        deposit.worth_fen
        for deposit in held
        if deposit.counts or (deposit.status == "held" and deposit.award_id == award.award_id)
    )
    return max(0, award.due_fen - secured_fen)


def _check_time(award: Award, now_ms: int) -> None:
    if now_ms >= award.default_at_ms:
        raise RequestRefused(
            ProblemCode.PAYMENT_LATE,
            "The time to pay for this lot is over, with its grace.",
            {"pay_by_ms": award.pay_by_ms, "default_at_ms": award.default_at_ms, "now_ms": now_ms},
        )


def _check_none_under_way(asked: list[Operation]) -> None:
    if any(one.kind == "charge" and not one.resolved for one in asked):
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING, "A payment for this award is under way; wait for what becomes of it."
        )


async def perform_captures(house: House, award_id: str) -> None:
    """Ask for the captures that an award's payment has led to, now rather than in a moment."""
    async with house.books.reading() as work:
        applied = await deposits.deposits_for_award(work, award_id)
    for deposit in applied:
        if deposit.status == "held" and not deposit.is_cash:
            await perform(house, capture_of(deposit, deposit.amount_fen).operation_id)


async def refuse_award(house: House, award_id: str, *, bidder_id: str, reason: str | None = None) -> Award:
    """The winner will not pay: a default at once. Raises NotFound(award-unknown), WrongState, PAYMENT_PENDING."""
    async with house.books.reading() as work:
        award = await own_award(work, award_id, bidder_id)
    await declare_default(house, award.lot_id, award_id=award_id, cause="refusal", actor=bidder_id, reason=reason)
    async with house.books.reading() as work:
        return await own_award(work, award_id, bidder_id)


async def choose_centre(house: House, award_id: str, *, bidder_id: str, delivery_centre: str) -> Award:
    """Say where a paid lot is to be fetched. Raises NotFound, RequestRefused(delivery-centre-unknown), WrongState."""
    centres = house.money.delivery_centres
    if delivery_centre not in centres:
        raise RequestRefused(
            ProblemCode.DELIVERY_CENTRE_UNKNOWN,
            f"There is no such delivery centre; there are {', '.join(centres)}.",
            {"delivery_centres": list(centres)},
        )
    async with house.books.transaction() as work:
        award = await own_award(work, award_id, bidder_id)
        matter = await lock_matter(work, award.lot_id)
        award = await own_award(work, award_id, bidder_id)
        if award.status != "paid":
            raise WrongState("choose where to fetch it", award.status, ["paid"])
        if award.delivery_centre != delivery_centre:
            await note(
                work,
                award.lot_id,
                matter.settlement.state,
                "delivery-centre-chosen",
                actor=bidder_id,
                at_ms=house.clock_ms(),
                details={"delivery_centre": delivery_centre},
            )
        return await settlements.change_award(work, award_id, delivery_centre=delivery_centre)


async def own_award(work: Work, award_id: str, bidder_id: str) -> Award:
    """A bidder's own award; NotFound(award-unknown) for another's as for none."""
    award = await settlements.find_award(work, award_id)
    if award is None or award.bidder_id != bidder_id:
        raise _no_award(award_id)
    return award


def _no_award(award_id: str) -> NotFound:
    return NotFound(ProblemCode.AWARD_UNKNOWN, f"You have no award {award_id[:64]}.")
