"""Responses for finance and auditors: journal entries, money invariants. In fen and UTC ms."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel

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
