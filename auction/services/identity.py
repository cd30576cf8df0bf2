"""How well the house knows its bidders: the level caps their limits, and one identity links its accounts."""

from auction.books import audit, bidders, catalogue
from auction.domain.errors import NotFound, ProblemCode
from auction.services.house import House
from auction.services.power import restate, tell, untold


async def know_bidder(house: House, bidder_id: str, *, level: int, identity_mark: str | None, actor: str) -> None:
    """Note a bidder's level of identity and what was verified (a SHA-256 in hex); limits follow at once.

    Raises NotFound(bidder-unknown), LedgerAway, BooksAway.
    """
    async with house.books.transaction() as work:
        if not await bidders.set_identity_level(work, bidder_id, level):
            raise NotFound(
                ProblemCode.BIDDER_UNKNOWN,
                f"No bidder {bidder_id[:64]} has registered for a lot yet.",
                {"bidder_id": bidder_id[:64]},
            )
        if identity_mark is not None:
            await bidders.mark(work, bidder_id=bidder_id, kind="identity", mark=identity_mark)
        await audit.note_action(work, actor=actor, action="know-bidder", details={"bidder": bidder_id, "level": level})
        registered = await bidders.registrations_of(work, bidder_id)
        for lot_id in [one.lot_id for one in registered]:
            await restate(house, work, await catalogue.find_lot(work, lot_id), bidder_id)
    async with house.books.reading() as work:
        changed = untold(await bidders.registrations_of(work, bidder_id))
    for registration in changed:
        await tell(house, registration.lot_id, bidder_id)
