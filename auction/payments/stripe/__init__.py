"""Stripe as a payment provider, through its official library.

`gateway` sends requests and implements the `PaymentGateway` protocol; `objects` reads what Stripe returns.
"""

from auction.payments.stripe.gateway import StripeGateway

__all__ = ["StripeGateway"]
