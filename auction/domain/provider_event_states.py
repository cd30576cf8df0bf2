"""What a payment provider tells unasked, and what becomes of it: types, statuses, and why one is an exception.

The values are stored in the database and appear in JSON, so none is ever changed. See `auction.domain.states`.
"""

from enum import StrEnum


class ProviderEventType(StrEnum):
    """What a payment provider tells of, in the same words for every provider."""

    OUTCOME = "outcome"
    """What an operation of ours has come to."""
    HOLD_CANCELLED = "hold-cancelled"
    HOLD_EXPIRED = "hold-expired"
    HOLD_CAPTURED = "hold-captured"
    """Captured on the provider's own pages."""
    REFUNDED = "refunded"
    """Refunded on the provider's own pages."""
    REFUND_FAILED = "refund-failed"
    """A refund that was made there has failed."""
    DISPUTE_INQUIRY = "dispute-inquiry"
    """The card's bank asks about a payment, and has taken nothing back yet."""
    DISPUTE_OPENED = "dispute-opened"
    """The provider has taken a payment back, until it is decided."""
    DISPUTE_WON = "dispute-won"
    DISPUTE_LOST = "dispute-lost"
    OTHER_CURRENCY = "other-currency"
    """About money of ours in a currency that is not the house's."""
    OTHER = "other"
    """About nothing that concerns us."""


class ProviderEventStatus(StrEnum):
    """What has become of a provider's event."""

    RECEIVED = "received"
    """Stored, and not decided yet: what it is about has no outcome itself."""
    APPLIED = "applied"
    HARMLESS = "harmless"
    """Nothing had to be changed: it was known, or is about nothing of ours."""
    OPEN = "open"
    """An exception, which a person has to look at."""
    CLOSED = "closed"
    """An exception that a person has looked at."""


class ExceptionReason(StrEnum):
    """Why an event of a provider could not be applied."""

    UNMATCHED = "unmatched"
    """It is about no payment in the database."""
    INQUIRY = "inquiry"
    """It has to be answered on the provider's pages."""
    OTHER_CURRENCY = "other-currency"
    AFTER_END = "after-end"
    """The deposit had ended before."""
    AMOUNT_DIFFERS = "amount-differs"
    """Another amount than the deposit or payment is of."""
    REFUND_UNDER_WAY = "refund-under-way"
    """A refund of the same payment is at the provider."""
    CONTRADICTS = "contradicts"
    """It says otherwise than an event that was applied before."""
    UNDECIDED = "undecided"
    """What it is about still has no outcome."""
    FAULT = "fault"
    """It could not be applied, for an error that nobody expected."""


class ReversalKind(StrEnum):
    """How a payment was taken back at the provider without the house."""

    DISPUTE = "dispute"
    REFUND = "refund"


class ReversalStatus(StrEnum):
    """How a payment that was taken back is decided."""

    OPEN = "open"
    WON = "won"
    """The house has the money again."""
    LOST = "lost"


LIVE_REVERSAL = (ReversalStatus.OPEN, ReversalStatus.LOST)
"""Statuses in which the provider keeps the money."""
