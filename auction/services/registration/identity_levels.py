"""Identity levels of bidders: the level caps their limits, and one verified identity links its accounts."""

from auction.books import audit, bidders, catalogue
from auction.domain.errors import NotFound, ProblemCode
from auction.services.context import AppContext
from auction.services.registration.bidding_power import restate_power, sync_power, unsynced


async def set_identity(
    context: AppContext, bidder_id: str, *, level: int, identity_mark: str | None, actor: str
) -> None:
    """Set a bidder's identity level, link them by the verified identity (a SHA-256 in hex), and change their limits.

    Raises NotFound(bidder-unknown), LedgerAway, BooksAway.
    """
    async with context.books.transaction() as tx:
        if not await bidders.set_identity_level(tx, bidder_id, level):
            raise NotFound(
                ProblemCode.BIDDER_UNKNOWN,
                f"No bidder {bidder_id[:64]} has registered for a lot yet.",
                {"bidder_id": bidder_id[:64]},
            )
        if identity_mark is not None:
            await bidders.add_link(tx, bidder_id=bidder_id, kind="identity", mark=identity_mark)
        await audit.record_action(tx, actor=actor, action="know-bidder", details={"bidder": bidder_id, "level": level})
        registered = await bidders.registrations_of(tx, bidder_id)
        for lot_id in [one.lot_id for one in registered]:
            await restate_power(context, tx, await catalogue.find_lot(tx, lot_id), bidder_id)
    async with context.books.reading() as tx:
        changed = unsynced(await bidders.registrations_of(tx, bidder_id))
    for registration in changed:
        await sync_power(context, registration.lot_id, bidder_id)
