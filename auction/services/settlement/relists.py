"""Relists a defaulted or unsold lot: as a new lot linked to the old one, which defaulters may not bid on."""

from auction.books import audit, catalogue, defaults
from auction.books.catalogue import LotRecord
from auction.books.journal import Cause
from auction.books.unit_of_work import Transaction
from auction.domain.states import CauseKind, SettlementAction
from auction.domain.terms import terms_as_mapping
from auction.ledger.keys import lot_id_of
from auction.services.context import AppContext
from auction.services.settlement.payment_outcomes import release_remaining
from auction.services.settlement.transitions import LockedSettlement, lock_settlement, move


async def relist_by_staff(context: AppContext, lot_id: str, *, actor: str, cost_fen: int | None = None) -> LotRecord:
    """Relist a lot now; `cost_fen`: the cost of auctioning it again, None: as in the terms. The new draft.

    Raises NotFound(settlement-unknown), WrongState, BooksAway.
    """
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.RELIST)
        cost = locked.terms.settlement.reauction_cost_fen if cost_fen is None else cost_fen
        return await relist(context, tx, locked, actor=actor, cost_fen=cost)


async def relist(
    context: AppContext, tx: Transaction, locked: LockedSettlement, *, actor: str, cost_fen: int
) -> LotRecord:
    """Add the new lot, a draft under the same terms, and release the deposits of the old one. The new draft."""
    now_ms = context.clock_ms()
    old = locked.record
    number = await catalogue.next_lot_number(tx, old.sale_id)
    new = await catalogue.add_lot(
        tx,
        lot_id=lot_id_of(old.sale_id, number),
        sale_id=old.sale_id,
        number=number,
        title=old.title,
        list_price_fen=old.list_price_fen,
        preset=old.preset,
        terms=terms_as_mapping(locked.terms),
        actor=actor,
        relisted_from=old.lot_id,
    )
    for default in await defaults.of_lot(tx, locked.lot_id):
        if default.is_unresolved:
            await defaults.set_cost(tx, default.default_id, cost_fen=cost_fen)
    cause = Cause(CauseKind.STAFF_ACTION, f"relist:{locked.lot_id}:{actor}")
    await release_remaining(tx, locked, now_ms=now_ms, cause=cause)
    await audit.record_action(
        tx,
        actor=actor,
        action="relist",
        sale_id=old.sale_id,
        lot_id=old.lot_id,
        details={"relisted_as": new.lot_id, "cost_fen": cost_fen},
    )
    await move(
        tx,
        locked.lot_id,
        SettlementAction.RELIST,
        actor=actor,
        at_ms=now_ms,
        deadline_at_ms=None,
        details={"relisted_as": new.lot_id, "cost_fen": cost_fen},
        relisted_as=new.lot_id,
    )
    return new
