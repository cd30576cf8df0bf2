"""The exception queue: what a provider told and could not be applied, until a person closes it with a reason."""

from collections.abc import Sequence

from auction.books import audit, provider_events
from auction.books.provider_events import ProviderEvent
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.domain.provider_event_states import ProviderEventStatus
from auction.services.context import AppContext


async def list_exceptions(
    context: AppContext, *, statuses: Sequence[ProviderEventStatus], before: int | None = None, limit: int = 100
) -> list[ProviderEvent]:
    """A page of the exceptions in these statuses, the newest first. Raises BooksAway."""
    async with context.books.reading() as tx:
        return await provider_events.exceptions(tx, statuses, before=before, limit=limit)


async def close_exception(context: AppContext, event_number: int, *, actor: str, reason: str) -> ProviderEvent:
    """Close an exception; closed by the same person before, nothing changes. The exception.

    Raises NotFound(exception-unknown), RequestRefused(exception-closed), BooksAway.
    """
    async with context.books.transaction() as tx:
        event = await provider_events.lock(tx, event_number)
        if event is None or event.status not in provider_events.EXCEPTIONS:
            raise NotFound(ProblemCode.EXCEPTION_UNKNOWN, f"There is no exception {event_number}.")
        if event.status is ProviderEventStatus.CLOSED:
            if event.closed_by == actor and event.closed_reason == reason:
                return event
            raise RequestRefused(
                ProblemCode.EXCEPTION_CLOSED,
                f"{event.closed_by} has closed it before: {event.closed_reason}",
                {"closed_by": event.closed_by, "closed_at_ms": event.closed_at_ms},
            )
        await audit.record_action(
            tx,
            actor=actor,
            action="close-exception",
            lot_id=event.lot_id,
            reason=reason,
            details={"exception": event_number, "type": event.type, "amount_fen": event.amount_fen},
        )
        return await provider_events.close(tx, event_number, by=actor, reason=reason, at_ms=context.clock_ms())
