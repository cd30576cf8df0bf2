"""Sells a defaulted lot again: as a new lot linked to the old one, which its defaulter may not bid on."""

from auction.books import audit, catalogue, defaults
from auction.books.catalogue import LotRecord
from auction.books.journal import Cause
from auction.books.unit_of_work import Work
from auction.domain.settlement import SettlementState
from auction.domain.terms import terms_as_mapping
from auction.ledger.keys import lot_id_of
from auction.services.house import House
from auction.services.settlement.moving import Matter, lock_matter, move
from auction.services.settlement.receiving import release_kept


async def relist_by_staff(house: House, lot_id: str, *, actor: str, cost_fen: int | None = None) -> LotRecord:
    """Relist a defaulted lot now; `cost_fen` is what auctioning it again costs. The new draft. Raises WrongState."""
    async with house.books.transaction() as work:
        matter = await lock_matter(work, lot_id, "relist")
        cost = matter.terms.settlement.reauction_cost_fen if cost_fen is None else cost_fen
        return await relist(house, work, matter, actor=actor, cost_fen=cost)


async def relist(house: House, work: Work, matter: Matter, *, actor: str, cost_fen: int) -> LotRecord:
    """Make the new lot, a draft under the same terms, in a transaction that holds the settlement's lock."""
    now_ms = house.clock_ms()
    old = matter.record
    number = await catalogue.next_lot_number(work, old.sale_id)
    new = await catalogue.add_lot(
        work,
        lot_id=lot_id_of(old.sale_id, number),
        sale_id=old.sale_id,
        number=number,
        title=old.title,
        list_price_fen=old.list_price_fen,
        preset=old.preset,
        terms=terms_as_mapping(matter.terms),
        actor=actor,
        relisted_from=old.lot_id,
    )
    for default in await defaults.of_lot(work, matter.lot_id):
        if default.status in {"collecting", "collected"}:
            await defaults.change(work, default.default_id, cost_fen=cost_fen)
    await release_kept(work, matter, now_ms=now_ms, cause=Cause("staff-action", f"relist:{matter.lot_id}:{actor}"))
    await audit.note_action(
        work,
        actor=actor,
        action="relist",
        sale_id=old.sale_id,
        lot_id=old.lot_id,
        details={"relisted_as": new.lot_id, "cost_fen": cost_fen},
    )
    await move(
        work,
        matter.lot_id,
        SettlementState.RELISTED,
        "relisted",
        actor=actor,
        at_ms=now_ms,
        deadline_at_ms=None,
        details={"relisted_as": new.lot_id, "cost_fen": cost_fen},
        relisted_as=new.lot_id,
    )
    return new
