"""Acts that no single person of staff may do: one asks, another agrees, and then it is done."""

from auction.books import audit, defaults
from auction.books.defaults import Approval
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused

WAITS_MS = 24 * 3_600_000
"""How long a request waits for the second person."""


async def ask_or_agree(
    tx: Transaction, lot_id: str, action: str, *, actor: str, reason: str, now_ms: int, since_ms: int
) -> Approval | None:
    """The request that now waits for another person; None: this is the other person, and the act may be done.

    A request from before `since_ms`, when the settlement last moved, meant another state of things: it does not count.
    Raises RequestRefused(same-person) where whoever asked would agree with themselves.
    """
    waiting = await defaults.waiting_approval(tx, lot_id, action, now_ms=now_ms, since_ms=since_ms)
    if waiting is None:
        asked = await defaults.ask_approval(
            tx,
            lot_id=lot_id,
            action=action,
            reason=reason,
            asked_by=actor,
            asked_at_ms=now_ms,
            expires_at_ms=now_ms + WAITS_MS,
        )
        await audit.record_action(tx, actor=actor, action=f"ask-{action}", lot_id=lot_id, reason=reason)
        return asked
    if waiting.asked_by == actor:
        raise RequestRefused(
            ProblemCode.SAME_PERSON,
            "You asked for this yourself; another person of staff has to agree.",
            {"asked_by": actor, "asked_at_ms": waiting.asked_at_ms, "expires_at_ms": waiting.expires_at_ms},
        )
    await defaults.agree(tx, waiting.approval_id, by=actor, at_ms=now_ms)
    await audit.record_action(
        tx,
        actor=actor,
        action=action,
        lot_id=lot_id,
        reason=reason,
        details={"asked_by": waiting.asked_by, "asked_for": waiting.reason},
    )
    return None
