"""A payment that an event is about, locked: the hold or charge, what was requested about it, its deposit or award."""

from collections.abc import Sequence
from dataclasses import dataclass

from auction.books import deposits, operations, provider_events, settlements
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.operations import Operation
from auction.books.provider_events import ProviderEvent
from auction.books.settlements import Award, Settlement
from auction.books.unit_of_work import Transaction
from auction.domain.errors import BooksAway
from auction.domain.states import CauseKind, OperationKind, OperationStatus


@dataclass(frozen=True, slots=True)
class LockedPayment:
    """A hold or charge, with everything that depends on it; all of it locked."""

    opening: Operation
    requested: Sequence[Operation]
    """What was requested about it."""
    deposit: Deposit | None
    """The deposit that it holds; None: it pays an award."""
    award: Award | None
    """The award that it pays, or that its deposit was given to."""
    settlement: Settlement | None
    """Of the lot of that award, or of the deposit."""

    def unresolved(self, kind: OperationKind) -> Operation | None:
        """An operation of this kind about it whose outcome is not known; None: there is none."""
        return next((one for one in self.requested if one.kind is kind and not one.is_resolved), None)

    @property
    def open_refunds(self) -> list[Operation]:
        """The last attempt of each refund about it that has not come through."""
        last: dict[str, Operation] = {}
        done: set[str] = set()
        refunds = [one for one in self.requested if one.kind is OperationKind.REFUND]
        for one in sorted(refunds, key=lambda one: one.attempt_number):
            last[one.first_operation_id] = one
            if one.status is OperationStatus.SUCCEEDED or one.was_refunded_otherwise:
                done.add(one.first_operation_id)
        return [one for first, one in last.items() if first not in done]


async def lock_payment(tx: Transaction, opening: Operation) -> LockedPayment:
    """Lock a payment in the order of docs/money.md. Raises BooksAway where its deposit was decided about meanwhile."""
    lot_ids = await operations.lots_of(tx, [opening.operation_id])
    locked = {lot_id: await settlements.lock(tx, lot_id) for lot_id in lot_ids}
    found = {one.operation_id: one for one in await provider_events.lock_payment(tx, opening)}
    opening = found.pop(opening.operation_id)
    deposit = None
    award_id = opening.award_id
    if opening.deposit_id is not None:
        deposit = await deposits.lock(tx, opening.deposit_id)
        award_id = deposit.award_id
        if await operations.lots_of(tx, [opening.operation_id]) != lot_ids:
            raise BooksAway("The deposit was decided about at the same time; nothing was changed.")
    award = None if award_id is None else await settlements.find_award(tx, award_id)
    settlement = locked.get(opening.lot_id if award is None else award.lot_id)
    return LockedPayment(opening, tuple(found.values()), deposit, award, settlement)


def cause_of(event: ProviderEvent) -> Cause:
    """An event as the cause of journal entries."""
    return Cause(CauseKind.PROVIDER_EVENT, str(event.event_number))
