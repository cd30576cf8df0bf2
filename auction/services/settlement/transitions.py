"""What every transition of a settlement shares: its lock, its step in the timeline, and the lot's terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auction.books import catalogue, settlements
from auction.books.catalogue import LotRecord
from auction.books.settlements import Settlement, Step
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, WrongState
from auction.domain.states import ALLOWED, SettlementAction, SettlementState
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms

HOUSE = "the house"
"""The actor where a deadline or a provider's answer moved a settlement, and no person."""

IN_WORDS = {
    "pay": "pay for it",
    "default": "declare a default",
    "offer": "offer it to a runner-up",
    "accept": "accept the offer",
    "decline": "decline the offer",
    "lapse": "let the offer lapse",
    "relist": "relist it",
    "give-up": "give it up",
    "confirm-handover": "confirm the handover",
    "void": "void it",
}


@dataclass(frozen=True, slots=True)
class LockedSettlement:
    """A lot after the hammer, locked for one transaction: where it stands, and what was agreed."""

    settlement: Settlement
    record: LotRecord
    terms: Terms

    @property
    def lot_id(self) -> str:
        """The lot."""
        return self.settlement.lot_id


async def lock_settlement(tx: Transaction, lot_id: str, action: str | None = None) -> LockedSettlement:
    """A lot's settlement, for this transaction alone. NotFound; WrongState where its state forbids `action`."""
    settlement = await settlements.lock(tx, lot_id)
    if settlement is None:
        record = await catalogue.find_lot(tx, lot_id)
        raise NotFound(
            ProblemCode.SETTLEMENT_UNKNOWN,
            f"Lot {lot_id} has no settlement yet: it is {record.status}.",
            {"lot_id": lot_id},
        )
    if action is not None:
        must_allow(settlement, action)
    record = await catalogue.find_lot(tx, lot_id)
    return LockedSettlement(settlement, record, read_terms(record.terms))


def must_allow(settlement: Settlement, action: str) -> None:
    """Raises WrongState where the settlement's state does not allow an action."""
    if not allows(settlement, action):
        allowed = [str(state) for state in ALLOWED[SettlementAction(action)]]
        raise WrongState(IN_WORDS[action], settlement.state, allowed)


def allows(settlement: Settlement, action: str) -> bool:
    """Whether the settlement's state allows an action."""
    return settlement.state in ALLOWED[SettlementAction(action)]


async def move(
    tx: Transaction,
    lot_id: str,
    state: SettlementState,
    step: str,
    *,
    actor: str,
    at_ms: int,
    deadline_at_ms: int | None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
    **more: object,
) -> None:
    """Put a locked settlement into a state, and write the step down."""
    await settlements.move(tx, lot_id, state=str(state), at_ms=at_ms, deadline_at_ms=deadline_at_ms, **more)
    await note(tx, lot_id, str(state), step, actor=actor, at_ms=at_ms, reason=reason, details=details)


async def note(
    tx: Transaction,
    lot_id: str,
    state: str,
    step: str,
    *,
    actor: str,
    at_ms: int,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down a step that leaves the settlement in its state."""
    await settlements.add_steps(tx, [Step(lot_id, step, state, actor, at_ms, reason, dict(details or {}))])
