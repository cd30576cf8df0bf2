"""Identity levels of bidders: the level caps their limits, and one verified identity links its accounts."""

from functools import partial

from auction.books import audit, bidders
from auction.books.approvals import Approval
from auction.domain.approval_actions import ApprovalAction
from auction.services.context import AppContext
from auction.services.registration.bidder_acts import (
    BidderAct,
    BidderCall,
    check_registered,
    request_or_do,
    tell_powers,
    unknown_bidder,
)
from auction.services.registration.bidding_power import link, restate_everywhere


async def request_or_set_identity(
    context: AppContext, bidder_id: str, call: BidderCall, *, level: int, identity_mark: str | None
) -> Approval | None:
    """Set a bidder's identity level; where the house has acts of two persons, request it or confirm the same request.

    The request that waits, or None: it is set. Raises as `set_identity` and `request_or_do`.
    """
    act = BidderAct(
        ApprovalAction.SET_IDENTITY,
        bidder_id,
        subject=f"{bidder_id} level={level} identity={identity_mark or ''}",
        reason=f"{bidder_id}: level {level}",
        details={"level": level},
    )
    done = partial(set_identity, context, bidder_id, level=level, identity_mark=identity_mark, actor=call.actor)
    return await request_or_do(context, act, call, check=lambda tx: check_registered(tx, bidder_id), do=done)


async def set_identity(
    context: AppContext, bidder_id: str, *, level: int, identity_mark: str | None, actor: str
) -> None:
    """Set a bidder's identity level, link them by the verified identity (a SHA-256 in hex), and change their limits.

    Raises NotFound(bidder-unknown), LedgerAway, BooksAway.
    """
    async with context.books.transaction() as tx:
        if not await bidders.set_identity_level(tx, bidder_id, level):
            raise unknown_bidder(bidder_id)
        if identity_mark is not None:
            await link(context, tx, [(bidder_id, "identity", identity_mark)], [bidder_id])
        await audit.record_action(tx, actor=actor, action="know-bidder", details={"bidder": bidder_id, "level": level})
        await restate_everywhere(context, tx, bidder_id)
    await tell_powers(context, bidder_id)
