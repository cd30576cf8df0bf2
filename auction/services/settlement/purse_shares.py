"""What awards and offers take of a bidder's purse: a share stands on it, and is taken out when it is used.

After the bid's way. A share stands from the award or the offer on (`Registration.share_fen`; the ledger has counted it
since the lot was led), and ends with the award. To be applied or forfeited it is taken out of the purse as a deposit of
its own, which is of the award's lot; the purse and bidding power are lowered by as much.
"""

from auction.books import bidders, deposits, journal, operations, paddles, purses
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import share_entries
from auction.domain.deposits import PurseDeposit, share_fen
from auction.domain.states import DepositReason, Disposition
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import capture_of
from auction.services.registration.bidding_power import deposits_for, restate_power
from auction.services.settlement.transitions import LockedSettlement


async def let_stand(
    tx: Transaction, policy: PurseDeposit, *, sale_id: str, lot_id: str, bidder_id: str, price_fen: int
) -> None:
    """Let an award or offer at a price stand on its bidder's purse: with its share, or with what is left of the purse.

    The ledger admits no more than the purse secures; less may be left where a deposit has lapsed since, and where an
    offer is made while the purse serves other lots. Power that was withdrawn from its bidder leaves the share as it is.
    """
    await paddles.lock_paddle(tx, sale_id=sale_id, bidder_id=bidder_id)
    registration = await bidders.find_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
    if registration is None or registration.purse_fen is None or registration.held_fen is None:
        return
    if registration.purse_fen:
        wanted_fen = share_fen(price_fen, held_fen=registration.held_fen, purse_fen=registration.purse_fen)
    else:
        wanted_fen = share_fen(price_fen, held_fen=1, purse_fen=policy.multiplier)
    room_fen = await bidders.room_in_purse(tx, sale_id=sale_id, bidder_id=bidder_id)
    await bidders.set_share(tx, lot_id=lot_id, bidder_id=bidder_id, share_fen=max(0, min(wanted_fen, room_fen)))


async def use_share(
    context: AppContext,
    tx: Transaction,
    locked: LockedSettlement,
    award: Award,
    disposition: Disposition,
    *,
    at_most_fen: int,
    reason: DepositReason,
    now_ms: int,
    cause: Cause,
) -> list[Deposit]:
    """Take the share of an award out of its winner's purses, to be applied or forfeited. The deposits that it is now.

    A purse that is only authorised is captured whole, as a hold can be captured once; the rest is held as cash.
    """
    wanted_fen = min(at_most_fen, await bidders.share_of(tx, lot_id=award.lot_id, bidder_id=award.bidder_id))
    held = [one for one in await deposits_for(tx, locked.record, locked.terms, award.bidder_id) if one.is_available]
    taken: list[Deposit] = []
    for purse in await deposits.lock_all(tx, [one.deposit_id for one in held]):
        part_fen = min(wanted_fen - sum(one.amount_fen for one in taken), purse.worth_fen if purse.is_available else 0)
        if part_fen <= 0:
            continue
        share, _ = await purses.take_share(
            tx,
            purse,
            lot_id=award.lot_id,
            award_id=award.award_id,
            amount_fen=part_fen,
            disposition=disposition,
            reason=reason,
            at_ms=now_ms,
        )
        taken.append(share)
        entries = [
            post(
                deposit_id=share.deposit_id,
                lot_id=lot_id,
                bidder_id=share.bidder_id,
                amount_fen=part_fen,
                is_cash=share.is_cash,
            )
            for post, lot_id in ((share_entries.share_taken, purse.lot_id), (share_entries.share_held, share.lot_id))
        ]
        await journal.post(tx, entries, cause=cause, at_ms=now_ms)
        if not share.is_cash:
            await operations.intend(tx, [capture_of(purse, purse.amount_fen)], at_ms=now_ms)
    await bidders.end_share(tx, lot_id=award.lot_id, bidder_id=award.bidder_id)
    if taken:
        await restate_power(context, tx, locked.record, award.bidder_id)
    return taken
