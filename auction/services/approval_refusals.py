"""Why an act that needs two persons is not done: agreeing to another person's request means naming it."""

from auction.books.approvals import Approval
from auction.domain.errors import NotFound, ProblemCode, RequestRefused


def not_named(waiting: Approval) -> RequestRefused:
    """Another person's request for the same waits, and the call does not name it."""
    return RequestRefused(
        ProblemCode.APPROVAL_WAITING,
        f"{waiting.asked_by} has requested this: {waiting.reason}. To agree, name the request in pending_id.",
        {
            "pending_id": waiting.approval_id,
            "asked_by": waiting.asked_by,
            "asked_at_ms": waiting.asked_at_ms,
            "expires_at_ms": waiting.expires_at_ms,
        },
    )


def not_waiting(pending_id: int | None) -> NotFound:
    """The call names a request that does not wait for it."""
    return NotFound(ProblemCode.PENDING_UNKNOWN, f"No request {pending_id} for this waits for a second person.")
