"""Does the same act on many lots, each for itself: what becomes of one changes nothing for the others.

Off the bid's way. Acts that need two persons become a request a lot; whoever confirms names the request of each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from auction.books.approvals import Approval
from auction.domain.errors import AuctionError
from auction.services.catalogue.lot_views import LotView
from auction.services.context import AppContext
from auction.services.second_person import Confirmation, accept_once

LOTS_MAX = 300
AT_ONCE = 4
"""Of the ten connections of a process to the database, so that others find one."""


@dataclass(frozen=True, slots=True)
class Target:
    """A lot to act on: its place among those named, and another person's request that is agreed to by it."""

    place: int
    lot_id: str
    agrees_to: int | None = None


@dataclass(frozen=True, slots=True)
class LotOutcome:
    """What became of one lot: the lot after the act, the request that waits, or why nothing was done."""

    lot_id: str
    result: LotView | Approval | AuctionError


Act = Callable[[Target, Confirmation], Awaitable[LotView | Approval]]


async def act_on_each(
    context: AppContext, targets: Sequence[Target], act: Act, *, actor: str, confirmation: Confirmation
) -> list[LotOutcome]:
    """Do `act` on each of the lots, in the order in which they are named: their outcomes, in the same order.

    One code confirms all requests. Raises what `accept_once` raises, before anything is done.
    """
    if any(one.agrees_to is not None for one in targets):
        confirmation = await accept_once(context, actor, confirmation)
    places = asyncio.Semaphore(AT_ONCE)

    async def outcome(target: Target) -> LotOutcome:
        async with places:
            try:
                return LotOutcome(target.lot_id, await act(target, confirmation))
            except AuctionError as error:
                return LotOutcome(target.lot_id, error)

    return list(await asyncio.gather(*map(outcome, targets)))
