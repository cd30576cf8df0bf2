"""Sends bidding power to the ledger, after it was stored in the database.

Beside the bid's way. It is sent under the registration's lock, so the ledger never gets an older figure after a newer
one; what a crash leaves unsent, the clerk sends within a second.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from auction.books import bidders, registration_batches
from auction.books.bidders import Registration
from auction.domain.errors import AuctionError, ProblemCode, RequestRefused
from auction.domain.lot import ADMITTING
from auction.ledger.admissions import AdmissionCall
from auction.ledger.keys import sale_of
from auction.services.context import AppContext

log = structlog.get_logger()

UNSEEN_MS = 5_000
"""A registration that is not archived as admitted after so long is sent to the ledger again."""


async def sync_power(context: AppContext, lot_id: str, bidder_id: str) -> Registration:
    """Send a bidder's stored power on a lot to the ledger, or the share of one that is over. The registration.

    Repeating it changes nothing. Raises LedgerAway, BooksAway, RequestRefused, and WrongStatus where the lot ended
    before the bidder was admitted.
    """
    async with context.books.transaction() as tx:
        registration = await bidders.lock_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
        if registration.share_fen is not None:
            await context.ledger.set_share(lot_id, bidder_id=bidder_id, share_fen=registration.share_fen)
            await bidders.mark_synced(tx, registration)
            return registration
        try:
            async with context.ended_lots.known_as_ended(context.books, lot_id, "register for it", ADMITTING):
                await context.ledger.admit(
                    lot_id,
                    bidder_id=bidder_id,
                    paddle=registration.paddle,
                    limit_fen=registration.limit_fen,
                    purse_fen=registration.purse_fen,
                    held_fen=registration.held_fen,
                )
        except AuctionError as error:
            if error.code != ProblemCode.WRONG_STATUS:
                raise
            # the lot is over: nobody bids on it, whatever their power
            await bidders.mark_synced(tx, registration)
            if registration.synced_version == 0:
                raise
            return registration
        await bidders.mark_synced(tx, registration)
    return registration


async def sync_powers(
    context: AppContext, places: Sequence[registration_batches.Place]
) -> list[Registration | AuctionError | None]:
    """Send bidders' power on lots, and all that has changed of it on the lots' sales, to the ledger, for many at once.

    Of each lot and bidder the registration with its deposits, None where there is none, or why the ledger does not have
    it. Raises LedgerAway, BooksAway.
    """
    async with context.books.transaction() as tx:
        locked = await registration_batches.lock_registrations_on_sales(
            tx, sale_ids={sale_of(lot_id) for lot_id, _ in places}, bidder_ids={bidder_id for _, bidder_id in places}
        )
        asked = set(places)
        waiting = [
            one for one in locked if (one.lot_id, one.bidder_id) in asked or one.synced_version < one.power_version
        ]
        plain = [one for one in waiting if one.share_fen is None]
        answers = await context.ledger.admit_all([_admission(one) for one in plain])
        told = [one for one, (code, _) in zip(plain, answers, strict=True) if code in ADMITTED]
        await registration_batches.mark_all_synced(tx, told)
        done = {(one.lot_id, one.bidder_id) for one in told}
        here = [
            replace(one, synced_version=one.power_version) if (one.lot_id, one.bidder_id) in done else one
            for one in locked
            if (one.lot_id, one.bidder_id) in asked
        ]
        found = {(one.lot_id, one.bidder_id): one for one in await bidders.with_deposits(tx, here)}
        if elsewhere := asked - found.keys():
            # in lots that have ended, if at all
            found |= await registration_batches.find_registrations(tx, elsewhere)
    left = ({(one.lot_id, one.bidder_id) for one in waiting} | found.keys()) - done
    errors: dict[registration_batches.Place, AuctionError] = {}
    for place in sorted(left):
        # shares of purses, lots that are over, and whatever else the ledger says no to
        try:
            await sync_power(context, *place)
        except AuctionError as error:
            errors[place] = error
            if place not in asked:
                # the clerk sends what is not synced
                log.info("power_sync_delayed", lot=place[0], reason=error.code)
    return [errors.get(place) or found.get(place) for place in places]


ADMITTED = ("ok", "done")
"""The ledger's codes for a bidder who is admitted with this power."""


def _admission(registration: Registration) -> AdmissionCall:
    return AdmissionCall(
        registration.lot_id,
        registration.bidder_id,
        registration.paddle,
        registration.limit_fen,
        registration.purse_fen,
        registration.held_fen,
    )


async def sync_sale_power(context: AppContext, sale_id: str, bidder_id: str) -> None:
    """Send every change of a bidder's power on a sale that the ledger does not have. Raises LedgerAway, BooksAway."""
    async with context.books.reading() as tx:
        found = await bidders.registrations_on_sale(tx, sale_id=sale_id, bidder_id=bidder_id)
    for registration in unsynced(found):
        await sync_power(context, registration.lot_id, bidder_id)


def unsynced(registrations: Sequence[Registration]) -> list[Registration]:
    """Registrations with a change of power that the ledger does not have."""
    return [registration for registration in registrations if registration.synced_version < registration.power_version]


async def sync_waiting_powers(context: AppContext) -> int:
    """Send the powers to the ledger that it may not have; how many were sent. Raises LedgerAway, BooksAway."""
    before_ms = context.clock_ms() - UNSEEN_MS
    async with context.books.reading() as tx:
        waiting = await bidders.registrations_to_sync(tx, before_ms=before_ms)
    sent = 0
    for registration in waiting:
        try:
            if registration.share_fen is not None:
                # a share that was used has left a smaller purse: that comes before the share ends
                await sync_sale_power(context, sale_of(registration.lot_id), registration.bidder_id)
            await sync_power(context, registration.lot_id, registration.bidder_id)
            sent += 1
        except RequestRefused:
            continue
        except AuctionError as error:
            # a lot that is over, or on a stopped shard, delays no other
            if error.code not in {ProblemCode.WRONG_STATUS, ProblemCode.LEDGER_CHANGED}:
                raise
    return sent
