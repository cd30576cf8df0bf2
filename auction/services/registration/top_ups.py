"""Requests top-ups of deposits: checks them, and states which deposit is to be held. Beside the bid's way."""

import hashlib

from auction.books import bidders
from auction.domain.errors import RefusalCode, RequestRefused
from auction.domain.terms_reader import read_terms
from auction.services.catalogue.lot_views import visible_lot
from auction.services.context import AppContext
from auction.services.registration.bidding_power import deposits_for, power_of_deposits
from auction.services.registration.deposit_amounts import check_holdable, check_top_up
from auction.services.registration.hold_intents import HoldRequest, IntendedHold, intend_holds
from auction.services.registration.payment_methods import chosen_payment_method
from auction.services.registration.registrations import check_admitting


async def request_top_up(
    context: AppContext, lot_id: str, *, bidder_id: str, amount_fen: int, key: str, payment_method: str | None
) -> tuple[IntendedHold, bool]:
    """Request that so much is added to a deposit: the new deposit, and True; under a known key: that one, and False.

    Raises NotFound, RequestRefused(not-registered, deposit-not-needed, deposit-too-low, deposit-too-high,
    payment-method-missing, registration-closed, key-reused), LedgerAway, BooksAway.
    """
    record = await visible_lot(context, lot_id)
    request_key = f"top-up-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    async with context.books.reading() as tx:
        registered = await bidders.find_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
        before = [d for d in registered.deposits if d.request_key == request_key] if registered else []
    if registered is None:
        raise RequestRefused(RefusalCode.NOT_REGISTERED, "Register for the lot first; then its deposit can be raised.")
    if before:
        if before[0].amount_fen != amount_fen:
            raise RequestRefused(
                RefusalCode.KEY_REUSED,
                f"This Idempotency-Key was used for {context.money.text(before[0].amount_fen)}; use a new one.",
                {"amount_fen": before[0].amount_fen},
            )
        return IntendedHold(before[0], None), False
    await check_admitting(context, lot_id)
    terms = read_terms(record.terms)
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        held = await deposits_for(tx, record, terms, bidder_id)
        held_fen = sum(one.left_fen for one in held if one.is_available)
        power = await power_of_deposits(context, tx, record, bidder_id)
        check_top_up(power, held_fen, amount_fen, context.money.currency)
        check_holdable(context, amount_fen)
        method = await chosen_payment_method(context, tx, bidder_id, payment_method)
        request = HoldRequest(record, terms, bidder_id, request_key, amount_fen, method)
        (intended,) = await intend_holds(context, tx, [request], now_ms=now_ms)
    return intended, True
