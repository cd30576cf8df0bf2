"""Identity levels of bidders: the level caps their limits, and one verified identity links its accounts."""

from auction.books import approvals, audit, bidders
from auction.books.approvals import Approval
from auction.domain.errors import NotFound, ProblemCode
from auction.domain.states import ApprovalAction
from auction.services.approval_refusals import not_named, not_waiting
from auction.services.context import AppContext
from auction.services.registration.bidding_power import link, restate_everywhere
from auction.services.registration.power_sync import sync_power, unsynced
from auction.services.second_person import NO_CONFIRMATION, Confirmation, confirm_agreement

REQUEST_VALID_MS = 24 * 3_600_000
"""How long a request for a level waits for the second person."""


async def request_or_set_identity(
    context: AppContext,
    bidder_id: str,
    *,
    level: int,
    identity_mark: str | None,
    actor: str,
    agrees_to: int | None = None,
    confirmation: Confirmation = NO_CONFIRMATION,
) -> Approval | None:
    """Set a bidder's identity level; where the house has acts of two persons, request it or confirm the same request.

    The request that waits, or None: it is set. `agrees_to`: another person's request for it. Raises as `set_identity`
    and `confirm_agreement`, RequestRefused(approval-waiting) and NotFound(pending-unknown).
    """
    if not context.two_persons:
        await set_identity(context, bidder_id, level=level, identity_mark=identity_mark, actor=actor)
        return None
    now_ms, subject = context.clock_ms(), f"{bidder_id} level={level} identity={identity_mark or ''}"
    action = ApprovalAction.SET_IDENTITY
    async with context.books.transaction() as tx:
        waiting = await approvals.find_waiting(tx, None, action, now_ms=now_ms, since_ms=0, subject=subject)
        if waiting is None and agrees_to is not None:
            raise not_waiting(agrees_to)
        if waiting is None:
            if not await bidders.registrations_of(tx, bidder_id):
                raise _unknown(bidder_id)
            waiting = await approvals.request(
                tx,
                lot_id=None,
                action=action,
                reason=f"{bidder_id}: level {level}",
                asked_by=actor,
                asked_at_ms=now_ms,
                expires_at_ms=now_ms + REQUEST_VALID_MS,
                subject=subject,
                asked_session=confirmation.session_id,
                asked_device=confirmation.device,
            )
            details = {"bidder": bidder_id, "level": level, "pending_id": waiting.approval_id}
            await audit.record_action(tx, actor=actor, action=f"ask-{action}", details=details)
    if waiting.asked_by == actor:
        return waiting
    if waiting.approval_id != agrees_to:
        raise not_named(waiting)
    async with context.books.transaction() as tx:
        await confirm_agreement(context, tx, waiting, actor, confirmation)
    await set_identity(context, bidder_id, level=level, identity_mark=identity_mark, actor=actor)
    async with context.books.transaction() as tx:
        found = await approvals.find(tx, waiting.approval_id, locked=True)
        if found is not None and found.agreed_by is None and found.withdrawn_by is None:
            await approvals.approve(tx, waiting.approval_id, by=actor, at_ms=now_ms)
            details = {"bidder": bidder_id, "level": level, "asked_by": waiting.asked_by}
            await audit.record_action(tx, actor=actor, action=f"approve-{action}", details=details)
    return None


async def set_identity(
    context: AppContext, bidder_id: str, *, level: int, identity_mark: str | None, actor: str
) -> None:
    """Set a bidder's identity level, link them by the verified identity (a SHA-256 in hex), and change their limits.

    Raises NotFound(bidder-unknown), LedgerAway, BooksAway.
    """
    async with context.books.transaction() as tx:
        if not await bidders.set_identity_level(tx, bidder_id, level):
            raise _unknown(bidder_id)
        if identity_mark is not None:
            await link(context, tx, [(bidder_id, "identity", identity_mark)], [bidder_id])
        await audit.record_action(tx, actor=actor, action="know-bidder", details={"bidder": bidder_id, "level": level})
        await restate_everywhere(context, tx, bidder_id)
    async with context.books.reading() as tx:
        changed = unsynced(await bidders.registrations_of(tx, bidder_id))
    for registration in changed:
        await sync_power(context, registration.lot_id, bidder_id)


def _unknown(bidder_id: str) -> NotFound:
    return NotFound(
        ProblemCode.BIDDER_UNKNOWN,
        f"No bidder {bidder_id[:64]} has registered for a lot yet.",
        {"bidder_id": bidder_id[:64]},
    )
