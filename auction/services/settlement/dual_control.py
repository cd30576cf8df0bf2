"""Dual control: acts that one person of staff requests and another has to approve before they are done."""

from auction.books import approvals, audit
from auction.books.approvals import Approval
from auction.books.unit_of_work import Transaction
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.approval_refusals import not_named, not_waiting
from auction.services.context import AppContext
from auction.services.second_person import NO_CONFIRMATION, Confirmation, confirm_agreement

TWO_PERSONS_FROM_FEN = 1_000_000
"""Recording money that came or goes by bank needs a second person from this much on."""
REQUEST_VALID_MS = 24 * 3_600_000
"""How long a request waits for the second person."""
ANY_REQUEST = 0
"""Agrees to whichever request waits: for acts whose call names every fact, such as a receipt entered a second time."""


async def request_or_approve(
    context: AppContext,
    tx: Transaction,
    lot_id: str | None,
    action: ApprovalAction,
    *,
    actor: str,
    reason: str,
    now_ms: int,
    since_ms: int,
    subject: str | None = None,
    agrees_to: int | None = ANY_REQUEST,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Request an act, or approve another person's request: the request that now waits, or None: do it.

    `lot_id` None: it is about no lot. `subject` says which of the lot's operations it is about, where it is about one,
    or which bank receipt or transfer. Requests from before `since_ms`, when the settlement last changed its state, do
    not count. `agrees_to` is the request that the actor has read and agrees to; None: they ask, and know of none.
    `confirmation` shows that another person agrees.

    Raises RequestRefused(same-person) where the actor would approve their own request,
    RequestRefused(approval-waiting) where another person's waits that they did not name, NotFound(pending-unknown)
    where the one that they named does not wait, and what `confirm_agreement` raises.
    """
    waiting = await approvals.find_waiting(tx, lot_id, action, now_ms=now_ms, since_ms=since_ms, subject=subject)
    if agrees_to not in {None, ANY_REQUEST} and (waiting is None or waiting.approval_id != agrees_to):
        raise not_waiting(agrees_to)
    if waiting is None:
        requested = await approvals.request(
            tx,
            lot_id=lot_id,
            action=action,
            reason=reason,
            asked_by=actor,
            asked_at_ms=now_ms,
            expires_at_ms=now_ms + REQUEST_VALID_MS,
            subject=subject,
            asked_session=confirmation.session_id,
            asked_device=confirmation.device,
        )
        await audit.record_action(tx, actor=actor, action=f"ask-{action}", lot_id=lot_id, reason=reason)
        return requested
    if waiting.asked_by == actor:
        raise RequestRefused(
            ProblemCode.SAME_PERSON,
            "You requested this yourself; another member of staff has to approve it.",
            {"asked_by": actor, "asked_at_ms": waiting.asked_at_ms, "expires_at_ms": waiting.expires_at_ms},
        )
    if agrees_to is None:
        raise not_named(waiting)
    await confirm_agreement(context, tx, waiting, actor, confirmation)
    await approvals.approve(tx, waiting.approval_id, by=actor, at_ms=now_ms)
    await audit.record_action(
        tx,
        actor=actor,
        action=action,
        lot_id=lot_id,
        reason=reason,
        details={"asked_by": waiting.asked_by, "asked_for": waiting.reason},
    )
    return None
