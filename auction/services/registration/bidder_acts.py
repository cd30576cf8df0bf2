"""Acts of staff about one bidder that two persons agree to: requested by one, and done when another does the same.

Beside the bid's way. Where the house does without (`AUCTION_TWO_PERSONS`), one person does it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from auction.books import approvals, audit, bidders
from auction.books.approvals import Approval
from auction.books.unit_of_work import Transaction
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import NotFound, ProblemCode
from auction.services.approval_refusals import not_named, not_waiting
from auction.services.context import AppContext
from auction.services.registration.power_sync import sync_power, unsynced
from auction.services.second_person import NO_CONFIRMATION, Confirmation, confirm_agreement

REQUEST_VALID_MS = 24 * 3_600_000
"""How long a request waits for the second person."""


@dataclass(frozen=True, slots=True)
class BidderAct:
    """What is to be done about a bidder; `subject` says what exactly, and begins with the bidder's id."""

    action: ApprovalAction
    bidder_id: str
    subject: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the audit log says about it beside the bidder."""


@dataclass(frozen=True, slots=True)
class BidderCall:
    """Who wants an act done, and another person's request that they agree to; None: they know of none."""

    actor: str
    agrees_to: int | None = None
    confirmation: Confirmation = NO_CONFIRMATION


async def request_or_do(
    context: AppContext,
    act: BidderAct,
    call: BidderCall,
    *,
    check: Callable[[Transaction], Awaitable[None]],
    do: Callable[[], Awaitable[None]],
) -> Approval | None:
    """Request an act, or confirm another person's request for the same: the request that waits, or None: it is done.

    `check` raises where it cannot be requested; `do` may come again after a crash. Raises what `check`, `do` and
    `confirm_agreement` raise, RequestRefused(approval-waiting) and NotFound(pending-unknown).
    """
    if not context.two_persons:
        async with context.books.reading() as tx:
            await check(tx)
        await do()
        return None
    now_ms, action = context.clock_ms(), act.action
    details = {"bidder": act.bidder_id, **act.details}
    async with context.books.transaction() as tx:
        waiting = await approvals.find_waiting(tx, None, action, now_ms=now_ms, since_ms=0, subject=act.subject)
        if waiting is None and call.agrees_to is not None:
            raise not_waiting(call.agrees_to)
        if waiting is None:
            await check(tx)
            waiting = await approvals.request(
                tx,
                lot_id=None,
                action=action,
                reason=act.reason,
                asked_by=call.actor,
                asked_at_ms=now_ms,
                expires_at_ms=now_ms + REQUEST_VALID_MS,
                subject=act.subject,
                asked_session=call.confirmation.session_id,
                asked_device=call.confirmation.device,
            )
            asked = {**details, "pending_id": waiting.approval_id}
            await audit.record_action(tx, actor=call.actor, action=f"ask-{action}", reason=act.reason, details=asked)
    if waiting.asked_by == call.actor:
        return waiting
    if waiting.approval_id != call.agrees_to:
        raise not_named(waiting)
    async with context.books.transaction() as tx:
        await confirm_agreement(context, tx, waiting, call.actor, call.confirmation)
    await do()
    async with context.books.transaction() as tx:
        found = await approvals.find(tx, waiting.approval_id, locked=True)
        if found is not None and found.agreed_by is None and found.withdrawn_by is None:
            await approvals.approve(tx, waiting.approval_id, by=call.actor, at_ms=now_ms)
            approved = {**details, "asked_by": waiting.asked_by}
            await audit.record_action(
                tx, actor=call.actor, action=f"approve-{action}", reason=act.reason, details=approved
            )
    return None


async def check_registered(tx: Transaction, bidder_id: str) -> None:
    """Raises NotFound(bidder-unknown) where nobody of this id has registered for a lot."""
    if not await bidders.registrations_of(tx, bidder_id):
        raise unknown_bidder(bidder_id)


def unknown_bidder(bidder_id: str) -> NotFound:
    """Nobody of this id has registered for a lot."""
    return NotFound(
        ProblemCode.BIDDER_UNKNOWN,
        f"No bidder {bidder_id[:64]} has registered for a lot yet.",
        {"bidder_id": bidder_id[:64]},
    )


async def tell_powers(context: AppContext, bidder_id: str) -> None:
    """Tell the ledger every power of a bidder that it does not have yet. Raises LedgerAway, BooksAway."""
    async with context.books.reading() as tx:
        changed = unsynced(await bidders.registrations_of(tx, bidder_id))
    for registration in changed:
        await sync_power(context, registration.lot_id, bidder_id)
