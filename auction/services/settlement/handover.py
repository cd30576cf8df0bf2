"""The end of a sale: the lot is handed over, the seller is paid, the commissions are earned."""

from auction.books import audit, journal, settlements
from auction.books.journal import Cause
from auction.books.settlements import Award
from auction.domain import journal as recipes
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.domain.money import share
from auction.domain.states import SettlementState
from auction.services.context import AppContext
from auction.services.settlement.transitions import lock_settlement, move


async def confirm_handover(context: AppContext, lot_id: str, *, actor: str) -> Award:
    """The winner has fetched the lot at the centre they chose.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(delivery-centre-missing).
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, "confirm-handover")
        award = await settlements.live_award(tx, lot_id)
        if award is None or award.status != "paid":
            raise WrongState("confirm the handover", locked.settlement.state, ["paid"])
        if award.delivery_centre is None:
            raise RequestRefused(
                ProblemCode.DELIVERY_CENTRE_MISSING, "The winner has not chosen a delivery centre yet."
            )
        commission_fen = share(award.price_fen, locked.terms.settlement.seller_commission_bps)
        entries = [
            recipes.lot_settled(
                award_id=award.award_id,
                lot_id=lot_id,
                bidder_id=award.bidder_id,
                price_fen=award.price_fen,
                fee_fen=award.fee_fen,
                commission_fen=commission_fen,
            )
        ]
        to_seller_fen = award.price_fen - commission_fen
        if to_seller_fen:
            entries.append(recipes.seller_paid(key_id=award.award_id, lot_id=lot_id, amount_fen=to_seller_fen))
        await journal.post(tx, entries, cause=Cause("staff-action", f"handover:{lot_id}:{actor}"), at_ms=now_ms)
        await audit.record_action(tx, actor=actor, action="confirm-handover", lot_id=lot_id)
        await move(
            tx,
            lot_id,
            SettlementState.SETTLED,
            "settled",
            actor=actor,
            at_ms=now_ms,
            deadline_at_ms=None,
            details={
                "award_id": award.award_id,
                "delivery_centre": award.delivery_centre,
                "seller_fen": to_seller_fen,
                "commission_fen": commission_fen + award.fee_fen,
            },
        )
        return await settlements.change_award(tx, award.award_id, status="settled", settled_at_ms=now_ms)
