"""Acts on lots that change who wins, which one person of staff requests and another confirms by the same act.

Voiding a bid or the lot, closing before the end, extending after the first bid. Pausing never needs two. While a
request waits, every other act on the lot but pausing is refused, so that what was agreed to is what is done. Where the
house does without (`AUCTION_TWO_PERSONS`), one person does it.

The ledger does an act under a key of its request: confirmed twice, or again after a crash, it is done once.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from auction.books import approvals, audit
from auction.books.approvals import Approval
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongStatus
from auction.domain.lot import ADMITTING, ENDABLE, STOPPED, LotStatus
from auction.services.approval_refusals import not_named, not_waiting
from auction.services.catalogue import lots
from auction.services.catalogue.lot_views import LotView
from auction.services.context import AppContext
from auction.services.second_person import NO_CONFIRMATION, Confirmation, confirm_agreement

VALID_MS = 30 * 60_000
"""How long a request waits: what speaks for an act on a running lot may be over soon."""
ACTIONS = (ApprovalAction.CLOSE_LOT, ApprovalAction.EXTEND_LOT, ApprovalAction.VOID_BID, ApprovalAction.VOID_LOT)

ABOUT_BIDDERS = (ApprovalAction.SET_IDENTITY, ApprovalAction.BLOCK_BIDDER, ApprovalAction.UNBLOCK_BIDDER)
WITHDRAWABLE = (*ACTIONS, *ABOUT_BIDDERS)

Act = Callable[[str], Awaitable[LotView]]
"""Does an act under an action key."""


@dataclass(frozen=True, slots=True)
class StaffCall:
    """Who wants an act done and why; the idempotency key of the call; another person's request that they agree to.

    `confirmation` shows that it is another person.
    """

    actor: str
    reason: str
    action_key: str = ""
    agrees_to: int | None = None
    confirmation: Confirmation = NO_CONFIRMATION


async def close_lot(context: AppContext, lot_id: str, call: StaffCall) -> LotView | Approval:
    """Close an open or paused lot before its end, or request it: the lot, or the request that waits.

    Like every act here it raises RequestRefused(act-pending, approval-waiting), NotFound(pending-unknown), what
    `confirm_agreement` raises, and what the act of one person raises. Requested again by the same person it is the
    same request.
    """

    async def act(key: str) -> LotView:
        return await lots.close_lot(context, lot_id, reason=call.reason, actor=call.actor, action_key=key)

    return await _act(context, lot_id, call, ApprovalAction.CLOSE_LOT, act, ENDABLE)


async def extend_lot(
    context: AppContext, lot_id: str, call: StaffCall, *, by_ms: int, moves_hard_stop: bool = False
) -> LotView | Approval:
    """Move the end of an open or paused lot; before the first bid one person may. The lot, or the request that waits.

    `moves_hard_stop`: the hard stop moves with it; otherwise the end does not pass it.
    """

    async def act(key: str) -> LotView:
        return await lots.extend_lot(
            context,
            lot_id,
            by_ms=by_ms,
            moves_hard_stop=moves_hard_stop,
            reason=call.reason,
            actor=call.actor,
            action_key=key,
        )

    subject = f"{'moves_hard_stop ' if moves_hard_stop else ''}by_ms={by_ms}"
    return await _act(context, lot_id, call, ApprovalAction.EXTEND_LOT, act, ENDABLE, subject, alone_before_bids=True)


async def void_bid(context: AppContext, lot_id: str, call: StaffCall, *, seq: int) -> LotView | Approval:
    """Void one bid of a paused or held lot. The lot, or the request that waits."""

    async def act(key: str) -> LotView:
        return await lots.void_bid(context, lot_id, seq, reason=call.reason, actor=call.actor, action_key=key)

    return await _act(context, lot_id, call, ApprovalAction.VOID_BID, act, STOPPED, f"seq={seq}")


async def void_lot(context: AppContext, lot_id: str, call: StaffCall) -> LotView | Approval:
    """Void a lot that has not closed; before the first bid one person may. The lot, or the request that waits."""

    async def act(key: str) -> LotView:
        return await lots.void_lot(context, lot_id, reason=call.reason, actor=call.actor, action_key=key)

    return await _act(context, lot_id, call, ApprovalAction.VOID_LOT, act, ADMITTING, alone_before_bids=True)


async def resume_lot(
    context: AppContext, lot_id: str, *, actor: str, review_above_fen: int | None = None, action_key: str = ""
) -> LotView:
    """Resume a paused or held lot. Raises RequestRefused(act-pending) while an act waits for a second person."""
    await require_nothing_pending(context, lot_id)
    return await lots.resume_lot(context, lot_id, actor=actor, review_above_fen=review_above_fen, action_key=action_key)


async def reschedule_lot(
    context: AppContext, lot_id: str, *, opens_at_ms: int, closes_at_ms: int, actor: str
) -> LotView:
    """Reschedule a lot. Raises RequestRefused(act-pending) while an act waits for a second person."""
    await require_nothing_pending(context, lot_id)
    return await lots.reschedule_lot(context, lot_id, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, actor=actor)


async def withdraw(context: AppContext, pending_id: int, *, actor: str) -> None:
    """Withdraw a request that waits; whoever made it. Withdrawn again changes nothing. Raises NotFound."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        found = await approvals.find(tx, pending_id, locked=True)
        if found is None or found.agreed_by is not None or found.action not in WITHDRAWABLE:
            raise NotFound(ProblemCode.PENDING_UNKNOWN, f"No request {pending_id} waits for a second person.")
        if found.withdrawn_by is not None:
            return
        await approvals.withdraw(tx, pending_id, by=actor, at_ms=now_ms)
        await audit.record_action(
            tx,
            actor=actor,
            action=f"withdraw-{found.action}",
            lot_id=found.lot_id,
            reason=found.reason,
            details={"pending_id": pending_id, "asked_by": found.asked_by, "subject": found.subject},
        )


async def waiting(context: AppContext, lot_ids: Collection[str]) -> dict[str, Approval]:
    """Lot id -> the act on it that waits for a second person; the others are missing."""
    async with context.books.reading() as tx:
        found = await approvals.waiting_of_lots(tx, list(lot_ids), now_ms=context.clock_ms())
    return {one.lot_id: one for one in found if one.lot_id is not None and one.action in ACTIONS}


async def all_waiting(context: AppContext) -> list[Approval]:
    """Every act that waits for a second person, of lots and about bidders, oldest first."""
    async with context.books.reading() as tx:
        return await approvals.waiting_for_acts(tx, WITHDRAWABLE, now_ms=context.clock_ms())


async def require_nothing_pending(context: AppContext, lot_id: str) -> None:
    """Raise RequestRefused(act-pending) where an act on the lot waits for a second person."""
    if (pending := (await waiting(context, [lot_id])).get(lot_id)) is not None:
        raise _blocked(pending)


async def _act(  # noqa: PLR0917 - the act and what it is about
    context: AppContext,
    lot_id: str,
    call: StaffCall,
    action: ApprovalAction,
    act: Act,
    allowed: tuple[LotStatus, ...],
    subject: str | None = None,
    *,
    alone_before_bids: bool = False,
) -> LotView | Approval:
    pending = (await waiting(context, [lot_id])).get(lot_id)
    if pending is not None and (pending.action, pending.subject) != (action, subject):
        raise _blocked(pending)
    if pending is None:
        if not context.two_persons:
            return await act(call.action_key)
        return await _request_or_act_alone(
            context, lot_id, call, action, act, allowed, subject, alone_before_bids=alone_before_bids
        )
    if pending.asked_by == call.actor:
        return pending
    if pending.approval_id != call.agrees_to:
        raise not_named(pending)
    async with context.books.transaction() as tx:
        await confirm_agreement(context, tx, pending, call.actor, call.confirmation)
    view = await act(_key_of(pending))
    await _note_approved(context, pending, call)
    return view


async def _request_or_act_alone(  # noqa: PLR0917 - as `_act`
    context: AppContext,
    lot_id: str,
    call: StaffCall,
    action: ApprovalAction,
    act: Act,
    allowed: tuple[LotStatus, ...],
    subject: str | None,
    *,
    alone_before_bids: bool,
) -> LotView | Approval:
    """Nothing waits: request the act, or do it where one person may. Confirmed again, it is done once."""
    if call.action_key and (before := await _confirmed_by(context, lot_id, call, action)) is not None:
        return await act(_key_of(before))
    if call.agrees_to is not None:
        raise not_waiting(call.agrees_to)
    async with lots.acting_on(context, lot_id, str(action), allowed):
        snapshot = await context.ledger.read(lot_id)
    if snapshot is None:
        raise NotFound(ProblemCode.LOT_UNKNOWN, f"The ledger does not know lot {lot_id}.")
    if snapshot.status not in allowed:
        # not left to the ledger: by the time it is asked, another call may have made the act possible
        raise WrongStatus(str(action), str(snapshot.status), allowed)
    if alone_before_bids and not snapshot.bids:
        return await act(call.action_key)
    return await _request(context, lot_id, call, action, subject)


def _key_of(pending: Approval) -> str:
    return f"pending-{pending.approval_id}"


async def _confirmed_by(context: AppContext, lot_id: str, call: StaffCall, action: ApprovalAction) -> Approval | None:
    """The request that this very call has confirmed before, where its answer was lost."""
    async with context.books.reading() as tx:
        return await approvals.find_agreed(tx, lot_id, action, by=call.actor, key=call.action_key)


async def _request(
    context: AppContext, lot_id: str, call: StaffCall, action: ApprovalAction, subject: str | None
) -> Approval:
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        requested = await approvals.request(
            tx,
            lot_id=lot_id,
            action=action,
            reason=call.reason,
            asked_by=call.actor,
            asked_at_ms=now_ms,
            expires_at_ms=now_ms + VALID_MS,
            subject=subject,
            asked_session=call.confirmation.session_id,
            asked_device=call.confirmation.device,
        )
        details = {"pending_id": requested.approval_id, "subject": subject}
        await audit.record_action(
            tx, actor=call.actor, action=f"ask-{action}", lot_id=lot_id, reason=call.reason, details=details
        )
    return requested


async def _note_approved(context: AppContext, pending: Approval, call: StaffCall) -> None:
    async with context.books.transaction() as tx:
        found = await approvals.find(tx, pending.approval_id, locked=True)
        if found is None or found.agreed_by is not None:
            return  # by another call that confirmed it at the same time
        await approvals.approve(tx, pending.approval_id, by=call.actor, at_ms=context.clock_ms(), key=call.action_key)
        await audit.record_action(
            tx,
            actor=call.actor,
            action=f"approve-{pending.action}",
            lot_id=pending.lot_id,
            reason=call.reason,
            details={"asked_by": pending.asked_by, "asked_for": pending.reason, "subject": pending.subject},
        )


def _blocked(pending: Approval) -> RequestRefused:
    return RequestRefused(
        ProblemCode.ACT_PENDING,
        f"{pending.asked_by} has requested {pending.action}, which waits for a second member of staff until it is "
        "confirmed, withdrawn or expired; until then only pausing is possible.",
        {
            "pending_id": pending.approval_id,
            "act": str(pending.action),
            "asked_by": pending.asked_by,
            "expires_at_ms": pending.expires_at_ms,
        },
    )
