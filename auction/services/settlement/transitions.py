"""What all transitions of a settlement share: the lock, the check of the state, and the step in the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from auction.books import catalogue, settlements
from auction.books.catalogue import LotRecord
from auction.books.settlements import Settlement, SettlementStep
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, WrongState
from auction.domain.states import ALLOWED, SettlementAction, SettlementState, StepName
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms

SYSTEM_ACTOR = "the house"
"""The actor of steps that a deadline or the payment provider brought about, and no person."""

ACTION_PHRASES: Mapping[SettlementAction, str] = MappingProxyType(
    {
        SettlementAction.PAY: "pay for it",
        SettlementAction.DEFAULT: "declare a default",
        SettlementAction.OFFER: "offer it to a runner-up",
        SettlementAction.ACCEPT: "accept the offer",
        SettlementAction.DECLINE: "decline the offer",
        SettlementAction.LAPSE: "let the offer lapse",
        SettlementAction.RELIST: "relist it",
        SettlementAction.GIVE_UP: "give it up",
        SettlementAction.EXTEND: "extend the time to decide",
        SettlementAction.CONFIRM_HANDOVER: "confirm the handover",
        SettlementAction.VOID: "void it",
    }
)
"""Each action as error messages name it."""

STEP_OF: Mapping[SettlementAction, StepName] = MappingProxyType(
    {
        SettlementAction.PAY: StepName.PAID,
        SettlementAction.DEFAULT: StepName.DEFAULTED,
        SettlementAction.OFFER: StepName.OFFERED,
        SettlementAction.ACCEPT: StepName.OFFER_ACCEPTED,
        SettlementAction.DECLINE: StepName.OFFER_DECLINED,
        SettlementAction.LAPSE: StepName.OFFER_LAPSED,
        SettlementAction.RELIST: StepName.RELISTED,
        SettlementAction.GIVE_UP: StepName.UNSOLD,
        SettlementAction.EXTEND: StepName.DECISION_EXTENDED,
        SettlementAction.CONFIRM_HANDOVER: StepName.SETTLED,
        SettlementAction.VOID: StepName.VOID,
    }
)
"""Each action's step in the timeline."""


@dataclass(frozen=True, slots=True)
class LockedSettlement:
    """A settlement locked by this transaction, with its lot and the lot's terms."""

    settlement: Settlement
    record: LotRecord
    terms: Terms

    @property
    def lot_id(self) -> str:
        """The lot's id."""
        return self.settlement.lot_id


async def lock_settlement(tx: Transaction, lot_id: str, action: SettlementAction | None = None) -> LockedSettlement:
    """Lock a lot's settlement. Raises NotFound(settlement-unknown), WrongState where its state forbids `action`."""
    settlement = await settlements.lock(tx, lot_id)
    if settlement is None:
        record = await catalogue.find_lot(tx, lot_id)
        raise NotFound(
            ProblemCode.SETTLEMENT_UNKNOWN,
            f"Lot {lot_id} has no settlement yet: it is {record.status}.",
            {"lot_id": lot_id},
        )
    if action is not None:
        check_allowed(settlement, action)
    record = await catalogue.find_lot(tx, lot_id)
    return LockedSettlement(settlement, record, read_terms(record.terms))


def check_allowed(settlement: Settlement, action: SettlementAction) -> None:
    """Raises WrongState where the settlement's state does not allow an action."""
    allowed = ALLOWED[action]
    if settlement.state not in allowed:
        raise WrongState(ACTION_PHRASES[action], settlement.state, [str(state) for state in allowed])


async def move(
    tx: Transaction,
    lot_id: str,
    action: SettlementAction,
    *,
    actor: str,
    at_ms: int,
    deadline_at_ms: int | None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
    offers_made: int | None = None,
    relisted_as: str | None = None,
) -> None:
    """Move a locked settlement by an action, and add the step to its timeline. See `auction.books.settlements.move`."""
    state = await settlements.move(
        tx,
        lot_id,
        action,
        at_ms=at_ms,
        deadline_at_ms=deadline_at_ms,
        offers_made=offers_made,
        relisted_as=relisted_as,
    )
    await add_step(tx, lot_id, state, STEP_OF[action], actor=actor, at_ms=at_ms, reason=reason, details=details)


async def add_step(
    tx: Transaction,
    lot_id: str,
    state: SettlementState,
    step: StepName,
    *,
    actor: str,
    at_ms: int,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add a step to a settlement's timeline; `state` is the state after it."""
    await settlements.add_steps(tx, [SettlementStep(lot_id, step, state, actor, at_ms, reason, dict(details or {}))])
