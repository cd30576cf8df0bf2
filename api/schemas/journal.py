"""Responses for finance and auditors: journal entries, actions of staff, money invariants. In fen and UTC ms."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel

from auction.books.audit import StaffAction
from auction.books.journal import PostedEntry
from auction.domain.journal import JournalLine
from auction.services.verification.money_checks import MoneyCheck


class LineResponse(BaseModel):
    """One line of an entry: a debit is positive, a credit negative."""

    account: str
    amount_fen: int
    bidder: str | None

    @classmethod
    def of(cls, line: JournalLine) -> Self:
        """The response for a line."""
        return cls(account=str(line.account), amount_fen=line.amount_fen, bidder=line.bidder_id)


class EntryResponse(BaseModel):
    """A journal entry."""

    entry_id: int
    key: str
    kind: str
    lot_id: str
    cause: str
    cause_ref: str
    at_ms: int
    lines: list[LineResponse]

    @classmethod
    def of(cls, entry: PostedEntry) -> Self:
        """The response for an entry."""
        return cls(
            entry_id=entry.entry_id,
            key=entry.key,
            kind=entry.kind,
            lot_id=entry.lot_id,
            cause=entry.cause,
            cause_ref=entry.cause_ref,
            at_ms=entry.at_ms,
            lines=[LineResponse.of(line) for line in entry.lines],
        )


class JournalResponse(BaseModel):
    """A page of the journal, in the order in which entries were posted. `next_after_id` null: the last page."""

    entries: list[EntryResponse]
    next_after_id: int | None

    @classmethod
    def of(cls, entries: Sequence[PostedEntry], *, limit: int) -> Self:
        """The response for the first `limit` of these entries; more of them mean that there is another page."""
        page = entries[:limit]
        return cls(
            entries=[EntryResponse.of(entry) for entry in page],
            next_after_id=page[-1].entry_id if len(entries) > limit else None,
        )


class StaffActionResponse(BaseModel):
    """What a member of staff did, and why."""

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
    """A page of the actions of staff, newest first. `next_before_id` null: the last page."""

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


class InvariantResponse(BaseModel):
    """A rule of money, and where it is broken."""

    name: str
    rule: str
    broken: list[str]

    @classmethod
    def of(cls, check: MoneyCheck) -> Self:
        """The response for a rule that was checked."""
        return cls(name=check.name, rule=check.rule, broken=list(check.broken))


class InvariantsResponse(BaseModel):
    """Every rule of money, checked for this request."""

    holds: bool
    invariants: list[InvariantResponse]

    @classmethod
    def of(cls, checks: Sequence[MoneyCheck]) -> Self:
        """The response for all rules."""
        return cls(
            holds=not any(check.broken for check in checks),
            invariants=[InvariantResponse.of(check) for check in checks],
        )
