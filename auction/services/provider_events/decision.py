"""What is decided about an event of a provider: applied, harmless, an exception, or to be tried again later."""

from dataclasses import dataclass

from auction.domain.provider_event_states import ExceptionReason, ProviderEventStatus


@dataclass(frozen=True, slots=True)
class Decision:
    """The status that an event gets; `reason` only where it is an exception."""

    status: ProviderEventStatus
    reason: ExceptionReason | None = None


APPLIED = Decision(ProviderEventStatus.APPLIED)
HARMLESS = Decision(ProviderEventStatus.HARMLESS)
WAITS = Decision(ProviderEventStatus.RECEIVED)
"""What it is about has no outcome yet."""


def exceptional(reason: ExceptionReason) -> Decision:
    """The decision that a person has to look at it."""
    return Decision(ProviderEventStatus.OPEN, reason)
