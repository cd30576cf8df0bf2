"""Blocks bidders: from then on they may not register, and their limit is 0 on every lot, until they are unblocked.

Beside the bid's way. Bids that stand go on standing, and deposits go the way that they go without a block: what should
not stand is voided by the acts for it. Accounts that are linked are not blocked with it.
"""

from dataclasses import dataclass
from functools import partial

from auction.books import audit, bidder_blocks, bidders
from auction.books.approvals import Approval
from auction.books.bidder_blocks import Block
from auction.books.unit_of_work import Transaction
from auction.domain.approval_actions import ApprovalAction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.lot import ADMITTING
from auction.services.context import AppContext
from auction.services.registration.bidder_acts import (
    BidderAct,
    BidderCall,
    check_registered,
    request_or_do,
    tell_powers,
)
from auction.services.registration.bidding_power import restate_everywhere


@dataclass(frozen=True, slots=True)
class BidderStatus:
    """A bidder: how far their identity is verified, their block (None: none), and the running lots that they lead."""

    bidder_id: str
    identity_level: int
    block: Block | None
    leads: list[str]


async def show_bidder(context: AppContext, bidder_id: str) -> BidderStatus:
    """What staff see of a bidder. Raises NotFound(bidder-unknown), LedgerAway, BooksAway."""
    async with context.books.reading() as tx:
        await check_registered(tx, bidder_id)
        levels = await bidders.identity_levels(tx, [bidder_id])
        block = await bidder_blocks.find(tx, bidder_id)
        lot_ids = sorted(one.lot_id for one in await bidders.registrations_of(tx, bidder_id))
    snapshots = await context.ledger.read_many(lot_ids)
    leads = [
        lot_id
        for lot_id in lot_ids
        if (lot := snapshots.get(lot_id)) is not None and lot.status in ADMITTING and lot.leader_id == bidder_id
    ]
    return BidderStatus(bidder_id, levels.get(bidder_id, 0), block, leads)


async def request_or_block(context: AppContext, bidder_id: str, call: BidderCall, *, reason: str) -> Approval | None:
    """Block a bidder, or request it: the request that waits, or None: they are blocked.

    Blocked before, nothing changes. Raises NotFound(bidder-unknown), LedgerAway, BooksAway, and as `request_or_do`.
    """
    act = BidderAct(ApprovalAction.BLOCK_BIDDER, bidder_id, subject=bidder_id, reason=reason)
    done = partial(_block, context, bidder_id, reason=reason, actor=call.actor)
    return await request_or_do(context, act, call, check=lambda tx: check_registered(tx, bidder_id), do=done)


async def request_or_unblock(context: AppContext, bidder_id: str, call: BidderCall, *, reason: str) -> Approval | None:
    """End a bidder's block, or request it: the request that waits, or None: they are not blocked.

    Raises NotFound(bidder-unknown), RequestRefused(bidder-not-blocked), LedgerAway, BooksAway, and as `request_or_do`.
    """
    act = BidderAct(ApprovalAction.UNBLOCK_BIDDER, bidder_id, subject=bidder_id, reason=reason)
    done = partial(_unblock, context, bidder_id, reason=reason, actor=call.actor)
    return await request_or_do(context, act, call, check=lambda tx: _check_blocked(tx, bidder_id), do=done)


async def _block(context: AppContext, bidder_id: str, *, reason: str, actor: str) -> None:
    async with context.books.transaction() as tx:
        await check_registered(tx, bidder_id)
        if await bidder_blocks.add(tx, Block(bidder_id, reason, actor, context.clock_ms())):
            await audit.record_action(
                tx, actor=actor, action="block-bidder", reason=reason, details={"bidder": bidder_id}
            )
        await restate_everywhere(context, tx, bidder_id)
    async with context.books.transaction() as tx:
        # who was being registered in a sale for the first time, without a deposit, is registered by now
        await restate_everywhere(context, tx, bidder_id)
    await tell_powers(context, bidder_id)


async def _unblock(context: AppContext, bidder_id: str, *, reason: str, actor: str) -> None:
    async with context.books.transaction() as tx:
        if await bidder_blocks.remove(tx, bidder_id):
            await audit.record_action(
                tx, actor=actor, action="unblock-bidder", reason=reason, details={"bidder": bidder_id}
            )
        await restate_everywhere(context, tx, bidder_id)
    await tell_powers(context, bidder_id)


async def _check_blocked(tx: Transaction, bidder_id: str) -> None:
    await check_registered(tx, bidder_id)
    if await bidder_blocks.find(tx, bidder_id) is None:
        raise RequestRefused(ProblemCode.BIDDER_NOT_BLOCKED, f"{bidder_id} is not blocked.", {"bidder_id": bidder_id})
