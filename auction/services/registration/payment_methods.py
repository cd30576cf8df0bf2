"""Which payment method a deposit or a payment is made with."""

from auction.domain.errors import ProblemCode, RequestRefused
from auction.services.context import AppContext


def chosen_payment_method(context: AppContext, named: str | None) -> str:
    """The method that a request names, or the provider's default. Raises RequestRefused(payment-method-missing)."""
    method = named or context.gateway.default_payment_method
    if method is None:
        raise RequestRefused(
            ProblemCode.PAYMENT_METHOD_MISSING,
            f"payment_method is missing: payments here go through {context.gateway.provider}, which has no default.",
            {"field": "payment_method"},
        )
    return method
