"""Charges an award within what the provider takes at once: in parts, one after the other, and not too small a rest.

After the bid's way. Each part is an operation of its own, and counts as a part payment. The next one is intended in the
transaction that records the one before, so no crash loses it, and while one is under way the award has an open charge.
"""

from collections.abc import Sequence

from auction.books import journal, operations, settlements
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import waiver_entries
from auction.domain.charge_limits import UNLIMITED, ChargeLimits
from auction.domain.states import OperationKind, StepName
from auction.services.context import AppContext
from auction.services.settlement.transitions import SYSTEM_ACTOR, LockedSettlement, add_step


def limits_of(context: AppContext, provider: str) -> ChargeLimits:
    """What a provider takes at once; one that is not configured here is asked nothing."""
    gateway = context.gateway_of(provider)
    return UNLIMITED if gateway is None else gateway.charge_limits


def charge_of(
    context: AppContext, award: Award, *, operation_id: str, sum_fen: int, provider: str, payment_method: str
) -> Intent:
    """The intent to charge a sum for an award, or the first part of it."""
    first_fen = limits_of(context, provider).first_part_fen(sum_fen)
    return Intent(
        operation_id=operation_id,
        kind=OperationKind.CHARGE,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        amount_fen=first_fen,
        provider=provider,
        payment_method=payment_method,
        award_id=award.award_id,
        sum_fen=None if first_fen == sum_fen else sum_fen,
    )


async def intend_next_part(
    context: AppContext, tx: Transaction, paid: Operation, award: Award, *, secured_fen: int, now_ms: int
) -> bool:
    """Intend the part of a sum that comes after one that was received; whether there is one.

    Never more than the winner had agreed to, nor than is still due beside the deposits (`secured_fen`): something may
    have been received in another way meanwhile.
    """
    if paid.sum_fen is None or context.gateway_of(paid.provider) is None:
        return False
    limits = limits_of(context, paid.provider)
    parts = parts_of(await operations.operations_of_award(tx, award.award_id), paid.first_operation_id)
    left_fen = min(
        paid.sum_fen - sum(one.amount_fen for one in parts if one.is_received_charge),
        limits.sum_to_charge_fen(award.due_fen, secured_fen),
    )
    if left_fen < limits.min_fen:
        return False
    number = len(parts) + 1
    intent = Intent(
        operation_id=f"{paid.first_operation_id}-{number}",
        first_operation_id=paid.first_operation_id,
        attempt_number=number,
        kind=OperationKind.CHARGE,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        amount_fen=limits.first_part_fen(left_fen),
        provider=paid.provider,
        payment_method=paid.payment_method,
        award_id=award.award_id,
        sum_fen=paid.sum_fen,
    )
    await operations.intend(tx, [intent], at_ms=now_ms)
    return True


def parts_of(requested: Sequence[Operation], first_id: str) -> list[Operation]:
    """The parts of a charge among an award's operations, the first one first."""
    parts = [one for one in requested if one.kind is OperationKind.CHARGE and one.first_operation_id == first_id]
    return sorted(parts, key=lambda one: one.attempt_number)


def can_waive(context: AppContext, award: Award, *, secured_fen: int) -> bool:
    """Whether what is due is a rest of a payment, and too small to be charged, with no deposit to join it with."""
    return secured_fen == 0 < award.received_fen and 0 < award.due_fen < context.gateway.charge_limits.min_fen


async def waive_rest(tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: Cause) -> Award:
    """Let the house bear what is due of an award (`can_waive`). The award, of which nothing is due any more."""
    amount_fen = award.due_fen
    entry = waiver_entries.rest_waived(
        award_id=award.award_id, lot_id=award.lot_id, bidder_id=award.bidder_id, amount_fen=amount_fen
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    await add_step(
        tx,
        award.lot_id,
        locked.settlement.state,
        StepName.REST_WAIVED,
        actor=SYSTEM_ACTOR,
        at_ms=now_ms,
        details={"award_id": award.award_id, "amount_fen": amount_fen},
    )
    return await settlements.waive(tx, award.award_id, waived_fen=award.waived_fen + amount_fen)
