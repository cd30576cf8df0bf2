"""Responses about the audit log, for finance and auditors. Times in UTC ms."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, Field

from auction.books.audit import StaffAction


class AuditHeadResponse(BaseModel):
    """The end of the audit log's hash chain, signed by the house."""

    rows: int = Field(description="How many rows are chained.")
    at_ms: int = Field(description="When the last one was chained, UTC ms; 0: there is none.")
    sha256: str = Field(description="The hash of the last one, hex.")
    kid: str = Field(description="The key that signed it, of /.well-known/auction-keys.json.")
    signature: str = Field(description="Ed25519 over `flash-auction audit 1\\nROWS\\nAT_MS\\nSHA256\\n`, base64url.")


class StaffActionResponse(BaseModel):
    """What somebody did, and why; `details` has what it was before and after, where it changed anything."""

    action_id: int
    actor: str
    action: str
    sale_id: str | None
    lot_id: str | None
    reason: str | None
    details: dict[str, Any]
    at_ms: int

    @classmethod
    def of(cls, action: StaffAction) -> Self:
        """The response for an action."""
        return cls(
            action_id=action.action_id,
            actor=action.actor,
            action=action.action,
            sale_id=action.sale_id,
            lot_id=action.lot_id,
            reason=action.reason,
            details=dict(action.details),
            at_ms=action.at_ms,
        )


class AuditResponse(BaseModel):
    """A page of actions, newest first. `next_before_id` null: the last page."""

    actions: list[StaffActionResponse]
    next_before_id: int | None

    @classmethod
    def of(cls, actions: Sequence[StaffAction], *, limit: int) -> Self:
        """The response for the first `limit` of these actions; more of them mean that there is another page."""
        page = actions[:limit]
        return cls(
            actions=[StaffActionResponse.of(action) for action in page],
            next_before_id=page[-1].action_id if len(actions) > limit else None,
        )
