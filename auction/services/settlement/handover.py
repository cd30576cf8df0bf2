"""The end of a sale: staff confirm the handover, the seller is paid, commission and fee are earned.

Where the lot was sold instead of a defaulter's, its price is the resale's from now on.
"""

from auction.books import audit, defaults, journal, settlements
from auction.books.journal import Cause
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.domain.money import share
from auction.domain.provider_event_states import LIVE_REVERSAL
from auction.domain.states import AwardStatus, CauseKind, SettlementAction
from auction.services.context import AppContext
from auction.services.settlement.payment_outcomes import check_not_taken_back
from auction.services.settlement.transitions import lock_settlement, move


async def confirm_handover(context: AppContext, lot_id: str, *, actor: str) -> Award:
    """Record that the winner has collected the lot at the centre they chose, and pay the seller. The settled award.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(delivery-centre-missing,
    payment-disputed), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.CONFIRM_HANDOVER)
        award = await settlements.live_award(tx, lot_id)
        if award is None or award.status is not AwardStatus.PAID:
            raise WrongState("confirm the handover", locked.settlement.state, [AwardStatus.PAID])
        await check_not_taken_back(tx, award, LIVE_REVERSAL)
        if award.delivery_centre is None:
            raise RequestRefused(
                ProblemCode.DELIVERY_CENTRE_MISSING, "The winner has not chosen a delivery centre yet."
            )
        commission_fen = share(award.price_fen, locked.terms.settlement.seller_commission_bps)
        entries = [
            postings.lot_settled(
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
            entries.append(postings.seller_paid(key_id=award.award_id, lot_id=lot_id, amount_fen=to_seller_fen))
        cause = Cause(CauseKind.STAFF_ACTION, f"handover:{lot_id}:{actor}")
        await journal.post(tx, entries, cause=cause, at_ms=now_ms)
        await audit.record_action(tx, actor=actor, action="confirm-handover", lot_id=lot_id)
        await move(
            tx,
            lot_id,
            SettlementAction.CONFIRM_HANDOVER,
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
        await _record_resale(tx, award)
        return await settlements.mark_award_settled(tx, award.award_id, at_ms=now_ms)


async def _record_resale(tx: Transaction, award: Award) -> None:
    """Name the lot as the resale of defaults on it and on the lots before it: their waterfalls may run.

    Not before: a sale that is only paid can still be declared void.
    """
    chain = await defaults.ancestors_of(tx, award.lot_id)
    for default in await defaults.lock_unresolved(tx, chain):
        await defaults.set_resale(tx, default.default_id, lot_id=award.lot_id, price_fen=award.price_fen)
