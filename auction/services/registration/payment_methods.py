"""Which payment method a deposit or a payment is made with: one that its bidder has saved.

A stand-in for a provider, whose cards are nobody's, takes the names of its cards too.
"""

from collections.abc import Collection, Sequence

from auction.books import saved_methods
from auction.books.saved_methods import SavedMethod
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.payments.gateway import PaymentGateway
from auction.services.context import AppContext


async def chosen_payment_method(context: AppContext, tx: Transaction, bidder_id: str, named: str | None) -> str:
    """The method that a request names, as the provider knows it, or the provider's default.

    Raises RequestRefused(payment-method-missing), and NotFound(payment-method-unknown) for another bidder's too.
    """
    own = [] if named is None else await own_methods(context, tx, bidder_id, locked=True)
    return method_named(context.gateway, named, own)


async def own_methods_of_all(
    context: AppContext, tx: Transaction, bidder_ids: Collection[str]
) -> dict[str, list[SavedMethod]]:
    """Bidder -> what they have saved at the provider in use, for many at once, locked until this transaction ends."""
    found: dict[str, list[SavedMethod]] = {bidder_id: [] for bidder_id in bidder_ids}
    if found:
        for one in await saved_methods.of_bidders(tx, found, provider=context.gateway.provider, locked=True):
            found[one.bidder_id].append(one)
    return found


def method_named(gateway: PaymentGateway, named: str | None, own: Sequence[SavedMethod]) -> str:
    """`chosen_payment_method`, where what the bidder has saved is known."""
    if named is None:
        if gateway.default_payment_method is not None:
            return gateway.default_payment_method
        raise RequestRefused(
            ProblemCode.PAYMENT_METHOD_MISSING,
            f"payment_method is missing: payments here go through {gateway.provider}, which has no default. Save a "
            "card and name it by its method_id.",
            {"field": "payment_method"},
        )
    saved = next((one for one in own if one.method_id == named), None)
    if saved is not None:
        return saved.payment_method
    if gateway.accepts_tokens and not named.startswith(METHOD_PREFIX):
        return named
    raise unknown_method()


METHOD_PREFIX = "card-"
"""Ids of saved cards begin with it."""


async def own_methods(
    context: AppContext, tx: Transaction, bidder_id: str, *, locked: bool = False
) -> list[SavedMethod]:
    """What a bidder has saved at the provider in use, the newest first."""
    return await saved_methods.of_bidder(tx, bidder_id, provider=context.gateway.provider, locked=locked)


def unknown_method() -> NotFound:
    """What names no saved card of the bidder's is not there, whoever's it is."""
    return NotFound(ProblemCode.PAYMENT_METHOD_UNKNOWN, "You have saved no such payment method.")
