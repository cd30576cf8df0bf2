"""Bidders save cards at the payment provider, their owner being present, and remove them.

Before the bid's way. The page confirms a card in the provider's own form (3-D Secure included): no number comes here;
what is saved belongs to a customer of the house's at the provider, one for each bidder, and is named by an id of ours.
"""

import hashlib
import secrets

from auction.books import bidders, saved_methods
from auction.books.saved_methods import SavedMethod
from auction.domain.errors import PaymentsAway, ProblemCode, RequestRefused
from auction.payments.gateway import CardSetup, GatewayAway
from auction.services.context import AppContext
from auction.services.registration.bidding_power import link
from auction.services.registration.payment_methods import METHOD_PREFIX, own_methods, unknown_method


async def start_saving(context: AppContext, *, bidder_id: str, name: str) -> CardSetup:
    """Begin to save a card of a bidder. Raises PaymentsAway, BooksAway."""
    gateway = context.gateway
    async with context.books.transaction() as tx:
        await bidders.ensure_bidder(tx, bidder_id=bidder_id, name=name)
        customer = await saved_methods.customer_of(tx, provider=gateway.provider, bidder_id=bidder_id)
    try:
        setup = await gateway.start_saving(payer=bidder_id, customer=customer)
        async with context.books.transaction() as tx:
            kept = await saved_methods.keep_customer(
                tx, provider=gateway.provider, bidder_id=bidder_id, customer=setup.customer
            )
        if kept != setup.customer:
            # two pages began at once
            setup = await gateway.start_saving(payer=bidder_id, customer=kept)
    except GatewayAway as error:
        raise PaymentsAway from error
    return setup


async def finish_saving(context: AppContext, *, bidder_id: str, setup_ref: str, card: str | None) -> SavedMethod:
    """Store the card that a setup of the bidder's has saved; again: the same one.

    `card`: what was chosen in a form of the house's own, where the provider has none. The card links the bidder to all
    who use it. Raises NotFound(payment-method-unknown) for another bidder's setup too,
    RequestRefused(payment-method-unconfirmed), PaymentsAway, BooksAway.
    """
    gateway = context.gateway
    try:
        saved = await gateway.saved_card(setup_ref, payer=bidder_id, card=card)
    except GatewayAway as error:
        raise PaymentsAway from error
    if saved is None:
        raise RequestRefused(
            ProblemCode.PAYMENT_METHOD_UNCONFIRMED,
            "The payment provider has not confirmed this card; confirm it first.",
        )
    async with context.books.transaction() as tx:
        customer = await saved_methods.customer_of(tx, provider=gateway.provider, bidder_id=bidder_id)
        if customer is None or customer != saved.customer:
            raise unknown_method()
        method = await saved_methods.add(
            tx,
            SavedMethod(
                method_id=f"{METHOD_PREFIX}{secrets.token_hex(8)}",
                bidder_id=bidder_id,
                provider=gateway.provider,
                setup_ref=setup_ref,
                payment_method=saved.payment_method,
                brand=saved.brand,
                last4=saved.last4,
                exp_month=saved.exp_month,
                exp_year=saved.exp_year,
                saved_at_ms=context.clock_ms(),
            ),
        )
        if method.bidder_id != bidder_id or method.removed_at_ms is not None:
            raise unknown_method()
        digest = hashlib.sha256(f"{gateway.provider}:{saved.instrument}".encode()).hexdigest()
        await link(context, tx, [(bidder_id, "instrument", digest)], [bidder_id])
    return method


async def saved_cards_of(context: AppContext, bidder_id: str) -> list[SavedMethod]:
    """A bidder's saved cards, the newest first."""
    async with context.books.reading() as tx:
        return await own_methods(context, tx, bidder_id)


async def remove_card(context: AppContext, method_id: str, *, bidder_id: str) -> None:
    """Remove a saved card of the bidder's, here and at the provider.

    Raises NotFound(payment-method-unknown), RequestRefused(payment-method-in-use), PaymentsAway, BooksAway.
    """
    async with context.books.transaction() as tx:
        own = await own_methods(context, tx, bidder_id, locked=True)
        method = next((one for one in own if one.method_id == method_id), None)
        if method is None:
            raise unknown_method()
        if await saved_methods.is_needed(tx, method):
            raise RequestRefused(
                ProblemCode.PAYMENT_METHOD_IN_USE, "A deposit that is held, or a payment under way, is on this card."
            )
        await saved_methods.mark_removed(tx, method_id, at_ms=context.clock_ms())
        try:
            await context.gateway.forget_card(method.payment_method)
        except GatewayAway as error:
            raise PaymentsAway from error
